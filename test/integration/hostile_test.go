package integration

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	// hostileSpeed is that of the clock.
	hostileSpeed = 4
	// loadParts is in how many parts a load comes, so that odd things come in between.
	loadParts = 12
	// hostileMemory bounds what the process may need at most, in bytes.
	hostileMemory = 400 << 20
	rateHeader    = "x-amzn-RateLimit-Limit"
	canary        = "amzn1.oa2-cs.v1.canary-of-a-new-client-secret"
)

// TestHostileNeighbours mixes a thousand odd records, notifications and answers
// into a normal load. What is good has its outcomes, each odd thing has one letter or one
// outcome, and no more alerts come than there are causes. That what is good comes as soon as
// without is held in virtual time, where the machine does not count (test/simulation:
// TestABadAccountDoesNotDelayItsNeighbours).
func TestHostileNeighbours(t *testing.T) {
	e := newStockEnvironment(t, hostileSpeed)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	p := e.start(t)
	watched, release := p.Watch(ctx) // ends when the process does
	defer release()
	results := &stockOutcomes{reader: e.read(t, schemas.InventoryResults), positions: map[int32]int64{}, decided: map[string]time.Time{}}
	calm := p99(e.load(watched, t, results, func(int) {}))

	odd, messages := e.oddRecords(t), 0
	refused := e.oddAnswers(watched, t)
	hostile := p99(e.load(watched, t, results, func(part int) {
		messages += e.oddMessages(watched, t)
		e.produce(watched, t, odd[part*len(odd)/loadParts:(part+1)*len(odd)/loadParts]...)
	}))
	e.awaitLetters(watched, t, odd, messages)
	for _, sku := range refused {
		results.await(watched, t, sku)
	}

	t.Logf("p99 of good updates: %s calm, %s beside %d odd things", calm, hostile, len(odd)+messages+len(refused))
	e.checkAlerts(watched, t)
	e.checkNoCanary(watched, t, p)
	usage, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if usage.MaxRSS > hostileMemory {
		t.Errorf("the process needed %d MiB", usage.MaxRSS>>20)
	}
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}

// load sends good updates, in parts that between comes before, and returns how long
// each took to its outcome.
func (e *environment) load(ctx context.Context, t *testing.T, results *stockOutcomes, between func(part int)) []time.Duration {
	t.Helper()
	var updates []simulator.InventoryUpdate
	for part := range loadParts {
		between(part)
		plan := e.supply(ctx, t, simulator.InventoryScenario{Updates: stockSKUs / 2, SKUs: stockSKUs, Over: 5 * time.Second})
		updates = append(updates, plan.Updates...)
	}
	var took []time.Duration
	for _, u := range updates {
		took = append(took, results.await(ctx, t, updateKey(u.Account, u.SKU, u.Time)).Sub(u.Time))
	}
	return took
}

func p99(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)*99/100]
}

// stockOutcomes reads the outcomes of updates as they come.
type stockOutcomes struct {
	reader    *reader
	positions map[int32]int64
	decided   map[string]time.Time // by updateKey
}

func updateKey(account, sku string, at time.Time) string {
	return fmt.Sprintf("%s/%s/%d", account, sku, at.UnixMilli())
}

// await waits for the outcome of an update. There must be only one.
func (o *stockOutcomes) await(ctx context.Context, t *testing.T, key string) time.Time {
	t.Helper()
	for o.decided[key].IsZero() {
		for _, value := range o.reader.next(ctx, t, o.positions) {
			result := value.(*schemas.InventoryResult)
			its := updateKey(result.Account, result.SKU, result.EventTime)
			if !o.decided[its].IsZero() {
				t.Errorf("update %s has two outcomes", its)
			}
			o.decided[its] = result.DecidedTime
		}
	}
	return o.decided[key]
}

