package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/positions"
	"github.com/sellerstream/sellerstream/pkg/roles"
)

type lagFlags struct {
	config     string
	role       string
	partitions bool
	json       bool
	watch      watching
}

func newLagCommand() *cobra.Command {
	var f lagFlags
	cmd := &cobra.Command{
		Use:   "lag",
		Short: "Show how far each role has read its topics",
		Long: `Lag compares the position of each role in each topic that it reads with the end of
the log, and shows how old the oldest record is that is not read. The positions are
those that the role's group has, within seconds of where the role stands. The roles are
those of runtime.roles or, where that is empty, those that the configuration has work for.

LAG counts offsets: the markers of transactions count too, about one for each
transaction. A role that has taken work in may still wait for Amazon with it:
` + "`accounts`" + ` shows that. A position that is not in the log stands below the table.`,
		Example: `  sellerstream lag
  sellerstream lag --role orders --partitions
  sellerstream lag --json | jq '.positions[] | select(.lag > 1000)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.watch.do(cmd, func(w io.Writer) error { return f.run(cmd, w) })
		},
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.role, "role", "", "only this role")
	cmd.Flags().BoolVar(&f.partitions, "partitions", false, "a row for each partition")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object, with each partition")
	f.watch.add(cmd)
	return cmd
}

func (f *lagFlags) run(cmd *cobra.Command, w io.Writer) error {
	if _, known := roles.Of(f.role); f.role != "" && !known {
		return usageError{fmt.Errorf("no role is called %q; the roles are %v", f.role, pipeline.Roles())}
	}
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	if f.role != "" {
		settings.Roles = []pipeline.Role{pipeline.Role(f.role)}
	}
	all, err := pipeline.ReadPositions(cmd.Context(), settings)
	if err != nil {
		return err
	}
	if f.json {
		return columns.JSON(w, map[string]any{"positions": append([]positions.Position{}, all...)})
	}
	return positions.Text(w, all, f.partitions, time.Now())
}
