package inventory

import (
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// auditing is a machine that asks for the report of all listings each day.
func auditing() Config {
	cfg := asking()
	cfg.AuditEvery = 24 * time.Hour
	return cfg
}

func rowOf(id, channel string, quantity int32) model.ListingsRow {
	return model.ListingsRow{SKU: id, Channel: channel, Quantity: quantity, Status: "Active"}
}

func (r *runtime) catalogue() *schemas.CatalogueState {
	state, _ := r.State(cataloguePrefix + testAccount).(*schemas.CatalogueState)
	return state
}

// until lets time pass until a call of an operation starts, and ends what starts before
// that as if Amazon did not answer.
func (r *runtime) until(operation string, most time.Duration, calls ...machine.Call) machine.Call {
	r.T.Helper()
	for end := r.Now.Add(most); ; calls = r.Pass(time.Second) {
		for i, call := range calls {
			if call.Operation == operation {
				for _, other := range calls[i+1:] {
					r.End(other, machine.Snooze{For: time.Minute})
				}
				return call
			}
			r.End(call, machine.Snooze{For: time.Minute})
		}
		if r.Now.After(end) {
			r.T.Fatalf("no %s within %v", operation, most)
		}
	}
}

// report brings a report here, from createReport on.
func (r *runtime) report(id string, create machine.Call, rows ...model.ListingsRow) {
	r.T.Helper()
	calls := r.Done(create, &model.CreateReportResponse{ReportID: id})
	poll := r.until(model.GetReport, time.Minute, calls...)
	r.read(poll, id, rows...)
}

// read ends a question for a report that is done.
func (r *runtime) read(poll machine.Call, id string, rows ...model.ListingsRow) {
	r.T.Helper()
	if got := poll.Request.(*model.GetReportRequest).ReportID; got != id {
		r.T.Fatalf("asked for report %s, want %s", got, id)
	}
	calls := r.Done(poll, &model.Report{ReportID: id, ProcessingStatus: model.ReportDone, ReportDocumentID: "document of " + id})
	document := r.until(model.GetReportDocument, time.Minute, calls...)
	if got := document.Request.(*model.ReadListingsReportRequest).ReportDocumentID; got != "document of "+id {
		r.T.Fatalf("read %s", got)
	}
	r.Done(document, &model.ListingsReport{Rows: rows})
	for r.Machine.catalogues.reading != nil {
		r.Pass(time.Millisecond)
	}
}

func TestAReportTellsWhoFulfils(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	r.learned("B", "DEFAULT")
	r.Pass(10 * time.Hour) // what the report is older than
	create := r.running(model.CreateReport)
	if req := create.Request.(*model.CreateReportRequest); req.ReportType != model.ListingsReportType || !slices.Equal(req.MarketplaceIDs, []string{germany}) {
		t.Fatalf("%+v", req)
	}
	before := *r.sku("A")
	r.report("1", create, rowOf("A", "DEFAULT", 1), rowOf("B", "AMAZON_EU", model.NoQuantity), rowOf("C", "AMAZON_EU", model.NoQuantity), rowOf("D", "DEFAULT", 4),
		rowOf("E", "AMAZON_EU", model.NoQuantity), rowOf("E", "DEFAULT", 5), rowOf("F", "", 5))
	if after := *r.sku("A"); !after.FulfilledByTime.Equal(before.FulfilledByTime) {
		t.Errorf("what stays as it is was written: %+v", after)
	}
	if r.sku("B").FulfilledBy != byAmazon || len(r.alerts) != 1 || r.alerts[0].EventType != alertAmazons {
		t.Errorf("%+v; %v", r.sku("B"), r.alerts)
	}
	calls := r.Take(updateOf("A", 2, r.Now), updateOf("B", 2, r.Now), updateOf("C", 2, r.Now), updateOf("D", 2, r.Now), updateOf("E", 2, r.Now), updateOf("F", 2, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"B 2 REJECTED " + codeFulfilledByAmazon, "C 2 REJECTED " + codeFulfilledByAmazon, "E 2 REJECTED " + codeFulfilledByAmazon})
	ask := r.only(calls, model.SearchListingsItems)
	if got := ask.Request.(*model.SearchListingsItemsRequest).SKUs; !slices.Equal(got, []string{"F"}) {
		t.Errorf("asked for %v", got)
	}
	if patches := operationsOf(r.Pass(2 * time.Second)); !slices.Equal(patches, []string{model.PatchListingsItem, model.PatchListingsItem}) {
		t.Errorf("started %v", patches)
	}
}

// running is the one call of an operation that is under way.
func (r *runtime) running(operation string) machine.Call {
	r.T.Helper()
	for _, call := range r.Running {
		if call.Operation == operation {
			return call
		}
	}
	r.T.Fatalf("no %s is under way", operation)
	return machine.Call{}
}

// TestARestartDoesNotAskAgain for a report, whatever it interrupts; and reads it again.
func TestARestartDoesNotAskAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	create := r.until(model.CreateReport, time.Hour)
	r.Done(create, &model.CreateReportResponse{ReportID: "1"})
	asked := r.Now
	r.Restart()
	r.until(model.GetReport, time.Minute)
	r.Restart()
	poll := r.until(model.GetReport, time.Minute)
	r.End(poll, machine.Done{Response: &model.Report{ReportID: "1", ProcessingStatus: model.ReportDone, ReportDocumentID: "d"}})
	r.Restart()
	r.read(r.until(model.GetReport, time.Minute), "1", rowOf("A", "DEFAULT", 1), rowOf("C", "AMAZON_EU", model.NoQuantity))
	if state := r.catalogue(); state.ReadTime.IsZero() || state.ReportID != "1" || !state.AskedTime.Equal(asked) {
		t.Fatalf("%+v", state)
	}
	r.Pass(time.Hour)
	r.Restart()
	before := *r.catalogue()
	r.read(r.until(model.GetReport, catalogueSpread), "1", rowOf("A", "DEFAULT", 1), rowOf("C", "AMAZON_EU", model.NoQuantity))
	if after := *r.catalogue(); after != before {
		t.Errorf("to read again wrote %+v", after)
	}
	r.Take(updateOf("C", 2, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"C 2 REJECTED " + codeFulfilledByAmazon})
	// One that cannot be read again changes nothing.
	r.Pass(time.Hour)
	r.Restart()
	r.End(r.until(model.GetReport, catalogueSpread), notFound())
	if after := *r.catalogue(); after != before {
		t.Errorf("%+v", after)
	}
	r.until(model.CreateReport, 24*time.Hour)
	if apart := r.Now.Sub(asked); apart < 24*time.Hour || apart > 24*time.Hour+time.Minute {
		t.Errorf("asked again after %v", apart)
	}
}