// oddAnswers makes Amazon answer oddly about single items, and asks for each. It
// returns the updates concerned.
func (e *environment) oddAnswers(ctx context.Context, t *testing.T) (updates []string) {
	t.Helper()
	account := e.amazon.Accounts()[0].ID
	skus, err := e.amazon.SKUs(account)
	if err != nil {
		t.Fatal(err)
	}
	odd := skus[len(skus)-3:] // none that load takes
	for i, status := range []int{400, 403, 404} {
		simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: "patchListingsItem", Item: odd[i], Action: simulator.Action{Status: status}})
	}
	tooLong := strings.Repeat("x", 3<<19)                          // 1.5 MB
	for operation, actions := range map[string][]simulator.Action{ // none about a feed: that is the good updates' own
		"getOrder": {
			{Status: 200, Body: `{"order":{"orderId":7}}`}, {Status: 200, Body: "<html>"}, {Status: 200, Body: `{"order":{}}`}, {Status: 200},
			{Status: 200, Body: `{"order":{"orderId":"` + tooLong + `"}}`}, {Status: 200, Body: strings.Repeat("[", 20_000)},
			{Status: 403}, {Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, {LoseAnswer: true}, {Drop: true},
			{Header: map[string]string{rateHeader: "1e-12"}}, {Header: map[string]string{rateHeader: "1e300"}}, {Header: map[string]string{rateHeader: "NaN"}},
		},
		"patchListingsItem": {{Header: map[string]string{rateHeader: "-1"}}, {Header: map[string]string{rateHeader: "NaN"}}},
	} {
		for _, action := range actions {
			simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: operation, Times: 2, Action: action})
		}
	}
	now := e.now().Truncate(time.Millisecond)
	for _, sku := range append(slices.Clone(odd), "/") {
		e.produce(ctx, t, e.updateRecord(t, account, &schemas.InventoryUpdate{UpdateID: "odd", Account: account, SKU: sku, Quantity: 3, EventTime: now, Urgent: true}))
		updates = append(updates, updateKey(account, sku, now))
	}
	if err := e.amazon.Run(ctx, simulator.Scenario{Orders: 30, Changes: 1, Forged: 100}); err != nil {
		t.Fatal(err)
	}
	return updates
}

// oddRecords returns records that no code can process.
func (e *environment) oddRecords(t *testing.T) []*kgo.Record {
	t.Helper()
	account := e.amazon.Accounts()[1].ID
	now := e.now()
	good := &schemas.InventoryUpdate{UpdateID: "odd", Account: account, SKU: "ODD", Quantity: 1, EventTime: now}
	with := func(change func(*schemas.InventoryUpdate)) *kgo.Record {
		u := *good
		change(&u)
		return e.updateRecord(t, account, &u)
	}
	raw := func(key string, value []byte) *kgo.Record {
		return &kgo.Record{Topic: e.prefix + schemas.InventoryUpdates, Key: []byte(key), Value: value}
	}
	var records []*kgo.Record
	for i := range 100 {
		stranger := fmt.Sprintf("nobody-%d", i)
		unknownSchema := binary.BigEndian.AppendUint32([]byte{0}, math.MaxUint32-uint32(i))
		records = append(records,
			raw(account, fmt.Appendf(nil, "no Avro %d \x1b[31m", i)),
			raw(account, append(unknownSchema, 2, 2)),
			raw(account, []byte{0}),
			e.updateRecord(t, stranger, &schemas.InventoryUpdate{UpdateID: "odd", Account: stranger, SKU: "ODD", Quantity: 1, EventTime: now}),
			with(func(u *schemas.InventoryUpdate) { u.Quantity = -1 }),
			with(func(u *schemas.InventoryUpdate) { u.SKU = "\x1b]0;odd\a" }),
			with(func(u *schemas.InventoryUpdate) { u.EventTime = time.UnixMilli(now.UnixMicro()) }),
			with(func(u *schemas.InventoryUpdate) { u.EventTime = time.UnixMilli(now.Unix()) }),
			&kgo.Record{Topic: e.prefix + schemas.Shipments, Key: []byte(account), Value: []byte("no Avro")},
		)
	}
	for range 4 {
		records = append(records, raw(strings.Repeat("k", 800_000), nil), raw(account, make([]byte, 3<<20)))
	}
	return records
}

func place(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d/%d", topic, partition, offset)
}

func (e *environment) updateRecord(t *testing.T, key string, u *schemas.InventoryUpdate) *kgo.Record {
	t.Helper()
	value, err := e.codec.AppendEncode(nil, schemas.InventoryUpdates, u)
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Topic: e.prefix + schemas.InventoryUpdates, Key: []byte(key), Value: value}
}

