package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress shows a run while it goes on: on a terminal bars that are drawn
// again in place, elsewhere a line every few seconds.
type progress struct {
	out      io.Writer
	terminal bool
	drawn    bool
	lastLine time.Time
	start    time.Time
}

const (
	barWidth      = 32
	plainInterval = 5 * time.Second
)

// show draws the present state.
func (p *progress) show(r Report) {
	if p.terminal {
		if p.drawn {
			fmt.Fprint(p.out, "\x1b[5A") // up five lines
		}
		p.drawn = true
		fmt.Fprintf(p.out, "\x1b[2K  enriched   %s\n\x1b[2K  published  %s\n\x1b[2K  stock      %s\n\x1b[2K  shipments  %s\n\x1b[2K  %s\n",
			bar(r.Orders.Enriched, r.Orders.Distinct), bar(r.Orders.Published, r.Orders.Distinct),
			bar(r.Inventory.Updates-r.Inventory.Unresolved, r.Inventory.Updates),
			bar(r.Shipments.Requested-r.Shipments.Unresolved, r.Shipments.Requested), p.summary(r))
		return
	}
	if time.Since(p.lastLine) < plainInterval {
		return
	}
	p.lastLine = time.Now()
	fmt.Fprintf(p.out, "  %d orders notified, %d enriched, %d published; %d of %d stock updates resolved, %d feeds; %d of %d shipments resolved; %s\n",
		r.Orders.Distinct, r.Orders.Enriched, r.Orders.Published,
		r.Inventory.Updates-r.Inventory.Unresolved, r.Inventory.Updates, r.Inventory.Feeds,
		r.Shipments.Requested-r.Shipments.Unresolved, r.Shipments.Requested, p.summary(r))
}

func (p *progress) summary(r Report) string {
	calls := 0
	for _, n := range r.SPAPI.Calls {
		calls += n
	}
	return fmt.Sprintf("%d notifications, %d orders recovered, %d calls to Amazon, %d throttled, %.0f s",
		r.Orders.Notifications, r.Recovered, calls, r.SPAPI.Throttled, time.Since(p.start).Seconds())
}

// bar is done of all as text, such as "█████░░░░░ 50/100".
func bar(done, all int) string {
	filled := 0
	if all > 0 {
		filled = min(barWidth, done*barWidth/all)
	}
	return fmt.Sprintf("%s%s %d/%d", strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), done, all)
}
