package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/replays"
)

// replayHelp is the help of replay, with the topics of each way.
func replayHelp() string {
	topics := func(way replays.Way) string {
		var lines []string
		for i, topic := range replays.Topics(way) {
			if last := len(lines) - 1; i == 0 || len(lines[last])+len(topic) > 65 {
				lines = append(lines, "  "+topic)
			} else {
				lines[last] += ", " + topic
			}
		}
		return strings.Join(lines, ",\n")
	}
	return strings.NewReplacer("PUBLISHED", topics(replays.Publishes), "PROCESSED", topics(replays.Processes), "WRITTEN", topics(replays.Writes)).Replace(replayText)
}

const replayText = `Replay takes records of a topic that were there before, and does what was done
with them once more. What that is follows from the topic:

PUBLISHED
      are published again: their events go to EventBridge with the same bytes and
      the same detail.id, marked in Resources as sellerstream:replay/ID, in the
      order of each account. Amazon is not asked. Consumers that deduplicate drop
      what they have seen: let a rule with "resources" lead to those that want them.
PROCESSED
      are processed again by the running pipeline, behind its other work and within
      the quota: each order is fetched. If it is not what was emitted last, it is
      emitted with origin REPLAY; where only our reading of it has changed, with
      the id that it replaces.
WRITTEN
      are processed again if --effects allows it, since that writes at Amazon: the
      newest quantity of a SKU, and the newest shipment of a package, is sent again,
      an older one never. Each has an outcome that names the replay.

Which records: those between --from and --to, by Kafka's timestamps, or between
offsets; of --account, --type and --order only, where they are given. What comes
while it runs is not meant.

The open dead letters of the records that are done once more are closed: those of the
records themselves and, of order-changes, those of orders that were given up. What
fails again is set aside again, as another letter.

Before a replay begins it says how many records are meant and what they cost, and
asks; where nobody can answer, --yes is needed. Without --from it means all that
the topic holds.

A replay that was interrupted goes on where it was, with the range that it began
with, when the same command is given again. One that is through says so, or begins
anew if its times are so long ago, such as 2h; --restart always begins anew. With
--dry-run it counts, and changes nothing.

With --reset a role is moved instead, of --role where several read the topic: its
positions there become those of --from, and it goes on there, with effects. A unit that
stands still, as doctor says, is moved while all processes run, and goes on by itself
within minutes. To move units that work, stop all of the role's processes.
kafka-consumer-groups --reset-offsets does not do it.`

const replayExamples = `  What would be published again of yesterday evening, by account?
    sellerstream replay --config my.yaml --topic orders --from 2026-11-23T18:00:00Z --to 2026-11-24T00:00:00Z --dry-run
  Publish it
    sellerstream replay --config my.yaml --topic orders --from 2026-11-23T18:00:00Z --to 2026-11-24T00:00:00Z
  Fetch one account's orders of the last two hours again
    sellerstream replay --config my.yaml --topic order-changes --account acme-eu --from 2h
  Send the newest quantities of an account again
    sellerstream replay --config my.yaml --topic inventory-updates --account acme-eu --from 6h --effects
  Have orders go on at an offset of partition 3, where its position was lost
    sellerstream replay --config my.yaml --reset --role orders --topic order-changes --from-offset 3:1500`

func newReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:     "replay --topic TOPIC",
		Short:   "Publish or process records of a topic again, or move a processor",
		Long:    replayHelp(),
		Example: replayExamples,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return replayAgain(cmd, &f) },
	}
	flags := cmd.Flags()
	addConfig(flags, &f.config)
	flags.StringVar(&f.topic, "topic", "", "the topic's name without its prefix (required)")
	flags.StringSliceVar(&f.selected.Accounts, "account", nil, "only these accounts")
	flags.StringSliceVar(&f.selected.Types, "type", nil, "only these detail-types or, of order-changes, changeTypes")
	flags.StringSliceVar(&f.selected.Orders, "order", nil, "only these orders, by Amazon's id")
	flags.StringVar(&f.from, "from", "", "from this time on, such as 2026-11-23T18:00:00Z, or 2h or 3d ago; default all")
	flags.StringVar(&f.to, "to", "", "before this time; default now")
	flags.StringVar(&f.offsets.from, "from-offset", "", "from these offsets on, as PARTITION:OFFSET,…; other partitions are left out")
	flags.StringVar(&f.offsets.to, "to-offset", "", "before these offsets, as PARTITION:OFFSET,…; other partitions are left out")
	flags.Int32SliceVar(&f.only, "partition", nil, "only these partitions")
	flags.Float64Var(&f.rate, "rate", 50, "events a second to publish at most, beside those of the pipeline")
	flags.BoolVar(&f.dryRun, "dry-run", false, "count what is meant, by account and type, and change nothing")
	flags.BoolVar(&f.restart, "restart", false, "begin anew, also if the same replay was interrupted or is through")
	flags.BoolVar(&f.effects, "effects", false, "allow calls that write at Amazon")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	flags.BoolVar(&f.json, "json", false, "print one JSON object at the end, and the rest on stderr")
	flags.BoolVar(&f.wait, "wait", false, "wait until the pipeline has taken the records in; default on a terminal")
	f.by.add(cmd)
	flags.StringVar(&f.role, "role", "", "with --reset, the role to move, where several read the topic")
	flags.BoolVar(&f.reset, "reset", false, "move the topic's processor, which must be stopped, or its stopped units")
	_ = cmd.RegisterFlagCompletionFunc("topic", completion(replayedTopics, false)) // it is there
	return cmd
}

func replayAgain(cmd *cobra.Command, f *replayFlags) error {
	if !cmd.Flags().Changed("wait") {
		f.wait = isTerminal(cmd.ErrOrStderr())
	}
	job := &replayJob{replayFlags: f, cmd: cmd}
	request, err := job.request()
	if err != nil {
		return usageError{err}
	}
	by, err := f.by.who()
	if err != nil {
		return err
	}
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	for _, account := range f.selected.Accounts {
		if err := checkAccount(settings.Config, account); err != nil {
			return err
		}
	}
	var written []string
	if !f.dryRun {
		written = request.Written(f.reset)
	}
	opened, stop, err := pipeline.OpenReplay(cmd.Context(), settings, by, written...)
	if err != nil {
		return err
	}
	defer stop()
	job.Replay = replays.New(opened, request)
	err = job.do(cmd.Context())
	if f.json && job.result != nil {
		err = errors.Join(columns.JSON(cmd.OutOrStdout(), job.result), err)
	}
	return err
}
