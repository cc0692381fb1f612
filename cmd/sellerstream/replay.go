package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
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
	selected selection
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "configuration file (required)")
	flags.StringVar(&f.topic, "topic", "", "the topic's name without its prefix (required)")
	flags.StringSliceVar(&f.selected.accounts, "account", nil, "only these accounts")
	flags.StringSliceVar(&f.selected.types, "type", nil, "only these detail-types or, of order-changes, changeTypes")
	flags.StringSliceVar(&f.selected.orders, "order", nil, "only these orders, by Amazon's id")
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

// way is what a replay of a topic does.
type way byte

const (
	publishes way = iota + 1
	processes     // and reads at Amazon
	writes        // and writes at Amazon
)

// wayOf returns what a replay of a topic does, or why there is none.
func wayOf(topic string) (way, error) {
	_, known := schemas.TopicOf(topic)
	_, input, replayed := roles.Reader(topic, func(in role.Input) bool { return in.Replayed })
	switch {
	case !known:
		return 0, fmt.Errorf("--topic %q is not one of those in `sellerstream replay --help`", topic)
	case input.Effects:
		return writes, nil
	case slices.Contains(schemas.EventTopics(), topic):
		return publishes, nil
	case replayed:
		return processes, nil
	case topic == schemas.FeedNotifications:
		return 0, errors.New("feed-notifications only hint that a feed has ended, which Amazon is asked for anyway: there is nothing to process again")
	case topic == schemas.DeadLetters:
		return 0, errors.New("`sellerstream deadletters` sends dead letters back to where they came from")
	}
	return 0, fmt.Errorf("%s holds nothing that could be published or processed again", topic)
}

func (f *replayFlags) run(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("wait") {
		f.wait = isTerminal(cmd.ErrOrStderr())
	}
	job, err := f.job(cmd)
	if err != nil {
		return err
	}
	if f.config == "" {
		return errNoConfig()
	}
	cfg, err := loadConfig(f.config)
	if err != nil {
		return err
	}
	for _, account := range f.selected.accounts {
		if err := checkAccount(cfg, account); err != nil {
			return err
		}
	}
	opened, stop, err := pipeline.OpenReplay(cmd.Context(), pipeline.Settings{
		Config: cfg, Secrets: pipeline.OpenSecrets(cfg.AWS), Clock: clock.Real{}, TransactionalPrefix: transactionalPrefix(cfg),
		Logger: newLogger(cmd.ErrOrStderr(), config.Log{Level: "warn"}),
	})
	if err != nil {
		return err
	}
	defer stop()
	job.Replay, job.cfg, job.wire = opened, cfg, cfg.Prefix+f.topic
	job.log = newLogger(cmd.ErrOrStderr(), config.Log{Level: "warn"})
	return job.do(cmd.Context())
}

// replayJob is one use of the command.
type replayJob struct {
	*replayFlags
	*pipeline.Replay
	cmd      *cobra.Command
	cfg      config.Config
	log      *slog.Logger
	way      way
	wire     string // the topic's name on the wire
	begin    replay.Bound
	end      replay.Bound
	relative bool   // a bound is so long ago, which is another one each time
	describe string // the arguments, by which the same replay is known
}

// job checks the command line.
func (f *replayFlags) job(cmd *cobra.Command) (*replayJob, error) {
	job := &replayJob{replayFlags: f, cmd: cmd}
	var err error
	if f.topic == "" {
		return nil, usageError{errors.New("--topic is missing: see `sellerstream replay --help` for the topics")}
	}
	if !f.reset {
		if job.way, err = wayOf(f.topic); err != nil {
			return nil, usageError{err}
		}
	}
	now := time.Now()
	var faults []error
	job.begin, err = parseBound("from", f.from, f.offsets.from, now)
	faults = append(faults, err)
	job.end, err = parseBound("to", f.to, f.offsets.to, now)
	faults = append(faults, err, f.selected.check(f.topic, job.way), f.conflicts(job.way))
	if err := errors.Join(faults...); err != nil {
		return nil, usageError{err}
	}
	job.relative = relativeTime(f.from) || relativeTime(f.to)
	job.describe = fmt.Sprintf("%q", []any{
		f.topic, f.selected, f.from, f.to, f.offsets, fmt.Sprint(f.only), f.effects,
	})
	return job, nil
}

// conflicts are flags that do not go together.
func (f *replayFlags) conflicts(w way) error {
	var faults []error
	fault := func(is bool, text string) {
		if is {
			faults = append(faults, errors.New(text))
		}
	}
	if f.reset {
		fault(f.from == "" && f.offsets.from == "", "--reset needs --from or --from-offset: where the processor is to go on")
		fault(f.to != "" || f.offsets.to != "", "--reset moves a processor to one place: it has no --to")
		fault(!f.selected.empty(), "--reset moves a processor with all of its accounts: it has no --account, --type or --order")
		fault(f.effects || f.restart, "--reset has neither --effects nor --restart: the processor goes on as ever")
		return errors.Join(faults...)
	}
	fault(w == writes && !f.effects && !f.dryRun,
		"to process "+f.topic+" again is to write at Amazon: --effects allows it, --dry-run shows what it would be")
	fault(w != writes && f.effects, "--effects is for inventory-updates and shipments: a replay of "+f.topic+" writes nothing at Amazon")
	fault(w == publishes && f.rate < 1, "--rate must be 1 event a second or more")
	return errors.Join(faults...)
}

func (j *replayJob) do(ctx context.Context) error {
	if j.reset {
		return j.move(ctx)
	}
	if j.dryRun {
		ranges, err := j.resolve(ctx)
		if err != nil {
			return err
		}
		counts, err := j.count(ctx, ranges)
		if err != nil {
			return err
		}
		return counts.show(j)
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
	if j.way == publishes {
		return j.publish(ctx, run)
	}
	return j.process(ctx, run)
}

func (j *replayJob) resolve(ctx context.Context) ([]replay.Range, error) {
	return replay.Resolve(ctx, j.Admin, j.wire, j.begin, j.end, j.only)
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

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