func TestReportsThatComeToNothing(t *testing.T) {
	t.Parallel()
	shown := func(status string) machine.Outcome {
		return machine.Done{Response: &model.Report{ReportID: "1", ProcessingStatus: status}}
	}
	document := func(report *model.ListingsReport) func(machine.Call) machine.Outcome {
		return func(call machine.Call) machine.Outcome {
			if call.Operation == model.GetReportDocument {
				return machine.Done{Response: report}
			}
			return machine.Done{Response: &model.Report{ReportID: "1", ProcessingStatus: model.ReportDone, ReportDocumentID: "d"}}
		}
	}
	always := func(outcome machine.Outcome) func(machine.Call) machine.Outcome {
		return func(machine.Call) machine.Outcome { return outcome }
	}
	for name, test := range map[string]struct {
		answer  func(machine.Call) machine.Outcome // to getReport and getReportDocument
		creates [2]int                             // how many reports are asked for in two days
		alert   string
	}{
		"cancelled":     {answer: always(shown(model.ReportCancelled)), creates: [2]int{6, 20}, alert: "is CANCELLED"},
		"fatal":         {answer: always(shown(model.ReportFatal)), creates: [2]int{6, 20}, alert: "is FATAL"},
		"stuck":         {answer: always(shown(model.ReportInQueue)), creates: [2]int{3, 4}, alert: "is IN_QUEUE"},
		"no document":   {answer: always(shown(model.ReportDone)), creates: [2]int{6, 20}, alert: "is DONE"},
		"gone":          {answer: always(notFound()), creates: [2]int{6, 20}, alert: "no such SKU"},
		"down":          {answer: always(machine.Retry{Err: fmt.Errorf("down")}), creates: [2]int{1, 1}, alert: "down"},
		"unreadable":    {answer: document(&model.ListingsReport{Unreadable: "it is HTML"}), creates: [2]int{6, 20}, alert: "it is HTML"},
		"other columns": {answer: document(&model.ListingsReport{Missing: []string{"fulfillment-channel"}}), creates: [2]int{6, 20}, alert: "fulfillment-channel"},
		"empty":         {answer: document(&model.ListingsReport{}), creates: [2]int{2, 2}},
	} {
		r := newRuntime(t, auditing())
		r.learned("A", "DEFAULT")
		creates := 0
		r.Follow(47*time.Hour, nil, func(call machine.Call) machine.Outcome {
			if call.Operation == model.CreateReport {
				creates++
				return machine.Done{Response: &model.CreateReportResponse{ReportID: "1"}}
			}
			return test.answer(call)
		})
		if creates < test.creates[0] || creates > test.creates[1] {
			t.Errorf("%s: %d reports were asked for", name, creates)
		}
		var told []string
		for _, a := range r.alerts {
			told = append(told, a.EventType+" "+a.Message)
		}
		if want := test.alert != ""; want != (len(told) == 1) || want && (!strings.Contains(told[0], test.alert) || !strings.HasPrefix(told[0], alertCatalogue)) {
			t.Errorf("%s: %v", name, told)
		}
	}
}

