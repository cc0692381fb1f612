package machine_test

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// A letter is found again by its reason, and people know its words.
func TestRecordsThatAreSetAside(t *testing.T) {
	t.Parallel()
	find := func(id string) (int, bool) { return len(id), id == "acme-eu" }
	for _, test := range []struct {
		key, named      string
		want            int
		reason, message string
	}{
		{"acme-eu", "acme-eu", 7, "", ""},
		{"acme-eu", "acme-na", 0, "account_mismatch",
			`the record's key names account "acme-eu", its value account "acme-na": the producer must key by account`},
		{"gone", "gone", 0, "unknown_account", `account "gone" is not configured: configure it, then reprocess this record`},
		{"gone", "acme-eu", 0, "account_mismatch",
			`the record's key names account "gone", its value account "acme-eu": the producer must key by account`},
	} {
		tx, rec := &machine.Tx{}, &machine.Record{Account: test.key}
		got, ok := machine.AccountOf(tx, rec, test.named, find)
		if ok != (test.reason == "") || ok && got != test.want {
			t.Errorf("%+v: %d, %v", test, got, ok)
		}
		wantLetter(t, tx, rec, test.reason, test.message)
	}
	tx, rec := &machine.Tx{}, &machine.Record{Topic: "orders", Value: &time.Time{}}
	tx.Unexpected(rec, "a Shipment or an Order")
	wantLetter(t, tx, rec, "unexpected_type", "topic orders holds a *time.Time where a Shipment or an Order belongs")
}

func wantLetter(t *testing.T, tx *machine.Tx, rec *machine.Record, reason, message string) {
	t.Helper()
	if reason == "" && len(tx.DeadLetters) == 0 {
		return
	}
	if len(tx.DeadLetters) != 1 || tx.DeadLetters[0].Record != rec || tx.DeadLetters[0].Reason != reason || tx.DeadLetters[0].Message != message {
		t.Errorf("set aside %+v, want %q: %q", tx.DeadLetters, reason, message)
	}
}

func TestFieldsThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	update := machine.Subject{Name: "SKU", Record: "update"}
	for _, test := range []struct {
		event           time.Time
		reason, message string
	}{
		{now, "", ""},
		{now.Add(5 * time.Minute), "", ""},
		{time.UnixMilli(1), "", ""},
		{time.Time{}, "no_event_time", "the event time lies before 1970: it decides which of a SKU's updates is the newest, so the producer must set it, or leave it out (0) for the timestamp of the Kafka record"},
		{time.UnixMilli(0), "no_event_time", "the event time lies before 1970: it decides which of a SKU's updates is the newest, so the producer must set it, or leave it out (0) for the timestamp of the Kafka record"},
		{now.Add(5*time.Minute + time.Second), "event_time_ahead", "the event time 2026-11-01T12:05:01Z is more than 5m0s ahead of 2026-11-01T12:00:00Z " +
			"and would keep every other update of the SKU out: set the producer's clock, then produce it again"},
	} {
		if reason, message := update.InvalidEventTime(test.event, now); reason != test.reason || message != test.message {
			t.Errorf("%v: %q: %q", test.event, reason, message)
		}
	}
	for id, want := range map[string]string{"": "", "A1": "", "A2": "unknown_marketplace"} {
		reason, message := machine.UnknownMarketplace(id, []string{"A1"})
		if reason != want || want != "" && message != `marketplace "A2" is not among the account's: add it to the account, or correct it at the producer` {
			t.Errorf("%q: %q: %q", id, reason, message)
		}
	}
}

func TestEventTime(t *testing.T) {
	t.Parallel()
	given, came := time.UnixMilli(1_790_000_000_001), time.UnixMilli(1_790_000_000_002)
	rec := &machine.Record{Time: time.UnixMilli(3), Came: came}
	for _, test := range []struct{ given, want time.Time }{
		{given, given},
		{time.UnixMilli(0), came},
		{time.Time{}, time.Time{}}, // of a program that got no date: it stays invalid
	} {
		if got := rec.EventTime(test.given); !got.Equal(test.want) {
			t.Errorf("%v: %v, want %v", test.given, got, test.want)
		}
	}
}
