package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

const deadLettersHelp = `Deadletters shows what could not be processed and was set aside, sends it back to
where it came from once its cause is mended, or marks it as done with.

The beginning of an id will do where no other letter's id begins so.

What was done about a letter stands on the topic dead-letters.resolved, with who
did it; the other letters are open. Letters are kept 14 days.`

const deadLettersExample = `  sellerstream deadletters list --config sellerstream.yaml
  sellerstream deadletters list --config sellerstream.yaml --reason unknown_account --since 2h
  sellerstream deadletters show --config sellerstream.yaml 3f0c9a…
  sellerstream deadletters retry --config sellerstream.yaml --reason unknown_account --account acme-eu
  sellerstream deadletters discard --config sellerstream.yaml 3f0c9a…`

type deadLettersFlags struct {
	config string
	filter deadletters.Filter
	since  string
	until  string
	all    bool
	json   bool
	raw    bool
	yes    bool
	dryRun bool
	change bool // whether anything will be noted about letters
	limit  int
	by     byFlag
	watch  watching
}

func newDeadLettersCommand() *cobra.Command {
	var f deadLettersFlags
	cmd := &cobra.Command{
		Use:     "deadletters",
		Short:   "Show what was set aside, send it back, or mark it as done with",
		Long:    deadLettersHelp,
		Example: deadLettersExample,
	}
	addConfig(cmd.PersistentFlags(), &f.config)
	cmd.AddCommand(f.listCommand(), f.showCommand(), f.retryCommand(), f.discardCommand())
	return cmd
}

func (f *deadLettersFlags) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Count the open letters by reason, and list the newest",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.limit < 0 || f.limit > maxListed {
				return usageError{fmt.Errorf("--limit must be 0 to %d: `sellerstream tail dead-letters` shows the rest", maxListed)}
			}
			f.filter.Settled, f.filter.Unsure = f.all, true
			return f.watch.do(cmd, func(w io.Writer) error {
				return f.open(cmd, func(ctx context.Context, letters *deadletters.Letters, _ *registry.Codec) error {
					summary, err := letters.Summarize(ctx, f.filter, f.limit)
					if err != nil {
						return err
					}
					if f.json {
						return summary.JSON(w)
					}
					return summary.Text(w, f.filter)
				})
			})
		},
	}
	f.addFilter(cmd)
	cmd.Flags().StringArrayVar(&f.filter.IDs, "id", nil, "this letter; may be given several times")
	cmd.Flags().BoolVar(&f.all, "all", false, "those too that were retried or discarded")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	cmd.Flags().IntVar(&f.limit, "limit", 20, "how many of the newest to list")
	f.watch.add(cmd)
	return cmd
}

// maxListed bounds what list keeps in memory.
const maxListed = 10_000

func (f *deadLettersFlags) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one letter whole: why, whence, its bytes, and what to do",
		Long: `Show prints a letter with its bytes: as JSON where they are Avro of a schema in
the registry, as text where they are text, else as a hex dump. --raw writes the
bytes alone, unchanged, to be mended and produced by hand.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.filter.IDs = args
			return f.open(cmd, func(ctx context.Context, letters *deadletters.Letters, codec *registry.Codec) error {
				letter, err := letters.Find(ctx, f.filter.IDs[0])
				if err != nil {
					return err
				}
				if f.raw {
					_, err := cmd.OutOrStdout().Write(letter.Value)
					return err
				}
				shown, err := letters.Show(ctx, codec, letter)
				if err != nil {
					return err
				}
				if f.json {
					return shown.JSON(cmd.OutOrStdout())
				}
				return shown.Text(cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&f.raw, "raw", false, "write the bytes alone")
	cmd.MarkFlagsMutuallyExclusive("json", "raw")
	return cmd
}

func (f *deadLettersFlags) retryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry (ID... | filter)",
		Short: "Send letters back to where they came from, each once",
		Long: `Retry sends letters back to where they came from, with the same key, headers and
bytes, after a confirmation that names their number:

  - to the Kafka topic, in one transaction with the note that it was done: however
    often it is tried, by however many, a letter goes back once. The header
    retry-of names the letter. Other roles of ours that read the same topic pass
    the record over; consumers of your own see it again, with the same ids.
  - to the SQS queue. A queue knows no transactions: RETRYING is noted before, and
    RETRIED after. Where the command died in between, the letter stays RETRYING and
    may have been sent.

Where a letter holds only a part of its record, the record is read from its topic, as
long as that keeps it.

What cannot be processed again (work without a record, a quantity that a newer one
may have replaced) stays, and is listed with what to do instead. A letter that
was retried or discarded is refused unless you say --again. What fails again is
set aside again, as another letter.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.filter.Settled = f.all
			return f.openChosen(cmd, args, func(ctx context.Context, letters *deadletters.Letters, _ *registry.Codec) error {
				return f.retry(ctx, cmd, letters)
			})
		},
	}
	f.addFilter(cmd)
	f.by.add(cmd)
	cmd.Flags().BoolVar(&f.all, "again", false, "letters too that were retried or discarded before")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only show what would be sent where")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object, and the rest on stderr")
	return cmd
}

