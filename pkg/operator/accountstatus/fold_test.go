package accountstatus

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// world is a state with accounts in every condition.
func world(only string) *Fold {
	f := NewFold(Settings{Now: now, Accounts: []string{"busy", "idle", "parked", "held", "paused"}, Only: only, MaxMessages: 25_000, PatchBelow: 50})
	for i := range 40 {
		f.Take(&schemas.OrderState{Account: "busy", OrderID: fmt.Sprintf("202-%d", i), Pending: true, PendingSince: ago(time.Duration(i) * time.Second)})
	}
	f.Take(&schemas.OrderState{Account: "busy", OrderID: "202-done", PendingSince: ago(time.Hour)})
	f.Take(&schemas.QuotaState{Account: "busy", Operation: model.GetOrder, Tokens: 5, Rate: 0.25, Time: ago(20 * time.Second)})
	f.Take(&schemas.QuotaState{Account: "busy", Operation: model.CreateFeed, Tokens: 0, Rate: 0.0083, Time: now})
	f.Take(&schemas.QuotaState{Account: "busy", Operation: "goneOperation", Tokens: 1, Rate: 1, Time: now})
	for i := range 60 {
		f.Take(&schemas.InventoryState{Account: "busy", SKU: fmt.Sprintf("SKU-%d", i), Wanted: &schemas.PendingUpdate{ReceivedTime: ago(time.Minute)}})
	}
	f.Take(&schemas.InventoryState{Account: "busy", SKU: "SENT", Attempts: 3, Sent: &schemas.PendingUpdate{ReceivedTime: ago(3 * time.Hour)}})
	f.Take(&schemas.InventoryState{Account: "busy", SKU: "SETTLED"})
	f.Take(&schemas.FeedLaneState{Account: "busy", FeedType: "JSON_LISTINGS_FEED", MarketplaceID: "A1", Phase: "RUNNING", FeedID: "77", Messages: 900, SubmittedTime: ago(time.Hour)})
	f.Take(&schemas.FeedState{Account: "busy", FeedID: "77", FeedType: "JSON_LISTINGS_FEED", MarketplaceID: "A1", Phase: "RUNNING", ProcessingStatus: "IN_PROGRESS", SubmittedTime: ago(time.Hour), StuckTime: ago(time.Minute)})
	f.Take(&schemas.FeedState{Account: "busy", FeedID: "70", Phase: "FINISHED"})
	f.Take(&schemas.ShipmentState{Account: "busy", OrderID: "202-1", Packages: []schemas.PackageState{
		{PackageID: "1", Wanted: &schemas.PendingShipment{TrackingNumber: "T1", ReceivedTime: ago(time.Minute)}},
		{PackageID: "2", Confirmed: true},
	}})
	f.Take(&schemas.SearchState{Account: "busy", CursorTime: ago(3 * time.Minute), Found: 4})
	f.Take(&schemas.NotificationPace{Account: "busy", StartedTime: ago(500 * time.Hour), LastTime: ago(2 * time.Hour), AlertedTime: ago(time.Minute)})
	f.Take(&schemas.NotificationPace{Account: "idle", StartedTime: ago(time.Hour), LastTime: ago(time.Hour)})
	f.Take(&schemas.OrderState{Account: "parked", OrderID: "202-9", Pending: true, PendingSince: ago(50 * time.Hour)})
	f.Take(&schemas.LaneState{Account: "parked", Operation: model.GetOrder, Parked: true, Reason: "403 Unauthorized", Since: ago(49 * time.Hour), Until: now.Add(10 * time.Minute)})
	f.Take(&schemas.OrderState{Account: "held", OrderID: "202-8", Pending: true, Attempts: 9, // its lane waits
		PendingSince: ago(2 * time.Minute)})
	f.Take(&schemas.LaneState{Account: "held", Operation: model.GetOrder, Reason: "breaker open", Since: ago(90 * time.Second), Until: now.Add(30 * time.Second)})
	f.Take(&schemas.LaneState{Account: "idle", Operation: model.GetOrder, Reason: "over", Since: ago(2 * time.Hour), Until: ago(time.Hour)})
	f.Take(&schemas.Switch{Subject: "paused", Paused: true, Since: ago(time.Hour), By: "ann@host", Reason: "stocktaking"})
	f.Take(&schemas.Switch{Subject: "idle", Paused: false})
	f.Take(&schemas.OrderState{Account: "removed", OrderID: "202-7", Pending: true, PendingSince: ago(time.Minute)})
	f.Take(&schemas.Claim{})
	return f
}

