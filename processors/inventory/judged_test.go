package inventory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestWhatANumberSays holds readings to what follows from them.
func TestWhatANumberSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		orders                 bool // whether they are known
		channel                string
		before, applied, shown int32
		sold                   int
		answers                int32
		want                   reading
	}{
		"the first number ignored, orders unknown":  {before: unknownQuantity, applied: 10, shown: 0, want: unclear},
		"a rise ignored, orders unknown":            {before: 5, applied: 9, shown: 5, want: unclear},
		"a rise seen and sold, orders unknown":      {before: 5, applied: 9, shown: 7, want: shows},
		"a fall ignored, orders unknown":            {before: 9, applied: 5, shown: 9, want: differs},
		"a rise ignored, or sold by a late order":   {orders: true, before: 1, applied: 2, shown: 1, want: lower},
		"the number before, or the new one sold":    {orders: true, before: 4, applied: 5, sold: 1, shown: 4, answers: 1, want: unclear},
		"the new one sold, as all orders show":      {orders: true, before: 4, applied: 5, sold: 1, shown: 4, answers: 2, want: shows},
		"the number before, and orders would lower": {orders: true, before: 4, applied: 5, sold: 3, shown: 4, answers: 2, want: unclear},
		"lower in a channel that no order names":    {orders: true, channel: "MLI", before: unknownQuantity, applied: 5, shown: 3, want: unclear},
	} {
		r := newRuntime(t, seeing())
		if c.orders {
			r.Take(orderOf("0", r.Now, r.Now, "OTHER 1"))
		}
		s := r.settledSKU("A", c.applied, r.Now)
		s.owned = c.channel
		s.watched().before, s.watch.answers = c.before, c.answers
		r.Now = r.Now.Add(time.Minute)
		if c.sold > 0 {
			o := orderOf("1", r.Now, r.Now, "A 1")
			o.Items[0].QuantityOrdered = int32(c.sold)
			r.Take(o)
		}
		if got := r.Machine.reads(s, c.shown, r.Now); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestOnlyALookFindsDrift: notifications come late, twice and out of turn. None of them alone is
// drift, and an older one ends no newer suspicion.
func TestOnlyALookFindsDrift(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.looked(6*time.Minute, 5)
	r.outcomes()
	at := r.Now
	for range 3 {
		r.Now = r.Now.Add(10 * time.Minute)
		r.see("A", 70)
	}
	equal(t, "alerts", r.alertTypes(), []string(nil))
	s := r.Machine.skus[skuKey(testAccount, "", "A")]
	tx := &machine.Tx{Now: r.Now}
	r.Machine.seenOf(tx, s, sight{quantity: 5, at: at.Add(time.Minute)})
	if s.watch == nil || s.watch.suspect.IsZero() {
		t.Error("an older number ends a suspicion")
	}
	r.Machine.seenOf(tx, s, sight{quantity: 70, at: r.Now, looked: true})
	r.Commit(tx)
	equal(t, "alerts of a look", r.alertTypes(), []string{"QuantityDrift WARNING"})
}

// TestAnOlderProofLeavesTheSuspicion proves the update that it shows, and nothing of later.
func TestAnOlderProofLeavesTheSuspicion(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.outcomes()
	sent := r.Now
	r.Now = r.Now.Add(2 * time.Minute)
	r.see("A", 70)
	s := r.Machine.skus[skuKey(testAccount, "", "A")]
	tx := &machine.Tx{Now: r.Now}
	r.Machine.seenOf(tx, s, sight{quantity: 5, at: sent.Add(time.Minute)})
	r.Commit(tx)
	equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
	if s.watch == nil || s.watch.suspect.IsZero() {
		t.Error("nobody looks at the newer number")
	}
}

// TestNothingIsUnseenBeforeALook is answered: a pause, or a refusal, says nothing about a quantity.
func TestNothingIsUnseenBeforeALook(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.outcomes()
	r.Follow(30*time.Hour, nil, func(machine.Call) machine.Outcome { return machine.Snooze{For: time.Hour} })
	equal(t, "outcomes without an answer", r.outcomes(), []string(nil))
	r.Follow(4*time.Hour, nil, func(machine.Call) machine.Outcome {
		return machine.Done{Response: &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{SKU: "A"}}}}
	})
	equal(t, "outcomes", r.outcomes(), []string{"A 5 UNSEEN not_shown"})
	if state := r.sku("A"); state.AppliedQuantity == nil || *state.AppliedQuantity != 5 {
		t.Error("what Amazon accepted is forgotten")
	}
}

