package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
)

type doctorFlags struct {
	config    string
	account   string
	json      bool
	verbose   bool
	tryEvents bool
	roles     string
	timeout   time.Duration
}

func newDoctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with a setup, and how to mend it",
		Long: `Doctor examines what a pipeline stands on: the configuration and its secrets,
Kafka, the schema registry, our AWS account with its queues, bus and roles, the
applications at Login with Amazon, and each seller account with its
subscriptions. For what is wrong it names the cause and the fix.

It changes nothing anywhere, and may be used beside a running pipeline: of each
notifications operation it makes at most one call for an account, and one for an
application in a region, and does not try again when it is throttled.

  ok        as it must be
  warning   works, or may work; see cause and fix
  failed    does not work until the fix is made
  skipped   could not be looked at, because something before it failed

The exit status is 1 if anything failed.`,
		Example: `  sellerstream doctor --config sellerstream.yaml
  sellerstream doctor --config sellerstream.yaml --account acme-eu --verbose
  sellerstream doctor --config sellerstream.yaml --json | jq '.results[] | select(.status == "failed")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.account, "account", "", "examine only this account, and what it needs")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "show what is ok of accounts, too")
	cmd.Flags().BoolVar(&f.tryEvents, "try-events", false, "send EventBridge an event that it must refuse, to see whether PutEvents is permitted")
	cmd.Flags().StringVar(&f.roles, "roles", "", "what this configuration's user at Kafka must be able to do: roles, such as bridge,orders, or operator for the runbook's commands; missing permissions for others are warnings")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long everything may take; what is left then is skipped")
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	if f.config == "" {
		return errNoConfig()
	}
	if f.timeout <= 0 {
		return usageError{errors.New("--timeout must be more than 0, such as 5m")}
	}
	report, err := f.examine(cmd)
	if err != nil {
		return err
	}
	if f.json {
		if err := report.JSON(cmd.OutOrStdout(), f.verbose); err != nil {
			return err
		}
	} else {
		report.Table(cmd.OutOrStdout(), f.verbose)
	}
	if n := report.Count(doctor.Failed); n > 0 {
		return fmt.Errorf("%s failed", columns.Counted(n, "check"))
	}
	return nil
}

func (f *doctorFlags) examine(cmd *cobra.Command) (doctor.Report, error) {
	cfg, err := config.Load(f.config)
	if err != nil {
		return doctor.Unusable(f.config, err), nil
	}
	if f.account != "" && cfg.CheckAccount(f.account) != nil {
		return doctor.Report{}, usageError{fmt.Errorf("no account is called %q in %s", f.account, f.config)}
	}
	commands, named := userCommands(f.roles)
	roles, err := pipeline.ParseRoles(named)
	if err != nil {
		return doctor.Report{}, usageError{err}
	}
	options := pipeline.DoctorOptions(pipeline.Settings{
		Config: cfg, Secrets: pipeline.OpenSecrets(cfg.AWS), Clock: cfg.Clock.New(), Roles: roles, TransactionalPrefix: transactionalPrefix(cfg),
	})
	if len(commands) > 0 { // roles alone would else be the default ones
		options.RolesMeant, options.Roles = true, append(slices.DeleteFunc(options.Roles, func(string) bool { return named == "" }), commands...)
	}
	options.File, options.Account, options.TryEvents, options.Progress = f.config, f.account, f.tryEvents, f.progress(cmd)
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), f.timeout,
		fmt.Errorf("the time of %s is over: raise --timeout, or name an --account", f.timeout))
	defer cancel()
	report := doctor.Run(ctx, options)
	return report, cmd.Context().Err()
}

// userCommands takes out of a list of roles what is a command or a service with permissions
// of its own, such as operator.
func userCommands(list string) (commands []string, roles string) {
	var rest []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if slices.Contains(acls.Parts(), name) && !acls.IsRole(name) {
			commands = append(commands, name)
		} else {
			rest = append(rest, name)
		}
	}
	return commands, strings.Join(rest, ",")
}

// progress says on a terminal what has been examined; nil elsewhere.
func (f *doctorFlags) progress(cmd *cobra.Command) func(part, name string, worst doctor.Status) {
	terminal := cmd.ErrOrStderr()
	if !isTerminal(terminal) {
		return nil
	}
	return func(part, name string, worst doctor.Status) {
		fmt.Fprintf(terminal, "examined %s: %s\n", strings.TrimSpace(part+" "+name), worst)
	}
}
