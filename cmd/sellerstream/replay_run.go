package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/schemas"
)

// journal is where this replay, and no other, keeps how far it has come.
func (j *replayJob) journal() *replay.Journal {
	sum := sha256.Sum256([]byte(j.describe))
	name := hex.EncodeToString(sum[:4])
	return &replay.Journal{Admin: j.Admin, Name: name, Group: j.cfg.Prefix + "replay." + name, Topic: j.wire}
}

// find is the run to go on with; nil if there is nothing left to do. fresh says
// that it begins now.
func (j *replayJob) find(ctx context.Context) (run *replay.Run, fresh bool, err error) {
	last, err := j.journal().Load(ctx)
	if err != nil {
		return nil, false, err
	}
	if last == nil {
		return j.begins(ctx, 1)
	}
	switch {
	case j.restart, last.Done() && j.relative: // 2h ago was another time then
		return j.begins(ctx, last.Number()+1)
	case last.Done():
		j.printf("Replay %s is through. --restart does it again.", last.ID())
		return nil, false, nil
	}
	j.goesOn(last)
	return last, false, nil
}

// begins is a new run.
func (j *replayJob) begins(ctx context.Context, number int) (run *replay.Run, fresh bool, err error) {
	ranges, err := j.resolve(ctx)
	if err != nil {
		return nil, false, err
	}
	run = replay.NewRun(j.journal().Name, number, ranges)
	if run.Done() {
		j.printf("There are no records in what is meant.")
		return nil, false, nil
	}
	return run, true, nil
}

// goesOn prints what a run that was interrupted means: a relative time is that of
// when it began.
func (j *replayJob) goesOn(run *replay.Run) {
	done, all := run.Progress()
	j.printf("Replay %s goes on: %d of %d offsets are done. It means, as when it began:", run.ID(), done, all)
	for _, r := range run.Ranges() {
		if r.From < r.Until {
			j.printf("  partition %d: offsets from %d to before %d", r.Partition, r.From, r.Until)
		}
	}
	if j.relative {
		j.printf("--restart counts the time from now on.")
	}
}

// start notes where a new run begins.
func (j *replayJob) start(ctx context.Context, run *replay.Run) error {
	if done, _ := run.Progress(); done > 0 {
		return nil // it began before
	}
	return j.journal().Begin(ctx, run)
}

// publish has EventBridge get the events again.
func (j *replayJob) publish(ctx context.Context, run *replay.Run) error {
	if err := j.start(ctx, run); err != nil {
		return err
	}
	letters, bus := j.letters(ctx, "events"), j.cfg.Events.Bus
	again := &eventbridge.Again{
		Journal: j.journal(), Run: run, Mark: "sellerstream:replay/" + run.ID(), Rate: j.rate,
		Wants: func(rec *kgo.Record, value any, detailType string) bool {
			wanted := j.selected.wants(string(rec.Key), detailType, value)
			if wanted {
				letters.Mean(rec, nil)
			}
			return wanted
		},
	}
	publisher, err := j.Publisher(ctx, j.topic, again)
	if err != nil {
		return err
	}
	stop := j.watch(ctx, "published", "offsets", run.Progress)
	err = publisher.Run(ctx)
	stop()
	stats := publisher.Stats()
	j.printf("Replay %s: %s published now.", run.ID(), counted(int(stats.Published), "event"))
	if err != nil || !run.Done() {
		return j.interrupted(ctx, err)
	}
	if stats.DeadLetters > 0 {
		return fmt.Errorf("%s could not be published: the warnings above say which and why", counted(int(stats.DeadLetters), "record"))
	}
	if err := letters.Write(ctx, bus); err != nil {
		return err
	}
	j.closed(letters)
	return nil
}

// letters are the open dead letters that the replay closes; nil for none. Without the
// permission for that a replay does all else that it did before there was any.
func (j *replayJob) letters(ctx context.Context, role string) *deadletters.Replayed {
	found, err := j.Replayed(ctx, role, j.topic, operator())
	if err != nil {
		j.printf("The dead letters of what is replayed stay open: %v.", err)
		return nil
	}
	return found
}