// TestACancelledReportKeepsWhatIsKnown of the one before, and is no success.
func TestACancelledReportKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	r.report("1", r.until(model.CreateReport, time.Hour), rowOf("A", "DEFAULT", 1), rowOf("C", "AMAZON_EU", model.NoQuantity))
	r.Done(r.until(model.CreateReport, 26*time.Hour), &model.CreateReportResponse{ReportID: "2"})
	r.Done(r.until(model.GetReport, time.Minute), &model.Report{ReportID: "2", ProcessingStatus: model.ReportCancelled})
	if state := r.catalogue(); state.Failures != 1 || !state.ReadTime.IsZero() {
		t.Errorf("%+v", state)
	}
	r.Take(updateOf("C", 2, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"C 2 REJECTED " + codeFulfilledByAmazon})
}

// TestWithoutTheRoleForReports a person is told after a day, and the account is not parked, since
// quantities flow.
func TestWithoutTheRoleForReports(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	r.Follow(27*time.Hour, nil, forbidsReports)
	told := 0
	for _, a := range r.alerts {
		if a.EventType == alertCatalogue {
			told++
		}
	}
	stats := &machine.Stats{Now: r.Now}
	r.Machine.Observe(stats)
	if told != 1 || len(stats.Parked) > 0 || !r.Machine.catalogues.creates.Parked(testAccount) {
		t.Errorf("told %d times: %v; parked: %v", told, r.alerts, stats.Parked)
	}
	r.Restart()
	held := r.Holding(alertCatalogue)
	r.report("1", r.until(model.CreateReport, catalogueLimit), rowOf("A", "DEFAULT", 1))
	if r.Pass(2 * time.Hour); held != 1 || r.Holding(alertCatalogue) != 0 {
		t.Errorf("%d alerts hold before a report is read, %d afterwards", held, r.Holding(alertCatalogue))
	}
}

// forbidsReports is Amazon's answer to an application without the role for reports.
func forbidsReports(call machine.Call) machine.Outcome {
	if call.Operation == model.CreateReport {
		return machine.Park{Err: &model.Error{Class: model.Forbidden, Status: 403}}
	}
	return machine.Snooze{For: time.Hour}
}

// TestTheAlertAboutReportsEnds where none is wanted any more. When reports are wanted again they are
// asked for, and what failed before is no reason to tell at the first failure.
func TestTheAlertAboutReportsEnds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(cfg *Config){
		"no audits":           func(cfg *Config) { cfg.AuditEvery = 0 },
		"the account is gone": func(cfg *Config) { cfg.Accounts = machinetest.Directory(t) },
	} {
		cfg := auditing()
		cfg.Accounts = machinetest.Sellers(t)
		r := newRuntimeOf(t, &cfg)
		r.learned("A", "DEFAULT")
		r.Follow(27*time.Hour, nil, forbidsReports)
		held, wanted := r.Holding(alertCatalogue), cfg
		change(&cfg)
		r.Restart()
		if r.Pass(catalogueLimit + time.Hour); held != 1 || r.Holding(alertCatalogue) != 0 {
			t.Errorf("%s: %d alerts held before, %d hold", name, held, r.Holding(alertCatalogue))
		}
		cfg = wanted
		r.Restart()
		r.Follow(20*time.Hour, nil, forbidsReports)
		if c := r.catalogue(); r.alertsOf(alertCatalogue) != 1 || c.Failures == 0 {
			t.Errorf("%s: told %d times, then %+v", name, r.alertsOf(alertCatalogue), c)
		}
	}
}

// TestACatalogueIsNotReadAgainBeforeTheNext is asked for, where that is soon.
func TestACatalogueIsNotReadAgainBeforeTheNext(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	r.report("1", r.until(model.CreateReport, time.Hour), rowOf("A", "DEFAULT", 1))
	r.Pass(24*time.Hour - catalogueSpread)
	r.Restart()
	asked := 0
	r.Follow(2*time.Hour, nil, func(call machine.Call) machine.Outcome {
		switch call.Operation {
		case model.CreateReport:
			return machine.Done{Response: &model.CreateReportResponse{ReportID: "2"}}
		case model.GetReport:
			if call.Request.(*model.GetReportRequest).ReportID == "1" {
				asked++
			}
		}
		return machine.Snooze{For: time.Hour}
	})
	if asked > 0 || r.catalogue().ReportID != "2" {
		t.Errorf("asked %d times; %+v", asked, r.catalogue())
	}
}

