package pause

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// A pause that is written without the registry is read as it was; a resumption deletes it.
func TestPlain(t *testing.T) {
	t.Parallel()
	paused := schemas.Switch{Subject: "acme", Paused: true, Since: time.UnixMilli(1795525200000).UTC(), By: "ada", Reason: "stocktaking"}
	data, err := Plain{}.AppendEncode(nil, schemas.Switches, &paused)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok, err := DecodePlain(data); !ok || err != nil || *got != paused {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	if data, err := (Plain{}).AppendEncode(nil, schemas.Switches, &schemas.Switch{Subject: "acme"}); data != nil || err != nil {
		t.Errorf("a resumption is %q, %v, and not a deletion", data, err)
	}
	if _, ok, _ := DecodePlain([]byte("\x00\x00\x00\x00\x01Avro")); ok {
		t.Error("Avro passes for plain")
	}
	// A version that knows Avro alone must not wait for its registry to explain it: what
	// cannot be read counts as paused.
	older, err := registry.NewDecoder(sr.URLs("http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := older.Decode(t.Context(), schemas.Switches, data); err == nil || errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("an older version gets %v", err)
	}
}

func FuzzDecodePlain(f *testing.F) {
	f.Add([]byte(`{"subject":"acme","paused":true,"since":"2026-11-24T12:00:00Z","by":"ada","reason":""}`))
	f.Add([]byte(`{`))
	f.Add([]byte{0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		turned, ok, err := DecodePlain(data)
		if ok && err == nil && turned == nil {
			t.Error("neither a switch nor an error")
		}
	})
}
