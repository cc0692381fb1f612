package accountstatus

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func failed(code string, age time.Duration, offset int64) *schemas.Failure {
	partition := int32(3)
	return &schemas.Failure{Time: ago(age), Code: code, Message: "words of " + code, SourcePartition: &partition, SourceOffset: &offset}
}

// troubled is an account with work that FAILED, calls in doubt, and lanes that wait.
func troubled() *Fold {
	f := NewFold(Settings{Now: now, Accounts: []string{"a", "b"}, MaxMessages: 25_000, PatchBelow: 50})
	for i := range 500 {
		f.Take(&schemas.InventoryState{Account: "a", SKU: fmt.Sprint(i), Failure: failed("InvalidInput", time.Duration(i+1)*time.Minute, int64(1500+i))})
	}
	f.Take(&schemas.InventoryState{Account: "a", SKU: "else", Failure: failed("no_answer", time.Hour, 1400)})
	f.Take(&schemas.ShipmentState{Account: "a", OrderID: "202-1", Packages: []schemas.PackageState{
		{PackageID: "1", Failure: failed("unknown_item", time.Minute, 77)}, {PackageID: "2", Confirmed: true},
	}})
	f.Take(&schemas.OrderState{Account: "a", OrderID: "202-2", Failure: &schemas.Failure{Time: ago(time.Hour), Code: "order_refused", Message: "order 202-2"}})
	// Fetched again at this moment: it is pending, not failed.
	f.Take(&schemas.OrderState{Account: "a", OrderID: "202-3", Pending: true, PendingSince: ago(time.Second), Failure: &schemas.Failure{Time: ago(time.Hour), Code: "order_refused"}})
	// Settled elsewhere, and long ago.
	f.Take(&schemas.ShipmentState{Account: "b", OrderID: "202-4", Status: "SHIPPED", Packages: []schemas.PackageState{{PackageID: "1", Failure: failed("unknown_item", time.Minute, 1)}}})
	f.Take(&schemas.ShipmentState{Account: "b", OrderID: "202-5", Packages: []schemas.PackageState{{PackageID: "1", Failure: failed("unknown_item", failedFor+time.Minute, 1)}}})
	f.Take(&schemas.FeedLaneState{
		Account: "a", FeedType: "T", MarketplaceID: "A1", Phase: "INTENT", Messages: 41_000, IntentTime: ago(2 * time.Minute), DoubtUntil: now.Add(8 * time.Minute),
		FailingSince: ago(7 * time.Minute), Failing: "createFeed in doubt: \x1b[2Jno answer", Told: true,
	})
	f.Take(&schemas.FeedLaneState{Account: "a", FeedType: "T", MarketplaceID: "A2", Phase: "INTENT", Messages: 10, IntentTime: ago(time.Second)}) // under way
	for i := range 3 {
		f.Take(&schemas.InventoryState{Account: "a", SKU: fmt.Sprint("patched", i), Doubt: &schemas.InventoryDoubt{Since: ago(time.Duration(i) * time.Minute), Until: now.Add(time.Duration(4-i) * time.Minute)}})
	}
	f.Take(&schemas.InventoryState{Account: "a", SKU: "over", Doubt: &schemas.InventoryDoubt{Until: ago(time.Minute)}})
	f.Take(&schemas.LaneState{Account: "a", Operation: model.GetOrder, Reason: "403", Since: ago(6 * time.Minute), Until: now.Add(time.Minute), Blame: "application", Told: "shared"})
	f.Take(&schemas.LaneState{Account: "a", Operation: model.SearchOrders, Reason: "503", Since: ago(time.Minute), Until: now.Add(time.Minute), Blame: "host"})
	return f
}

