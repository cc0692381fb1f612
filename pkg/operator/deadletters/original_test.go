package deadletters_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/schemas"
)

// cutLetter is the letter of a record that was cut: it holds a part.
func cutLetter(id, topic string, rec *kgo.Record) *schemas.DeadLetter {
	letter := fromTopic(id, topic, "inventory", rec.Value)
	letter.Partition, letter.Offset, letter.SourceTime = &rec.Partition, &rec.Offset, rec.Timestamp
	letter.Attributes = map[string][]byte{}
	for _, h := range rec.Headers {
		letter.Attributes[h.Key] = h.Value
	}
	letter.Bound(schemas.LeastDeadLetterBytes)
	return letter
}

// largeUpdate is an update with more headers than a small letter has room for.
func (w *world) largeUpdate() *kgo.Record {
	w.t.Helper()
	rec := &kgo.Record{
		Topic: prefix + schemas.InventoryUpdates, Key: []byte("acme-eu"), Value: w.update(time.Now()),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: bytes.Repeat([]byte("t"), 20<<10)}},
	}
	if err := w.client.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	return rec
}

// What a letter holds only a part of goes back whole where its record is still there,
// and never as a part.
func TestALetterThatWasCutGoesBackWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.largeUpdate()
	letter := cutLetter("a", schemas.InventoryUpdates, rec)
	if letter.Whole() {
		t.Fatal("the letter was not cut")
	}
	w.put(letter)
	if done := retry(t, w.open(), everything); done.Retried != 1 || w.state("a") != deadletters.Retried {
		t.Fatalf("%+v, the letter is %q", done, w.state("a"))
	}
	records := w.records(schemas.InventoryUpdates)
	if len(records) != 2 {
		t.Fatalf("%d records, want the one that was there and the retry of it", len(records))
	}
	back := records[1]
	if !bytes.Equal(back.Value, rec.Value) || !bytes.Equal(back.Key, rec.Key) || back.Headers[0].Key != "trace" || !bytes.Equal(back.Headers[0].Value, rec.Headers[0].Value) {
		t.Errorf("%s %q went back with %d headers", back.Key, back.Value, len(back.Headers))
	}
}

func TestACutLetterWithoutItsRecordStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone, there := w.largeUpdate(), w.largeUpdate()
	if _, err := kadm.NewClient(w.client).DeleteRecords(t.Context(), kadm.Offsets{gone.Topic: {gone.Partition: {Topic: gone.Topic, Partition: gone.Partition, At: gone.Offset + 1}}}); err != nil {
		t.Fatal(err)
	}
	letter := func(rec *kgo.Record, change func(*schemas.DeadLetter)) *schemas.DeadLetter {
		l := cutLetter("", schemas.InventoryUpdates, rec)
		if change != nil {
			change(l)
		}
		return l
	}
	beyond := there.Offset + 7
	for name, test := range map[string]struct {
		letter *schemas.DeadLetter
		says   string // "" where it can
	}{
		"there":                {letter(there, nil), ""},
		"removed":              {letter(gone, nil), "is not there any more"},
		"beyond the end":       {letter(there, func(l *schemas.DeadLetter) { l.Offset = &beyond }), "is not there any more"},
		"a topic made anew":    {letter(there, func(l *schemas.DeadLetter) { l.SourceTime = there.Timestamp.Add(-time.Hour) }), "is not there any more"},
		"no such topic":        {letter(there, func(l *schemas.DeadLetter) { l.Source = "other" }), "is not there any more"},
		"larger than it takes": {letter(there, func(l *schemas.DeadLetter) { l.Reason = "too_large" }), "larger than role inventory takes"},
		"a message":            {&schemas.DeadLetter{Role: "bridge", Source: queue, Cut: map[string]int64{schemas.CutValue: 3 << 20}}, "have the message sent again"},
	} {
		route, err := w.open().Route(t.Context(), &deadletters.Letter{DeadLetter: *test.letter}, time.Now())
		if err != nil || (route.Refusal == "") != (test.says == "") || !strings.Contains(route.Refusal, test.says) {
			t.Errorf("%s: %+v, %v", name, route, err)
		}
	}
}

// A user who may not read the topic sees which permission is missing, and sends nothing.
func TestACutLetterWhoseRecordMayNotBeReadStays(t *testing.T) {
	t.Parallel()
	var given []acls.ACL
	for _, a := range (acls.Layout{Prefix: prefix, TransactionalPrefix: prefix + "tx"}).Of("deadletters") {
		if a.Name != prefix+schemas.InventoryUpdates || a.Operation != acls.Read {
			given = append(given, a)
		}
	}
	w := newRestrictedWorld(t, given)
	letter := cutLetter("a", schemas.InventoryUpdates, w.largeUpdate())
	route, err := w.open().Route(t.Context(), &deadletters.Letter{DeadLetter: *letter}, time.Now())
	if err != nil || !strings.Contains(route.Refusal, "topics acls --roles deadletters") {
		t.Errorf("%+v, %v", route, err)
	}
}
