package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/operator/permissions"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
)

type aclsFlags struct {
	principal  string
	principals map[string]string
	roles      []string
	format     string
}

// newACLsCommand makes the command. file is where the name of the configuration will be.
func newACLsCommand(file *string) *cobra.Command {
	var a aclsFlags
	cmd := &cobra.Command{
		Use:   "acls",
		Short: "Show the Kafka permissions (ACLs) that each role and command needs",
		Long: `Acls shows the least that Kafka must permit to each role of ` + "`run`" + `, to operator's
commands, and to the services around them, whose groups have names of their own
choice: upstream-stock, upstream-shipments and upstream-cancellations produce,
downstream consumes orders and downstream-buyers the keys of buyer data. It asks nobody. --format commands
prints kafka-acls.sh's commands, to be run by who administers Kafka.

Kafka does not know our accounts: who may write inventory-updates, shipments or
cancellations may do so for every account.

Each has a user of its own by default, User:sellerstream-ROLE, which keeps a role
from writing what is another's. --principal names one user for all.`,
		Example: `  sellerstream topics acls
  sellerstream topics acls --config sellerstream.yaml --principal User:sellerstream --roles bridge,orders,events --format commands
  sellerstream topics acls --role-principals orders=User:orders,bridge=User:bridge --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd, *file) },
	}
	cmd.Flags().StringVar(&a.principal, "principal", "", "one user for all, such as User:sellerstream")
	cmd.Flags().StringToStringVar(&a.principals, "role-principals", nil, "users of some, such as orders=User:orders; quote a pair that has a comma")
	cmd.Flags().StringSliceVar(&a.roles, "roles", nil, "only for these: "+strings.Join(acls.Parts(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("roles", completion(aclParts, true)) // it is there
	cmd.Flags().StringVar(&a.format, "format", "table", "table, commands, json or yaml")
	return cmd
}

func (f *aclsFlags) run(cmd *cobra.Command, file string) error {
	write, ok := permissions.FormOf(f.format)
	if !ok {
		return usageError{fmt.Errorf("--format %q: write table, commands, json or yaml", f.format)}
	}
	for _, name := range slices.Concat(f.roles, slices.Sorted(maps.Keys(f.principals))) {
		if !slices.Contains(acls.Parts(), name) {
			return usageError{fmt.Errorf("nothing is called %q; there is %s", name, strings.Join(acls.Parts(), ", "))}
		}
	}
	cfg := config.Default()
	if file != "" {
		var err error
		if cfg, err = loadConfig(file); err != nil {
			return err
		}
	}
	parts := f.roles
	if len(parts) == 0 {
		parts = acls.Parts()
	}
	bootstrap := "localhost:9092"
	if len(cfg.Kafka.Brokers) > 0 {
		bootstrap = cfg.Kafka.Brokers[0]
	}
	return write(cmd.OutOrStdout(), bootstrap, permissions.Layout(cfg, transactionalPrefix(cfg)).Grants(parts, f.user))
}

func (f *aclsFlags) user(part string) string {
	if named := f.principals[part]; named != "" {
		return named
	}
	if f.principal != "" {
		return f.principal
	}
	return "User:sellerstream-" + strings.ReplaceAll(part, " ", "-")
}
