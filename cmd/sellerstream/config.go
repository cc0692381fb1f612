package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration file, or print an example",
	}
	cmd.AddCommand(
		newConfigCheckCommand(),
		&cobra.Command{
			Use:   "example",
			Short: "Print a commented file with every key and its default",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprint(cmd.OutOrStdout(), config.Example)
				return err
			},
		},
	)
	return cmd
}

func newConfigCheckCommand() *cobra.Command {
	withoutSecrets, asJSON := false, false
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Report every fault of a configuration file, with its line",
		Long: `Check reads a file as run does, and the secrets that it points to, and starts nothing.
Without a name it checks the file that run would find.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := findConfig()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				file = args[0]
			}
			if file == "" {
				return errNoConfig()
			}
			cfg, err := loadConfig(file)
			if err == nil && !withoutSecrets {
				if err = cfg.CheckSecrets(cmd.Context(), file, pipeline.OpenSecrets(cfg.AWS)); err != nil {
					err = usageError{err}
				}
			}
			var faults *config.Faults
			if asJSON && (err == nil || errors.As(err, &faults)) {
				return errors.Join(checkedJSON(cmd, file, cfg, faults), err)
			}
			if err != nil {
				return err
			}
			for _, line := range cfg.WithoutEffect() {
				cmd.PrintErrln(line)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: good: %s, %s, Kafka at %v\n",
				file, columns.Counted(len(cfg.Accounts), "account"), columns.Counted(len(cfg.Bridge.Queues), "queue"), cfg.Kafka.Brokers)
			return err
		},
	}
	cmd.Flags().BoolVar(&withoutSecrets, "without-secrets", false, "do not read the secrets, which this machine may not have")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object; what is wrong is on stderr, too")
	return cmd
}

// checkedJSON prints what a check of a file has found; faults is nil for a good one.
func checkedJSON(cmd *cobra.Command, file string, cfg config.Config, faults *config.Faults) error {
	found := []config.Fault{}
	if faults != nil {
		for _, fault := range faults.Found {
			fault.File = cmp.Or(fault.File, faults.File)
			found = append(found, fault)
		}
	}
	return columns.JSON(cmd.OutOrStdout(), struct {
		File          string         `json:"file"`
		Good          bool           `json:"good"`
		Faults        []config.Fault `json:"faults"`
		WithoutEffect []string       `json:"withoutEffect"`
	}{file, faults == nil, found, append([]string{}, cfg.WithoutEffect()...)})
}
