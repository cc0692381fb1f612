package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
)

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

// find is the run to go on with; nil if there is nothing left to do. fresh says
// that it begins now.
func (j *replayJob) find(ctx context.Context) (run *replay.Run, fresh bool, err error) {
	last, err := j.Last(ctx)
	switch {
	case err != nil:
		return nil, false, err
	case last != nil && !last.Done() && !j.restart:
		j.goesOn(last)
		return last, false, nil
	case last != nil && !j.restart && !j.relative(): // 2h ago was another time then
		j.printf("Replay %s is through. --restart does it again.", last.ID())
		j.result = replayed{Replay: last.ID(), Through: true}
		return nil, false, nil
	}
	run, err = j.Next(ctx, last)
	if err == nil && run.Done() {
		j.printf("There are no records in what is meant.")
		j.result = replayed{Replay: run.ID(), Through: true}
		return nil, false, nil
	}
	return run, true, err
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
	if j.relative() {
		j.printf("--restart counts the time from now on.")
	}
}

// publish has EventBridge get the events again.
func (j *replayJob) publish(ctx context.Context, run *replay.Run, letters *deadletters.Replayed) error {
	stop := watch(ctx, j.cmd.ErrOrStderr(), "published", "offsets", run.Progress)
	done, err := j.Publish(ctx, run, letters)
	stop()
	if done == nil {
		return err
	}
	j.printf("Replay %s: %s published now.", run.ID(), columns.Counted(done.Events, "event"))
	j.result = replayed{Replay: run.ID(), Through: run.Done(), Published: done.Events, Refused: done.Refused, Closed: letters.Closed()}
	switch {
	case err != nil && run.Done(): // all is published; the letters stay open
		return err
	case err != nil || !run.Done():
		return j.interrupted(ctx, err)
	case done.Refused > 0:
		return fmt.Errorf("%s could not be published: the warnings above say which and why", columns.Counted(done.Refused, "record"))
	}
	j.closed(letters)
	return nil
}

// process makes the running pipeline process the records again.
func (j *replayJob) process(ctx context.Context, run *replay.Run, letters *deadletters.Replayed) error {
	stop := watch(ctx, j.cmd.ErrOrStderr(), "copied", "offsets", run.Progress)
	done, err := j.Process(ctx, run, letters)
	stop()
	j.printf("Replay %s: %s copied to %s now.", run.ID(), columns.Counted(done.Copied, "record"), done.To)
	j.result = replayed{Replay: run.ID(), Through: run.Done(), Copied: done.Copied, Unreadable: done.Unreadable, Closed: letters.Closed()}
	if err != nil {
		return j.interrupted(ctx, err)
	}
	j.closed(letters)
	if done.Unreadable > 0 {
		j.printf("%s could not be read by this version and were left out.", columns.Counted(done.Unreadable, "record"))
	}
	if !j.wait {
		return nil
	}
	return j.interrupted(ctx, j.await(ctx))
}

// await waits until the pipeline has taken the copies in.
func (j *replayJob) await(ctx context.Context) error {
	processor, ok := j.Processor()
	if !ok {
		return nil
	}
	var taken, all atomic.Int64
	defer watch(ctx, j.cmd.ErrOrStderr(), "taken in by "+processor, "records to process again", func() (int64, int64) { return taken.Load(), all.Load() })()
	err := j.AwaitTaken(ctx, func(n, of int64) {
		taken.Store(n)
		all.Store(of)
	})
	if err == nil {
		j.printf("%s has taken all in; what it does with it goes on behind its other work.", processor)
	}
	return err
}

// closed prints how many dead letters the replay has closed.
func (j *replayJob) closed(letters *deadletters.Replayed) {
	if n := letters.Closed(); n > 0 {
		j.printf("%s closed: what fails again is another one.", columns.Counted(n, "dead letter"))
	}
}

// move takes the topic's processor to another place.
func (j *replayJob) move(ctx context.Context) error {
	if _, ok := j.Processor(); !ok {
		if several := j.Processors(); len(several) > 0 {
			return usageError{fmt.Errorf("%s is read by %s: say with --role which one is moved", j.topic, strings.Join(several, ", "))}
		}
		return usageError{fmt.Errorf("%s is the input of no processor, so there are no positions to move: where the role events reads it, its group's offsets count, "+
			"which kafka-consumer-groups --reset-offsets sets, and without --reset its events are published again", j.topic)}
	}
	move, err := j.Move(ctx)
	if err != nil {
		return err
	}
	if err := move.Text(forPeople(j.cmd, j.json)); err != nil {
		return err
	}
	if j.dryRun {
		j.result = move.Form(false)
		return nil
	}
	if err := confirm(j.cmd, move.Question(), j.yes); err != nil {
		return err
	}
	if err := move.Do(ctx); err != nil {
		return err
	}
	j.result = move.Form(true)
	j.printf("Moved. Start the processes of %s again; one that runs goes on by itself within minutes.", move.Processor)
	return nil
}

// count shows what is meant.
func (j *replayJob) count(ctx context.Context) error {
	run, err := j.Whole(ctx)
	if err != nil {
		return err
	}
	counts, err := j.counts(ctx, run)
	if err != nil {
		return err
	}
	j.result = j.Form(counts)
	return j.Text(forPeople(j.cmd, j.json), counts)
}

// ask makes somebody agree to what a run does.
func (j *replayJob) ask(ctx context.Context, run *replay.Run) error {
	if j.yes {
		return nil
	}
	counts, err := j.counts(ctx, replay.NewRun("count", 1, run.Ranges()))
	if err != nil {
		return err
	}
	return confirm(j.cmd, j.Question(counts), false)
}

func (j *replayJob) counts(ctx context.Context, run *replay.Run) (*replays.Counts, error) {
	defer watch(ctx, j.cmd.ErrOrStderr(), "read", "offsets", run.Progress)()
	return j.Count(ctx, run)
}
