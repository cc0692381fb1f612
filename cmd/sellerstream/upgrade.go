package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
)

func newUpgradeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "See which versions run, and allow what only new ones can read",
		Long: `Upgrade shows and raises the feature level of an installation. The level is a
number on the topic switches. It decides which kinds of state and records the
processes may write, so that the version before can run beside a new one:

  1. Replace the processes by the new version, one after the other. The level
     stays, and so you can go back at any time.
  2. sellerstream upgrade status
     shows the level, and which version each process runs.
  3. sellerstream upgrade finish
     raises the level to the newest that this version knows, once all processes
     know it. Processes of older versions refuse to start from then on. A level
     is never lowered, so wait until you are sure of the new version.

UPGRADING.md says what each level allows.`,
	}
	cmd.AddCommand(newUpgradeStatusCommand(), newUpgradeFinishCommand())
	return cmd
}

// standing is what upgrade status shows.
type standing struct {
	Level   int            `json:"level"`
	Newest  int            `json:"newest"` // that this version knows
	Members []level.Member `json:"members"`
}

func newUpgradeStatusCommand() *cobra.Command {
	var file string
	asJSON := false
	var watch watching
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the feature level, and the version of each running process",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return watch.do(cmd, func(w io.Writer) error { return showLevel(cmd, file, w, asJSON) })
		},
	}
	addConfig(cmd.Flags(), &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	watch.add(cmd)
	return cmd
}

func showLevel(cmd *cobra.Command, file string, w io.Writer, asJSON bool) error {
	settings, err := openSettings(cmd, file)
	if err != nil {
		return err
	}
	switches, members, stop, err := pipeline.OpenLevel(cmd.Context(), settings, false)
	if err != nil {
		return err
	}
	defer stop()
	now := standing{Level: level.Of(switches), Newest: level.Newest, Members: append([]level.Member{}, members...)}
	if asJSON {
		return columns.JSON(w, now)
	}
	return now.write(w)
}

// write shows the level, what to do about it, and who runs.
func (s standing) write(w io.Writer) error {
	next := "there is nothing to raise"
	switch {
	case s.Level < s.Newest:
		next = "`sellerstream upgrade finish` raises it, when all processes below know it"
	case s.Level > s.Newest:
		next = "which this version does not know: use a later one"
	}
	if _, err := fmt.Fprintf(w, "feature level %d; this version (%s) knows %d: %s\n", s.Level, version, s.Newest, next); err != nil {
		return err
	}
	if len(s.Members) == 0 {
		_, err := fmt.Fprintln(w, "no process runs")
		return err
	}
	table := columns.New(w)
	table.Printf("ROLE\tHOST\tVERSION\tKNOWS LEVEL\n")
	for _, m := range s.Members {
		table.Printf("%s\t%s\t%s\t%d\n", m.Role, m.Host, m.Version, m.Level)
	}
	return table.Flush()
}

func newUpgradeFinishCommand() *cobra.Command {
	var file string
	var by byFlag
	asJSON := false
	cmd := &cobra.Command{
		Use:   "finish",
		Short: "Raise the feature level to the newest that all processes know",
		Long: `Finish raises the feature level to the newest that this version knows. It refuses
while a process runs that does not know it, and names each. From then on the new
version's kinds are written, and processes of older versions refuse to start.
The level is never lowered.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := by.who()
			if err != nil {
				return err
			}
			settings, err := openSettings(cmd, file)
			if err != nil {
				return err
			}
			switches, members, stop, err := pipeline.OpenLevel(cmd.Context(), settings, true)
			if err != nil {
				return err
			}
			defer stop()
			at := level.Of(switches)
			if err := level.Raise(cmd.Context(), switches, members, level.Newest, who); err != nil {
				return err
			}
			if asJSON {
				return columns.JSON(cmd.OutOrStdout(), map[string]int{"from": at, "level": level.Newest})
			}
			what := fmt.Sprintf("feature level %d already", at)
			if at < level.Newest {
				what = fmt.Sprintf("feature level %d, raised from %d", level.Newest, at)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), what)
			return err
		},
	}
	addConfig(cmd.Flags(), &file)
	by.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
