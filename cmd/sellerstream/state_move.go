package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/operator/statemove"
	"github.com/sellerstream/sellerstream/pkg/operator/topicplan"
)

// move takes a pipeline to another prefix of its Kafka.
type move struct {
	cmd      *cobra.Command
	from, to pipeline.Settings
	file     string
	yes      bool
	imported statemove.Imported

	unreadable []string // batches of records that stay behind
}

func (f *stateFlags) moveCommand() *cobra.Command {
	var prefix, file string
	var partitions int
	cmd := &cobra.Command{
		Use:   "move --to-prefix PREFIX [--partitions N]",
		Short: "Take the pipeline to another prefix of its Kafka, with another number of partitions",
		Long: `Move takes a stopped pipeline to topics with another prefix, in six steps. It says each
before it takes it:

  1  create the topics of the new prefix, with --partitions
  2  see that no process runs on the old ones, and fence those that hang
  3  export what the pipeline remembers, and what is not read yet, into a file
  4  import it under the new prefix, each account at its new partition
  5  see that nothing has come to the old topics meanwhile
  6  say what to write into the configuration, and what to start and to delete

Stop all processes before, and what produces to inventory-updates, shipments and
cancellations. Interrupted, the same command goes on where it was, if the file is still
there. The old topics stay as they are: to go back is to start on them again, as long as
nothing has run on the new ones.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := openSettings(cmd, f.config)
			if err != nil {
				return err
			}
			if prefix == "" || prefix == settings.Config.Prefix {
				return usageError{errors.New("--to-prefix is missing, or the present one: partitions are never changed in place, so another number takes another prefix too")}
			}
			to := settings
			to.Config.Prefix = prefix
			if partitions > 0 {
				to.Config.Kafka.Partitions = partitions
			}
			if err := to.Config.CheckPrefix(); err != nil {
				return usageError{err}
			}
			to.TransactionalPrefix = transactionalPrefix(to.Config)
			if file == "" {
				file = "sellerstream-move-" + strings.Trim(prefix, ".") + ".gz"
			}
			m := &move{cmd: cmd, from: settings, to: to, file: file, yes: f.yes}
			return f.report(cmd, movedJSON{to.Config.Prefix, to.Config.Kafka.Partitions, file, &m.imported}, m.do(cmd.Context()))
		},
	}
	cmd.Flags().StringVar(&prefix, "to-prefix", "", "the new prefix of topics and groups (required)")
	cmd.Flags().IntVar(&partitions, "partitions", 0, "the new number of partitions (default: as in the configuration)")
	cmd.Flags().StringVar(&file, "file", "", "where the export is kept (default: sellerstream-move-PREFIX.gz)")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask whether everything is stopped")
	return cmd
}

// movedJSON is what state move shows to a program.
type movedJSON struct {
	Prefix     string              `json:"prefix"` // the new one
	Partitions int                 `json:"partitions"`
	File       string              `json:"file"`
	Imported   *statemove.Imported `json:"imported"`
}

func (m *move) step(n int, format string, args ...any) {
	m.cmd.PrintErrf("step %d of 6: %s\n", n, fmt.Sprintf(format, args...))
}

func (m *move) do(ctx context.Context) error {
	m.step(1, "create the topics %s* with %d partitions", m.to.Config.Prefix, m.to.Config.Kafka.Partitions)
	if err := m.create(ctx); err != nil {
		return err
	}
	source, stop, err := pipeline.OpenState(ctx, m.from, false, reporter(m.cmd))
	if err != nil {
		return err
	}
	defer stop()
	m.step(2, "see that no process runs on the topics %s*, and fence those that hang", m.from.Config.Prefix)
	if err := source.Stopped(ctx); err != nil {
		return err
	}
	if err := source.Fence(ctx); err != nil {
		return err
	}
	const question = "Are the bridge and all that produces to inventory-updates, shipments and cancellations stopped?"
	if err := confirm(m.cmd, question, m.yes); err != nil {
		return err
	}
	if err := source.Settled(ctx); err != nil {
		return err
	}
	m.step(3, "export what the pipeline remembers into %s", m.file)
	if err := m.export(); err != nil {
		return err
	}
	m.step(4, "import it under the prefix %s", m.to.Config.Prefix)
	if err := m.importAll(source); err != nil {
		return err
	}
	m.step(6, "what is left to do:\n%s", m.rest())
	return nil
}

// create makes the new topics.
func (m *move) create(ctx context.Context) error {
	client, err := pipeline.OpenKafka(ctx, m.to)
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := topicplan.Compare(ctx, kadm.NewClient(client), m.to.Config)
	if err != nil {
		return err
	}
	if refusals := plan.Refusals(); len(refusals) > 0 {
		return fmt.Errorf("topics of the new prefix are there already and differ: %v: delete them, or choose another prefix", refusals)
	}
	_, err = plan.Apply(ctx)
	return err
}

// export writes the file, unless it is there.
func (m *move) export() error {
	_, err := os.Stat(m.file)
	there := err == nil
	if errors.Is(err, os.ErrNotExist) {
		_, err = exportTo(m.cmd, m.from, m.file, true)
	}
	if err != nil {
		return err
	}
	file, err := os.Open(m.file)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	header, end, err := statefile.Check(file)
	switch {
	case err != nil:
		return fmt.Errorf("%s cannot be used: %w: remove it", m.file, err)
	case header.Prefix != m.from.Config.Prefix:
		return fmt.Errorf("%s is there, and of a pipeline with the prefix %s: name another --file", m.file, header.Prefix)
	case there:
		m.cmd.PrintErrf("it is there, of %s\n", header.Time)
	}
	m.unreadable = end.Unreadable
	return nil
}

// importAll imports the file, if by its end nothing has come to the old topics.
func (m *move) importAll(source *statemove.Pipeline) (err error) {
	m.imported, err = importFrom(m.cmd, m.to, m.file, statemove.ImportOptions{Finish: func(ctx context.Context, end statefile.End) error {
		m.step(5, "see that nothing has come to the old topics meanwhile")
		err := errors.Join(source.Stopped(ctx), source.Unmoved(ctx, end))
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w: stop who writes there; then delete the topics %s*, which nothing has run on, and %s, and begin again", err, m.to.Config.Prefix, m.file)
	}})
	return err
}

func (m *move) rest() string {
	old, now := m.from.Config.Prefix, m.to.Config
	left := ""
	if len(m.unreadable) > 0 {
		left = "  these records were not read yet, and nobody can read them; they stay behind: have their producers send them again, to the new topics\n    " +
			strings.Join(m.unreadable, "\n    ") + "\n"
	}
	return left + fmt.Sprintf(`  write prefix: %q, and at kafka partitions: %d, into the configuration
  `+"`sellerstream doctor`, then `sellerstream run`"+`, with it
  have producers write to, and consumers read from, the topics %s*; consumers first read the old ones to their ends
  when nobody reads the topics %s* any more, delete them; delete %s too: it holds the keys of buyer data`, now.Prefix, now.Kafka.Partitions, now.Prefix, old, m.file)
}
