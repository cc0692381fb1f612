package sqs_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// inTime runs a test in virtual time. The codec is made before: it speaks HTTP.
func inTime(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	codec := newCodec(t)
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, codec)) })
}

// checkEmpty wants the queue to be empty, and nothing to have been given out twice.
func (w *world) checkEmpty(deleted int) {
	w.t.Helper()
	if q := w.queue(); q.Visible+q.InFlight != 0 || q.Deleted != deleted || q.Redelivered != 0 {
		w.t.Errorf("queue %+v, want all %d deleted and none redelivered", q, deleted)
	}
}

func TestMovesEveryMessageOnce(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		want := w.send(500)
		b, stop := w.run(w.options())
		time.Sleep(5 * time.Second)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("%d records on order-changes, want each of %d once", len(got), len(want))
		}
		w.checkEmpty(500)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := b.Stats(); got.Received != 500 || got.Produced != 500 || got.Forwarded != 500 || got.Deleted != 500 || got.InFlight != 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestRecord(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(1)
		sent := time.Now()
		w.run(w.options())
		time.Sleep(time.Second)
		recs := w.kafka.on(prefix + schemas.OrderChanges)
		if len(recs) != 1 {
			t.Fatalf("%d records", len(recs))
		}
		got := w.values(schemas.OrderChanges)[0].(*schemas.OrderChange)
		if string(recs[0].Key) != "seller-1-de" || got.Account != "seller-1-de" {
			t.Errorf("key %q, account %q", recs[0].Key, got.Account)
		}
		if !got.ReceivedTime.Equal(sent.Truncate(time.Millisecond)) {
			t.Errorf("receivedTime %v, want the queue's SentTimestamp %v", got.ReceivedTime, sent)
		}
	})
}

// What Amazon ships for an account that wants its own orders only is deleted and counted,
// and nothing else is: not what is named otherwise, and not of another account.
func TestUnwantedOrdersAreDroppedAndCounted(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		own := w.Accounts()[0].Account
		own.FulfilledBy = []string{model.FulfilledByMerchant}
		accounts, err := account.NewDirectory([]account.Account{own, w.Accounts()[1].Account})
		if err != nil {
			t.Fatal(err)
		}
		w.accounts = accounts
		var want []string
		for i, kind := range []string{`"AFN"`, `"MFN"`, `""`, `"afn"`, `"SFP"`, `null`, `7`, `["AFN"]`} {
			for seller := range 2 {
				order := fmt.Sprintf("903-%07d-%07d", seller, i)
				w.put(strings.Replace(orderChange(w.Accounts()[seller], order), `"FulfillmentType":"MFN"`, `"FulfillmentType":`+kind, 1))
				if kind != `"AFN"` || seller == 1 {
					want = append(want, order)
				}
			}
		}
		w.put(fmt.Sprintf(`{"NotificationType":"ORDER_STATUS_CHANGE","Payload":{"OrderStatusChangeNotification":{"SellerId":%q,"MarketplaceId":%q,
			"AmazonOrderId":"903-0000000-0000009","OrderStatus":"Unshipped","FulfillmentChannel":"AFN"}},"NotificationMetadata":{"NotificationId":"n"}}`,
			own.SellerID, own.Marketplaces[0]))
		slices.Sort(want)
		b, stop := w.run(w.options())
		time.Sleep(5 * time.Second)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("forwarded %v, want %v", got, want)
		}
		w.checkEmpty(17)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := b.Stats(); got.Unwanted != 2 || got.Forwarded != 15 || got.Deleted != 17 || len(got.DeadLetters) > 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestSetsAsideWhatItCannotRead(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		seller := w.Accounts()[0]
		large := `{"NotificationType":"` + strings.Repeat("x", 256<<10) + `"}`
		bodies := map[string]string{
			sqs.ReasonBodyTooLarge:    large,
			sqs.ReasonNotJSON:         "Hello & <bye>",
			sqs.ReasonUnknownAccount:  strings.ReplaceAll(orderChange(seller, "903-0000000-0000001"), seller.SellerID, "ANOBODY"),
			sqs.ReasonUnsupportedType: `{"notificationType":"BRANDED_ITEM_CONTENT_CHANGE"}`,
		}
		want := map[string]int64{}
		for reason, body := range bodies {
			w.put(body)
			want[reason] = 1
		}
		orders := w.send(1)
		b, _ := w.run(w.options())
		time.Sleep(time.Second)
		got := map[string]int64{}
		for _, value := range w.values(schemas.DeadLetters) {
			got[value.(*schemas.DeadLetter).Reason]++
		}
		if counted := b.Stats().DeadLetters; !maps.Equal(got, want) || !maps.Equal(counted, want) {
			t.Errorf("reasons %v, counted %v, want %v", got, counted, want)
		}
		for _, value := range w.values(schemas.DeadLetters) {
			letter := value.(*schemas.DeadLetter)
			if string(letter.Value) != strings.ReplaceAll(bodies[letter.Reason], "48110", "") {
				t.Errorf("%s: the dead letter does not hold the body without its postal code", letter.Reason)
			}
			if letter.Role != "bridge" || letter.Message == "" || len(letter.Attributes["message_id"]) == 0 || letter.SourceTime.IsZero() {
				t.Errorf("%s: incomplete dead letter %+v", letter.Reason, letter)
			}
		}
		if got := w.orders(); !slices.Equal(got, orders) {
			t.Errorf("orders %v did not pass the dead letters", got)
		}
		w.checkEmpty(5)
	})
}

