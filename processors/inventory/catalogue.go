package inventory

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns the report of all listings of an account: when it is asked for, and how it
// is brought here. Each account has one at a time. listings.go owns what its rows mean.

const (
	// cataloguePrefix begins the keys of the calls, and of the state.
	cataloguePrefix = "catalogue/"
	// catalogueSpread is the time over which accounts spread the first steps of a new owner.
	catalogueSpread = time.Hour
	// A report is looked at after pollBase, and less often the longer it takes, until pollFor
	// is over: then another one is asked for.
	pollBase  = 30 * time.Second
	pollLimit = 10 * time.Minute
	pollFor   = 12 * time.Hour
	// catalogueBase and catalogueLimit bound the wait after a failure. A report that was asked
	// for soon after another is FATAL more often.
	catalogueBase  = 30 * time.Minute
	catalogueLimit = 6 * time.Hour
	// tellCatalogue is for how long reports fail before a person is told.
	tellCatalogue = 24 * time.Hour
	// roomWait is how long a document waits for another of the unit to be read.
	roomWait = 10 * time.Second
)

// catalogues are the reports of the unit's accounts.
type catalogues struct {
	of       map[string]*catalogue // by account
	due      lane.Queue            // those whose next step waits for a time
	creates  *lane.Lanes
	gets     *lane.Lanes
	reads    *lane.Lanes
	reading  *catalogue   // the one whose document is being read; one at a time, as it is in memory
	known    int          // listings that are remembered
	auditing []*catalogue // those whose audit has looked at all rows
}

// catalogue is schemas.CatalogueState, with what only memory has.
type catalogue struct {
	lane.Item
	schemas.CatalogueState
	document string              // Amazon's id, once there is one
	rows     []model.ListingsRow // of the document, that are still to be looked at
	next     []uint64            // what they said so far: see listings
	listings []uint64
	loaded   bool   // the newest report was read by this owner
	audit    *audit // of the newest report, until it is summed up
}

func newCatalogues(cfg *Config) catalogues {
	lanes := func(operation string) *lane.Lanes {
		return lane.New(operation, cfg.Limits.Of).In(Processor, commands.Doctor)
	}
	return catalogues{
		of: make(map[string]*catalogue), creates: lanes(model.CreateReport), gets: lanes(model.GetReport), reads: lanes(model.GetReportDocument),
	}
}

// lanes are the calls for reports.
func (c *catalogues) lanes() []*lane.Lanes { return []*lane.Lanes{c.creates, c.gets, c.reads} }

// lanesOf are those of an operation.
func (c *catalogues) lanesOf(operation string) *lane.Lanes {
	switch operation {
	case model.CreateReport:
		return c.creates
	case model.GetReport:
		return c.gets
	}
	return c.reads
}

// restore takes a committed entry.
func (c *catalogues) restore(key string, state *schemas.CatalogueState) error {
	if key != cataloguePrefix+state.Account {
		return fmt.Errorf("inventory: state %s is about account %s", key, state.Account)
	}
	c.of[state.Account] = &catalogue{Item: lane.Item{Key: key}, CatalogueState: *state}
	return nil
}

// at is the one whose call has a key, or nil.
func (c *catalogues) at(key string) *catalogue { return c.of[strings.TrimPrefix(key, cataloguePrefix)] }

// followCatalogue asks for an account's reports from now on, if nobody does yet.
func (m *Machine) followCatalogue(tx *machine.Tx, account string) {
	if m.cfg.AuditEvery <= 0 || m.catalogues.of[account] != nil {
		return
	}
	c := &catalogue{Item: lane.Item{Key: cataloguePrefix + account}, CatalogueState: schemas.CatalogueState{Account: account}}
	m.catalogues.of[account] = c
	m.stepAt(c, tx.Now.Add(m.spread(c)))
}

// spread is a part of catalogueSpread, another one for each account.
func (m *Machine) spread(c *catalogue) time.Duration {
	return time.Duration(hashOf(c.Account) % uint64(min(catalogueSpread, m.cfg.AuditEvery)))
}

// hashOf is a number for a text.
func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

// startCatalogues goes on with what an earlier owner has asked for. One that was read is
// read again, since most of what it says is not in the state, unless the next one is near.
func (m *Machine) startCatalogues(tx *machine.Tx) {
	if m.cfg.AuditEvery <= 0 {
		for _, c := range m.catalogues.of {
			c.endUnread(tx, "it is not asked for any more")
		}
		return
	}
	for _, s := range m.skus {
		m.followCatalogue(tx, s.account())
	}
	for _, c := range m.catalogues.of {
		if c.Queued() { // it is new
			continue
		}
		due := tx.Now
		if !c.ReadTime.IsZero() {
			due = due.Add(m.spread(c))
			c.loaded = tx.Now.Add(catalogueSpread).After(c.AskedTime.Add(m.cfg.AuditEvery)) // the next one is near
		}
		if c.ReportID == "" && c.Failures > 0 {
			due = tx.Now.Add(lane.Backoff(c.Key, int(c.Failures), catalogueBase, catalogueLimit))
		}
		m.stepAt(c, due)
	}
}

