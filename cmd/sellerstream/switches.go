package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/schemas"
)

// maxReason bounds an operator's words, which every log line about a paused
// call repeats.
const maxReason = 200

type switchFlags struct {
	config  string
	account string
	writes  bool
	reason  string
	by      byFlag
	json    bool
	watch   watching
}

func newPauseCommand() *cobra.Command {
	return newSwitchCommand("pause", true, "Stop calls to Amazon: of one account, or all that write",
		`Pause stops the calls to Amazon of one account, or the writing calls of all
accounts (feeds, quantities, shipments, subscriptions), in every running process
within seconds, and in those that start later, until resume. Calls that are under
way may finish. Nothing is lost: what waits stays pending.

Notifications and events go on. The command `+"`subscriptions`"+` calls Amazon all the
same.`)
}

func newResumeCommand() *cobra.Command {
	return newSwitchCommand("resume", false, "Let calls that were paused go on",
		"Resume ends what pause began: in every running process what waits goes on within\nseconds.")
}

func newSwitchCommand(name string, paused bool, short, long string) *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:   name + " (--account ID | --writes)",
		Short: short,
		Long:  long,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.turn(cmd, paused) },
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.account, "account", "", "the account whose calls are meant, by our name of it")
	cmd.Flags().BoolVar(&f.writes, "writes", false, "the writing calls of all accounts are meant")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for whoever reads the log")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	_ = cmd.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions) // it is there, and free text
	f.by.add(cmd)
	return cmd
}

func newSwitchesCommand() *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:   "switches",
		Short: "Show which calls are paused, since when, by whom and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.watch.do(cmd, func(w io.Writer) error { return f.list(cmd, w) })
		},
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	f.watch.add(cmd)
	return cmd
}

func (f *switchFlags) turn(cmd *cobra.Command, paused bool) error {
	if (f.account == "") == !f.writes {
		return usageError{errors.New("say which calls: --account ID or --writes")}
	}
	if err := f.checkReason(); err != nil {
		return err
	}
	by, err := f.by.who()
	if err != nil {
		return err
	}
	return f.open(cmd, true, func(ctx context.Context, cfg config.Config, s *pause.Switches) error {
		subject := cmp.Or(f.account, schemas.AllWrites)
		// What is paused can be resumed, even if it is no longer configured.
		known := f.writes || slices.ContainsFunc(s.Paused(), func(p schemas.Switch) bool { return p.Subject == subject })
		if !known {
			if err := checkAccount(cfg, subject); err != nil {
				return err
			}
		}
		turned := schemas.Switch{Subject: subject, Paused: paused, Since: time.Now().UTC(), By: by, Reason: f.reason}
		unreadable := s.Unreadable(subject)
		before, err := s.Turn(ctx, turned)
		if err != nil {
			return err
		}
		already := before.Paused == paused && !unreadable
		if f.json {
			if already {
				turned = before
			}
			return columns.JSON(cmd.OutOrStdout(), struct {
				Changed bool           `json:"changed"` // whether the command did it; else it was so already
				Switch  schemas.Switch `json:"switch"`
			}{!already, turned})
		}
		what := map[bool]string{true: "paused", false: "going on"}[paused]
		if already {
			what += " already"
			if before.By != "" {
				what += fmt.Sprintf(", since %s by %s", before.Since.Format(time.RFC3339), before.By)
			}
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "calls %s: %s\n", map[bool]string{true: "that write", false: "of account " + subject}[f.writes], what)
		return err
	})
}

func (f *switchFlags) checkReason() error {
	if len(f.reason) > maxReason || !utf8.ValidString(f.reason) {
		return usageError{fmt.Errorf("--reason: at most %d bytes of text", maxReason)}
	}
	return nil
}

func (f *switchFlags) list(cmd *cobra.Command, w io.Writer) error {
	return f.open(cmd, false, func(_ context.Context, _ config.Config, s *pause.Switches) error {
		paused := s.Paused()
		if f.json {
			return columns.JSON(w, struct {
				Paused []schemas.Switch `json:"paused"`
			}{append([]schemas.Switch{}, paused...)})
		}
		if len(paused) == 0 {
			_, err := fmt.Fprintln(w, "nothing is paused")
			return err
		}
		table := columns.New(w)
		table.Printf("PAUSED\tSINCE\tBY\tREASON\n")
		for _, p := range paused {
			table.Printf("%s\t%s\t%s\t%s\n", p.Subject, p.Since.Format(time.RFC3339), p.By, cmp.Or(p.Reason, "-"))
		}
		return table.Flush()
	})
}

// open lets do use the switches of the configuration's Kafka.
func (f *switchFlags) open(cmd *cobra.Command, turn bool, do func(context.Context, config.Config, *pause.Switches) error) error {
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	opened, stop, err := pipeline.OpenSwitches(cmd.Context(), settings, turn)
	if err != nil {
		return err
	}
	defer stop()
	return do(cmd.Context(), settings.Config, opened)
}
