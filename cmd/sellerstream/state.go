package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/operator/statemove"
)

type stateFlags struct {
	config string
	yes    bool
	json   bool
	statemove.ImportOptions
	statemove.ExportOptions
}

func newStateCommand() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Save what the pipeline remembers, or take it to another Kafka, prefix or number of partitions",
		Long: `State holds what the pipeline remembers: the state of its processors, switches,
and records that not every role has read. Without it, what is
under way would be lost or done twice. docs/DISASTERS.md says when to use which command.`,
		Example: `  sellerstream state export backup.gz --config sellerstream.yaml
  sellerstream state import backup.gz --config other.yaml
  sellerstream state move --to-prefix shop2. --partitions 24 --config sellerstream.yaml`,
	}
	addConfig(cmd.PersistentFlags(), &f.config)
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON object, and the rest on stderr")
	cmd.AddCommand(f.exportCommand(), f.importCommand(), f.moveCommand())
	return cmd
}

func (f *stateFlags) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write what the pipeline remembers into a file",
		Long: `Export writes what the pipeline remembers into FILE, or to standard output for "-".
Positions are written as times, since offsets mean nothing elsewhere. It changes nothing
on Kafka, and the pipeline may run: then the state of each unit is as of one moment, and
units differ by seconds. What is done after that is done again by who imports the file.

The file is gzip of JSON, a line for each thing; docs/DISASTERS.md describes it. It ends
with a checksum, without which it is refused. It holds no secrets of the configuration.
It does hold what states and records hold: treat it as you treat the topics. Keys of
buyer data are left out without --buyer-keys: one that the pipeline deletes must not live
on in a backup. A pipeline that goes on without them encrypts what comes with new ones.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.json && args[0] == "-" {
				return usageError{errors.New("standard output takes the export or its --json, not both: name a file")}
			}
			settings, err := openSettings(cmd, f.config)
			if err != nil {
				return err
			}
			done, err := exportTo(cmd, settings, args[0], f.BuyerKeys)
			return f.report(cmd, done, err)
		},
	}
	cmd.Flags().BoolVar(&f.BuyerKeys, "buyer-keys", false, "with the keys of buyer data, wrapped: delete such a file as soon as it is imported")
	return cmd
}

func (f *stateFlags) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Have a pipeline go on with what a file says",
		Long: `Import writes what export has written into the pipeline of the configuration, which
may have another Kafka, prefix or number of partitions. Its topics must be there
("topics apply"), none of its processes may run, it must not remember anything yet, and
its log topics must be empty. A pause that is there already stays.

Interrupted, the same command goes on where it was. Until it has finished, units do not
begin. Where FILE is "-" it is read from standard input; a file is checked first, to its
end.

With --mirrored the log topics hold the records of the exported pipeline already, as a
mirror of its cluster does. Then the records of the file are left out, and each role goes
on by the time of its position, less --margin.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := openSettings(cmd, f.config)
			if err != nil {
				return err
			}
			if f.Force {
				question := fmt.Sprintf("Remove all that the pipeline with the prefix %s remembers?", settings.Config.Prefix)
				if err := confirm(cmd, question, f.yes); err != nil {
					return err
				}
			}
			done, err := importFrom(cmd, settings, args[0], f.ImportOptions)
			return f.report(cmd, done, err)
		},
	}
	cmd.Flags().BoolVar(&f.Force, "force", false, "remove first what the pipeline remembers; keys of buyer data stay")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "with --force: do not ask")
	cmd.Flags().BoolVar(&f.Mirrored, "mirrored", false, "the log topics hold the exported pipeline's records already")
	cmd.Flags().DurationVar(&f.Margin, "margin", 5*time.Minute, "with --mirrored: how much is read again, for clocks that differ")
	return cmd
}

// report prints with --json what was done, unless it failed.
func (f *stateFlags) report(cmd *cobra.Command, done any, err error) error {
	if err != nil || !f.json {
		return err
	}
	return columns.JSON(cmd.OutOrStdout(), done)
}

// reporter shows on standard error how far a command is, at most once a second.
func reporter(cmd *cobra.Command) func(format string, args ...any) {
	var last time.Time
	return func(format string, args ...any) {
		if time.Since(last) >= time.Second {
			last = time.Now()
			cmd.PrintErrf(format+"\n", args...)
		}
	}
}

// exportTo writes a file that is there only once it is whole.
func exportTo(cmd *cobra.Command, settings pipeline.Settings, name string, buyerKeys bool) (done statemove.Exported, err error) {
	if name == "-" {
		return export(cmd, settings, cmd.OutOrStdout(), buyerKeys)
	}
	if _, err := os.Stat(name); err == nil {
		return done, usageError{fmt.Errorf("%s is there already: name another file, or remove it", name)}
	}
	part := name + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the file that the operator names
	if err != nil {
		return done, usageError{err}
	}
	done, err = export(cmd, settings, file, buyerKeys)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return done, errors.Join(err, os.Remove(part))
	}
	return done, os.Rename(part, name)
}

func export(cmd *cobra.Command, settings pipeline.Settings, w io.Writer, buyerKeys bool) (done statemove.Exported, err error) {
	opened, stop, err := pipeline.OpenState(cmd.Context(), settings, false, reporter(cmd))
	if err != nil {
		return done, err
	}
	defer stop()
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return done, err
	}
	done, err = opened.Export(cmd.Context(), w, statemove.ExportOptions{ID: hex.EncodeToString(id[:]), BuyerKeys: buyerKeys})
	if err != nil {
		return done, fmt.Errorf("export: %w", err)
	}
	cmd.PrintErrf("exported: entries %d, positions %d, records that not every role has read %d\n", done.Entries, done.Positions, done.Records)
	if done.Unknown > 0 {
		cmd.PrintErrf("entries that this version cannot read, copied byte by byte: %d\n", done.Unknown)
	}
	if done.Unreadable > 0 {
		cmd.PrintErrf("batches of records that nobody can read, left behind: %d\n", done.Unreadable)
	}
	return done, nil
}

// importFrom reads a file twice: first to see that it is whole.
func importFrom(cmd *cobra.Command, settings pipeline.Settings, name string, opts statemove.ImportOptions) (done statemove.Imported, err error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the file that the operator names
		if err != nil {
			return done, usageError{err}
		}
		defer file.Close() //nolint:errcheck // only read
		if _, _, err := statefile.Check(file); err != nil {
			return done, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return done, err
		}
		in = file
	}
	opened, stop, err := pipeline.OpenState(cmd.Context(), settings, true, reporter(cmd))
	if err != nil {
		return done, err
	}
	defer stop()
	return importInto(cmd.Context(), cmd, opened, in, opts)
}

func importInto(ctx context.Context, cmd *cobra.Command, target *statemove.Pipeline, in io.Reader, opts statemove.ImportOptions) (statemove.Imported, error) {
	done, err := target.Import(ctx, in, opts)
	if err != nil {
		return done, fmt.Errorf("import: %w", err)
	}
	if done.Before {
		cmd.PrintErrln("this file was imported here before, to its end: nothing was written; --force removes what the pipeline remembers, and imports it again")
		return done, nil
	}
	if done.Resumed > 0 {
		cmd.PrintErrf("%s were there from the import before\n", columns.Counted(int(done.Resumed), "line"))
	}
	cmd.PrintErrf("imported: entries %d, records %d, positions %d\n", done.Entries, done.Records, done.Positions)
	if done.Verbatim > 0 {
		cmd.PrintErrf("entries of a form that this version cannot write, with offsets of the Kafka that they come from: %d\n", done.Verbatim)
	}
	return done, nil
}