// closed prints how many dead letters the replay has closed.
func (j *replayJob) closed(letters *deadletters.Replayed) {
	if n := letters.Closed(); n > 0 {
		j.printf("%s closed: what fails again is another one.", counted(n, "dead letter"))
	}
}

// process makes the running pipeline process the records again.
func (j *replayJob) process(ctx context.Context, run *replay.Run) error {
	if err := j.start(ctx, run); err != nil {
		return err
	}
	var copied, left atomic.Int64
	c := j.Copy(j.journal(), run)
	var letters *deadletters.Replayed
	if processor, ok := j.Reset(j.topic); ok {
		letters = j.letters(ctx, processor.Processor)
	}
	c.Copied = func(n int) {
		copied.Add(int64(n))
		letters.Committed()
	}
	if !letters.Empty() {
		c.Also = func(ctx context.Context, rec *kgo.Record) ([]*kgo.Record, error) {
			value, _, _, err := j.read(ctx, rec)
			if err != nil {
				return nil, err
			}
			return letters.Notes(rec, value, c.To)
		}
	}
	c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		if !j.selected.wantsAccount(string(rec.Key)) {
			return nil, nil
		}
		value, kind, readable, err := j.read(ctx, rec)
		if err != nil {
			return nil, err
		}
		if !readable {
			left.Add(1)
			return nil, nil
		}
		if !j.selected.wants(string(rec.Key), kind, value) {
			return nil, nil
		}
		return j.header(run, rec), nil
	}
	stop := j.watch(ctx, "copied", "offsets", run.Progress)
	err := c.Do(ctx)
	stop()
	j.printf("Replay %s: %s copied to %s now.", run.ID(), counted(int(copied.Load()), "record"), c.To)
	if err != nil {
		return j.interrupted(ctx, err)
	}
	j.closed(letters)
	if left.Load() > 0 {
		j.printf("%s could not be read by this version and were left out.", counted(int(left.Load()), "record"))
	}
	if !j.wait {
		return nil
	}
	return j.interrupted(ctx, j.awaitTaken(ctx))
}

// header returns where a copy comes from.
func (j *replayJob) header(run *replay.Run, rec *kgo.Record) *kgo.RecordHeader {
	origin := schemas.Origin{
		Replay: run.ID(), Topic: j.topic, Partition: rec.Partition, Offset: rec.Offset,
		Timestamp: rec.Timestamp.UnixMilli(), Effects: j.effects,
	}
	return &kgo.RecordHeader{Key: schemas.ReplayHeader, Value: origin.Header()}
}

// ask makes somebody agree to what a run does.
func (j *replayJob) ask(ctx context.Context, run *replay.Run) error {
	if j.yes {
		return nil
	}
	counts, err := j.count(ctx, run.Ranges())
	if err != nil {
		return err
	}
	return confirm(j.cmd, counts.question(j), false)
}

// awaitTaken waits until the pipeline has taken in all that is on replays.
func (j *replayJob) awaitTaken(ctx context.Context) error {
	reset, ok := j.Reset(j.topic)
	if !ok {
		return nil
	}
	replays := j.cfg.Prefix + schemas.Replays
	ends, err := j.Admin.ListEndOffsets(ctx, replays)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("the end of topic %s: %w", replays, err)
	}
	var done, all atomic.Int64
	stop := j.watch(ctx, "taken in by "+reset.Processor, "records to process again", func() (int64, int64) { return done.Load(), all.Load() })
	defer stop()
	for ctx.Err() == nil {
		offsets, err := j.Admin.FetchOffsets(ctx, reset.Group)
		if err != nil {
			return fmt.Errorf("the offsets of group %s: %w", reset.Group, err)
		}
		taken, end := int64(0), int64(0)
		ends.Each(func(o kadm.ListedOffset) {
			last := max(0, o.Offset-1) // behind the last record stands the end of its transaction
			end += last
			if at, ok := offsets.Lookup(replays, o.Partition); ok {
				taken += max(0, min(at.At, last))
			}
		})
		done.Store(taken)
		all.Store(end)
		if taken >= end {
			j.printf("%s has taken all in; what it does with it goes on behind its other work.", reset.Processor)
			return nil
		}
		if clock.Sleep(ctx, clock.Real{}, time.Second) != nil {
			break
		}
	}
	return context.Cause(ctx)
}
