package replays

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/schemas"
)

// journal is where this replay, and no other, keeps how far it has come.
func (r *Replay) journal() *replay.Journal {
	return &replay.Journal{Admin: r.admin, Name: r.Name, Group: r.opts.Config.Prefix + "replay." + r.Name, Topic: r.wire}
}

// Last is the replay's last run; nil if there was none.
func (r *Replay) Last(ctx context.Context) (*replay.Run, error) { return r.journal().Load(ctx) }

// Next makes the run after last, which may be nil. It has nothing to do, and is done,
// where the topic holds no records of what is meant.
func (r *Replay) Next(ctx context.Context, last *replay.Run) (*replay.Run, error) {
	number := 1
	if last != nil {
		number = last.Number() + 1
	}
	ranges, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	return replay.NewRun(r.Name, number, ranges), nil
}

// Start notes where a new run begins. A run that began before goes on.
func (r *Replay) Start(ctx context.Context, run *replay.Run) error {
	if done, _ := run.Progress(); done > 0 {
		return nil
	}
	return r.journal().Begin(ctx, run)
}

// Published is what Publish did.
type Published struct {
	Events  int
	Refused int // records that could not be published; the log says which and why
}

// Publish has EventBridge get the events of a run again, and closes letters, which may
// be nil. It returns what it did even if it failed on its way; nil where it did not begin.
func (r *Replay) Publish(ctx context.Context, run *replay.Run, letters *deadletters.Replayed) (*Published, error) {
	publisher, err := r.opts.Publisher(ctx, r.Topic, &eventbridge.Again{
		Journal: r.journal(), Run: run, Mark: "sellerstream:replay/" + run.ID(), Rate: r.Rate,
		Wants: func(rec *kgo.Record, value any, detailType string) bool {
			wanted := r.Selected.wants(string(rec.Key), detailType, value)
			if wanted {
				letters.Mean(rec, nil)
			}
			return wanted
		},
	})
	if err != nil {
		return nil, err
	}
	err = publisher.Run(ctx)
	stats := publisher.Stats()
	if err == nil && run.Done() && stats.DeadLetters == 0 {
		err = letters.Write(ctx, r.opts.Config.Events.Bus)
	}
	return &Published{Events: int(stats.Published), Refused: int(stats.DeadLetters)}, err
}

// Processed is what Process did.
type Processed struct {
	Copied     int
	Unreadable int    // records that this version cannot read
	To         string // the topic that it copied to
}

// Process copies the records of a run to where the running pipeline processes them
// again, and closes letters, which may be nil. It returns what it did even if it failed
// on its way.
func (r *Replay) Process(ctx context.Context, run *replay.Run, letters *deadletters.Replayed) (Processed, error) {
	var copied, unreadable atomic.Int64
	journal := r.journal()
	c := &replay.Copy{
		Client: r.opts.Group, Journal: journal, Run: run, Logger: r.opts.Logger,
		TransactionalID: r.opts.TransactionalPrefix + "-replay-" + journal.Name, To: r.opts.Config.Prefix + schemas.Replays,
	}
	c.Copied = func(n int) {
		copied.Add(int64(n))
		letters.Committed()
	}
	if !letters.Empty() {
		c.Also = func(ctx context.Context, rec *kgo.Record) ([]*kgo.Record, error) {
			value, _, _, err := r.read(ctx, rec)
			if err != nil {
				return nil, err
			}
			return letters.Notes(rec, value, c.To)
		}
	}
	c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		if !r.Selected.wantsAccount(string(rec.Key)) {
			return nil, nil
		}
		value, kind, readable, err := r.read(ctx, rec)
		if err != nil {
			return nil, err
		}
		if !readable {
			unreadable.Add(1)
			return nil, nil
		}
		if !r.Selected.wants(string(rec.Key), kind, value) {
			return nil, nil
		}
		return r.header(run, rec), nil
	}
	err := c.Do(ctx)
	return Processed{Copied: int(copied.Load()), Unreadable: int(unreadable.Load()), To: c.To}, err
}

// header returns where a copy comes from.
func (r *Replay) header(run *replay.Run, rec *kgo.Record) *kgo.RecordHeader {
	origin := schemas.Origin{
		Replay: run.ID(), Topic: r.Topic, Partition: rec.Partition, Offset: rec.Offset,
		Timestamp: rec.Timestamp.UnixMilli(), Effects: r.Effects,
	}
	return &kgo.RecordHeader{Key: schemas.ReplayHeader, Value: origin.Header()}
}

// AwaitTaken waits until the pipeline has taken in all that is on replays, and reports
// each second how many records it has taken of how many.
func (r *Replay) AwaitTaken(ctx context.Context, report func(taken, all int64)) error {
	reset, ok := r.reset()
	if !ok {
		return nil
	}
	replays := r.opts.Config.Prefix + schemas.Replays
	ends, err := topicread.ByPartition(replays)(r.admin.ListEndOffsets(ctx, replays))
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		offsets, err := r.admin.FetchOffsets(ctx, reset.Group)
		if err != nil {
			return fmt.Errorf("the offsets of group %s: %w", reset.Group, err)
		}
		taken, end := int64(0), int64(0)
		for partition, behind := range ends {
			last := max(0, behind-1) // behind the last record stands the end of its transaction
			end += last
			if at, ok := offsets.Lookup(replays, partition); ok {
				taken += max(0, min(at.At, last))
			}
		}
		report(taken, end)
		if taken >= end {
			return nil
		}
		if clock.Sleep(ctx, clock.Real{}, time.Second) != nil {
			break
		}
	}
	return context.Cause(ctx)
}
