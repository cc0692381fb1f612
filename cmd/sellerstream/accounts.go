package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
)

type accountsFlags struct {
	config string
	all    bool
	json   bool
	watch  watching
}

func newAccountsCommand() *cobra.Command {
	var f accountsFlags
	cmd := &cobra.Command{
		Use:   "accounts [ACCOUNT]",
		Short: "Show what waits for each account, for how long, and what holds it up",
		Long: `Accounts reads the state topics of a running or a stopped pipeline, changes nothing
and calls nobody at Amazon. It lists the accounts that have something to tell,
those first that want a person:

  STOPPED   a unit of the account's partition stands still, and why; others go on
  PARKED    Amazon refuses the account's credentials; one call tries now and then,
            and at once with sellerstream accounts retry
  FAILED    work that was given up; nothing is sent for it until somebody does
  held up   Amazon does not answer, or a breaker is open; it goes on by itself
  PAUSED    an operator's switch; see sellerstream switches

What many accounts wait for together, such as Login with Amazon, is one line with their
number. Those that wait for nothing else are listed with --all only.

With the name of an account it shows all of it: work by role and the oldest
piece, tokens and rate of each operation, feeds that Amazon has, calls whose answer
was lost, what FAILED by cause, and what to do.

CLEARS is when the account's quota allows the last call that the pending work
needs, if nothing more comes and Amazon answers.`,
		Example: `  sellerstream accounts --config sellerstream.yaml
  sellerstream accounts --config sellerstream.yaml acme-eu
  sellerstream accounts --config sellerstream.yaml --json | jq '.accounts[] | select(.waits[].parked)'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: firstArg(configuredAccounts),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.watch.do(cmd, func(w io.Writer) error { return f.run(cmd, args, w) })
		},
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().BoolVar(&f.all, "all", false, "list idle accounts too, and those that were summed up")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	f.watch.add(cmd)
	cmd.AddCommand(newAccountsRetryCommand())
	return cmd
}

func (f *accountsFlags) run(cmd *cobra.Command, args []string, w io.Writer) error {
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	settings.Clock = settings.Config.Clock.New()
	only := ""
	if len(args) > 0 {
		only = args[0]
	}
	fold, err := pipeline.ReadAccounts(cmd.Context(), settings, only, progressOn(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	found := fold.Standings()
	switch {
	case only != "" && len(found) == 0: // neither configured nor in the state
		return checkAccount(settings.Config, only)
	case f.json:
		return fold.JSON(w, found)
	case only != "":
		return fold.Write(w, found[0])
	}
	return fold.WriteTable(w, found, f.all)
}
