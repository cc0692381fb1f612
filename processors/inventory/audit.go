package inventory

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns the audit of an account's quantities by the report of all listings. A row
// is a suspicion only, as it can be hours old: its SKU is looked at, and only what the look
// shows counts (seen.go).

// auditFor is how long what is suspected is looked for before an audit is summed up.
const auditFor = 2 * time.Hour

// audit is what the audit of a report has found so far.
type audit struct {
	schemas.StockAudit
	open  int       // suspects that nothing is known of yet
	until time.Time // when it is summed up, once all rows were read; zero before that
}

// explained and corrected are the counts of how a suspicion can end.
func explained(a *audit) *int32 { return &a.Explained }
func corrected(a *audit) *int32 { return &a.Corrected }

// ended takes that a suspicion of the audit's, if it is one, has ended, and counts how.
func (a *audit) ended(w *watch, how func(*audit) *int32) {
	if a == nil {
		return
	}
	w.audit = nil
	a.open--
	if how != nil {
		*how(a)++
	}
}

// newAudit begins the audit of a report, once for each.
func newAudit(c *catalogue, report *model.ListingsReport) *audit {
	if !c.ReadTime.IsZero() {
		return nil
	}
	return &audit{StockAudit: schemas.StockAudit{
		Account: c.Account, ReportID: c.ReportID, ReportTime: c.AskedTime, Omitted: int32(report.Omitted), MissingColumns: report.Missing,
	}}
}

// audited compares what a report says of a SKU with what is known of it.
func (m *Machine) audited(tx *machine.Tx, a *audit, rows []model.ListingsRow, f fulfiller, entries []*sku) {
	a.Skus++
	switch {
	case f == amazons:
		a.FulfilledByAmazon++
		return
	case len(entries) == 0:
		a.Unknown++
		return
	}
	a.Known++
	for _, s := range entries {
		if s.form == ofChannel && s.channel() == defaultChannel && s.applied != unknownQuantity && rows[0].Quantity != model.NoQuantity {
			m.compare(tx, a, s, rows)
		}
	}
}

// compare looks at a SKU where the report has another quantity than Amazon had accepted, and
// that is not explained by what was ordered or sent since.
func (m *Machine) compare(tx *machine.Tx, a *audit, s *sku, rows []model.ListingsRow) {
	if slices.ContainsFunc(rows, func(r model.ListingsRow) bool { return r.Quantity == s.applied }) {
		return
	}
	a.Different++
	switch reads := m.reads(s, rows[0].Quantity, tx.Now); {
	case s.work != nil, s.appliedAt.time().After(a.ReportTime), reads == shows:
		a.Explained++
	case reads != unclear && m.judges(s, tx.Now, tx.Now):
		w := s.watched()
		w.audit.ended(w, nil)
		if w.suspect.IsZero() {
			w.suspect, w.suspected = tx.Now, rows[0].Quantity
		}
		w.audit = a
		a.open++
		m.watches.Add(&w.Item, tx.Now)
	}
}

// endAudits sums up the audits that have ended.
func (m *Machine) endAudits(tx *machine.Tx) {
	all := &m.catalogues
	all.auditing = slices.DeleteFunc(all.auditing, func(c *catalogue) bool {
		a := c.audit
		if a.open > 0 && tx.Now.Before(a.until) {
			tx.WakeAt(a.until)
			return false
		}
		a.Unresolved, a.AuditedTime = a.Different-a.Explained-a.Corrected, tx.Now
		a.EventID = tx.EventID("StockAudit", a.Account, a.ReportID)
		tx.Emit(machine.Output{Topic: schemas.StockAudits, Account: a.Account, Value: &a.StockAudit})
		c.audit = nil
		m.catalogueDone(tx, c)
		return true
	})
}
