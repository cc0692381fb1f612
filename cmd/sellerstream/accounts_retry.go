package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
)

func newAccountsRetryCommand() *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:   "retry ACCOUNT",
		Short: "Try a parked account now, once, instead of at its next probe",
		Long: `Retry asks the running processes to try an account whose calls wait, because Amazon
refuses it or does not answer. Each kind of call that waits is tried once, within
seconds. What Amazon still refuses stays parked, and the next probe comes by itself.
A changed configuration or secret needs no retry: the processes see it.`,
		Example:           "  sellerstream accounts retry acme-eu",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: firstArg(configuredAccounts),
		RunE:              func(cmd *cobra.Command, args []string) error { return f.retry(cmd, args[0]) },
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for whoever reads the log")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	f.by.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions) // it is there, and free text
	return cmd
}

func (f *switchFlags) retry(cmd *cobra.Command, account string) error {
	if err := f.checkReason(); err != nil {
		return err
	}
	by, err := f.by.who()
	if err != nil {
		return err
	}
	return f.open(cmd, true, func(ctx context.Context, cfg config.Config, s *pause.Switches) error {
		if err := checkAccount(cfg, account); err != nil {
			return err
		}
		if held := s.Held(account, false); held != nil && !s.Unreadable(account) {
			return held
		}
		if err := s.Retry(ctx, account, by, f.reason); err != nil {
			return err
		}
		if f.json {
			return columns.JSON(cmd.OutOrStdout(), map[string]string{"account": account, "by": by, "reason": f.reason})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "account %s is tried now: `sellerstream accounts %s` shows in a few seconds what Amazon said\n", account, account)
		return err
	})
}