func (m *Machine) stepAt(c *catalogue, due time.Time) { m.catalogues.due.Add(&c.Item, due) }

// drawCatalogues takes the steps that are due, and looks at a part of a document.
func (m *Machine) drawCatalogues(tx *machine.Tx) {
	all := &m.catalogues
	for item := all.due.Pop(tx.Now); item != nil; item = all.due.Pop(tx.Now) {
		m.step(tx, all.at(item.Key))
	}
	all.creates.Draw(tx, func(item *lane.Item) {
		c := all.at(item.Key)
		m.callReports(tx, c, model.CreateReport, &model.CreateReportRequest{
			ReportType: model.ListingsReportType, MarketplaceIDs: m.homes(c.Account),
			ReportOptions: map[string]string{"preferredReportDocumentLocale": "en_US"}, // of the columns' names
		})
	})
	all.gets.Draw(tx, func(item *lane.Item) {
		c := all.at(item.Key)
		m.callReports(tx, c, model.GetReport, &model.GetReportRequest{ReportID: c.ReportID})
	})
	all.reads.Draw(tx, func(item *lane.Item) {
		c := all.at(item.Key)
		m.callReports(tx, c, model.GetReportDocument, &model.ReadListingsReportRequest{ReportDocumentID: c.document})
	})
	if c := all.reading; c != nil && !c.Queued() && !c.InFlight() {
		m.readOn(tx, c)
	}
	m.endAudits(tx)
	if due := all.due.Due(); !due.IsZero() {
		tx.WakeAt(due)
	}
}

// homes is an account's home marketplace, for a request: Amazon takes only the first anyway.
func (m *Machine) homes(account string) []string {
	all := m.cfg.marketplaces(account)
	return all[:min(1, len(all))]
}

func (m *Machine) callReports(tx *machine.Tx, c *catalogue, operation string, request any) {
	tx.Call(machine.Call{Account: c.Account, Operation: operation, Key: c.Key, Request: request})
}

// step does what a report needs next.
func (m *Machine) step(tx *machine.Tx, c *catalogue) {
	all, again := &m.catalogues, c.AskedTime.Add(m.cfg.AuditEvery)
	switch {
	case len(m.cfg.marketplaces(c.Account)) == 0: // it is not configured
		c.endUnread(tx, "the account is not configured any more")
		m.stepAt(c, tx.Now.Add(catalogueSpread))
	case c.ReportID == "" || !tx.Now.Before(again) && !c.ReadTime.IsZero():
		c.document, c.loaded = "", false
		all.creates.Add(c.Account, &c.Item, tx.Now)
	case c.loaded:
		m.stepAt(c, again)
	case c.document == "":
		all.gets.Add(c.Account, &c.Item, tx.Now)
	case all.reading != nil, !all.reads.Next(c.Account, tx.Now).Equal(tx.Now): // it must not keep others out while it waits
		m.stepAt(c, machine.Latest(all.reads.Next(c.Account, tx.Now), tx.Now.Add(roomWait)))
	default:
		all.reading = c
		all.reads.Add(c.Account, &c.Item, tx.Now)
	}
}

// reported takes the outcome of a call for a report.
func (m *Machine) reported(tx *machine.Tx, res *machine.Result) {
	c := m.catalogues.at(res.Call.Key)
	if c == nil || !c.InFlight() {
		return // of the machine before this one
	}
	lanes := m.catalogues.lanesOf(res.Call.Operation)
	lanes.Finish(tx, c.Account, &c.Item, res)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.reportDone(tx, c, outcome.Response)
	case machine.Retry:
		m.reportFails(tx, c, outcome.Err, false)
	case machine.Ambiguous:
		m.reportFails(tx, c, outcome.Err, false)
	case machine.Park: // the application may lack the role for reports alone
		m.reportFails(tx, c, outcome.Err, false)
	case machine.Reject:
		m.reportFails(tx, c, outcome.Err, true)
	default: // the account waits
		m.leaveDocument(c)
		m.stepAt(c, tx.Now.Add(roomWait))
	}
}

