package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/sellerstream/sellerstream/pkg/replay"
	"github.com/sellerstream/sellerstream/pkg/stream"
)

// move writes the positions of --reset.
func (j *replayJob) move(ctx context.Context) error {
	reset, ok := j.Reset(j.topic)
	if !ok {
		return usageError{fmt.Errorf("no processor keeps positions of %s: where the role events reads it, its group's offsets count, "+
			"which kafka-consumer-groups --reset-offsets sets; without --reset its events are published again", j.topic)}
	}
	if err := reset.Stopped(ctx, j.Admin); err != nil {
		return err
	}
	ranges, err := j.resolve(ctx)
	if err != nil {
		return err
	}
	places, err := reset.Places(ctx)
	if err != nil {
		return err
	}
	again, err := j.showMove(reset, ranges, places)
	if err != nil || j.dryRun {
		return err
	}
	question := fmt.Sprintf("Move %s of %s, which then processes %s again and calls Amazon for them as ever?",
		counted(len(ranges), "partition"), reset.Processor, counted(int(again), "record"))
	if err := confirm(j.cmd, question, j.yes); err != nil {
		return err
	}
	to := make(map[int32]int64, len(ranges))
	for _, r := range ranges {
		to[r.Partition] = r.From
	}
	if err := reset.Move(ctx, "reset-"+time.Now().UTC().Format("20060102T150405.000Z"), places, to); err != nil {
		return err
	}
	j.printf("Moved. Start the processes of %s again.", reset.Processor)
	return nil
}

// showMove prints where the units stand and are to go, and says how many offsets
// they would read again.
func (j *replayJob) showMove(reset *stream.Reset, ranges []replay.Range, places map[int32]stream.Place) (again int64, err error) {
	table := tabwriter.NewWriter(j.cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "PARTITION OF %s\tAT\tTO\t\n", reset.Prefix+reset.Topic)
	for _, r := range ranges {
		place := places[r.Partition]
		at, how := fmt.Sprint(place.Next), ""
		switch {
		case place.Next < 0:
			at = "the start"
		case r.From < place.Next:
			how = fmt.Sprintf("%d again", place.Next-r.From)
			again += place.Next - r.From
		case r.From > place.Next:
			how = fmt.Sprintf("%d left out, never to be processed", r.From-place.Next)
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\n", r.Partition, at, r.From, how)
	}
	return again, table.Flush()
}
