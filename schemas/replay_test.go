package schemas_test

import (
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

func TestOriginReadsBack(t *testing.T) {
	t.Parallel()
	want := schemas.Origin{Replay: "5f3a9c01-1", Topic: schemas.OrderChanges, Partition: 11, Offset: 1 << 60, Timestamp: 1_795_000_000_123, Effects: true}
	if got, err := schemas.ParseOrigin(want.Header()); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func FuzzParseOrigin(f *testing.F) {
	f.Add(schemas.Origin{Replay: "r", Topic: schemas.Shipments}.Header())
	for _, bad := range []string{"", "{}", "null", `{"id":"r","topic":"t","partition":-1}`, `{"id":"r","topic":"t","offset":1e99}`, strings.Repeat(" ", 2000)} {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		o, err := schemas.ParseOrigin(header)
		if err != nil {
			return
		}
		if o.Replay == "" || o.Topic == "" || o.Partition < 0 {
			t.Errorf("%q names no record but reads as %+v", header, o)
		}
		if again, err := schemas.ParseOrigin(o.Header()); len(o.Header()) < 1000 && (err != nil || again != o) {
			t.Errorf("%+v reads back as %+v, %v", o, again, err)
		}
	})
}