func (m *Machine) reportDone(tx *machine.Tx, c *catalogue, response any) {
	switch answer := response.(type) {
	case *model.CreateReportResponse:
		c.ReportID, c.AskedTime, c.ReadTime = answer.ReportID, tx.Now, time.Time{}
		tx.Put(c.Key, &c.CatalogueState)
		m.stepAt(c, tx.Now.Add(pollBase))
	case *model.Report:
		m.reportShown(tx, c, answer)
	case *model.ListingsReport:
		if fault := unusable(answer); fault != "" {
			m.reportFails(tx, c, errors.New(fault), true)
			return
		}
		c.rows, c.next, c.audit = answer.Rows, nil, newAudit(c, answer)
	default:
		m.reportFails(tx, c, fmt.Errorf("the answer is a %T", response), false)
	}
}

// reportShown takes how a report is doing.
func (m *Machine) reportShown(tx *machine.Tx, c *catalogue, shown *model.Report) {
	took := tx.Now.Sub(c.AskedTime)
	switch {
	case shown.ProcessingStatus == model.ReportDone && shown.ReportDocumentID != "":
		c.document = shown.ReportDocumentID
		m.step(tx, c)
	case shown.ProcessingStatus == model.ReportCancelled && !m.hasSKUs(c.Account): // there is nothing to report
		m.readThrough(tx, c)
	case shown.ProcessingStatus == model.ReportCancelled, shown.ProcessingStatus == model.ReportFatal, shown.ProcessingStatus == model.ReportDone, took > pollFor:
		m.reportFails(tx, c, fmt.Errorf("report %s is %s, without a document, %v after it was asked for", c.ReportID, shown.ProcessingStatus, took.Round(time.Minute)), true)
	default:
		m.stepAt(c, tx.Now.Add(min(max(pollBase, took/10), pollLimit)))
	}
}

// hasSKUs reports whether an account has SKUs that are known.
func (m *Machine) hasSKUs(account string) bool {
	for _, s := range m.skus {
		if s.account() == account {
			return true
		}
	}
	return false
}

// reportFails tries again later. over is whether the report itself is lost. One
// that was read before has done its part: then the next one is waited for.
func (m *Machine) reportFails(tx *machine.Tx, c *catalogue, err error, over bool) {
	m.leaveDocument(c)
	c.document = ""
	if !c.ReadTime.IsZero() && c.ReportID != "" && tx.Now.Before(c.AskedTime.Add(m.cfg.AuditEvery)) {
		c.loaded = true
		m.step(tx, c)
		return
	}
	if over {
		c.ReportID = ""
	}
	c.Failures++
	if c.FailingSince.IsZero() {
		c.FailingSince = tx.Now
	}
	if tx.Now.Sub(c.FailingSince) >= tellCatalogue && c.AlertedTime.IsZero() {
		c.AlertedTime = tx.Now
		alert(tx, c.Account, schemas.Alert{
			EventType: alertCatalogue, Severity: warning, Since: c.FailingSince,
			Message: fmt.Sprintf("the report of all listings cannot be read: %v. Until it is, quantities are not audited, and who fulfils a SKU is asked for SKU by SKU. "+
				"Look whether the application has the role Inventory and Order Tracking or Product Listing; or write inventory.audit.every: 0s", err),
		})
	}
	tx.Put(c.Key, &c.CatalogueState)
	m.stepAt(c, tx.Now.Add(lane.Backoff(c.Key, int(c.Failures), catalogueBase, catalogueLimit)))
}

// leaveDocument lets the next one be read.
func (m *Machine) leaveDocument(c *catalogue) {
	c.rows, c.next = nil, nil
	if m.catalogues.reading == c {
		m.catalogues.reading = nil
	}
}

// readThrough ends a report that was read to its end.
func (m *Machine) readThrough(tx *machine.Tx, c *catalogue) {
	m.leaveDocument(c)
	c.loaded = true
	switch {
	case c.audit != nil: // until then another owner would begin it anew
		c.audit.until = tx.Now.Add(auditFor)
		m.catalogues.auditing = append(m.catalogues.auditing, c)
	case c.ReadTime.IsZero():
		m.catalogueDone(tx, c)
	default:
		m.step(tx, c)
	}
}

// endUnread forgets that reports fail, and resolves the alert about it, for the reason why.
func (c *catalogue) endUnread(tx *machine.Tx, why string) {
	if c.Failures == 0 && c.AlertedTime.IsZero() {
		return
	}
	if !c.AlertedTime.IsZero() {
		tx.ResolveRaised(&schemas.Alert{
			EventType: alertCatalogue, Account: c.Account, Role: Processor, Message: "The report of all listings: " + why + ".",
		}, c.AlertedTime)
	}
	c.AlertedTime, c.Failures, c.FailingSince = time.Time{}, 0, time.Time{}
	tx.Put(c.Key, &c.CatalogueState)
}

// catalogueDone notes that a report has done its part.
func (m *Machine) catalogueDone(tx *machine.Tx, c *catalogue) {
	c.endUnread(tx, "it could be read")
	c.ReadTime = tx.Now
	tx.Put(c.Key, &c.CatalogueState)
	m.step(tx, c)
}