func TestDeadLetterIDIsStable(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.put("not JSON")
		// Deletions are lost, so that the message comes again.
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Operation: "DeleteMessageBatch", Action: simulator.Action{Status: 503}})
		opts := w.options()
		_, stop := w.run(opts)
		time.Sleep(2 * time.Minute)
		w.Faults.Clear()
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		letters := w.values(schemas.DeadLetters)
		if len(letters) < 2 {
			t.Fatalf("%d dead letters, want the message to come again", len(letters))
		}
		for _, l := range letters {
			if l.(*schemas.DeadLetter).ID != letters[0].(*schemas.DeadLetter).ID {
				t.Error("the same message has dead letters with different ids")
			}
		}
	})
}

func TestKafkaDown(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		want := w.send(1000)
		w.kafka.goDown()
		opts := w.options()
		opts.MaxInFlight, opts.MaxPollers = 100, 4
		b, stop := w.run(opts)
		time.Sleep(10 * time.Second)
		for range 90 { // 10 minutes: many visibility timeouts
			time.Sleep(7 * time.Second)
			if q, held := w.queue(), b.Stats().InFlight; q.Deleted != 0 || q.InFlight != held {
				t.Fatalf("while Kafka is down: queue %+v, want nothing deleted and the %d received messages hidden", q, held)
			}
		}
		if n := b.Stats().InFlight; n < 100 || n > 100+4*10 {
			t.Errorf("%d messages in flight, want the bound of 100 and at most a receive of each poller more", n)
		}
		w.kafka.comeUp()
		time.Sleep(time.Minute)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("%d records after Kafka came back, want %d", len(got), len(want))
		}
		w.checkEmpty(1000)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBytesInFlightAreBounded(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(1000)
		w.kafka.goDown()
		opts := w.options()
		opts.MaxInFlightBytes, opts.MaxPollers = 10_000, 2
		b, _ := w.run(opts)
		time.Sleep(time.Minute)
		// A body has about 1 KB.
		if n := b.Stats().InFlight; n == 0 || n > 10+2*10 {
			t.Errorf("%d messages in flight", n)
		}
	})
}

func TestKafkaRefusesForAWhile(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		want := w.send(50)
		refusals := 0
		w.kafka.refuse = func(*kgo.Record) error {
			if refusals++; refusals <= 80 {
				return errors.New("no leader")
			}
			return nil
		}
		w.run(w.options())
		time.Sleep(time.Minute)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("%d records, want %d", len(got), len(want))
		}
		w.checkEmpty(50)
	})
}

func TestKafkaRefusesForGood(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		want := w.send(3)
		poison := orderChange(w.Accounts()[0], "903-9999999-9999999")
		w.put(poison)
		w.kafka.refuse = func(rec *kgo.Record) error {
			if rec.Topic == prefix+schemas.OrderChanges && bytes.Contains(rec.Value, []byte("903-9999999-9999999")) {
				return kerr.MessageTooLarge
			}
			return nil
		}
		w.run(w.options())
		time.Sleep(10 * time.Second)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("orders %v", got)
		}
		letters := w.values(schemas.DeadLetters)
		if len(letters) != 1 || letters[0].(*schemas.DeadLetter).Reason != sqs.ReasonKafkaRefused || string(letters[0].(*schemas.DeadLetter).Value) != strings.ReplaceAll(poison, "48110", "") {
			t.Errorf("dead letters %+v", letters)
		}
		w.checkEmpty(4)
	})
}

func TestNotEvenADeadLetter(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.put("not JSON")
		w.kafka.refuse = func(*kgo.Record) error { return kerr.MessageTooLarge }
		b, stop := w.run(w.options())
		time.Sleep(10 * time.Second)
		if q := w.queue(); q.Deleted != 0 {
			t.Error("a message that stands nowhere else was deleted")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if s := b.Stats(); s.Abandoned != 1 || s.InFlight != 0 {
			t.Errorf("stats %+v, want the message abandoned", s)
		}
	})
}