// TestAnAlertOfDriftEnds also where the correction is refused, or nobody looks any more.
func TestAnAlertOfDriftEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		silent bool // whether the drifting quantity has its outcome already
		after  func(*runtime)
		shown  int
	}{
		"the correction is refused and it heals": {silent: true, shown: 5},
		"the quantity itself is refused":         {shown: 70},
		"looks are switched off":                 {silent: true, shown: 70, after: func(r *runtime) { r.Machine.cfg.SeenWithin = 0 }},
	} {
		r := newRuntime(t, seeing())
		r.acceptOne("A", 5)
		if c.silent {
			r.looked(6*time.Minute, 5)
		}
		refuses, shown := true, 70
		answer := func(call machine.Call) machine.Outcome {
			if call.Operation == model.PatchListingsItem && refuses {
				return machine.Done{Response: &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "99022", Severity: "ERROR"}}}}
			}
			return machine.Done{Response: &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{
				SKU: "A", FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &shown}},
			}}}}
		}
		r.Follow(time.Second, r.see("A", 70), answer)
		r.Follow(12*time.Minute, nil, answer)
		if c.after != nil {
			c.after(r)
		}
		shown = c.shown
		r.Follow(3*time.Hour, nil, answer)
		equal(t, name, r.alertTypes(), []string{"QuantityDrift WARNING", "QuantityDrift RESOLVED"})
		if state := r.sku("A"); state.Drift != nil {
			t.Errorf("%s: %+v", name, state.Drift)
		}
	}
}

// TestDriftRaisesOnlyWhatIsKnown to be there: where orders are not known, only less than shows is sent.
func TestDriftRaisesOnlyWhatIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   time.Duration // of the warehouse's number
		shown int32
		sends bool
	}{
		"less, and all orders are known":  {age: time.Hour, shown: 30, sends: true},
		"less, and orders are forgotten":  {age: 3 * 24 * time.Hour, shown: 30},
		"more, though orders are unknown": {age: 3 * 24 * time.Hour, shown: 70, sends: true},
	} {
		cfg := reserving()
		cfg.SeenWithin = 24 * time.Hour
		r := newRuntime(t, cfg)
		r.Take(orderOf("0", r.Now, r.Now, "OTHER 1"))
		r.Now = r.Now.Add(c.age)
		s := r.settledSKU("A", 25, r.Now)
		s.basis = newUpdate(updateOf("A", 50, r.Now.Add(-c.age)), &machine.Record{}, r.Now)
		s.watched()
		tx := &machine.Tx{Now: r.Now}
		r.Machine.drifts(tx, s, c.shown, r.Now)
		r.Commit(tx)
		if sends := s.work != nil; sends != c.sends {
			t.Errorf("%s: sends %v", name, sends)
		}
		equal(t, name, r.alertTypes(), []string{"QuantityDrift WARNING"})
	}
}

// TestAFailedCorrectionIsNoRecordsFailure: it stands for none.
func TestAFailedCorrectionIsNoRecordsFailure(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	s := r.settledSKU("A", 5, r.Now)
	s.watched()
	tx := &machine.Tx{Now: r.Now}
	fail(tx, s, r.Machine.correction(tx, s), verdict{code: "X"}, sending{})
	if s.failure != nil || s.applied != 5 || len(tx.Outputs) > 0 {
		t.Errorf("%+v, %d, %+v", s.failure, s.applied, tx.Outputs)
	}
}

// TestAnAuditExplainsOnlyWhatIsExplained counts neither what is looked for already nor what is in
// doubt as that.
func TestAnAuditExplainsOnlyWhatIsExplained(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before          func(r *runtime, s *sku)
		shown           int32
		explained, open int
	}{
		"an alert holds":         {before: func(_ *runtime, s *sku) { s.watched().drift = &schemas.InventoryDrift{} }, shown: 9, open: 1},
		"it is in doubt":         {before: func(r *runtime, s *sku) { s.doubt = &doubt{until: r.Now.Add(time.Hour)} }, shown: 9},
		"orders are not known":   {shown: 3},
		"another is under way":   {before: func(_ *runtime, s *sku) { s.begin() }, shown: 9, explained: 1},
		"it is of an older time": {before: func(r *runtime, s *sku) { s.appliedAt = millisOf(r.Now.Add(time.Minute)) }, shown: 9, explained: 1},
	} {
		r := newRuntime(t, stockAudits())
		s := r.settledSKU("A", 5, r.Now)
		if c.before != nil {
			c.before(r, s)
		}
		a := &audit{StockAudit: schemas.StockAudit{ReportTime: r.Now}}
		r.Machine.compare(&machine.Tx{Now: r.Now}, a, s, []model.ListingsRow{rowOf("A", "DEFAULT", c.shown)})
		if int(a.Explained) != c.explained || a.open != c.open || a.Different != 1 {
			t.Errorf("%s: %+v, %d open", name, a.StockAudit, a.open)
		}
	}
}

