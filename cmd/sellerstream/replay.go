package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/schemas"
)

const replayHelp = `Replay takes records of a topic that were there before, and does what was done
with them once more. What that is follows from the topic:

  orders, feed-submissions, feed-results, inventory-results,
  shipment-confirmations, alerts
      are published again: their events go to EventBridge with the same bytes and
      the same detail.id, marked in Resources as sellerstream:replay/ID, in the
      order of each account. Amazon is not asked. Consumers that deduplicate drop
      what they have seen: let a rule with "resources" lead to those that want them.
  order-changes
      are processed again by the running pipeline, behind its other work and within
      the quota: each order is fetched. If it is not what was emitted last, it is
      emitted with origin REPLAY; where only our reading of it has changed, with
      the id that it replaces.
  inventory-updates, shipments
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

With --reset a whole processor is moved instead: all of its processes must be
stopped, or the units of the partitions that are moved must stand still, as doctor
says. Its positions in the topic become those of --from, and when it starts it goes
on there, with effects. kafka-consumer-groups --reset-offsets does not do it.`

const replayExamples = `  What would be published again of yesterday evening, by account?
    sellerstream replay --config my.yaml --topic orders --from 2026-11-23T18:00:00Z --to 2026-11-24T00:00:00Z --dry-run
  Publish it
    sellerstream replay --config my.yaml --topic orders --from 2026-11-23T18:00:00Z --to 2026-11-24T00:00:00Z
  Fetch one account's orders of the last two hours again
    sellerstream replay --config my.yaml --topic order-changes --account acme-eu --from 2h
  Send the newest quantities of an account again
    sellerstream replay --config my.yaml --topic inventory-updates --account acme-eu --from 6h --effects
  Have orders go on at an offset of partition 3, with all of its processes stopped
    sellerstream replay --config my.yaml --reset --topic order-changes --from-offset 3:1500`

type replayFlags struct {
	config   string
	topic    string
	selected replays.Selection
	from, to string
	offsets  struct{ from, to string }
	only     []int32 // partitions
	rate     float64
	dryRun   bool
	restart  bool
	effects  bool
	yes      bool
	wait     bool
	reset    bool
}

func newReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:     "replay --config FILE --topic TOPIC",
		Short:   "Publish or process records of a topic again, or move a processor",
		Long:    replayHelp,
		Example: replayExamples,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "configuration file (required)")
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
	flags.BoolVar(&f.wait, "wait", false, "wait until the pipeline has taken the records in; default on a terminal")
	flags.BoolVar(&f.reset, "reset", false, "move the topic's processor, which must be stopped, or its stopped units")
	return cmd
}

// replayJob is one use of the command.
type replayJob struct {
	*replayFlags
	*replays.Replay
	cmd *cobra.Command
	way replays.Way
}

