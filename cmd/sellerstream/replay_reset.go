package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// move writes the positions of --reset.
func (j *replayJob) move(ctx context.Context) error {
	reset, ok := j.Reset(j.topic)
	if !ok {
		return usageError{fmt.Errorf("%s is not the input of exactly one processor, so there are no positions to move: where the role events reads it, its group's offsets count, "+
			"which kafka-consumer-groups --reset-offsets sets, and without --reset its events are published again", j.topic)}
	}
	ranges, err := j.resolve(ctx)
	if err != nil {
		return err
	}
	partitions := make([]int32, 0, len(ranges))
	for _, r := range ranges {
		partitions = append(partitions, r.Partition)
	}
	if err := reset.Movable(ctx, j.Admin, partitions); err != nil {
		return err
	}
	places, err := reset.Places(ctx)
	if err != nil {
		return err
	}
	starts, err := j.starts(ctx)
	if err != nil {
		return err
	}
	sum, err := j.showMove(reset, ranges, places, starts)
	if err != nil || j.dryRun {
		return err
	}
	if err := confirm(j.cmd, sum.question(len(ranges), reset.Processor), j.yes); err != nil {
		return err
	}
	to := make(map[int32]int64, len(ranges))
	for _, r := range ranges {
		to[r.Partition] = r.From
	}
	if err := reset.Move(ctx, "reset-"+time.Now().UTC().Format("20060102T150405.000Z"), places, to); err != nil {
		return err
	}
	j.printf("Moved. Start the processes of %s again; one that runs goes on by itself within minutes.", reset.Processor)
	return nil
}

// moved is how many offsets the units would read again, and how many never.
type moved struct{ again, left int64 }

// question is what must be agreed to before a move.
func (m moved) question(partitions int, processor string) string {
	question := fmt.Sprintf("Move %s of %s, which then processes %s again and calls Amazon for them as ever",
		counted(partitions, "partition"), processor, counted(int(m.again), "record"))
	if m.left > 0 {
		question += fmt.Sprintf(", and leaves %s out, never to be processed", counted(int(m.left), "record"))
	}
	return question + "?"
}

// starts are the first offsets of the topic, by partition.
func (j *replayJob) starts(ctx context.Context) (map[int32]int64, error) {
	listed, err := j.Admin.ListStartOffsets(ctx, j.wire)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("where topic %s begins: %w", j.wire, err)
	}
	starts := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { starts[o.Partition] = o.Offset })
	return starts, nil
}

// showMove prints where the units stand and are to go, and sums it up. A unit
// without a position would begin at the topic's start.
func (j *replayJob) showMove(reset *stream.Reset, ranges []replay.Range, places map[int32]stream.Place, starts map[int32]int64) (sum moved, err error) {
	table := columns.New(j.cmd.OutOrStdout())
	table.Printf("PARTITION OF %s\tAT\tTO\t\n", reset.Prefix+reset.Topic)
	for _, r := range ranges {
		next, at, how := places[r.Partition].Next, "the start", ""
		if next >= 0 {
			at = fmt.Sprint(next)
		}
		next = max(next, starts[r.Partition])
		switch {
		case r.From < next:
			how = fmt.Sprintf("%d again", next-r.From)
			sum.again += next - r.From
		case r.From > next:
			how = fmt.Sprintf("%d left out, never to be processed", r.From-next)
			sum.left += r.From - next
		}
		table.Printf("%d\t%s\t%d\t%s\n", r.Partition, at, r.From, how)
	}
	return sum, table.Flush()
}
