package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/roles"
)

// runHelp is the help of run, with the roles as they describe themselves.
func runHelp() string {
	var list strings.Builder
	for _, r := range roles.All() {
		fmt.Fprintf(&list, "  %-16s%s\n", r.Name, strings.ReplaceAll(r.About, "\n", "\n"+strings.Repeat(" ", 18)))
	}
	return strings.Replace(runText, "ROLES\n", list.String(), 1)
}

const runText = `Run starts the pipeline's roles and goes on until it is told to stop (Ctrl-C or
SIGTERM), then finishes what is under way and hands its accounts over. A second
signal stops at once; nothing is lost by it.

The roles, all by default:
ROLES

Accounts and applications may be added, changed and removed in the file, and in
the folder accounts_dir, while it runs: it looks every few seconds, and at once on
SIGHUP. What is wrong there is logged, and changes nothing.

With --dry-run it is a shadow: it reads at Amazon, and shows each call that would
write there (a feed, a quantity, a shipment, a subscription) and each event, once,
as a line on stdout and in the log. Nothing of it is sent; the work stays pending
and is done by the next run without --dry-run. The bridge is left out, since to
take messages off a queue is to write too; name it in --roles to have it run.
Kafka is written as ever. A dry run takes its share of the accounts from other
processes of the same prefix, whose calls then wait: run it in their place, or
give it a prefix of its own.

Start as many processes as you like, each with all roles or with some: Kafka
divides the accounts among them. On one machine each wants an --admin of its own,
since health and metrics are on a port (127.0.0.1:9400, see admin: in the file).`

func newRunCommand() *cobra.Command {
	var file, roles, admin string
	noRegister, dryRun := false, false
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the pipeline against real Kafka, AWS and Amazon",
		Long:  runHelp(),
		Example: `  sellerstream config example > sellerstream.yaml
  sellerstream config check sellerstream.yaml
  sellerstream run --config sellerstream.yaml
  sellerstream run --config sellerstream.yaml --roles bridge,orders`,
		Args: cobra.NoArgs,
		RunE: untilStopped(func(cmd *cobra.Command, _ []string) error {
			selected, err := pipeline.ParseRoles(roles)
			if err != nil {
				return usageError{err}
			}
			settings, err := loadSettings(cmd, file)
			if err != nil {
				return err
			}
			slog.SetDefault(settings.Logger) // for libraries that log by themselves
			settings.Roles, settings.DryRun = selected, dryRun
			if dryRun {
				settings.Out = cmd.OutOrStdout()
			}
			hangup := make(chan os.Signal, 1)
			signal.Notify(hangup, syscall.SIGHUP)
			defer signal.Stop(hangup)
			settings.Hangup = hangup
			if noRegister {
				settings.Config.Registry.Register = false
			}
			if cmd.Flags().Changed("admin") {
				if err := config.CheckListen(admin); err != nil {
					return usageError{fmt.Errorf("--admin: %w", err)}
				}
				settings.Config.Admin.Listen = admin
			}
			if settings.Admin, err = pipeline.ListenAdmin(settings.Config.Admin); err != nil {
				return err
			}
			return pipeline.Run(cmd.Context(), settings)
		}),
	}
	addConfig(cmd.Flags(), &file)
	cmd.Flags().BoolVar(&noRegister, "no-register", false, "look schemas up and register none, as registry.register: false does")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "read at Amazon, and show what would be written there instead of writing it")
	cmd.Flags().StringVar(&admin, "admin", "", "host:port of health and metrics, or off, in place of admin.listen")
	cmd.Flags().StringVar(&roles, "roles", "", "roles to run, such as bridge,orders; all by default")
	return cmd
}

// untilStopped is for a command that runs until it is told to stop: told so
// before it was up, it has done all that was asked for, and does not fail.
func untilStopped(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err != nil && cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
			fmt.Fprintln(cmd.ErrOrStderr(), "sellerstream: stopped before it was up")
			return nil
		}
		return err
	}
}
