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

	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/schemas"
)

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
	role     string
	json     bool
	by       byFlag
}

// replayJob is one use of the command.
type replayJob struct {
	*replayFlags
	*replays.Replay
	cmd *cobra.Command
	way replays.Way

	result any // for --json; nil where nothing was done or counted
}

// replayed is what a replay did, for a program.
type replayed struct {
	Replay     string `json:"replay"`  // its id
	Through    bool   `json:"through"` // whether nothing of what was meant is left
	Published  int    `json:"published"`
	Refused    int    `json:"refused"` // records that could not be published
	Copied     int    `json:"copied"`
	Unreadable int    `json:"unreadable"` // records that this version cannot read, and has not copied
	Closed     int    `json:"closed"`     // dead letters
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
		Begin: begin, End: end, Partitions: j.only, Rate: j.rate, Effects: j.effects, Role: j.role,
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
	fault(j.role != "", "--role goes with --reset: otherwise the topic says who processes its records")
	fault(j.way == replays.Writes && !j.effects && !j.dryRun,
		"to process "+j.topic+" again is to write at Amazon: --effects allows it, --dry-run shows what it would be")
	fault(j.way != replays.Writes && j.effects, "--effects is for inventory-updates, shipments and cancellations: a replay of "+j.topic+" writes nothing at Amazon")
	fault(j.way == replays.Publishes && j.rate < 1, "--rate must be 1 event a second or more")
	return errors.Join(faults...)
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

// parseBound reads a time or offsets.
func parseBound(name, at, offsets string, now time.Time) (replay.Bound, error) {
	if at != "" && offsets != "" {
		return replay.Bound{}, fmt.Errorf("--%s and --%[1]s-offset say the same: leave one out", name)
	}
	if offsets != "" {
		parsed, err := replay.ParseOffsets(offsets)
		if err != nil {
			return replay.Bound{}, fmt.Errorf("--%s-offset: %w", name, err)
		}
		return replay.Bound{Offsets: parsed}, nil
	}
	if at == "" {
		return replay.Bound{}, nil
	}
	t, err := replay.ParseTime(at, now)
	if err != nil {
		return replay.Bound{}, fmt.Errorf("--%s: %w", name, err)
	}
	return replay.Bound{Time: t}, nil
}

// relativeTime reports whether a time is said as how long ago.
func relativeTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return text != "" && err != nil
}