// What FAILED is named with account, count, cause and the command that sends it
// again, and what is in doubt with since when and until when.
func TestWhatFailedAndWhatIsInDoubtIsNamed(t *testing.T) {
	t.Parallel()
	f := troubled()
	var out bytes.Buffer
	standings := f.Standings()
	if err := f.WriteTable(&out, standings, false); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "2 accounts: 0 parked, 1 with work that FAILED, 0 held up") ||
		!strings.Contains(got, "FAILED: 500 SKUs (InvalidInput), 1 SKU (no_answer), 1 order (order_refused), and 1 more; held up: ") {
		t.Errorf("the table is\n%s", got)
	}
	out.Reset()
	s := standings[0]
	if err := f.Write(&out, s); err != nil {
		t.Fatal(err)
	}
	stock := "sellerstream replay --topic inventory-updates --account a --from-offset 3:1400 --effects\n"
	for _, want := range []string{
		"IN DOUBT           MARKETPLACE  SKUS   SINCE  OVER\ncreateFeed         A1           41000  2m00s  in 8m00s\npatchListingsItem  -            3      2m00s  in 4m00s\n",
		"FAILED     COUNT  CAUSE          FIRST      LAST\ninventory  500    InvalidInput   8h20m ago  1m00s ago\ninventory  1      no_answer      1h00m ago  1h00m ago\n",
		"500 SKUs (InvalidInput) of role inventory FAILED, and nothing is sent for them until somebody does.\n  last reason: words of InvalidInput\n  next: mend the cause, then: " + stock,
		"  next: mend the cause, then: sellerstream replay --topic shipments --account a --from-offset 3:77 --effects\n",
		"  next: mend the cause, then: sellerstream deadletters retry --reason order_refused --account a\n",
		"  reason: 403\n  blame: application\n  alert: SharedFailure\n",
		"  reason: 503\n  blame: host\n  alert: after minutes one alert reports it for all accounts\n",
		"  alert: StockWaits\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Error("a reason steers the terminal")
	}
	if s.Of("orders").Pending != 1 || s.Of("inventory").Pending != 0 {
		t.Errorf("work %+v", s.Work)
	}
}

// How much of a backlog is urgent, and how long that waits, is told beside it.
func TestUrgentOrdersAreTold(t *testing.T) {
	t.Parallel()
	f := NewFold(Settings{Now: now, Accounts: []string{"a"}})
	for i, urgency := range []string{"BUYER", "MERCHANT", "MERCHANT", "AMAZON", "LOW"} {
		since := ago(time.Duration(60-10*i) * time.Second)
		f.Take(&schemas.OrderState{Account: "a", OrderID: fmt.Sprint(i), Pending: true, PendingSince: since, Urgency: urgency})
	}
	f.Take(&schemas.OrderState{Account: "a", OrderID: "old", Pending: true, PendingSince: ago(70 * time.Second), Urgency: "AMAZON"})
	f.Take(&schemas.OrderState{Account: "a", OrderID: "done", PendingSince: ago(time.Hour)})
	s := f.Standings()[0]
	if got := s.Of("orders"); got.Pending != 6 || got.Urgent != 3 || !got.OldestUrgent.Equal(ago(time.Minute)) || !got.Oldest.Equal(ago(70*time.Second)) {
		t.Errorf("%+v", got)
	}
	var out bytes.Buffer
	if err := f.Write(&out, s); err != nil {
		t.Fatal(err)
	}
	if want := "\nUrgent orders, which a merchant ships or may have to: 3 of 6; they go first, and the oldest has waited for 1m00s\n"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}

// A part of the orders that never comes is told where it is asked for.
func TestAPartThatNeverComesIsTold(t *testing.T) {
	t.Parallel()
	f := NewFold(Settings{Now: now, Accounts: []string{"a", "b"}, Asked: func(account, part string) bool { return account == "a" && part != "PAYMENT" }})
	for _, account := range []string{"a", "b"} {
		f.Take(&schemas.SearchState{Account: account, AbsentParts: []schemas.AbsentPart{
			{Part: "TAX", Answers: 500}, {Part: "PAYMENT", Answers: 500}, {Part: "PROCEEDS", Answers: 49}, {Part: "of tomorrow", Answers: 500},
		}})
	}
	told := 0
	for _, s := range f.Standings() {
		var out bytes.Buffer
		if err := f.Write(&out, s); err != nil {
			t.Fatal(err)
		}
		told += strings.Count(out.String(), "Amazon leaves it out")
		if want := "TAX is asked for, and Amazon leaves it out: none of the last 500 answers about paid orders has it.\n  next: sellerstream doctor --account a\n"; s.Account == "a" && !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if told != 1 {
		t.Errorf("%d parts are told of", told)
	}
}

// However many codes Amazon invents, an account has a bounded number of causes, and
// none of its failures is left out of the count.
func TestCausesAreBounded(t *testing.T) {
	t.Parallel()
	f := NewFold(Settings{Now: now, Accounts: []string{"a"}})
	for i := range 10 * maxCodes {
		f.Take(&schemas.InventoryState{Account: "a", SKU: fmt.Sprint(i), Failure: failed(fmt.Sprint("code", i), time.Minute, int64(i))})
	}
	s, all := f.Standings()[0], 0
	for _, c := range s.Failed {
		all += c.Count
	}
	if len(s.Failed) != maxCodes+1 || all != 10*maxCodes || s.Failed[0].Code != otherCodes {
		t.Errorf("%d causes of %d failures, the first %+v", len(s.Failed), all, s.Failed[0])
	}
}
