package inventory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	testAccount  = "acme-eu"
	otherAccount = "other"
	germany      = "A1PA6795UKMFR9"
	france       = "A13V1IB3VIYZZH"
)

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func testDirectory(t testing.TB) func() *account.Directory {
	t.Helper()
	directory, err := account.NewDirectory([]account.Account{
		{ID: testAccount, SellerID: "A1", Region: model.Europe, Marketplaces: []string{germany, france}},
		{ID: otherAccount, SellerID: "A2", Region: model.Europe, Marketplaces: []string{germany}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() *account.Directory { return directory }
}

// runtime runs a machine as pkg/stream does, with a committed log in memory.
type runtime struct {
	t       testing.TB
	cfg     Config
	machine *Machine
	now     time.Time
	offset  int64
	wake    time.Time

	state       map[string]any // committed
	results     []*schemas.InventoryResult
	submissions []*schemas.FeedSubmission
	alerts      []*schemas.Alert
	letters     []machine.DeadLetter
	running     map[string]machine.Call // started and not ended, by key
	started     []machine.Call
}

func newRuntime(t testing.TB, cfg Config) *runtime {
	if cfg.Accounts == nil {
		cfg.Accounts = testDirectory(t)
	}
	return &runtime{
		t: t, cfg: cfg, machine: New(cfg), now: testStart, state: map[string]any{}, running: map[string]machine.Call{},
	}
}

// record is a record of the value's topic, at the next offset.
func (r *runtime) record(value any) *machine.Record {
	rec := &machine.Record{Partition: 3, Offset: r.offset, Value: value}
	r.offset++
	switch v := value.(type) {
	case *schemas.InventoryUpdate:
		rec.Topic, rec.Account = schemas.InventoryUpdates, v.Account
	case *schemas.FeedIssues:
		rec.Topic, rec.Account = schemas.FeedResults, v.Account
	case *schemas.FeedResult:
		rec.Topic, rec.Account = schemas.FeedResults, v.Account
	}
	return rec
}

// take applies values in one tick and returns the calls that it started.
func (r *runtime) take(values ...any) []machine.Call {
	r.t.Helper()
	var records []*machine.Record
	for _, value := range values {
		records = append(records, r.record(value))
	}
	return r.tick(records, nil)
}

// end ends a call in a tick.
func (r *runtime) end(call machine.Call, outcome machine.Outcome) []machine.Call {
	r.t.Helper()
	return r.tick(nil, []machine.Result{{Call: call, Outcome: outcome}})
}

// done ends a call well.
func (r *runtime) done(call machine.Call, response any) []machine.Call {
	r.t.Helper()
	return r.end(call, machine.Done{Response: response})
}

// pass lets time pass, with the ticks that the machine asks for, and returns
// the calls that they started.
func (r *runtime) pass(d time.Duration) []machine.Call {
	r.t.Helper()
	end := r.now.Add(d)
	calls := r.tick(nil, nil)
	for !r.wake.IsZero() && !r.wake.After(end) {
		r.now = latest(r.now.Add(time.Millisecond), r.wake)
		calls = append(calls, r.tick(nil, nil)...)
	}
	r.now = end
	return append(calls, r.tick(nil, nil)...)
}

// tick applies records and results in one transaction, then starts its calls.
func (r *runtime) tick(records []*machine.Record, results []machine.Result) []machine.Call {
	r.t.Helper()
	tx := r.decide(records, results)
	r.commit(tx)
	for i := range results {
		delete(r.running, results[i].Call.Key)
	}
	for _, call := range tx.Calls {
		r.start(call)
	}
	return tx.Calls
}

func (r *runtime) decide(records []*machine.Record, results []machine.Result) *machine.Tx {
	tx := &machine.Tx{Now: r.now}
	for i := range results {
		r.machine.Result(tx, &results[i])
	}
	for _, rec := range records {
		r.machine.Record(tx, rec)
	}
	r.machine.Draw(tx)
	r.wake = tx.Wake
	return tx
}

func (r *runtime) commit(tx *machine.Tx) {
	r.t.Helper()
	for key, value := range tx.State {
		if value == nil {
			delete(r.state, key)
			continue
		}
		r.state[key] = value // which the machine must leave alone from now on
	}
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.InventoryResult:
			r.results = append(r.results, v)
		case *schemas.FeedSubmission:
			r.submissions = append(r.submissions, v)
		case *schemas.Alert:
			r.alerts = append(r.alerts, v)
		}
	}
	r.letters = append(r.letters, tx.DeadLetters...)
}

// start checks rules 1 and 2 of the package for a call.
func (r *runtime) start(call machine.Call) {
	r.t.Helper()
	if !slices.Contains(Operations(), call.Operation) {
		r.t.Fatalf("called %s, which is not the processor's own", call.Operation)
	}
	if _, twice := r.running[call.Key]; twice {
		r.t.Fatalf("rule 2: two calls for %s in flight", call.Key)
	}
	switch req := call.Request.(type) {
	case *model.CreateFeedRequest:
		state, ok := r.state[call.Key].(*schemas.FeedLaneState)
		if !ok || state.Phase != phaseIntent || state.InputFeedDocumentID != req.InputFeedDocumentID || call.Lease == 0 {
			r.t.Fatalf("rule 1: createFeed without its committed intent: %+v, %+v", call, state)
		}
	case *model.PatchQuantityRequest:
		state, ok := r.state[call.Key].(*schemas.InventoryState)
		if !ok || state.Patch == nil || int(state.Patch.Quantity) != req.Quantity || call.Lease == 0 {
			r.t.Fatalf("rule 1: patch without its committed intent: %+v, %+v", call, state)
		}
	case *model.CancelFeedRequest:
		state, ok := r.state[call.Key].(*schemas.FeedLaneState)
		if !ok || !slices.Contains(state.Cancel, req.FeedID) {
			r.t.Fatalf("rule 1: cancelFeed without its committed intent: %+v, %+v", call, state)
		}
	}
	r.running[call.Key] = call
	r.started = append(r.started, call)
}

// restart drops the machine and builds one from the committed state, as after
// a crash or a handover: whatever was running is lost.
func (r *runtime) restart() {
	r.t.Helper()
	r.machine = New(r.cfg)
	clear(r.running)
	for key, value := range r.state {
		if err := r.machine.Restore(key, stored(r.t, value)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// stored is what a value is after a round trip through the state topic.
func stored(t testing.TB, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	fresh := reflect.New(reflect.TypeOf(value).Elem())
	if err := json.Unmarshal(text, fresh.Interface()); err != nil {
		t.Fatal(err)
	}
	return fresh.Interface()
}

func (r *runtime) lane(marketplace string) *schemas.FeedLaneState {
	state, _ := r.state[feedKey(testAccount, marketplace)].(*schemas.FeedLaneState)
	return state
}

func (r *runtime) sku(id string) *schemas.InventoryState {
	state, _ := r.state[skuKey(testAccount, "", id)].(*schemas.InventoryState)
	return state
}

// outcomes are the results so far as "SKU quantity OUTCOME code", and forgets them.
func (r *runtime) outcomes() []string {
	var list []string
	for _, o := range r.results {
		text := fmt.Sprintf("%s %d %s", o.SKU, o.Quantity, o.Outcome)
		if o.Code != "" {
			text += " " + o.Code
		}
		list = append(list, text)
	}
	r.results = nil
	slices.Sort(list)
	return list
}

// only is the one call of a list, which must be of the operation.
func (r *runtime) only(calls []machine.Call, operation string) machine.Call {
	r.t.Helper()
	if len(calls) != 1 || calls[0].Operation != operation {
		r.t.Fatalf("started %v, want one %s", operationsOf(calls), operation)
	}
	return calls[0]
}

func operationsOf(calls []machine.Call) []string {
	var list []string
	for _, call := range calls {
		list = append(list, call.Operation)
	}
	return list
}

// messagesOf is what an upload's feed says, as "SKU quantity".
func messagesOf(call machine.Call) []string {
	var list []string
	for _, message := range call.Request.(*model.UploadFeedRequest).Feed.Messages {
		list = append(list, fmt.Sprintf("%s %d", message.SKU, message.Quantity))
	}
	slices.Sort(list)
	return list
}

// cutFeed lets the linger pass, where nothing has started yet, and returns the
// createFeed of what waits.
func (r *runtime) cutFeed(document string, started ...machine.Call) machine.Call {
	r.t.Helper()
	return r.uploadDone(r.only(append(started, r.pass(r.machine.cfg.Linger)...), model.CreateFeedDocument), document)
}

func (r *runtime) uploadDone(upload machine.Call, document string) machine.Call {
	r.t.Helper()
	return r.only(r.done(upload, &model.UploadFeedResponse{FeedDocumentID: document, SHA256: "aa", Bytes: 10}), model.CreateFeed)
}

// runFeed brings what waits to Amazon as a feed.
func (r *runtime) runFeed(id string, started ...machine.Call) {
	r.t.Helper()
	r.done(r.cutFeed("document of "+id, started...), &model.CreateFeedResponse{FeedID: id})
}

func updateOf(sku string, quantity int, at time.Time) *schemas.InventoryUpdate {
	return &schemas.InventoryUpdate{
		UpdateID: fmt.Sprintf("%s=%d", sku, quantity), Account: testAccount, SKU: sku, Quantity: int32(quantity), EventTime: at,
	}
}

// completed is the result of a feed whose report was read.
func completed(id string, messages, invalid int) *schemas.FeedResult {
	processed, refused, accepted, none := int32(messages), int32(invalid), int32(messages-invalid), int32(0)
	return &schemas.FeedResult{
		EventID: "e" + id, EventType: "FeedCompleted", Account: testAccount, FeedID: id, FeedType: model.JSONListingsFeed,
		MarketplaceID: germany, ProcessingStatus: model.FeedDone, Report: reportRead,
		MessagesProcessed: &processed, MessagesAccepted: &accepted, MessagesInvalid: &refused, Errors: &refused, Warnings: &none,
	}
}

func issue(messageID int64, code string) schemas.FeedIssue {
	return schemas.FeedIssue{MessageID: &messageID, Code: code, Severity: severityError, Message: "no: " + code}
}
