package deadletters_test

import (
	"fmt"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/schemas"
)

func (w *world) tally(most int) *deadletters.Tally {
	return deadletters.NewTally(w.client, deadletters.TallyOptions{
		Kafka: w.kafka, Prefix: prefix, Codec: w.codec, Logger: slog.New(slog.DiscardHandler), Most: most,
	})
}

// counts updates a tally and one that begins now, and returns what both count.
func (w *world) counts(t *testing.T, tally *deadletters.Tally, most int, want map[string]int) {
	t.Helper()
	for name, tally := range map[string]*deadletters.Tally{"in the long run": tally, "after a restart": w.tally(most)} {
		err := tally.Update(t.Context())
		if open, ok := tally.Open(); err != nil || !ok || !maps.Equal(open, want) {
			t.Errorf("%s: %v, %t, %v; want %v", name, open, ok, err, want)
		}
	}
}

func (w *world) resolve(t *testing.T, id, action string) {
	t.Helper()
	value, err := w.codec.AppendEncode(nil, schemas.DeadLettersResolved, &schemas.DeadLetterResolution{ID: id, Action: action, Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.client.ProduceSync(t.Context(), &kgo.Record{Topic: prefix + schemas.DeadLettersResolved, Key: []byte(id), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// A letter counts until it is dealt with, whoever counts since when.
func TestOpenLettersAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tally := w.tally(100)
	if open, ok := tally.Open(); ok {
		t.Errorf("before it has read: %v", open)
	}
	w.counts(t, tally, 100, map[string]int{})
	letter := fromTopic("a", schemas.InventoryUpdates, "inventory", w.update(time.Now()))
	w.put(letter, fromQueue("q", `{}`), fromQueue("r", `{}`), letter)
	w.counts(t, tally, 100, map[string]int{"unknown_account": 1, "not_json": 2})
	retry(t, w.open(), everything)
	w.put(letter) // the same once more: no new letter
	w.counts(t, tally, 100, map[string]int{"not_json": 2})
	w.resolve(t, "q", deadletters.Retrying) // the operator died: it may have been sent
	w.counts(t, tally, 100, map[string]int{"not_json": 2})
	w.resolve(t, "q", deadletters.Discarded)
	w.counts(t, tally, 100, map[string]int{"not_json": 1})
	w.resolve(t, "q", deadletters.Reopened)
	w.counts(t, tally, 100, map[string]int{"not_json": 2})
}

// What Kafka has deleted can be neither retried nor discarded.
func TestDeletedLettersDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tally := w.tally(100)
	w.put(fromQueue("q", `{}`))
	w.counts(t, tally, 100, map[string]int{"not_json": 1})
	admin := kadm.NewClient(w.client)
	ends, err := admin.ListEndOffsets(t.Context(), prefix+schemas.DeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteRecords(t.Context(), ends.Offsets()); err != nil {
		t.Fatal(err)
	}
	w.counts(t, tally, 100, map[string]int{})
}

// More letters than a tally knows: those that are dealt with make room for others, and
// where there is none the count is the least that is open, until there is.
func TestATallyIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const most = 20
	tally := w.tally(most)
	id := func(i int) string { return fmt.Sprintf("letter %d", i) }
	for i := range 50 {
		w.put(fromQueue(id(i), `{}`))
	}
	w.counts(t, tally, most, map[string]int{"not_json": most})
	for i := range 45 {
		w.resolve(t, id(i), deadletters.Discarded)
	}
	if err := tally.Update(t.Context()); err != nil { // which finds that there is room again
		t.Fatal(err)
	}
	w.counts(t, tally, most, map[string]int{"not_json": 5})
}
