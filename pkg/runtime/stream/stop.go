package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/schemas"
)

// StopCode is why a unit is stopped, in a word for metrics.
type StopCode string

// The codes.
const (
	StateUnreadable  StopCode = "state_unreadable"  // an entry of its state cannot be read
	PositionLost     StopCode = "position_lost"     // its position is not in the log of an input
	PartitionsDiffer StopCode = "partitions_differ" // its topics have unequal numbers of partitions
	WriteRefused     StopCode = "write_refused"     // Kafka refuses what it writes, each time
	Faulty           StopCode = "faulty"            // its machine did what no machine may: a bug
	Failing          StopCode = "failing"           // it has failed for over a minute, and not for one of these
)

// StopCodes are all of them.
func StopCodes() []StopCode {
	return []StopCode{StateUnreadable, PositionLost, PartitionsDiffer, WriteRefused, Faulty, Failing}
}

// Stopped is a unit that stands still: its accounts' work waits, all other
// units go on (containment rule 3). It tries again by itself.
type Stopped struct {
	Role      string    `json:"role"`
	Partition int32     `json:"partition"`
	Reason    StopCode  `json:"reason"`
	Cause     string    `json:"cause"`
	Remedy    string    `json:"remedy"`
	Since     time.Time `json:"since"`
}

// String names the unit, the cause and the remedy.
func (s Stopped) String() string {
	return fmt.Sprintf("the unit of role %s, partition %d, is stopped since %s: %s; %s",
		s.Role, s.Partition, s.Since.UTC().Format(time.RFC3339), s.Cause, s.Remedy)
}

// stopError stops a unit: trying again at once does not help (6).
type stopError struct {
	reason StopCode
	err    error
	remedy string
}

func (e *stopError) Error() string { return e.err.Error() + "; " + e.remedy }
func (e *stopError) Unwrap() error { return e.err }

func stopf(reason StopCode, remedy, format string, args ...any) error {
	return &stopError{reason, fmt.Errorf(format, args...), remedy}
}

const (
	// failingAfter is how long a unit fails before it counts as stopped, although
	// it may heal by itself.
	failingAfter = time.Minute
	// healedAfter is how long a unit that was stopped works before it counts as
	// healed: what stopped it shows within a fetch or a transaction.
	healedAfter = 10 * time.Second
	// firstRetry and longestRetry bound the waits of a stopped unit, which double.
	firstRetry   = 5 * time.Second
	longestRetry = 2 * time.Minute
	// maxCause and maxRemedy bound, in bytes, what is reported about a stop.
	maxCause, maxRemedy = 1_000, 600
)

// stop notes why the unit is stopped, and returns how long it waits before it
// tries again. Only what is new is an error in the log.
func (u *unit) stop(e *stopError) (wait time.Duration) {
	wait = min(firstRetry<<min(u.stops, 10), longestRetry)
	wait += rand.N(wait / 4) // units must not retry in step
	u.stops++
	s := Stopped{
		Role: u.p.opts.Processor, Partition: u.partition, Reason: e.reason, Since: time.Now(),
		Cause: schemas.Shorten(schemas.Printable(e.err.Error()), maxCause), Remedy: schemas.Shorten(e.remedy, maxRemedy),
	}
	before := u.stopped.Load()
	if before != nil {
		s.Since = before.Since
	}
	u.stopped.Store(&s)
	log := u.log.Error
	if before != nil && before.Reason == s.Reason {
		log = u.log.Warn
	}
	log("unit stopped; the others go on, and it tries again by itself",
		"reason", s.Reason, "cause", s.Cause, "remedy", s.Remedy, "again_in", wait)
	u.knowOffset()
	return wait
}

// healed notes that what had stopped the unit is gone.
func (u *unit) healed() {
	u.stops, u.failing = 0, time.Time{}
	if s := u.stopped.Swap(nil); s != nil {
		u.log.Info("unit goes on", "reason", s.Reason, "stopped_for", time.Since(s.Since))
	}
}

// noteMetadata begins the metadata of the group's offset of a stopped unit. The unit's
// Stopped follows, in JSON. So an operator's command learns of it from Kafka, with one
// request.
const noteMetadata = commitMetadata + " stopped "

// note is the metadata of the unit's offset in the group.
func (u *unit) note() string {
	s := u.stopped.Load()
	if s == nil {
		return commitMetadata
	}
	text, err := json.Marshal(s)
	if err != nil {
		return commitMetadata
	}
	return noteMetadata + string(text)
}

// ours reports whether metadata of a group's offset was written by a unit.
func ours(metadata string) bool {
	return metadata == commitMetadata || strings.HasPrefix(metadata, noteMetadata)
}

// knowOffset finds an offset to commit the note with, where the unit was stopped
// before it knew its position. The group's offsets only show (2).
func (u *unit) knowOffset() {
	topic := u.p.opts.topic(u.p.opts.Inputs[0])
	if u.positions.known(topic) {
		return
	}
	ctx, cancel := context.WithTimeout(u.work, foreignTimeout)
	defer cancel()
	offsets, err := kadm.NewClient(u.g.client).FetchOffsets(ctx, u.p.opts.Group)
	if err != nil {
		u.log.Debug("the group's offsets are not known", "error", err)
		return
	}
	at, _ := offsets.Lookup(topic, u.partition)
	u.positions.set(topic, max(0, at.At))
}

// ReadStopped returns the units that a group's processes have reported as stopped, by
// partition. A report stands until another process owns the partition.
func ReadStopped(ctx context.Context, admin *kadm.Client, group string) ([]Stopped, error) {
	offsets, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	var found []Stopped
	var failed error
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Err != nil {
			failed = errors.Join(failed, o.Err)
			return
		}
		var s Stopped
		if text, ok := strings.CutPrefix(o.Metadata, noteMetadata); ok && json.Unmarshal([]byte(text), &s) == nil {
			found = append(found, s)
		}
	})
	slices.SortFunc(found, func(a, b Stopped) int { return int(a.Partition - b.Partition) })
	return found, failed
}