func (f *deadLettersFlags) discardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "discard (ID... | filter)",
		Short: "Mark letters as done with, so that list no longer shows them",
		Long: `Discard notes that nothing is to be done about letters. They stay in the topic as
long as all others, and ` + "`list --all`" + ` shows them.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.filter.Settled = len(args) > 0 // those that are RETRYING, too
			return f.openChosen(cmd, args, func(ctx context.Context, letters *deadletters.Letters, _ *registry.Codec) error {
				return f.discard(ctx, cmd, letters)
			})
		},
	}
	f.addFilter(cmd)
	f.by.add(cmd)
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object, and the rest on stderr")
	return cmd
}

func (f *deadLettersFlags) addFilter(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.filter.Reason, "reason", "", "letters of this reason, such as unknown_account")
	cmd.Flags().StringVar(&f.filter.Account, "account", "", "letters of this account, by our name of it")
	cmd.Flags().StringVar(&f.filter.Role, "role", "", "letters that this role set aside, such as bridge")
	cmd.Flags().StringVar(&f.since, "since", "", "letters set aside at this time or later: 2026-11-24T08:00:00Z, or 2h or 3d ago")
	cmd.Flags().StringVar(&f.until, "until", "", "letters set aside before this time")
}

// openChosen is open for what is not done to all letters.
func (f *deadLettersFlags) openChosen(cmd *cobra.Command, ids []string, do func(context.Context, *deadletters.Letters, *registry.Codec) error) error {
	f.filter.IDs, f.change = append(f.filter.IDs, ids...), !f.dryRun
	if !f.filter.Selects() && f.since == "" && f.until == "" {
		return usageError{errors.New("say which: ids, or a filter such as --reason; `sellerstream deadletters list` shows both")}
	}
	return f.open(cmd, do)
}

// open lets do use the dead letters.
func (f *deadLettersFlags) open(cmd *cobra.Command, do func(context.Context, *deadletters.Letters, *registry.Codec) error) error {
	if f.config == "" { // the first thing that is missing
		return errNoConfig()
	}
	now := time.Now()
	since, err1 := parseBound("since", f.since, "", now)
	until, err2 := parseBound("until", f.until, "", now)
	if err := errors.Join(err1, err2); err != nil {
		return usageError{err}
	}
	f.filter.Since, f.filter.Until = since.Time, until.Time
	by, err := f.by.who()
	if err != nil {
		return err
	}
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	letters, codec, stop, err := pipeline.OpenDeadLetters(cmd.Context(), settings, by, f.change)
	if err != nil {
		return err
	}
	defer stop()
	if f.filter.IDs, err = letters.Resolve(cmd.Context(), f.filter.IDs); err != nil {
		return err
	}
	return do(cmd.Context(), letters, codec)
}

// retriedJSON is deadletters.Done for a program; of a dry run, what would be done.
type retriedJSON struct {
	Retried int `json:"retried"`
	Kept    int `json:"kept"`
	Same    int `json:"same"`
}

func (f *deadLettersFlags) retry(ctx context.Context, cmd *cobra.Command, letters *deadletters.Letters) error {
	now := time.Now()
	plan, err := letters.Plan(ctx, f.filter, now)
	if err != nil {
		return err
	}
	if plan.Letters()+plan.Kept == 0 {
		return letters.WhyNone(ctx, f.filter)
	}
	plan.Text(forPeople(cmd, f.json))
	if f.dryRun && f.json {
		return columns.JSON(cmd.OutOrStdout(), retriedJSON{Retried: plan.Letters(), Kept: plan.Kept})
	}
	if f.dryRun {
		return nil
	}
	if plan.Letters() == 0 {
		return errors.New("none of them can be retried: see above for what to do instead")
	}
	if err := confirm(cmd, fmt.Sprintf("Retry %s?", columns.Counted(plan.Letters(), "dead letter")), f.yes); err != nil {
		return err
	}
	done, err := letters.Retry(ctx, f.filter, now)
	if f.json {
		return errors.Join(columns.JSON(cmd.OutOrStdout(), retriedJSON(done)), err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "retried %s\n", columns.Counted(done.Retried, "dead letter"))
	if done.Same > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%s more stood there twice, and went back once\n", columns.Counted(done.Same, "letter"))
	}
	return err
}

func (f *deadLettersFlags) discard(ctx context.Context, cmd *cobra.Command, letters *deadletters.Letters) error {
	summary, err := letters.Summarize(ctx, f.filter, 0)
	if err != nil {
		return err
	}
	if summary.Total == 0 {
		return letters.WhyNone(ctx, f.filter)
	}
	if err := summary.CountsText(forPeople(cmd, f.json)); err != nil {
		return err
	}
	if err := confirm(cmd, fmt.Sprintf("Discard %s?", columns.Counted(summary.Total, "dead letter")), f.yes); err != nil {
		return err
	}
	n, err := letters.Discard(ctx, f.filter)
	if f.json {
		return errors.Join(columns.JSON(cmd.OutOrStdout(), struct {
			Discarded int `json:"discarded"`
		}{n}), err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "discarded %s\n", columns.Counted(n, "dead letter"))
	return err
}
