package inventory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// This file owns what the rows of a report mean: who fulfils the SKUs that are known, and
// those that have had no update yet.

const (
	// rowBatch bounds the rows that a tick looks at.
	rowBatch = 2000
	// reportAge is how much older than its asking a report's rows may be: Amazon answers
	// with an earlier one for up to so long.
	reportAge = 6 * time.Hour
	// maxListings bounds the listings without an update that a unit remembers: 32 MiB.
	maxListings = 4_000_000
)

// unusable is why a report tells nothing; "" for one that can be read.
func unusable(report *model.ListingsReport) string {
	switch {
	case report.Unreadable != "":
		return report.Unreadable
	case slices.Contains(report.Missing, "fulfillment-channel"):
		return fmt.Sprintf("the report has no column for %s, by the names that are known", strings.Join(report.Missing, ", "))
	}
	return ""
}

// readOn looks at the next rows of a document. The rows of one SKU follow each other.
func (m *Machine) readOn(tx *machine.Tx, c *catalogue) {
	left := rowBatch
	for len(c.rows) > 0 && left > 0 {
		n := 1
		for n < len(c.rows) && c.rows[n].SKU == c.rows[0].SKU {
			n++
		}
		m.row(tx, c, c.rows[:n])
		c.rows, left = c.rows[n:], left-n
	}
	if len(c.rows) == 0 {
		m.keepListings(c)
		m.readThrough(tx, c)
		return
	}
	tx.WakeAt(tx.Now)
}

// row takes what a report says of one SKU. What is known from later stays.
func (m *Machine) row(tx *machine.Tx, c *catalogue, rows []model.ListingsRow) {
	f, entries := fulfillerOfRows(rows), m.entriesOf(listing{c.Account, rows[0].SKU})
	if c.audit != nil {
		m.audited(tx, c.audit, rows, f, entries)
	}
	if f == unlearned {
		return
	}
	c.next = append(c.next, listingMark(rows[0].SKU, f))
	at := minutesOf(c.AskedTime)
	for _, s := range entries {
		switch {
		case s.learned > minutesOf(c.AskedTime.Add(-reportAge)) && s.fulfiller != f:
		case s.fulfiller == f: // which costs no write
			s.learned = max(s.learned, at)
		default:
			m.learnOne(tx, s, f)
			s.learned = at
		}
	}
}

// fulfillerOfRows is who fulfils a SKU, as fulfillerOf has it.
func fulfillerOfRows(rows []model.ListingsRow) fulfiller {
	f := unlearned
	for i := range rows {
		switch code := rows[i].Channel; {
		case strings.HasPrefix(code, amazonPrefix):
			return amazons
		case code != "":
			f = merchants
		}
	}
	return f
}

// listingMark is what is remembered of a listing without an update: 63 bits of its SKU's
// hash, and whether Amazon fulfils it.
func listingMark(id string, f fulfiller) uint64 {
	mark := hashOf(id) &^ 1
	if f == amazons {
		mark |= 1
	}
	return mark
}

// keepListings remembers what a report has said, if there is room for it.
func (m *Machine) keepListings(c *catalogue) {
	all := &m.catalogues
	all.known -= len(c.listings)
	c.listings = nil
	if all.known+len(c.next) > maxListings {
		return
	}
	all.known += len(c.next)
	c.listings = slices.Clip(c.next)
	slices.Sort(c.listings)
}

// listed is who fulfils a SKU that has had no update yet, and when the report was asked for
// that says so.
func (m *Machine) listed(account, id string) (fulfiller, minutes) {
	c := m.catalogues.of[account]
	if c == nil {
		return unlearned, 0
	}
	for _, f := range []fulfiller{amazons, merchants} {
		if _, found := slices.BinarySearch(c.listings, listingMark(id, f)); found {
			return f, minutesOf(c.AskedTime)
		}
	}
	return unlearned, 0
}
