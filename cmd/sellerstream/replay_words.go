package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/schemas"
)

// showCounts prints what a replay means, and what it would take.
func (j *replayJob) showCounts(out io.Writer, c *replays.Counts) error {
	table := columns.New(out)
	table.Printf("ACCOUNT\tTYPE\tRECORDS\n")
	for _, account := range slices.Sorted(maps.Keys(c.Accounts)) {
		types := c.Accounts[account].Types
		for _, kind := range slices.Sorted(maps.Keys(types)) {
			table.Printf("%s\t%s\t%d\n", account, cmp.Or(kind, "-"), types[kind])
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s of %s\n", counted(c.Records(), "record"), counted(len(c.Accounts), "account"))
	if c.Unreadable > 0 {
		fmt.Fprintf(out, "%s cannot be read and would be left out\n", counted(c.Unreadable, "record"))
	}
	_, err := fmt.Fprintln(out, j.cost(c))
	return err
}

// question is what must be agreed to before a replay.
func (j *replayJob) question(c *replays.Counts) string {
	what := fmt.Sprintf("%s of %s again", counted(c.Records(), "record"), counted(len(c.Accounts), "account"))
	switch j.way {
	case replays.Writes:
		return fmt.Sprintf("Process %s, with at most %s to Amazon?", what, counted(j.Cost(c).Writes, "writing call"))
	case replays.Publishes:
		return fmt.Sprintf("Publish %s (%s)?", what, j.cost(c))
	}
	return fmt.Sprintf("Process %s (%s)?", what, j.cost(c))
}

// cost returns what a replay would take.
func (j *replayJob) cost(c *replays.Counts) string {
	cost := j.Cost(c)
	switch {
	case j.way == replays.Publishes:
		return fmt.Sprintf("no calls to Amazon; %s to publish at %g events a second", rough(cost.Seconds), j.rate)
	case j.topic == schemas.InventoryUpdates:
		return fmt.Sprintf("at most %s, at best in %s of feeds; %s by the quota of createFeed, if no SKU has a newer quantity",
			counted(cost.Writes, "writing call"), counted(cost.Calls, "call"), rough(cost.Seconds))
	case j.topic == schemas.Shipments:
		return fmt.Sprintf("at most %s of confirmShipment; %s by its quota", counted(cost.Writes, "writing call"), rough(cost.Seconds))
	}
	return fmt.Sprintf("at most %s that read, each order once; %s by the quota of getOrder, if nothing else needs it",
		counted(cost.Calls, "call"), rough(cost.Seconds))
}

// showMove prints where the units of a processor stand and are to go.
func showMove(out io.Writer, m *replays.Move) error {
	table := columns.New(out)
	table.Printf("PARTITION OF %s\tAT\tTO\t\n", m.Topic)
	for _, s := range m.Steps {
		at, how := "the start", ""
		if s.At >= 0 {
			at = fmt.Sprint(s.At)
		}
		switch {
		case s.Again > 0:
			how = fmt.Sprintf("%d again", s.Again)
		case s.LeftOut > 0:
			how = fmt.Sprintf("%d left out, never to be processed", s.LeftOut)
		}
		table.Printf("%d\t%s\t%d\t%s\n", s.Partition, at, s.To, how)
	}
	return table.Flush()
}

// moveQuestion is what must be agreed to before a move.
func moveQuestion(m *replays.Move) string {
	again, leftOut := m.Sum()
	question := fmt.Sprintf("Move %s of %s, which then processes %s again and calls Amazon for them as ever",
		counted(len(m.Steps), "partition"), m.Processor, counted(int(again), "record"))
	if leftOut > 0 {
		question += fmt.Sprintf(", and leaves %s out, never to be processed", counted(int(leftOut), "record"))
	}
	return question + "?"
}

// rough is a number of seconds as a person would say it.
func rough(seconds float64) string {
	d := time.Duration(min(seconds, 1e9) * float64(time.Second))
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("about %.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("about %.0f min", d.Minutes())
	}
	return fmt.Sprintf("about %.0f h", d.Hours())
}