func (f *replayFlags) run(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("wait") {
		f.wait = isTerminal(cmd.ErrOrStderr())
	}
	job := &replayJob{replayFlags: f, cmd: cmd}
	request, err := job.request()
	if err != nil {
		return usageError{err}
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
	opened, stop, err := pipeline.OpenReplay(cmd.Context(), settings, operator())
	if err != nil {
		return err
	}
	defer stop()
	job.Replay = replays.New(opened, request)
	return job.do(cmd.Context())
}

// request checks the command line.
func (j *replayJob) request() (request replays.Request, err error) {
	if j.topic == "" {
		return request, errors.New("--topic is missing: see `sellerstream replay --help` for the topics")
	}
	if !j.reset {
		if _, known := schemas.TopicOf(j.topic); !known {
			return request, fmt.Errorf("--topic %q is not one of those in `sellerstream replay --help`", j.topic)
		}
		if j.way, err = replays.WayOf(j.topic); err != nil {
			return request, err
		}
	}
	now := time.Now()
	begin, err1 := parseBound("from", j.from, j.offsets.from, now)
	end, err2 := parseBound("to", j.to, j.offsets.to, now)
	// The same command line is the same replay.
	line := fmt.Sprintf("%q", []any{j.topic, j.selected, j.from, j.to, j.offsets, fmt.Sprint(j.only), j.effects})
	sum := sha256.Sum256([]byte(line))
	return replays.Request{
		Name: hex.EncodeToString(sum[:4]), Topic: j.topic, Selected: j.selected,
		Begin: begin, End: end, Partitions: j.only, Rate: j.rate, Effects: j.effects,
	}, errors.Join(err1, err2, j.checkSelection(), j.conflicts())
}

// relative reports whether a bound is so long ago, which is another one each time.
func (f *replayFlags) relative() bool { return relativeTime(f.from) || relativeTime(f.to) }

// checkSelection refuses what a topic's records cannot be selected by.
func (j *replayJob) checkSelection() error {
	var faults []error
	if len(j.selected.Types) > 0 && j.way == replays.Writes {
		faults = append(faults, fmt.Errorf("--type: the records of %s are all of one type", j.topic))
	}
	known := replays.DetailTypes(j.topic)
	for _, kind := range j.selected.Types {
		if len(known) > 0 && !slices.Contains(known, kind) {
			faults = append(faults, fmt.Errorf("--type %q is not one of %s", kind, strings.Join(known, ", ")))
		}
	}
	if of := replays.TopicsOfOrders(); len(j.selected.Orders) > 0 && !slices.Contains(of, j.topic) {
		faults = append(faults, fmt.Errorf("--order: the records of %s name no order; those of %s do", j.topic, strings.Join(of, ", ")))
	}
	return errors.Join(faults...)
}

// conflicts are flags that do not go together.
func (j *replayJob) conflicts() error {
	var faults []error
	fault := func(is bool, text string) {
		if is {
			faults = append(faults, errors.New(text))
		}
	}
	if j.reset {
		fault(j.from == "" && j.offsets.from == "", "--reset needs --from or --from-offset: where the processor is to go on")
		fault(j.to != "" || j.offsets.to != "", "--reset moves a processor to one place: it has no --to")
		fault(!j.selected.Empty(), "--reset moves a processor with all of its accounts: it has no --account, --type or --order")
		fault(j.effects || j.restart, "--reset has neither --effects nor --restart: the processor goes on as ever")
		return errors.Join(faults...)
	}
	fault(j.way == replays.Writes && !j.effects && !j.dryRun,
		"to process "+j.topic+" again is to write at Amazon: --effects allows it, --dry-run shows what it would be")
	fault(j.way != replays.Writes && j.effects, "--effects is for inventory-updates and shipments: a replay of "+j.topic+" writes nothing at Amazon")
	fault(j.way == replays.Publishes && j.rate < 1, "--rate must be 1 event a second or more")
	return errors.Join(faults...)
}

func (j *replayJob) do(ctx context.Context) error {
	if j.reset {
		return j.move(ctx)
	}
	if j.dryRun {
		return j.count(ctx)
	}
	run, fresh, err := j.find(ctx)
	if err != nil || run == nil {
		return err
	}
	if fresh || j.effects {
		if err := j.ask(ctx, run); err != nil {
			return j.interrupted(ctx, err)
		}
	}
	if err := j.Start(ctx, run); err != nil {
		return err
	}
	// Without the permission to close letters a replay does all else.
	letters, err := j.Letters(ctx)
	if err != nil {
		j.printf("The dead letters of what is replayed stay open: %v.", err)
		letters = nil
	}
	if j.way == replays.Publishes {
		return j.publish(ctx, run, letters)
	}
	return j.process(ctx, run, letters)
}

// printf says something to whoever sits there.
func (j *replayJob) printf(format string, args ...any) {
	fmt.Fprintf(j.cmd.ErrOrStderr(), format+"\n", args...)
}

// interrupted returns how to go on.
func (j *replayJob) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		j.printf("Interrupted. The same command goes on where it was.")
		return context.Canceled
	}
	return err
}
