package machinetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// FuzzRestore gives a processor's machine state that anybody may have written. What
// decodes is restored or refused with an error, and a machine that was restored
// from it goes on working: it ticks for a day, its calls end in every way but with
// an answer, and it tells how it is doing.
func FuzzRestore[M machine.Machine](f *testing.F, processor string, build func(testing.TB) M) {
	f.Helper()
	leavesLaterKinds(f, build(f))
	kinds := stateKinds(f, processor)
	for i, k := range kinds {
		data := Golden(f, k.record.Name)
		for end := range endings() {
			f.Add(uint8(i), uint8(end), data)
		}
		for _, operation := range []string{model.GetOrder, model.ConfirmShipment, model.PatchListingsItem, model.GetFeed} {
			if of := ofOperation(k.record.Name, operation); of != nil {
				f.Add(uint8(i), uint8(0), of.AppendAvro(nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, end uint8, data []byte) {
		k := kinds[int(which)%len(kinds)]
		value := k.record.New()
		if _, err := k.schema.Decode(data, value); err != nil {
			return
		}
		m := build(t)
		if !slices.ContainsFunc(keysOf(value), func(key string) bool { return m.Restore(key, value) == nil }) {
			return
		}
		work(t, m, endings()[int(end)%len(endings())])
	})
}

// leavesLaterKinds wants a machine to leave what only a later version can have written
// (docs/ARCHITECTURE.md, "Versions that run together"). What it knows, and cannot be, is
// refused in other words.
func leavesLaterKinds[M machine.Machine](tb testing.TB, m M) {
	tb.Helper()
	for key, value := range map[string]any{
		"quota/acme-eu/later":  &schemas.QuotaState{Account: "acme-eu", Operation: "later", Rate: 1, Tokens: 1},
		"lane/acme-eu/later":   &schemas.LaneState{Account: "acme-eu", Operation: "later"},
		"feed/acme-eu/LATER/m": &schemas.FeedLaneState{Account: "acme-eu", FeedType: "LATER", MarketplaceID: "m", Phase: "IDLE"},
		"later/acme-eu":        &schemas.Alert{Account: "acme-eu"},
	} {
		if err := m.Restore(key, value); !errors.Is(err, schemas.ErrUnknownKind) {
			tb.Errorf("entry %s, a %T of a later version: %v; want that its kind is not known", key, value, err)
		}
	}
}

// ofOperation is what a processor keeps of an operation of an account: each has its
// own operations.
func ofOperation(record, operation string) schemas.Value {
	switch record {
	case "QuotaState":
		return &schemas.QuotaState{Account: "acme-eu", Operation: operation, Rate: 1, Tokens: 1}
	case "LaneState":
		return &schemas.LaneState{Account: "acme-eu", Operation: operation}
	}
	return nil
}

// endings are the ways in which a call ends without an answer.
func endings() []machine.Outcome {
	err := errors.New("made up")
	return []machine.Outcome{
		machine.Retry{Err: err}, machine.Snooze{Err: err}, machine.Snooze{Throttled: true, Err: err}, machine.Snooze{Unspent: true, Err: err},
		machine.Park{Err: err}, machine.Ambiguous{Err: err},
		machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}},
		machine.Reject{Err: &model.Error{Class: model.Malformed, Status: 200}},
	}
}

// work makes a machine draw its calls for a day. All of them end in the same way.
func work(t *testing.T, m machine.Machine, end machine.Outcome) {
	t.Helper()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for last := now.Add(24 * time.Hour); now.Before(last); now = now.Add(3 * time.Hour) {
		tx := &machine.Tx{Now: now}
		m.Draw(tx)
		for _, call := range tx.Calls {
			m.Result(tx, &machine.Result{Call: call, Outcome: end})
		}
		for _, entry := range tx.State {
			if v, ok := Value(entry).(schemas.Value); ok {
				v.AppendAvro(nil)
			}
		}
		if m.Pending() < 0 {
			t.Fatalf("%d are pending", m.Pending())
		}
		if observed, ok := m.(machine.Observed); ok {
			observed.Observe(&machine.Stats{Now: now})
		}
	}
}

// keysOf are the keys that a processor may have written a value under: its account
// and other ids, behind each prefix that there is.
func keysOf(value any) (keys []string) {
	field := func(name string) string {
		if f := reflect.ValueOf(value).Elem().FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
		return ""
	}
	account := field("Account")
	marketplace := "/" + field("MarketplaceID")
	below := []string{"", marketplace + "/" + field("SKU"), "/" + field("FeedType") + marketplace}
	for _, name := range []string{"OrderID", "FeedID", "FeedType"} {
		below = append(below, "/"+field(name))
	}
	for _, prefix := range []string{"order/", "buyer-key/", "search/", "notifications/", "feed/", "pace/", "sku/", "readback/", ""} {
		for _, ids := range below {
			keys = append(keys, prefix+account+ids)
		}
	}
	return keys
}

// stateKinds are the kinds of record that a processor keeps in its state.
func stateKinds(f *testing.F, processor string) (kinds []*kind) {
	f.Helper()
	store, seen := NewStore(), map[string]bool{"Claim": true, "Position": true, "Imported": true} // which the runtime reads
	for _, topic := range schemas.Topics() {
		if !topic.Compacted() || !slices.Contains(topic.Writers, processor) {
			continue
		}
		for _, name := range topic.Records {
			if seen[name] {
				continue
			}
			seen[name] = true
			k, err := store.kindOf(name)
			if err != nil {
				f.Fatal(err)
			}
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// fileOf is the file of a record: FeedLaneState is feed_lane_state.
func fileOf(record string) string {
	var b strings.Builder
	for i, r := range record {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Decoded reads a record of a kind from bytes that anybody may have written; nil
// where they are no record.
func Decoded(t testing.TB, name string, data []byte) any {
	t.Helper()
	record, ok := schemas.Of(name)
	if !ok {
		t.Fatalf("%s is no record of package schemas", name)
	}
	schema, err := avro.Parse(record.Schema())
	if err != nil {
		t.Fatal(err)
	}
	value := record.New()
	if _, err := schema.Decode(data, value); err != nil {
		return nil
	}
	return value
}
