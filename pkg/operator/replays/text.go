package replays

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/schemas"
)

// Text shows to a person what was counted, and what it would take.
func (r *Replay) Text(w io.Writer, c *Counts) error {
	table := columns.New(w)
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
	fmt.Fprintf(w, "\n%s of %s\n", columns.Counted(c.Records(), "record"), columns.Counted(len(c.Accounts), "account"))
	if c.Unreadable > 0 {
		fmt.Fprintf(w, "%s cannot be read and would be left out\n", columns.Counted(c.Unreadable, "record"))
	}
	_, err := fmt.Fprintln(w, r.cost(c))
	return err
}

// Form is what was counted, and what it would take, for a program.
type Form struct {
	Topic      string                    `json:"topic"`
	Records    int                       `json:"records"`
	Accounts   map[string]map[string]int `json:"accounts"` // records by account and by detail-type or changeType
	Unreadable int                       `json:"unreadable"`
	Cost
}

// Form returns what Text shows.
func (r *Replay) Form(c *Counts) Form {
	form := Form{Topic: r.Topic, Records: c.Records(), Accounts: map[string]map[string]int{}, Unreadable: c.Unreadable, Cost: r.Cost(c)}
	for account, counted := range c.Accounts {
		form.Accounts[account] = counted.Types
	}
	return form
}

// Question is what must be agreed to before a replay.
func (r *Replay) Question(c *Counts) string {
	what := fmt.Sprintf("%s of %s again", columns.Counted(c.Records(), "record"), columns.Counted(len(c.Accounts), "account"))
	switch r.way {
	case Writes:
		return fmt.Sprintf("Process %s, with at most %s to Amazon?", what, columns.Counted(r.Cost(c).Writes, "writing call"))
	case Publishes:
		return fmt.Sprintf("Publish %s (%s)?", what, r.cost(c))
	}
	return fmt.Sprintf("Process %s (%s)?", what, r.cost(c))
}

// cost returns what a replay would take.
func (r *Replay) cost(c *Counts) string {
	cost := r.Cost(c)
	switch {
	case r.way == Publishes:
		return fmt.Sprintf("no calls to Amazon; %s to publish at %g events a second", Rough(cost.Seconds), r.Rate)
	case r.Topic == schemas.InventoryUpdates:
		return fmt.Sprintf("at most %s, at best in %s of feeds; %s by the quota of createFeed, if no SKU has a newer quantity",
			columns.Counted(cost.Writes, "writing call"), columns.Counted(cost.Calls, "call"), Rough(cost.Seconds))
	case r.Topic == schemas.Cancellations:
		return fmt.Sprintf("at most %s, at best in %s of feeds; %s by the quota of createFeed, and none for orders that are cancelled or shipped",
			columns.Counted(cost.Writes, "writing call"), columns.Counted(cost.Calls, "call"), Rough(cost.Seconds))
	case r.Topic == schemas.Shipments:
		return fmt.Sprintf("at most %s of confirmShipment; %s by its quota", columns.Counted(cost.Writes, "writing call"), Rough(cost.Seconds))
	}
	return fmt.Sprintf("at most %s that read, each order once; %s by the quota of getOrder, if nothing else needs it",
		columns.Counted(cost.Calls, "call"), Rough(cost.Seconds))
}

// Text shows to a person where the units of the processor stand and are to go.
func (m *Move) Text(w io.Writer) error {
	table := columns.New(w)
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

// MoveForm is a Move for a program.
type MoveForm struct {
	Processor string `json:"processor"`
	Topic     string `json:"topic"` // on the wire
	Moved     bool   `json:"moved"`
	Steps     []Step `json:"steps"`
}

// Form returns what Text shows. moved reports whether it was done.
func (m *Move) Form(moved bool) MoveForm {
	return MoveForm{m.Processor, m.Topic, moved, append([]Step{}, m.Steps...)}
}

// Question is what must be agreed to before a move.
func (m *Move) Question() string {
	again, leftOut := m.Sum()
	question := fmt.Sprintf("Move %s of %s, which then processes %s again and calls Amazon for them as ever",
		columns.Counted(len(m.Steps), "partition"), m.Processor, columns.Counted(int(again), "record"))
	if leftOut > 0 {
		question += fmt.Sprintf(", and leaves %s out, never to be processed", columns.Counted(int(leftOut), "record"))
	}
	return question + "?"
}

// Rough is a number of seconds as a person would say it.
func Rough(seconds float64) string {
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

// Progress returns, as a line, how far something has come, how fast, and when it will be through.
func Progress(done, things string, first, so, all int64, took time.Duration) string {
	share := 100.0
	if all > 0 {
		share = 100 * float64(so) / float64(all)
	}
	line := fmt.Sprintf("%s: %d of %d %s (%.0f %%)", done, so, all, things, share)
	rate := float64(so-first) / took.Seconds()
	if rate <= 0 {
		return line + ", waiting"
	}
	return line + fmt.Sprintf(", %.0f a second, %s left", rate, Rough(float64(all-so)/rate))
}
