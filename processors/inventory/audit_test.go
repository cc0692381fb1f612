package inventory

import (
	"fmt"
	goruntime "runtime"
	"syscall"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// stockAudits is a machine that looks for what it has sent, and asks for the report each day.
func stockAudits() Config {
	cfg := auditing()
	cfg.SeenWithin, cfg.FulfillmentWait = 24*time.Hour, 15*time.Minute
	return cfg
}

// shop is what Amazon holds of SKUs.
type shop struct {
	quantity map[string]int
	report   []model.ListingsRow // the newest report's
	patches  []string
	looks    int // SKUs that were looked at
}

func (s *shop) answer(call machine.Call) machine.Outcome {
	switch req := call.Request.(type) {
	case *model.CreateReportRequest:
		return machine.Done{Response: &model.CreateReportResponse{ReportID: "1"}}
	case *model.GetReportRequest:
		return machine.Done{Response: &model.Report{ReportID: "1", ProcessingStatus: model.ReportDone, ReportDocumentID: "d"}}
	case *model.ReadListingsReportRequest:
		return machine.Done{Response: &model.ListingsReport{Rows: s.report, Omitted: 3}}
	case *model.SearchListingsItemsRequest:
		found := &model.SearchListingsItemsResponse{}
		for _, id := range req.SKUs {
			s.looks++
			quantity := s.quantity[id]
			found.Items = append(found.Items, model.ListingsItem{SKU: id, FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &quantity}}})
		}
		return machine.Done{Response: found}
	case *model.PatchQuantityRequest:
		s.quantity[req.SKU] = req.Quantity
		s.patches = append(s.patches, fmt.Sprint(req.SKU, " ", req.Quantity))
		return accepted()
	}
	return machine.Snooze{For: time.Hour}
}

func (r *runtime) settledSKU(id string, quantity int32, at time.Time) *sku {
	s := r.Machine.newSKU(testAccount, defaultChannel, id)
	s.fulfiller, s.applied, s.appliedAt, s.touched = merchants, quantity, millisOf(at), millisOf(at)
	s.newest = stamp{time: millisOf(at), offset: 1}
	r.Machine.enter(s)
	r.Machine.rest(s)
	return s
}

// TestAnAuditFindsWhatIsDifferent and sends it once more. Old rows of the report alone do
// nothing.
func TestAnAuditFindsWhatIsDifferent(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, stockAudits())
	amazon := &shop{quantity: map[string]int{}}
	take := func(updates ...any) {
		r.Follow(30*time.Minute, r.Take(updates...), amazon.answer)
	}
	take(updateOf("A", 4, r.Now), updateOf("B", 5, r.Now), updateOf("C", 6, r.Now), updateOf("D", 7, r.Now))
	if amazon.report != nil || len(r.alerts) > 0 {
		t.Fatal(r.alerts)
	}
	amazon.quantity["B"] = 9 // somebody sets it
	amazon.report = []model.ListingsRow{
		rowOf("A", "DEFAULT", 4), rowOf("B", "DEFAULT", 9), rowOf("C", "DEFAULT", 60) /* an old number */, rowOf("E", "DEFAULT", 1), rowOf("F", "AMAZON_EU", model.NoQuantity),
	}
	amazon.patches = nil
	r.Follow(3*time.Hour, nil, amazon.answer)
	equal(t, "sent once more", amazon.patches, []string{"B 5"})
	var types []string
	for _, a := range r.alerts {
		types = append(types, a.EventType+" "+a.Subject)
	}
	equal(t, "alerts", types, []string{alertDrift + " B", alertDrift + " B"}) // which is resolved
	if len(r.audits) != 1 {
		t.Fatalf("%d audits", len(r.audits))
	}
	got := *r.audits[0]
	want := schemas.StockAudit{
		EventID: got.EventID, Account: testAccount, ReportID: "1", ReportTime: got.ReportTime, AuditedTime: got.AuditedTime,
		Skus: 5, Known: 3, Unknown: 1, FulfilledByAmazon: 1, Omitted: 3, Different: 2, Explained: 1, Corrected: 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || got.EventID == "" || got.AuditedTime.Sub(got.ReportTime) > 20*time.Minute {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	// A new owner reads the report again, and audits nothing.
	r.Restart()
	r.Follow(2*time.Hour, nil, amazon.answer)
	if len(r.audits) != 1 {
		t.Errorf("audited again: %+v", r.audits[1])
	}
}

// TestOrdersExplainAReport, whether they come before it or minutes after, and whether the
// report knows of them: nothing is sent, and nobody is told.
func TestOrdersExplainAReport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shown int32 // by the report
		late  time.Duration
	}{
		"in the report":           {shown: 7},
		"not in the report":       {shown: 10},
		"late":                    {shown: 7, late: 6 * time.Minute},
		"an older number, and no": {shown: 12, late: 6 * time.Minute},
	} {
		r := newRuntime(t, stockAudits())
		amazon := &shop{quantity: map[string]int{}}
		r.Follow(10*time.Minute, r.Take(orderOf("0", r.Now, r.Now, "OTHER 1"), updateOf("A", 10, r.Now)), amazon.answer)
		placed := r.Now
		amazon.quantity["A"], amazon.patches = 7, nil
		sale := func() {
			r.Follow(time.Second, r.Take(orderOf("1", placed, placed, "A 3")), amazon.answer)
		}
		if test.late == 0 {
			sale()
		}
		amazon.report = []model.ListingsRow{rowOf("A", "DEFAULT", test.shown)}
		for r.Machine.catalogues.of[testAccount].audit == nil && len(r.audits) == 0 {
			r.Follow(time.Second, nil, amazon.answer)
		}
		if test.late > 0 {
			r.Follow(test.late, nil, amazon.answer)
			sale()
		}
		r.Follow(2*time.Hour, nil, amazon.answer)
		if len(r.alerts) > 0 || len(amazon.patches) > 0 || len(r.audits) != 1 || r.audits[0].Corrected+r.audits[0].Unresolved > 0 || r.audits[0].Explained != r.audits[0].Different {
			t.Errorf("%s: sent %v, told %v, %+v", name, amazon.patches, r.alerts, r.audits)
		}
	}
}

