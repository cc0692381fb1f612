package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const positionAnswer = `{"schema":"{\"type\":\"record\",\"name\":\"Position\",\"namespace\":\"sellerstream\",\"fields\":[{\"name\":\"topic\",\"type\":\"string\"},{\"name\":\"offset\",\"type\":\"long\"}]}"}`

// scripted is a registry that has our schemas, with id 1, and answers for others
// as a test says.
type scripted struct {
	own    func() (int, string) // for our own schema; nil gives it
	other  func() (int, string) // for any other id
	lookup func() (int, string) // whether the other schema is of a subject; nil says yes
	asked  int                  // how often for another id
}

func (s *scripted) codec(t testing.TB, patience time.Duration) *registry.Codec {
	t.Helper()
	cfg := config(t, "http://registry", true)
	cfg.Patience, cfg.Topics = patience, []string{schemas.StateOrders}
	cfg.Client = append(cfg.Client, sr.HTTPClient(&http.Client{Transport: answers(func(r *http.Request) (int, string) {
		ownAnswer := func() (int, string) { return http.StatusOK, positionAnswer }
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/versions"):
			return http.StatusOK, `{"id":1}`
		case r.Method == http.MethodPost:
			if s.lookup != nil {
				return s.lookup()
			}
			return http.StatusOK, `{"id":77,"version":1,"subject":"x"}`
		case strings.HasSuffix(r.URL.Path, "/ids/1"):
			if s.own != nil {
				return s.own()
			}
			return ownAnswer()
		}
		s.asked++
		return s.other()
	})}))
	codec, err := registry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func status(code int, body string) func() (int, string) {
	return func() (int, string) { return code, body }
}

// What a registry's failure for one schema means: nothing about the bytes while
// the registry is down; an end, at once or after the patience, while it gives
// other schemas.
func TestASchemaThatTheRegistryDoesNotGive(t *testing.T) {
	t.Parallel()
	const patience = 15 * time.Minute
	for name, c := range map[string]struct {
		s    scripted
		ends time.Duration // of the wait; 0 at once, -1 never
		want string
	}{
		"plain 404":            {scripted{other: status(404, "not here")}, 0, "knows no schema with id 77"},
		"404 of a registry":    {scripted{other: status(404, `{"error_code":40403}`)}, 0, "knows no schema with id 77"},
		"404 of everything":    {scripted{own: status(404, "nginx"), other: status(404, "nginx")}, -1, ""},
		"500":                  {scripted{other: status(500, "oops")}, patience, "oops"},
		"403":                  {scripted{other: status(403, "no")}, patience, "no"},
		"no JSON":              {scripted{other: status(200, "<html>")}, patience, "decode"},
		"500 of everything":    {scripted{own: status(500, ""), other: status(500, "")}, -1, ""},
		"401 of everything":    {scripted{own: status(401, ""), other: status(401, "")}, -1, ""},
		"too large":            {scripted{other: status(200, strings.Repeat("x", 5<<20))}, 0, "larger than 4 MiB"},
		"a lookup that fails":  {scripted{other: status(200, positionAnswer), lookup: status(500, "oops")}, patience, "oops"},
		"of no subject":        {scripted{other: status(200, positionAnswer), lookup: status(404, `{"error_code":40401}`)}, 0, "not under"},
		"of none, a plain 404": {scripted{other: status(200, positionAnswer), lookup: status(404, "")}, 0, "not under"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				codec := c.s.codec(t, patience)
				decode := func() error {
					_, err := codec.Decode(t.Context(), schemas.StateOrders, wire(77, "\x02x\x08"))
					return err
				}
				started := time.Now()
				for time.Since(started) < 2*time.Hour {
					err := decode()
					if !errors.Is(err, registry.ErrUnavailable) {
						if err == nil || !strings.Contains(err.Error(), c.want) {
							t.Errorf("got %v, want an error with %q", err, c.want)
						}
						break
					}
					if waits := codec.Waits(); (len(waits) == 1) != (c.ends > 0) {
						t.Errorf("after %v: waits %v", time.Since(started), waits)
					}
					time.Sleep(5 * time.Second)
				}
				if waited := time.Since(started); c.ends < 0 && waited < 2*time.Hour || c.ends >= 0 && (waited < c.ends || waited > c.ends+5*time.Second) {
					t.Errorf("it ended after %v", waited)
				}
			})
		})
	}
}