func TestDeletionsFailInPart(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		want := w.send(300)
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Operation: "DeleteMessageBatch", Times: 60, Action: simulator.Action{EntryShare: 0.5}})
		b, _ := w.run(w.options())
		time.Sleep(time.Minute)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("%d records, want each of %d once", len(got), len(want))
		}
		w.checkEmpty(300)
		if s := b.Stats(); s.Abandoned != 0 {
			t.Errorf("%d messages abandoned", s.Abandoned)
		}
	})
}

func TestDeletionFullBatches(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(500)
		w.run(w.options())
		time.Sleep(10 * time.Second)
		calls := w.calls("DeleteMessageBatch")
		if calls < 50 || calls > 55 {
			t.Errorf("%d calls deleted 500 messages, want nearly all of them with 10", calls)
		}
	})
}

// calls counts the ledger's calls of an SQS operation.
func (w *world) calls(operation string) int {
	return len(w.Ledger.Calls(simulator.Filter{Part: simulator.SQS, Operation: operation}))
}

func TestPollersFollowTheQueue(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		opts := w.options()
		opts.MaxPollers = 8
		b, _ := w.run(opts)
		time.Sleep(time.Minute)
		if n := b.Stats().Pollers; n != 1 {
			t.Errorf("%d pollers on an empty queue", n)
		}
		w.send(5000)
		time.Sleep(100 * time.Millisecond)
		if n := b.Stats().Pollers; n != 8 {
			t.Errorf("%d pollers on a deep queue, want the bound of 8", n)
		}
		time.Sleep(30 * time.Second) // one long poll that finds nothing
		if n := b.Stats().Pollers; n != 1 {
			t.Errorf("%d pollers after the queue was emptied", n)
		}
		// An idle queue costs one long poll of 20 s after the other.
		before := w.calls("ReceiveMessage")
		time.Sleep(10 * time.Minute)
		if n := w.calls("ReceiveMessage") - before; n < 25 || n > 35 {
			t.Errorf("%d receives in 10 idle minutes", n)
		}
	})
}

func TestReceivesFail(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		want := w.send(20)
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Operation: "ReceiveMessage", Action: simulator.Action{Status: 503}})
		w.run(w.options())
		time.Sleep(10 * time.Minute)
		if n := w.calls("ReceiveMessage"); n > 300 {
			t.Errorf("%d receives in 10 minutes of failures: no backoff", n)
		}
		w.Faults.Clear()
		time.Sleep(time.Minute)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("%d records after SQS came back", len(got))
		}
	})
}

// Connections that die without a word hold nobody up for long.
func TestCallsHang(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		for _, operation := range []string{"ReceiveMessage", "DeleteMessageBatch"} {
			simulatortest.Fault(t, w.Simulator, simulator.Rule{Operation: operation, Times: 2, Action: simulator.Action{Delay: 24 * time.Hour}})
		}
		want := w.send(100)
		w.run(w.options())
		time.Sleep(3 * time.Minute)
		if got := w.orders(); !slices.Equal(got, want) {
			t.Errorf("%d records, want %d", len(got), len(want))
		}
		if q := w.queue(); q.Deleted != 100 {
			t.Errorf("queue %+v, want all deleted", q)
		}
	})
}

func TestStopFinishesWhatWasReceived(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(2000)
		opts := w.options()
		opts.MaxPollers = 4
		_, stop := w.run(opts)
		time.Sleep(50 * time.Millisecond) // in the midst of it
		if err := stop(); err != nil {
			t.Error(err)
		}
		q := w.queue()
		if q.InFlight != 0 {
			t.Errorf("%d messages received and left in flight", q.InFlight)
		}
		if q.Deleted == 0 || q.Visible == 0 {
			t.Errorf("queue %+v: the stop was not in the midst", q)
		}
		if got := len(w.orders()); got != q.Deleted {
			t.Errorf("%d records for %d deleted messages", got, q.Deleted)
		}
	})
}

func TestStopWhileKafkaIsDown(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(10)
		w.kafka.goDown()
		opts := w.options()
		opts.DrainTimeout = 5 * time.Second
		_, stop := w.run(opts)
		time.Sleep(time.Second)
		begun := time.Now()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "10 messages") {
			t.Errorf("error %v, want one that says what was left", err)
		}
		if d := time.Since(begun); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("stopped after %v, want the drain timeout", d)
		}
		if q := w.queue(); q.Deleted != 0 {
			t.Errorf("%d messages deleted that Kafka does not have", q.Deleted)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := sqs.New(sqs.Options{VisibilityTimeout: time.Second})
	for _, name := range []string{"Queue", "Client", "Producer", "Encoder", "Directory", "VisibilityTimeout"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}