// TestAnAuditThatIsInterrupted is made by the next owner, once.
func TestAnAuditThatIsInterrupted(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, stockAudits())
	amazon := &shop{quantity: map[string]int{}}
	r.Follow(30*time.Minute, r.Take(updateOf("A", 4, r.Now)), amazon.answer)
	amazon.quantity["A"], amazon.report = 9, []model.ListingsRow{rowOf("A", "DEFAULT", 9)}
	for len(r.Machine.catalogues.auditing) == 0 {
		r.Follow(time.Second, nil, amazon.answer)
	}
	r.Restart()
	r.Follow(2*time.Hour, nil, amazon.answer)
	if len(r.audits) != 1 || r.audits[0].Corrected != 1 || amazon.quantity["A"] != 4 {
		t.Errorf("%+v; %d at Amazon", r.audits, amazon.quantity["A"])
	}
}

// TestAnAuditWithoutLooks counts, and does nothing.
func TestAnAuditWithoutLooks(t *testing.T) {
	t.Parallel()
	cfg := stockAudits()
	cfg.SeenWithin = 0
	r := newRuntime(t, cfg)
	amazon := &shop{quantity: map[string]int{}}
	r.Follow(30*time.Minute, r.Take(updateOf("A", 4, r.Now)), amazon.answer)
	amazon.quantity["A"], amazon.report = 9, []model.ListingsRow{rowOf("A", "DEFAULT", 9)}
	r.Follow(2*time.Hour, nil, amazon.answer)
	if len(r.audits) != 1 || r.audits[0].Different != 1 || r.audits[0].Unresolved != 1 || amazon.quantity["A"] != 9 {
		t.Errorf("%+v; %d at Amazon", r.audits, amazon.quantity["A"])
	}
}

// TestAnAuditOfAHundredThousandSKUs: one in a hundred differs, and all are found and
// corrected within bounds of time, CPU and memory.
//
//nolint:paralleltest // it measures the process
func TestAnAuditOfAHundredThousandSKUs(t *testing.T) {
	skus := long.Pick(t, 20_000, 100_000)
	cfg := stockAudits()
	cfg.PatchBelow, cfg.PatchMost = skus, skus
	r := newRuntime(t, cfg)
	amazon := &shop{quantity: make(map[string]int, skus)}
	for i := range skus {
		id := fmt.Sprintf("SKU-%06d", i)
		r.settledSKU(id, int32(i%50), r.Now)
		amazon.quantity[id] = i % 50
	}
	r.Follow(30*time.Minute, r.Take(updateOf("A", 4, r.Now)), amazon.answer)
	var before, during goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	cpu := used(t)
	amazon.report = make([]model.ListingsRow, 0, skus)
	for i := range skus {
		id := fmt.Sprintf("SKU-%06d", i)
		if i%100 == 7 {
			amazon.quantity[id] += 5
		}
		amazon.report = append(amazon.report, rowOf(id, "DEFAULT", int32(amazon.quantity[id])))
	}
	for len(r.Machine.catalogues.auditing) == 0 {
		r.Follow(time.Second, nil, amazon.answer)
	}
	goruntime.ReadMemStats(&during)
	amazon.report = nil
	r.Follow(4*time.Hour, nil, amazon.answer)
	cpu = used(t) - cpu
	if len(r.audits) != 1 {
		t.Fatalf("%d audits", len(r.audits))
	}
	took, grown := r.audits[0].AuditedTime.Sub(r.audits[0].ReportTime), (int64(during.HeapAlloc)-int64(before.HeapAlloc))>>20
	t.Logf("%d SKUs: %v of CPU, %d MiB, %v from asking to the end; %d SKUs were looked at, %d corrected", skus, cpu, grown, took, amazon.looks, r.audits[0].Corrected)
	if a := r.audits[0]; int(a.Corrected) != skus/100 || a.Unresolved != 0 || cpu > time.Minute || grown > 100 {
		t.Errorf("%+v, %v of CPU, %d MiB", a, cpu, grown)
	}
	for i := range skus {
		if id := fmt.Sprintf("SKU-%06d", i); amazon.quantity[id] != i%50 {
			t.Fatalf("%s has %d", id, amazon.quantity[id])
		}
	}
}

// used is the process's CPU time.
func used(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