// TestLooksAreBoundedByAccount: one account whose looks end late takes no room of another's, and none are
// asked for while its calls are parked.
func TestLooksAreBoundedByAccount(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	tx := &machine.Tx{Now: r.Now}
	look := func(account, id string) bool {
		s := r.Machine.newSKU(account, defaultChannel, id)
		r.Machine.enter(s)
		return r.Machine.lookAt(tx, s)
	}
	for i := range maxBackground {
		look(testAccount, fmt.Sprint("SKU-", i))
	}
	if look(testAccount, "MORE") || !look(otherAccount, "A") {
		t.Error("looks are not bounded by account")
	}
	r = newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.End(r.only(r.Pass(6*time.Minute), model.SearchListingsItems), machine.Park{})
	if look(testAccount, "B") {
		t.Error("a look is asked for while the calls are parked")
	}
}

// TestWhatARowReleasesIsSent at once: nothing else need happen for that.
func TestWhatARowReleasesIsSent(t *testing.T) {
	t.Parallel()
	cfg := auditing()
	cfg.FulfillmentWait = 24 * time.Hour
	r := newRuntime(t, cfg)
	create := r.until(model.CreateReport, time.Hour, r.Take(updateOf("A", 5, r.Now))...)
	poll := r.until(model.GetReport, time.Minute, r.Done(create, &model.CreateReportResponse{ReportID: "1"})...)
	document := r.until(model.GetReportDocument, time.Minute, r.Done(poll, &model.Report{ReportID: "1", ProcessingStatus: model.ReportDone, ReportDocumentID: "d"})...)
	r.only(r.Done(document, &model.ListingsReport{Rows: []model.ListingsRow{rowOf("A", "DEFAULT", 1)}}), model.PatchListingsItem)
}

// TestAnAllowedQuantityIsJudged though Amazon fulfils its SKU.
func TestAnAllowedQuantityIsJudged(t *testing.T) {
	t.Parallel()
	cfg := seeing()
	cfg.FulfillmentWait = 15 * time.Minute
	r := newRuntime(t, cfg)
	u := updateOf("A", 5, r.Now)
	u.AllowFulfilledByAmazon = true
	n := 4 // as one is ordered
	r.Follow(2*time.Second, r.Take(orderOf("0", r.Now, r.Now, "OTHER 1"), u), func(call machine.Call) machine.Outcome {
		if call.Operation == model.PatchListingsItem {
			return accepted()
		}
		return machine.Snooze{For: time.Minute}
	})
	equal(t, "outcomes", r.outcomes(), []string{"A 5 ACCEPTED"})
	r.Take(orderOf("1", r.Now, r.Now, "A 1"))
	r.Follow(time.Hour, nil, func(machine.Call) machine.Outcome {
		item := model.ListingsItem{SKU: "A", FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &n}, {FulfillmentChannelCode: "AMAZON_EU"}}}
		return machine.Done{Response: &model.SearchListingsItemsResponse{Items: []model.ListingsItem{item}}}
	})
	equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
	equal(t, "alerts", r.alertTypes(), []string(nil))
	if r.sku("A").FulfilledBy != byAmazon {
		t.Error("who fulfils it was not learned")
	}
}

// TestWhatWasAcceptedReachedAmazon, whatever becomes of its correction.
func TestWhatWasAcceptedReachedAmazon(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	s := r.Machine.skus[skuKey(testAccount, "", "A")]
	s.begin().wanted = r.Machine.correction(&machine.Tx{Now: r.Now}, s)
	if said := s.reached(); !strings.HasPrefix(said, "This quantity had been accepted") {
		t.Error(said)
	}
}

// TestAReducedCorrectionIsWhatMustShow: the number that was asked for is too high by then.
func TestAReducedCorrectionIsWhatMustShow(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.Take(orderOf("0", r.Now, r.Now, "OTHER 1"))
	r.acceptOne("A", 16)
	r.looked(6*time.Minute, 16)
	r.acceptOne("A", 9)
	r.Take(orderOf("1", r.Now, r.Now, "A 4"))
	r.looked(6*time.Minute, 16)
	patch := r.only(append(r.looked(7*time.Minute, 16), r.Pass(2*time.Second)...), model.PatchListingsItem)
	if sent := patch.Request.(*model.PatchQuantityRequest).Quantity; sent != 5 {
		t.Fatalf("sent %d", sent)
	}
	r.End(patch, accepted())
	r.outcomes()
	r.alertTypes()
	r.see("A", 9)
	equal(t, "outcomes of the number before the order", r.outcomes(), []string(nil))
	equal(t, "alerts", r.alertTypes(), []string(nil))
	r.see("A", 5)
	equal(t, "outcomes", r.outcomes(), []string{"A 9 APPLIED"})
	equal(t, "alerts", r.alertTypes(), []string{"QuantityDrift RESOLVED"})
}