func TestTable(t *testing.T) {
	t.Parallel()
	f := world("")
	var out bytes.Buffer
	if err := f.WriteTable(&out, f.Standings(), false); err != nil {
		t.Fatal(err)
	}
	const want = `6 accounts: 1 parked, 1 held up, 1 paused, 1 not configured, 1 working, 1 idle

ACCOUNT  ORDERS  STOCK  FEEDS  SHIPMENTS  CANCELS  OLDEST  CLEARS   STATE
parked   1       0      0      0          0        2d02h   unknown  PARKED: getOrder for 2d01h: 403 Unauthorized
held     1       0      0      0          0        2m00s   in 30s   held up: getOrder for 1m30s: breaker open
removed  1       0      0      0          0        1m00s   unknown  not configured
paused   0       0      0      0          0        -       -        PAUSED since 1h00m by ann@host (stocktaking)
busy     40      61     1      1          0        3h00m   unknown  feed 77 is stuck; no order notifications since 2h00m; slowed down by Amazon: getOrder at 0.25/s, not 0.5; 1 of inventory tried up to 3 times in vain
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	if err := f.WriteTable(&out, f.Standings(), true); err != nil || !strings.HasSuffix(out.String(), "idle     0       0      0      0          0        -       -        idle\n") {
		t.Errorf("with the idle ones: %v\n%s", err, out.String())
	}
}

// TestAccountsOfAStoppedUnitAreNamed, and what heals it; those of other
// partitions are not.
func TestAccountsOfAStoppedUnitAreNamed(t *testing.T) {
	t.Parallel()
	const partitions = 12
	f := world("")
	partition := int32(-1)
	for p := range int32(partitions) {
		if stream.Mine(machine.Unit{Partition: p, Partitions: partitions})("busy") {
			partition = p
		}
	}
	f.Stop(stream.Stopped{Role: "orders", Partition: partition, Cause: "the position 7\x1b[2J is not in the log", Remedy: "sellerstream replay --reset", Since: ago(time.Hour)}, partitions)
	f.Unread("state.orders", 3, "order/x", errors.New("no such schema"))
	for range 3 { // a later version may have written any number of them
		f.Unread("state.feeds", 3, "feed/x", fmt.Errorf("it is of a Later: %w", schemas.ErrUnknownKind))
	}
	var out bytes.Buffer
	if err := f.WriteTable(&out, f.Standings(), false); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"1 stopped, 1 parked", fmt.Sprintf("STOPPED: orders, partition %d: the position 7", partition), `partition 3, key "order/x" cannot be read`, "state.feeds: 3 of its entries are of a later version"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the table does not say %q:\n%s", part, out.String())
		}
	}
	for _, s := range f.Standings() {
		if (len(s.Stopped) > 0) != (s.Account == "busy") {
			t.Errorf("%s: %v", s.Account, s.Stopped)
		}
		if s.Account == "busy" {
			if err := f.Write(&out, s); err != nil || !strings.Contains(out.String(), "next: sellerstream replay --reset") {
				t.Errorf("%v\n%s", err, out.String())
			}
		}
	}
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Error("a cause steers the terminal")
	}
}

func TestOneAccount(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]string{
		"busy": `busy: feed 77 is stuck; no order notifications since 2h00m; slowed down by Amazon: getOrder at 0.25/s, not 0.5; 1 of inventory tried up to 3 times in vain

WORK       PENDING  AT AMAZON  OLDEST  
orders     40       0          39s     order 202-39
inventory  61       1          3h00m   SKU SENT
feeds      1        1          1h00m   feed 77
shipments  1        0          1m00s   package 1 of order 202-1

QUOTA            TOKENS  BURST  RATE/S           WAITING  CLEARS
confirmShipment  9.0     10     2                1        now
createFeed       0.0     15     0.0083           1        unknown
getOrder         10.0    30     0.25 (plan 0.5)  40       in 2m00s

FEED  PHASE    STATUS              MARKETPLACE  MESSAGES  AGE
77    RUNNING  IN_PROGRESS, stuck  A1           900       1h00m

NOTIFICATIONS  LAST       SEARCHED UP TO  FOUND BY SEARCH
of orders      2h00m ago  3m00s ago       4
`,
		"parked": `parked: PARKED: getOrder for 2d01h: 403 Unauthorized

WORK    PENDING  AT AMAZON  OLDEST  
orders  1        0          2d02h   order 202-9

QUOTA     TOKENS  BURST  RATE/S  WAITING  CLEARS
getOrder  29.0    30     0.5     1        unknown

getOrder has been parked for 2d01h: Amazon refuses the account. It is tried again in 10m00s, and at once when the account's configuration or secret changes.
  reason: 403 Unauthorized
  next: sellerstream doctor --account parked, mend what it says, then: sellerstream accounts retry parked
`,
		"paused": `paused: PAUSED since 1h00m by ann@host (stocktaking)

Its calls are paused, since 1h00m by ann@host (stocktaking).
  next: sellerstream resume --account paused
`,
		"idle": "idle: idle\n\nNOTIFICATIONS  LAST  SEARCHED UP TO  FOUND BY SEARCH\nof orders      -     -               0\n",
	} {
		f := world(account)
		found := f.Standings()
		if len(found) != 1 {
			t.Fatalf("%s: %d standings", account, len(found))
		}
		var out bytes.Buffer
		if err := f.Write(&out, found[0]); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", account, got, want)
		}
	}
}

// Whoever reads "clears" plans by it: it must be when a bucket gives the last token.
func TestClearsIsWhenTheLastCallMayStart(t *testing.T) {
	t.Parallel()
	settings := Settings{Now: now, Accounts: []string{"a"}, MaxMessages: 1000, PatchBelow: 10}
	for _, test := range []struct {
		name  string
		take  []any
		known bool
		in    time.Duration
	}{
		{"nothing waits", nil, true, 0},
		{"tokens for all", []any{&schemas.QuotaState{Account: "a", Operation: model.PatchListingsItem, Tokens: 3, Rate: 5, Time: now}, sku("1")}, true, 0},
		{"few quantities go by single calls", []any{
			&schemas.QuotaState{Account: "a", Operation: model.PatchListingsItem, Tokens: 0, Rate: 5, Time: now}, sku("1"), sku("2"),
		}, true, 400 * time.Millisecond},
	} {
		f := NewFold(settings)
		for _, value := range test.take {
			f.Take(value)
		}
		at, known := f.Standings()[0].Clears()
		if known != test.known || test.take != nil && !at.Equal(now.Add(test.in)) {
			t.Errorf("%s: %s, %v", test.name, at, known)
		}
	}
	f := NewFold(settings)
	f.Take(&schemas.QuotaState{Account: "a", Operation: model.CreateFeed, Tokens: 0, Rate: 0.01, Time: now})
	for i := range 2001 {
		f.Take(sku(fmt.Sprint(i)))
	}
	if at, known := f.Standings()[0].Clears(); !known || !at.Equal(now.Add(300*time.Second)) {
		t.Errorf("three feeds: %s, %v", at, known)
	}
	spaced := settings
	spaced.FeedInterval = 20 * time.Minute
	f = NewFold(spaced)
	for i := range 2001 {
		f.Take(sku(fmt.Sprint(i)))
	}
	if at, known := f.Standings()[0].Clears(); !known || !at.Equal(now.Add(40*time.Minute)) {
		t.Errorf("three feeds, 20 minutes apart: %s, %v", at, known)
	}
	f = NewFold(settings)
	f.Take(&schemas.FeedLaneState{Account: "a", FeedType: "T", Phase: "RUNNING", FeedID: "1"})
	for i := range 11 {
		f.Take(sku(fmt.Sprint(i)))
	}
	if at, known := f.Standings()[0].Clears(); known {
		t.Errorf("behind a running feed: %s, which nobody knows", at)
	}
}

// What waits to learn who fulfils its SKU needs a search for each twenty, and no feed yet;
// where the account does not ask it is sent at once.
func TestClearsCountsTheSearchesForFulfillers(t *testing.T) {
	t.Parallel()
	for asks, want := range map[bool]map[string]int{
		true:  {model.SearchListingsItems: 3, model.PatchListingsItem: 3},
		false: {model.CreateFeed: 1},
	} {
		f := NewFold(Settings{
			Now: now, Accounts: []string{"a"}, MaxMessages: 1000, PatchBelow: 10, AsksFulfillers: func(string) bool { return asks },
		})
		for i := range 43 {
			one := sku(fmt.Sprint(i))
			one.FulfilledBy = []string{"UNKNOWN", "AMAZON"}[i%2]
			f.Take(one)
		}
		for i, known := range []string{"ASSUMED", "MERCHANT", "AMAZON"} {
			one := sku(fmt.Sprint("known ", i))
			one.FulfilledBy, one.Wanted.AllowFulfilledByAmazon = known, known == "AMAZON"
			f.Take(one)
		}
		waiting := map[string]int{}
		for _, o := range f.Standings()[0].Operations {
			if o.Waiting > 0 {
				waiting[o.Operation] = o.Waiting
			}
		}
		if !maps.Equal(waiting, want) {
			t.Errorf("asks %v: %v wait, want %v", asks, waiting, want)
		}
	}
}

func sku(name string) *schemas.InventoryState {
	return &schemas.InventoryState{Account: "a", SKU: name, Wanted: &schemas.PendingUpdate{ReceivedTime: now}}
}

// TestCancellationsOfAnAccount wait for one feed of their share of createFeed, and neither
// they nor that feed hold quantities up.
func TestCancellationsOfAnAccount(t *testing.T) {
	t.Parallel()
	f := world("")
	waiting := []schemas.PendingCancellation{{CancellationID: "c", ReceivedTime: now.Add(-time.Minute)}}
	for _, order := range []string{"302-1", "302-2", "302-3"} {
		f.Take(&schemas.CancellationState{Account: "idle", OrderID: order, Waiting: waiting})
	}
	f.Take(&schemas.FeedLaneState{
		Account: "idle", FeedType: model.OrderAcknowledgementFeed, MarketplaceID: "M", Phase: "RUNNING", FeedID: "99", SubmittedTime: now.Add(-time.Minute),
	})
	for i := range 200 {
		f.Take(&schemas.InventoryState{Account: "idle", SKU: fmt.Sprint(i), Wanted: &schemas.PendingUpdate{ReceivedTime: now.Add(-time.Minute)}})
	}
	for _, s := range f.Standings() {
		if s.Account != "idle" {
			continue
		}
		if w := s.Of("cancellations"); w.Pending != 3 || w.OldestKey == "" {
			t.Errorf("%+v", w)
		}
		waits := map[string]int{}
		for _, o := range s.Operations {
			waits[o.Operation] = o.Waiting
			if o.Waiting > 0 && o.Clears.IsZero() {
				t.Errorf("%+v", o)
			}
		}
		if share := model.ShareOf(model.CreateFeed, model.OrderAcknowledgementFeed); waits[share] != 1 || waits[model.CreateFeed] == 0 {
			t.Errorf("%v", waits)
		}
	}
}
