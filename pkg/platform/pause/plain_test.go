package pause

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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

// A switch of another version cannot be read when there is no registry, and counts as paused.
// A pause is written all the same: whoever has the registry reads there that calls go on.
func TestAPauseIsWrittenOverWhatCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		resumed := (&schemas.Switch{Subject: "a", Since: time.Now(), By: "ada"}).AppendAvro([]byte{0, 0, 0, 0, 7})
		resumed = resumed[:len(resumed)-1] // version 0.1.0 had no level
		client, err := kgo.NewClient(w.options().Kafka...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "t." + schemas.Switches, Key: []byte("a"), Value: resumed}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		opts := w.options()
		opts.Codec = Plain{Decoder: &registry.Own{}}
		for _, unreadable := range []bool{true, false} { // then it stands as it is
			s, err := Open(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Unreadable("a"); got != unreadable || !held(s, "a", false) {
				t.Errorf("unreadable: %v, want %v; paused are %+v", got, unreadable, s.Paused())
			}
			before, err := s.Turn(t.Context(), schemas.Switch{Subject: "a", Paused: true, By: "bob"})
			if err != nil || !unreadable && before.By != "bob" {
				t.Errorf("before it was %+v: %v", before, err)
			}
			s.Close()
		}
	})
}

// Who resumed or asked for a retry without the registry, and why, is in everybody's log.
func TestADeletionSaysWhoAndWhy(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options()
		opts.Retried = func(string) {}
		running, err := Open(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); running.Run(ctx) }()
		defer func() { stop(); <-done; running.Close() }()
		w.turn("a", true)
		opts = w.options()
		opts.Codec = Plain{Decoder: w.codec}
		s, err := Open(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = s.Turn(t.Context(), schemas.Switch{Subject: "a", By: "ada", Reason: "counted"})
		if err := errors.Join(err, s.Retry(t.Context(), "a", "bob", "mended")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		for _, says := range []string{"by=ada reason=counted", "by=bob reason=mended"} {
			if w.log.Count(says) != 1 {
				t.Errorf("%q is not in the log: %s", says, w.log.String())
			}
		}
	})
}
