package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/tail"
	"github.com/sellerstream/sellerstream/schemas"
)

type tailFlags struct {
	config  string
	account string
	since   string
	last    int
	follow  bool
}

// maxTail bounds what --last keeps in memory.
const maxTail = 10_000

func newTailCommand() *cobra.Command {
	var f tailFlags
	cmd := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Show the newest records of a topic as JSON, one a line",
		Long: `Tail shows records of a topic of ours, by its name without the prefix: the newest
20, or --last N, by time, or all --since a time, each partition in its order. With
--follow it goes on with what comes, until it is told to stop. It joins no group and
writes nothing.

A line has partition, offset, time (when Kafka took the record), key, and value: the
record as ` + "`decode`" + ` shows it, null for a deletion. Buyer data of orders stays encrypted.
What cannot be decoded has error and bytes (base64).

With --account it shows records whose key or value names the account.`,
		Example: `  sellerstream tail orders --account acme-eu --last 5 | jq .value
  sellerstream tail inventory-results --since 1h
  sellerstream tail alerts --follow`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: firstArg(func(*cobra.Command) []string { return topicNames() }),
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.account, "account", "", "only records about this account, by our name of it")
	cmd.Flags().StringVar(&f.since, "since", "", "all records since then, such as 2026-11-23T18:00:00Z, or 2h or 3d ago")
	cmd.Flags().IntVar(&f.last, "last", 20, "how many of the newest")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "go on with what comes, until told to stop")
	cmd.MarkFlagsMutuallyExclusive("since", "last")
	return cmd
}

func (f *tailFlags) run(cmd *cobra.Command, name string) error {
	if _, known := schemas.TopicOf(name); !known {
		return usageError{fmt.Errorf("no topic is called %q; there is %s", name, strings.Join(topicNames(), ", "))}
	}
	if f.last < 0 || f.last > maxTail {
		return usageError{fmt.Errorf("--last must be 0 to %d: --since shows more", maxTail)}
	}
	since, err := parseBound("since", f.since, "", time.Now())
	if err != nil {
		return usageError{err}
	}
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	topic, stop, err := pipeline.OpenTopic(cmd.Context(), settings, name)
	if err != nil {
		return err
	}
	defer stop()
	lines := json.NewEncoder(cmd.OutOrStdout())
	lines.SetEscapeHTML(false) // as decode shows it
	show := func(r tail.Record) error { return lines.Encode(r) }
	ends, err := f.first(cmd, topic, since.Time, show)
	if err != nil || !f.follow {
		return err
	}
	err = topic.Follow(cmd.Context(), f.account, ends, show)
	if cmd.Context().Err() != nil {
		return nil // it was told to stop
	}
	return err
}

// first shows what is there already.
func (f *tailFlags) first(cmd *cobra.Command, topic tail.Topic, since time.Time, show func(tail.Record) error) (map[int32]int64, error) {
	if !since.IsZero() {
		return topic.Since(cmd.Context(), f.account, since, show)
	}
	newest, ends, err := topic.Newest(cmd.Context(), f.account, f.last)
	for _, r := range newest {
		err = errors.Join(err, show(r))
	}
	return ends, err
}
