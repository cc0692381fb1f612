package registry_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// goldenValue is a record as it stands on Kafka.
func goldenValue(t *testing.T, r schemas.Record, id int) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("../../../schemas/testdata/golden", r.File()+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return wire(id, string(body))
}

// Each record of each topic is known without a registry.
func TestOwnReadsEachRecord(t *testing.T) {
	t.Parallel()
	for _, topic := range schemas.Topics() {
		for id, name := range topic.Records {
			record, _ := schemas.Of(name)
			var own registry.Own
			if name == "QuotaState" { // which could be a FeedPace
				own.Learn(topic.Name, "quota/createFeed/acme-eu", goldenValue(t, record, id))
			}
			got, err := own.Decode(t.Context(), topic.Name, goldenValue(t, record, id))
			if err != nil || reflect.TypeOf(got) != reflect.TypeOf(record.New()) {
				t.Errorf("%s on %s: %T, %v", name, topic.Name, got, err)
			}
		}
	}
}

// A value of another version is refused, not misread, and what one value of an id rules
// out is ruled out for the others.
func TestOwnRefusesOtherVersions(t *testing.T) {
	t.Parallel()
	var own registry.Own
	for name, body := range map[string]string{
		"fields the other way round": olderClaimBytes,
		"a field less":               "\x0cOrders\x0e",
		"a byte more":                "\x02a\x0a\x00\x00\x00",
		"nothing":                    "",
	} {
		if got, err := own.Decode(t.Context(), schemas.Switches, wire(7, body)); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
	if _, err := own.Decode(t.Context(), schemas.Switches, []byte("{}")); err == nil {
		t.Error("what has no schema id is read")
	}
	quota, _ := schemas.Of("QuotaState")
	value := goldenValue(t, quota, 3)
	if _, err := own.Decode(t.Context(), schemas.StateFeeds, value); err == nil {
		t.Error("a value that may be of two records is read")
	}
	own.Learn(schemas.StateFeeds, "quota/createFeed/acme-eu", value)
	if _, err := own.Decode(t.Context(), schemas.StateFeeds, value); err != nil {
		t.Error(err)
	}
	position := wire(4, string((&schemas.Position{Topic: "orders", Offset: 3}).AppendAvro(nil))) // an Imported could be the same bytes
	own.Learn(schemas.StateOrders, "@position/orders", position)
	if _, err := own.Decode(t.Context(), schemas.StateOrders, position); err != nil {
		t.Error(err)
	}
	if got, err := own.Decode(t.Context(), schemas.StateFeeds, wire(3, olderClaimBytes)); err == nil {
		t.Errorf("another record passes under the id: %+v", got)
	}
}

func FuzzOwn(f *testing.F) {
	f.Add(wire(1, olderClaimBytes))
	f.Fuzz(func(t *testing.T, data []byte) {
		var own registry.Own
		for _, topic := range []string{schemas.Switches, schemas.StateFeeds} {
			own.Learn(topic, "quota/x", data)
			if got, err := own.Decode(t.Context(), topic, data); err == nil && got == nil {
				t.Error("neither a value nor an error")
			}
		}
	})
}
