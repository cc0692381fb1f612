package deadletters_test

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/schemas"
)

// A replayed record closes its own letters and no others': those of the same place and
// time that its processor has written, and what was given up of the order that it names.
func TestAReplayedRecordClosesItsOwnLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.UnixMilli(time.Now().UnixMilli())
	letter := func(id string, change func(*schemas.DeadLetter)) *schemas.DeadLetter {
		l := fromTopic(id, schemas.OrderChanges, "orders", []byte("x"))
		l.SourceTime = at
		if change != nil {
			change(l)
		}
		return l
	}
	other, last := int64(18), int64(20)
	work := func(id, key string) *schemas.DeadLetter {
		return &schemas.DeadLetter{ID: id, Role: "orders", Reason: "order_refused", Account: "acme-eu", Source: prefix + schemas.StateOrders, Key: []byte(key)}
	}
	w.put(
		letter("own", nil), letter("own again", nil),
		letter("no time", func(l *schemas.DeadLetter) { l.SourceTime = time.Time{} }),
		letter("discarded", nil),
		letter("of a topic made anew", func(l *schemas.DeadLetter) { l.SourceTime = at.Add(-time.Hour) }),
		letter("of another offset", func(l *schemas.DeadLetter) { l.Offset = &other }),
		letter("of another topic", func(l *schemas.DeadLetter) { l.Source = prefix + schemas.Shipments }),
		letter("of another role", func(l *schemas.DeadLetter) { l.Role = "bridge" }),
		letter("of a batch", func(l *schemas.DeadLetter) { l.LastOffset = &last }),
		work("the order", "order/acme-eu/202-1"), work("another order", "order/acme-eu/202-2"), fromQueue("message", "x"),
	)
	if n, err := w.open().Discard(t.Context(), deadletters.Filter{IDs: []string{"discarded"}}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	replayed, err := w.open().Replayed(t.Context(), "orders", schemas.OrderChanges)
	if err != nil {
		t.Fatal(err)
	}
	rec := &kgo.Record{Topic: prefix + schemas.OrderChanges, Partition: 3, Offset: 17, Timestamp: at}
	for range 2 { // a transaction that was undone comes again
		notes, err := replayed.Notes(rec, &schemas.OrderChange{Account: "acme-eu", OrderID: "202-1"}, "replays")
		if err != nil || len(notes) != 4 || replayed.Closed() != 0 {
			t.Fatalf("%d notes, %d closed, %v", len(notes), replayed.Closed(), err)
		}
	}
	if err := replayed.Write(t.Context(), "replays"); err != nil || replayed.Closed() != 4 {
		t.Fatalf("%d closed, %v", replayed.Closed(), err)
	}
	if notes, err := replayed.Notes(rec, nil, "replays"); len(notes) > 0 || err != nil {
		t.Errorf("%d notes of what is closed, %v", len(notes), err)
	}
	closed := []string{"own", "own again", "no time", "the order"}
	err = w.open().Each(t.Context(), deadletters.Filter{Settled: true}, func(l *deadletters.Letter) error {
		want := ""
		switch {
		case slices.Contains(closed, l.ID):
			want = deadletters.Again
		case l.ID == "discarded":
			want = deadletters.Discarded
		}
		if l.Mark.Action != want {
			t.Errorf("%s is %q, want %q", l.ID, l.Mark.Action, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Notes of one letter stand on one partition, whoever writes them: the newest holds.
	if n, err := w.open().Discard(t.Context(), deadletters.Filter{IDs: closed, Settled: true}); n != len(closed) || err != nil || w.state("own") != deadletters.Discarded {
		t.Errorf("discarded %d, %v: %s", n, err, w.state("own"))
	}
}