// produce writes records, compressed, so that large ones pass the broker.
func (e *environment) produce(ctx context.Context, t *testing.T, records ...*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.ProducerBatchMaxBytes(8<<20), kgo.MaxBufferedBytes(256<<20),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, rec := range records { // each in a batch of its own
		if err := client.ProduceSync(ctx, rec).FirstErr(); err != nil {
			t.Fatalf("produce %d bytes with a key of %d: %v", len(rec.Value), len(rec.Key), err)
		}
	}
}

// oddMessages sends notifications that no code can read, and returns how many.
func (e *environment) oddMessages(ctx context.Context, t *testing.T) (sent int) {
	t.Helper()
	for i := range 3 {
		bodies := []string{
			"no JSON", "{", "[]", `{"NotificationType": 7}`, strings.Repeat("[", 20_000),
			fmt.Sprintf(`{"Type": "Notification", "MessageId": "%d", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": "{}"}`, i),
			`{"detail-type": "X", "source": "aws.partner", "detail": {}}`,
			fmt.Sprintf(`{"notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET", "payload": {"applicationOAuthClientNewSecret": {"newClientSecret": %q}}}`, canary),
			fmt.Sprintf(`{"notificationType": "Application_OAuth", "payload": {"newClientSecret": %q`, canary),
			`{"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": {"SellerId": 7}}}`,
		}
		var entries []types.SendMessageBatchRequestEntry
		for n, body := range bodies {
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(n)), MessageBody: &body})
		}
		out, err := e.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &e.queue, Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			t.Fatalf("send odd messages: %v, %v", err, out)
		}
		sent += len(entries)
	}
	return sent
}

// awaitLetters waits until each odd record and message has its one letter.
func (e *environment) awaitLetters(ctx context.Context, t *testing.T, odd []*kgo.Record, messages int) {
	t.Helper()
	reader, positions := e.read(t, schemas.DeadLetters), make(map[int32]int64)
	letters, fromQueue, missing := make(map[string]int), 0, make(map[string]bool)
	for _, rec := range odd {
		missing[place(rec.Topic, rec.Partition, rec.Offset)] = true
	}
	for len(missing) > 0 || fromQueue < messages {
		for _, value := range reader.next(ctx, t, positions) {
			letter := value.(*schemas.DeadLetter)
			if letter.Partition == nil {
				if letter.Role == "bridge" {
					fromQueue++
				}
				continue
			}
			at := place(letter.Source, *letter.Partition, *letter.Offset)
			if letters[at]++; letters[at] > 1 {
				t.Errorf("%s has %d letters", at, letters[at])
			}
			delete(missing, at)
		}
	}
}

// checkAlerts wants no cause reported twice.
func (e *environment) checkAlerts(ctx context.Context, t *testing.T) {
	t.Helper()
	told := make(map[string]int)
	for _, value := range e.readAll(ctx, t, schemas.Alerts) {
		alert := value.(*schemas.Alert)
		cause := alert.EventType + " " + alert.Account + " " + alert.Subject
		if told[cause]++; told[cause] > 1 {
			t.Errorf("%d alerts %s: %s", told[cause], cause, alert.Message)
		}
	}
	if len(told) > 10 {
		t.Errorf("%d alerts: %v", len(told), told)
	}
	t.Logf("alerts: %v", told)
}

// checkNoCanary looks for the new client secret in the log and in every letter.
func (e *environment) checkNoCanary(ctx context.Context, t *testing.T, p *process.Process) {
	t.Helper()
	if strings.Contains(p.Log(), canary) {
		t.Error("a client secret is in the log")
	}
	for _, value := range e.readAll(ctx, t, schemas.DeadLetters) {
		if letter := value.(*schemas.DeadLetter); bytes.Contains(letter.Value, []byte(canary)) || strings.Contains(letter.Message, canary) {
			t.Error("a client secret is in a dead letter")
		}
	}
}

// now is the time on the clock of Amazon and the pipeline.
func (e *environment) now() time.Time {
	return clock.NewScaled(e.settings.Epoch, e.settings.Speed).Now()
}