// TestOneDocumentAtATime is in memory.
func TestOneDocumentAtATime(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	other := updateOf("A", 1, r.Now)
	other.Account = otherAccount
	r.Take(updateOf("A", 1, r.Now), other)
	r.Follow(2*time.Hour, nil, func(call machine.Call) machine.Outcome {
		switch call.Operation {
		case model.CreateReport:
			return machine.Done{Response: &model.CreateReportResponse{ReportID: call.Account}}
		case model.GetReport:
			return machine.Done{Response: &model.Report{ReportID: call.Account, ProcessingStatus: model.ReportInQueue}}
		}
		return machine.Snooze{For: time.Hour}
	})
	documents := 0
	for end := r.Now.Add(time.Hour); r.Now.Before(end); r.Pass(time.Second) {
		for _, call := range r.Running {
			switch call.Operation {
			case model.GetReport:
				r.Done(call, &model.Report{ReportID: call.Account, ProcessingStatus: model.ReportDone, ReportDocumentID: "d"})
			case model.GetReportDocument:
				documents++
			}
		}
	}
	running := 0
	for _, call := range r.Running {
		if call.Operation == model.GetReportDocument {
			running++
		}
	}
	if documents == 0 || running != 1 {
		t.Errorf("%d documents are read at a time", running)
	}
}

// TestARefusedDocumentKeepsNoOtherOut, though one is read at a time.
func TestARefusedDocumentKeepsNoOtherOut(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	other := updateOf("A", 1, r.Now)
	other.Account = otherAccount
	r.Take(other)
	documents, refused := 0, false
	r.Follow(3*time.Hour, nil, func(call machine.Call) machine.Outcome {
		switch call.Operation {
		case model.CreateReport:
			return machine.Done{Response: &model.CreateReportResponse{ReportID: call.Account}}
		case model.GetReport:
			return machine.Done{Response: &model.Report{ReportID: call.Account, ProcessingStatus: model.ReportDone, ReportDocumentID: "d"}}
		case model.GetReportDocument:
			if call.Account == otherAccount && !refused {
				refused = true
				return machine.Park{Err: &model.Error{Class: model.Forbidden, Status: 403}}
			}
			documents++
			return machine.Done{Response: &model.ListingsReport{Rows: []model.ListingsRow{rowOf("A", "DEFAULT", 1)}}}
		}
		return machine.Snooze{For: time.Hour}
	})
	if documents != 2 || !refused {
		t.Errorf("%d documents were read", documents)
	}
	for account, c := range r.Machine.catalogues.of {
		if c.ReadTime.IsZero() || len(c.listings) != 1 || r.Machine.catalogues.known != 2 {
			t.Errorf("%s: %+v", account, c.CatalogueState)
		}
	}
}

// TestALargeCatalogueCostsLittle: 100,000 SKUs that stay as they are cost no writes, a
// bounded tick, and 8 bytes each; a document of them is held only while it is read.
//
//nolint:paralleltest // it measures the process
func TestALargeCatalogueCostsLittle(t *testing.T) {
	const skus = 100_000
	r := newRuntime(t, auditing())
	r.learned("A", "DEFAULT")
	rows := make([]model.ListingsRow, skus)
	for i := range rows {
		rows[i] = rowOf(fmt.Sprintf("SKU-%06d", i), "DEFAULT", int32(i%50))
		if i%10 == 0 {
			rows[i].Channel, rows[i].Quantity = "AMAZON_EU", model.NoQuantity
		}
		if i%2 == 0 {
			s := r.Machine.newSKU(testAccount, defaultChannel, rows[i].SKU)
			s.fulfiller, s.applied, s.touched = fulfillerOfRows(rows[i:i+1]), rows[i].Quantity, millisOf(r.Now)
			r.Machine.enter(s)
			r.Machine.rest(s)
		}
	}
	var before, after goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	r.most = 0
	began := time.Now()
	r.report("1", r.until(model.CreateReport, time.Hour), rows...)
	took := time.Since(began)
	goruntime.GC()
	goruntime.ReadMemStats(&after)
	grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 10
	t.Logf("%d rows took %v and %d KiB", skus, took, grown)
	if r.most > 3 || len(r.Machine.catalogues.of[testAccount].listings) != skus || grown > 4<<10 || took > 10*time.Second {
		t.Errorf("%d writes in a tick, %d listings, %d KiB, %v", r.most, len(r.Machine.catalogues.of[testAccount].listings), grown, took)
	}
	goruntime.KeepAlive(rows)
}
