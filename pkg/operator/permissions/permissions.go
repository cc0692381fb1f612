// Package permissions shows which of Kafka's permissions (ACLs) the roles, the commands
// and the services around them need, in the forms that an administrator can use.
package permissions

import (
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/roles"
)

// Layout is where a configuration's permissions lie.
func Layout(cfg config.Config, transactionalPrefix string) acls.Layout {
	needs := map[string]acls.Needs{}
	for _, r := range roles.All() {
		needs[r.Name] = acls.Needs{Exclusions: r.Exclusions, Turns: r.Turns}
	}
	return acls.Layout{Prefix: cfg.Prefix, TransactionalPrefix: transactionalPrefix, Exclusions: cfg.Exclusions.Topic, Needs: needs}
}

// Form writes grants, for the cluster that bootstrap leads to.
type Form func(w io.Writer, bootstrap string, grants []acls.Grant) error

// FormOf finds a form by its name: table, commands, json or yaml.
func FormOf(name string) (Form, bool) {
	form, ok := map[string]Form{"table": table, "commands": commands, "json": asJSON, "yaml": asYAML}[name]
	return form, ok
}

func table(w io.Writer, _ string, grants []acls.Grant) error {
	table := columns.New(w)
	table.Printf("PRINCIPAL\tOPERATION\tRESOURCE\tNAME\tPATTERN\tFOR\n")
	for _, g := range grants {
		table.Printf("%s\t%s\t%s\t%s\t%s\t%s\n", g.Principal, g.Operation, g.Resource, g.Name, g.Pattern, strings.Join(g.For, ", "))
	}
	return table.Flush()
}

func commands(w io.Writer, bootstrap string, grants []acls.Grant) error {
	_, err := fmt.Fprintln(w, strings.Join(acls.Commands(bootstrap, grants), "\n"))
	return err
}

func asJSON(w io.Writer, _ string, grants []acls.Grant) error { return columns.JSON(w, grants) }

func asYAML(w io.Writer, _ string, grants []acls.Grant) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(grants); err != nil {
		return err
	}
	return encoder.Close()
}