// However many schemas the registry does not give, a partition whose values want one
// after the other stands for little longer than for one; when they are given up for
// good, the next has all of the patience.
func TestPatienceIsSharedBySchemas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience, schemasNotGiven = 15 * time.Minute, 10
		codec := (&scripted{other: status(500, "oops")}).codec(t, patience)
		wait := func(id int) time.Duration {
			started := time.Now()
			for {
				if _, err := codec.Decode(t.Context(), schemas.StateOrders, wire(id, "\x02x\x08")); !errors.Is(err, registry.ErrUnavailable) {
					return time.Since(started)
				}
				time.Sleep(5 * time.Second)
			}
		}
		started, before := time.Now(), patience+time.Minute
		for id := range schemasNotGiven {
			waited := wait(77 + id)
			if id == 0 && waited < patience || waited > before || waited < patience/15 {
				t.Errorf("schema %d was waited for %v, the one before it %v", id, waited, before)
			}
			before = waited
		}
		if all := time.Since(started); all > 3*patience {
			t.Errorf("%d schemas were waited for %v", schemasNotGiven, all)
		}
		time.Sleep(patience)
		if waited := wait(200); waited < patience {
			t.Errorf("later, one was waited for %v", waited)
		}
	})
}

// While a registry is down the patience does not run: a schema that is asked for
// when it comes back has all of it.
func TestPatienceDoesNotRunWhileTheRegistryIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{other: status(500, "")}
		codec := s.codec(t, 15*time.Minute)
		decode := func() error {
			_, err := codec.Decode(t.Context(), schemas.StateOrders, wire(77, "\x02x\x08"))
			return err
		}
		waitFor := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
				if err := decode(); !errors.Is(err, registry.ErrUnavailable) {
					t.Fatalf("given up: %v", err)
				}
			}
		}
		waitFor(14 * time.Minute)
		s.own = status(503, "")
		waitFor(time.Hour)
		s.own = nil
		waitFor(14 * time.Minute)
		s.other = status(200, positionAnswer)
		if err := decode(); err != nil || len(codec.Waits()) != 0 {
			t.Errorf("got %v, waits %v", err, codec.Waits())
		}
	})
}

// Whatever a registry answers, a value is decoded, refused or waits, and there
// is always a reason.
func FuzzRegistryAnswers(f *testing.F) {
	f.Add(200, positionAnswer, 200, `{"id":1}`)
	f.Add(404, `{"error_code":40403}`, 404, "")
	f.Add(200, `{"schema":"{}","references":[{"name":"x"}]}`, 500, "")
	f.Add(200, `{"schema":"\"string\"","schemaType":"PROTOBUF"}`, 200, "")
	f.Add(302, `{"error_code":"x","message":[]}`, 200, "")
	s := new(scripted)
	codec := s.codec(f, time.Minute)
	id := 100
	f.Fuzz(func(t *testing.T, code int, body string, lookup int, answer string) {
		if code < 200 || code > 599 || lookup < 200 || lookup > 599 {
			return
		}
		s.other, s.lookup = status(code, body), status(lookup, answer)
		id++ // one that no answer is remembered of
		value, err := codec.Decode(t.Context(), schemas.StateOrders, wire(id, "\x02x\x08"))
		if (value == nil) != (err != nil) || err != nil && (err.Error() == "" || len(err.Error()) > 2000) {
			t.Errorf("got %v, %v", value, err)
		}
		_, err = codec.DecodeJSON(t.Context(), wire(id, "\x02x\x08"))
		if err != nil && (err.Error() == "" || len(err.Error()) > 2000) {
			t.Error(err)
		}
	})
}

// Confluent's framing, whatever stands in it.
func FuzzWire(f *testing.F) {
	fix := newFixture(f)
	state, err := fix.AppendEncode(nil, schemas.StateOrders, &schemas.Position{Topic: "x"})
	if err != nil {
		f.Fatal(err)
	}
	for _, data := range [][]byte{nil, {0}, {0, 255, 255, 255, 255}, {0, 128, 0, 0, 0, 1}, {1, 0, 0, 0, 1}, state, append(state, 0)} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := fix.Decode(t.Context(), schemas.StateOrders, data)
		switch {
		case err == nil && value == nil, errors.Is(err, registry.ErrUnavailable):
			t.Errorf("got %v, %v", value, err)
		case err != nil && strings.TrimSpace(fmt.Sprint(err)) == "":
			t.Error("an error without words")
		}
		_, _ = fix.DecodeJSON(t.Context(), data)
	})
}
