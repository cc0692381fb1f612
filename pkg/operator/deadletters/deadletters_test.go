package deadletters_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

var everything = deadletters.Filter{Role: "inventory"}

func retry(t *testing.T, l *deadletters.Letters, f deadletters.Filter) deadletters.Done {
	t.Helper()
	done, err := l.Retry(t.Context(), f, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestARecordGoesBackToItsTopicOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	value := w.update(time.Now())
	again := fromTopic("b", schemas.InventoryUpdates, "inventory", value)
	again.Attributes[schemas.RetryOfHeader], again.Attributes[schemas.RetryForHeader] = []byte("an earlier letter"), []byte("inventory")
	again.Attributes[schemas.RetryTimeHeader] = []byte("1790000000000") // of its first record
	w.put(fromTopic("a", schemas.InventoryUpdates, "inventory", value), again)
	early := w.open() // who looked before the others began
	for _, want := range []int{2, 0} {
		if done := retry(t, w.open(), everything); done.Retried != want {
			t.Errorf("retried %d, want %d", done.Retried, want)
		}
	}
	if done := retry(t, early, everything); done.Retried != 0 {
		t.Errorf("who had looked before retried %d", done.Retried)
	}
	records := w.records(schemas.InventoryUpdates)
	if len(records) != 2 {
		t.Fatalf("%d records went back", len(records))
	}
	for i, rec := range records {
		headers := ""
		for _, h := range rec.Headers {
			headers += h.Key + "=" + string(h.Value) + " "
		}
		want := fmt.Sprintf("trace=t-1 retry-of=%s retry-for=inventory retry-time=%d ",
			[]string{"a", "b"}[i], []int64{again.SourceTime.UnixMilli(), 1790000000000}[i])
		if string(rec.Key) != "acme-eu" || string(rec.Value) != string(value) || headers != want {
			t.Errorf("%s %q %s", rec.Key, rec.Value, headers)
		}
		owner := kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(rec, schemas.DefaultPartitions)
		if int(rec.Partition) != owner {
			t.Errorf("on partition %d, its account's is %d", rec.Partition, owner)
		}
	}
	if done := retry(t, w.open(), deadletters.Filter{IDs: []string{"a"}, Settled: true}); done.Retried != 1 {
		t.Errorf("when told to do it again: %+v", done)
	}
}

func TestALetterThatStandsThereTwiceGoesBackOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	letter := fromTopic("a", schemas.InventoryUpdates, "inventory", w.update(time.Now()))
	w.put(letter, letter)
	if done := retry(t, w.open(), everything); done != (deadletters.Done{Retried: 1}) { // the other is settled by then
		t.Errorf("%+v, want 1 retried", done)
	}
	if n := len(w.records(schemas.InventoryUpdates)); n != 1 {
		t.Errorf("%d records went back", n)
	}
}

// Another run fences this one between its transactions: what this one has not
// committed is undone, and goes back once all the same.
// Even who wants it done again means once: a message that had come twice is two
// letters of one id, and their record or message must not go back twice.
func TestALetterThatStandsThereTwiceGoesBackOnceAgain(t *testing.T) {
	t.Parallel()
	again := deadletters.Filter{IDs: []string{"a", "q"}, Settled: true}
	w := newWorld(t)
	letter := fromTopic("a", schemas.InventoryUpdates, "inventory", w.update(time.Now()))
	message := fromQueue("q", `{"x":1}`)
	w.put(letter, message, letter, message)
	for round := 1; round <= 3; round++ {
		if done := retry(t, w.open(), again); done.Retried != 2 || done.Same != 2 || done.Kept != 0 {
			t.Errorf("round %d: %+v, want 2 retried and 2 the same", round, done)
		}
		if records := len(w.records(schemas.InventoryUpdates)); records != round || len(w.sent) != round {
			t.Errorf("after round %d, %d records and %d messages went back", round, records, len(w.sent))
		}
	}
	if n, err := w.open().Discard(t.Context(), again); n != 2 || err != nil {
		t.Errorf("discarded %d, %v, want each letter once", n, err)
	}
}

func TestTwoWhoRetryAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	value := w.update(time.Now())
	const letters = 350 // several transactions
	for i := range letters {
		w.put(fromTopic(fmt.Sprint("id-", i), schemas.InventoryUpdates, "inventory", value))
	}
	first, second := w.open(), w.open()
	errs := make(chan error, 2)
	for _, l := range []*deadletters.Letters{first, second} {
		go func() {
			_, err := l.Retry(t.Context(), everything, time.Now())
			errs <- err
		}()
	}
	for range 2 {
		if err := <-errs; err != nil && !strings.Contains(err.Error(), "another retry or discard has begun") {
			t.Error(err)
		}
	}
	retry(t, w.open(), everything)
	ids := map[string]int{}
	for _, rec := range w.records(schemas.InventoryUpdates) {
		for _, h := range rec.Headers {
			if h.Key == schemas.RetryOfHeader {
				ids[string(h.Value)]++
			}
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%s went back %d times", id, n)
		}
	}
	if len(ids) != letters {
		t.Errorf("%d of %d went back", len(ids), letters)
	}
}

func TestAMessageGoesBackToItsQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(fromQueue("a", "body"))
	open := deadletters.Filter{Role: "bridge"}

	w.refuse, w.known = errors.New("AccessDenied"), true
	if _, err := w.open().Retry(t.Context(), open, time.Now()); err == nil || !strings.Contains(err.Error(), "sqs:SendMessage") || !strings.Contains(err.Error(), "kms:GenerateDataKey") {
		t.Errorf("refused: %v", err)
	}
	if state := w.state("a"); state != "" {
		t.Errorf("what was refused is %s, not open", state)
	}

	w.known, w.refuse = false, errors.New("the connection was cut")
	if _, err := w.open().Retry(t.Context(), open, time.Now()); err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("cut off: %v", err)
	}
	if state := w.state("a"); state != deadletters.Retrying {
		t.Errorf("what may have been sent is %q", state)
	}
	w.refuse = nil
	if done := retry(t, w.open(), open); done.Retried != 0 || len(w.sent) != 0 {
		t.Errorf("what may have been sent was sent again: %+v, %q", done, w.sent)
	}
	if s, err := w.open().Summarize(t.Context(), deadletters.Filter{Unsure: true}, 1); err != nil || s.Total != 1 {
		t.Errorf("the list does not show it: %+v, %v", s, err)
	}

	open.Settled = true
	if done := retry(t, w.open(), open); done.Retried != 1 || !slices.Equal(w.sent, []string{"body"}) || w.state("a") != deadletters.Retried {
		t.Errorf("told to send it again: %+v, %q", done, w.sent)
	}
}

// What was given up of an order goes back as a change of it, once.
func TestWorkOfAnOrderGoesBackAsAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(&schemas.DeadLetter{
		ID: "a", Role: "orders", Account: "acme-eu", Source: prefix + schemas.StateOrders, Key: []byte("order/acme-eu/202-1234567-8901234"),
	})
	for _, want := range []int{1, 0} {
		if done := retry(t, w.open(), deadletters.Filter{Role: "orders"}); done.Retried != want {
			t.Errorf("%+v, want %d", done, want)
		}
	}
	records := w.records(schemas.OrderChanges)
	if len(records) != 1 || string(records[0].Key) != "acme-eu" || w.state("a") != deadletters.Retried {
		t.Fatalf("%d records, the letter is %q", len(records), w.state("a"))
	}
	value, err := w.codec.Decode(t.Context(), schemas.OrderChanges, records[0].Value)
	change, ok := value.(*schemas.OrderChange)
	if err != nil || !ok || change.Account != "acme-eu" || change.OrderID != "202-1234567-8901234" || !change.ChangeTime.IsZero() {
		t.Errorf("%+v, %v", value, err)
	}
}

func TestWhatCannotGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	work := &schemas.DeadLetter{
		Role: "orders", Account: "acme-eu", Source: prefix + schemas.StateOrders, Key: []byte("order/acme-eu/202-1234567-8901234"),
	}
	feed := &schemas.DeadLetter{Role: "feeds", Account: "acme-eu", Source: prefix + schemas.StateFeeds, Key: []byte("feed/acme-eu/1")}
	foreign := fromQueue("", "x")
	foreign.Source = "https://sqs.eu-west-1.amazonaws.com/999999999999/of-others"
	large := fromTopic("", schemas.Orders, "events", make([]byte, schemas.MaxRecordBytes-100))
	quantity := func(age time.Duration) *schemas.DeadLetter {
		return fromTopic("", schemas.InventoryUpdates, "inventory", w.update(time.Now().Add(-age)))
	}
	unreadable := fromTopic("", schemas.InventoryUpdates, "inventory", []byte("junk"))
	unreadable.SourceTime = time.Now().Add(-8 * 24 * time.Hour)
	secret := fromQueue("", "")
	secret.Reason = "secret_withheld"
	replayed := fromTopic("", schemas.Shipments, "shipments", nil)
	replayed.Reason = "replay_too_old"
	withoutEffects := fromTopic("", schemas.Shipments, "shipments", nil)
	withoutEffects.Reason = "replay_without_effects"
	cut := func(part string) *schemas.DeadLetter {
		letter := fromTopic("", schemas.Orders, "events", nil)
		letter.Cut = map[string]int64{part: 1}
		return letter
	}
	batch := fromTopic("", schemas.Orders, "events", nil)
	batch.LastOffset = batch.Offset
	for name, test := range map[string]struct {
		letter *schemas.DeadLetter
		says   string // "" where it can
	}{
		"a part of a value":          {cut(schemas.CutValue), "a part is never sent back"},
		"a part of a key":            {cut(schemas.CutKey), "a part is never sent back"},
		"not all headers":            {cut(schemas.CutAttributes), "a part is never sent back"},
		"a whole batch":              {batch, "it is a whole batch"},
		"a replay without effects":   {withoutEffects, "the replay of it was refused"},
		"work of an order":           {work, ""},
		"other work":                 {feed, "mend what it names"},
		"a queue of others":          {foreign, "not under bridge.queues"},
		"a secret":                   {secret, "written nowhere"},
		"no room for the headers":    {large, "with the headers that say it is a retry"},
		"a topic that is none":       {fromTopic("", "old", "orders", nil), "not in the table"},
		"a copy":                     {fromTopic("", schemas.Replays, "orders", nil), "`sellerstream replay` copies"},
		"a replay too old":           {replayed, "the replay of it was refused"},
		"a forgotten quantity":       {quantity(7 * 24 * time.Hour), "produce the quantity that holds now"},
		"bytes as old":               {unreadable, "produce the quantity that holds now"},
		"a quantity of yesterday":    {quantity(24 * time.Hour), ""},
		"an order for the publisher": {fromTopic("", schemas.Orders, "events", nil), ""},
		"our queue":                  {fromQueue("", "x"), ""},
	} {
		route, err := w.open().Route(t.Context(), &deadletters.Letter{DeadLetter: *test.letter}, time.Now())
		if err != nil || (route.Refusal == "") != (test.says == "") || !strings.Contains(route.Refusal, test.says) {
			t.Errorf("%s: %+v, %v", name, route, err)
		}
	}
}

func TestPlanCountsByTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	value := w.update(time.Now())
	w.put(fromTopic("a", schemas.InventoryUpdates, "inventory", value), fromTopic("b", schemas.InventoryUpdates, "inventory", value),
		fromQueue("c", "x"), fromTopic("d", "old", "orders", nil))
	plan, err := w.open().Plan(t.Context(), deadletters.Filter{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if plan.Letters() != 3 || len(plan.Parts) != 2 || plan.Kept != 1 || plan.Refused[0].ID != "d" {
		t.Errorf("%+v", plan)
	}
	if p := plan.Parts[1]; p.Topic != prefix+schemas.InventoryUpdates || p.Letters != 2 || !p.Writes {
		t.Errorf("%+v", p)
	}
}

func TestDiscardAndFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := fromTopic("d", schemas.Shipments, "shipments", nil)
	other.Account, other.Reason = "zeta", "undecodable"
	w.put(fromTopic("a", schemas.OrderChanges, "orders", nil), fromTopic("b", schemas.OrderChanges, "orders", nil), fromQueue("c", "x"), other)
	if n, err := w.open().Discard(t.Context(), deadletters.Filter{IDs: []string{"b"}}); n != 1 || err != nil {
		t.Fatalf("discarded %d, %v", n, err)
	}
	for name, test := range map[string]struct {
		filter deadletters.Filter
		want   string
	}{
		"open":       {deadletters.Filter{}, "a c d"},
		"all":        {deadletters.Filter{Settled: true}, "a b c d"},
		"reason":     {deadletters.Filter{Reason: "unknown_account"}, "a"},
		"account":    {deadletters.Filter{Account: "zeta"}, "d"},
		"role":       {deadletters.Filter{Role: "bridge"}, "c"},
		"ids":        {deadletters.Filter{IDs: []string{"a", "b", "d"}}, "a d"},
		"since":      {deadletters.Filter{Since: time.Now().Add(-time.Hour)}, "a c d"},
		"since then": {deadletters.Filter{Since: time.Now().Add(time.Hour)}, ""},
		"until":      {deadletters.Filter{Until: time.Now().Add(-time.Hour)}, ""},
	} {
		var got []string
		err := w.open().Each(t.Context(), test.filter, func(l *deadletters.Letter) error {
			got = append(got, l.ID)
			return nil
		})
		slices.Sort(got)
		if strings.Join(got, " ") != test.want || err != nil {
			t.Errorf("%s: %v, want %s, %v", name, got, test.want, err)
		}
	}
	letter, err := w.open().Find(t.Context(), "b")
	if err != nil || letter.Mark.Action != deadletters.Discarded || letter.Mark.By != "ada@test" {
		t.Errorf("%+v, %v", letter, err)
	}
	if _, err := w.open().Find(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), `no dead letter has the id "x"`) {
		t.Errorf("a letter that is none: %v", err)
	}
}

func TestSummaryKeepsTheNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		letter := fromTopic(fmt.Sprintf("id-%02d", i), schemas.OrderChanges, "orders", []byte("value"))
		letter.Key = fmt.Append(nil, "account-", i) // over the partitions
		if i < 5 {
			letter.Reason = "undecodable"
		}
		w.put(letter)
	}
	s, err := w.open().Summarize(t.Context(), deadletters.Filter{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if s.Total != 30 || len(s.Counts) != 2 || s.Counts[0].Letters != 25 || s.Counts[1].Reason != "undecodable" || len(s.Newest) != 3 {
		t.Errorf("%+v", s)
	}
	for i, l := range s.Newest {
		if i > 0 && l.Written.After(s.Newest[i-1].Written) || l.Value != nil {
			t.Errorf("%d: %+v", i, l)
		}
	}
}

// Junk on either topic, and a transaction that was undone, stop nothing; a note
// that cannot be read keeps its letter from being sent twice.
func TestJunkIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(fromTopic("a", schemas.OrderChanges, "orders", nil), fromTopic("b", schemas.OrderChanges, "orders", nil))
	for _, rec := range []*kgo.Record{
		{Topic: prefix + schemas.DeadLetters, Key: []byte("acme-eu"), Value: []byte("junk")},
		{Topic: prefix + schemas.DeadLettersResolved, Key: []byte("b"), Value: []byte("junk")},
	} {
		if err := w.client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	undone, err := kgo.NewClient(append([]kgo.Opt{kgo.TransactionalID("other")}, w.kafka...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer undone.Close()
	if err := undone.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	rec := &kgo.Record{Topic: prefix + schemas.DeadLetters, Key: []byte("acme-eu"), Value: []byte("undone")}
	if err := undone.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := undone.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	if done := retry(t, w.open(), deadletters.Filter{Role: "orders"}); done.Retried != 1 {
		t.Errorf("%+v", done)
	}
	if state := w.state("b"); state != deadletters.Unreadable {
		t.Errorf("b is %q", state)
	}
}

// A batch that cannot be read hides no other letter. Where it may be the note that a
// letter was retried, the letter counts as retried.
func TestBatchesThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	broken := func(topic string) {
		t.Helper()
		for p := range int32(schemas.DefaultPartitions) {
			if _, err := rawbatch.Produce(t.Context(), w.client, prefix+topic, p, rawbatch.Broken()); err != nil {
				t.Fatal(err)
			}
		}
	}
	broken(schemas.DeadLetters)
	w.put(fromTopic("a", schemas.InventoryUpdates, "inventory", w.update(time.Now())), fromTopic("b", schemas.InventoryUpdates, "inventory", w.update(time.Now())))
	if state := w.state("a"); state != "" {
		t.Fatalf("a is %q", state)
	}
	broken(schemas.DeadLettersResolved)
	if done := retry(t, w.open(), deadletters.Filter{Role: "inventory"}); done.Retried != 0 {
		t.Errorf("%+v", done)
	}
	if done := retry(t, w.open(), deadletters.Filter{IDs: []string{"a"}, Settled: true}); done.Retried != 1 {
		t.Errorf("%+v", done)
	}
	if a, b := w.state("a"), w.state("b"); a != deadletters.Retried || b != deadletters.Unreadable {
		t.Errorf("a is %q, b is %q", a, b)
	}
}

func TestTheBeginningOfAnIDWillDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	value := w.update(time.Now())
	ids := []string{"3f0c9a00000000000000000000000001", "3f0c9b00000000000000000000000002", "3f0c9b00000000000000000000000003", "short"}
	for _, id := range ids {
		w.put(fromTopic(id, schemas.InventoryUpdates, "inventory", value))
	}
	letters := w.open()
	for given, want := range map[string]string{
		"3f0c9a": ids[0], "3f0c9a…": ids[0], ids[1]: ids[1], "3f0c9b00000000000000000000000003": ids[2],
		"3f0": "3f0", "shor": ids[3], "none-such": "none-such",
	} {
		if got, err := letters.Resolve(t.Context(), []string{given}); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, %v; want %s", given, got, err, want)
		}
	}
	if _, err := letters.Resolve(t.Context(), []string{"3f0c9a", "3f0c9b"}); err == nil || !strings.Contains(err.Error(), ids[1]) || !strings.Contains(err.Error(), ids[2]) {
		t.Errorf("an ambiguous beginning: %v", err)
	}
}
