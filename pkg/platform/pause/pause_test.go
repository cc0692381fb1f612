package pause

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/logged"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// jsonCodec stands in for Avro, which pkg/platform/registry tests. It begins a value with
// a zero, as that does.
type jsonCodec struct {
	away atomic.Bool // the registry
}

func (c *jsonCodec) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return append(append(dst, 0), data...), err
}

func (c *jsonCodec) Decode(_ context.Context, _ string, data []byte) (any, error) {
	if c.away.Load() {
		return nil, registry.ErrUnavailable
	}
	var turned schemas.Switch
	if len(data) == 0 || data[0] != 0 {
		return nil, errors.New("not in the wire format")
	}
	return &turned, json.Unmarshal(data[1:], &turned)
}

// world is a fake Kafka on a virtual network.
type world struct {
	t       *testing.T
	net     *kfake.VirtualNetwork
	cluster *kfake.Cluster
	codec   *jsonCodec
	log     *logged.Text
}

func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: &kfake.VirtualNetwork{}, codec: &jsonCodec{}, log: &logged.Text{}}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(w.net.Listen),
			kfake.SeedTopics(3, "t."+schemas.Switches))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		w.cluster = cluster
		test(t, w)
	})
}

func (w *world) options() Options {
	return Options{
		Kafka:  []kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(w.net.DialContext)},
		Prefix: "t.", Codec: w.codec, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
}

func (w *world) open(changed func(schemas.Switch)) *Switches {
	w.t.Helper()
	opts := w.options()
	opts.Changed = changed
	s, err := Open(w.t.Context(), opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) turn(subject string, paused bool) (before schemas.Switch) {
	w.t.Helper()
	s := w.open(nil)
	defer s.Close()
	before, err := s.Turn(w.t.Context(), schemas.Switch{
		Subject: subject, Paused: paused, Since: time.Now(), By: "me@here", Reason: "because",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return before
}

func held(s *Switches, account string, writes bool) bool { return s.Held(account, writes) != nil }

// What is switched is known to who starts later, and soon to who runs.
func TestSwitchesAreKeptAndFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var turned []string
		var mu sync.Mutex
		s := w.open(func(one schemas.Switch) {
			mu.Lock()
			defer mu.Unlock()
			turned = append(turned, one.Subject)
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()

		for _, step := range []struct {
			subject          string
			paused           bool
			a, aWrites, b, w bool // whether calls of a and b, reading and writing, are held then
		}{
			{"a", true, true, true, false, false},
			{schemas.AllWrites, true, true, true, false, true},
			{"a", false, false, true, false, true},
			{schemas.AllWrites, false, false, false, false, false},
			{"b", true, false, false, true, true},
		} {
			if before := w.turn(step.subject, step.paused); before.Paused == step.paused {
				t.Errorf("%s stood so already", step.subject)
			}
			time.Sleep(time.Second)
			later := w.open(nil)
			for name, who := range map[string]*Switches{"who runs": s, "who starts": later} {
				got := []bool{held(who, "a", false), held(who, "a", true), held(who, "b", false), held(who, "b", true)}
				want := []bool{step.a, step.aWrites, step.b, step.w}
				for i := range got {
					if got[i] != want[i] {
						t.Errorf("%s %v: to %s %v are held, want %v", step.subject, step.paused, name, got, want)
						break
					}
				}
			}
			later.Close()
		}
		if before := w.turn("b", true); !before.Paused || before.By != "me@here" || before.Reason != "because" {
			t.Errorf("what was paused already: %+v", before)
		}
		stop()
		<-done
		s.Close()
		if len(turned) != 5 {
			t.Errorf("heard of %v", turned)
		}
		if w.log.Count("calls go on") != 2 || w.log.Count(`msg="calls are paused" calls="all that write"`) != 1 {
			t.Errorf("log: %s", w.log.String())
		}
	})
}

// A retry is heard once by each process that runs, however often it is asked for, and
// pauses nothing; a process that starts later does not hear it.
func TestARetryIsHeardByWhoRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		follow := func() (heard func() []string, stop func()) {
			var mu sync.Mutex
			var tried []string
			opts := w.options()
			opts.Retried = func(account string) {
				mu.Lock()
				defer mu.Unlock()
				tried = append(tried, account)
			}
			s, err := Open(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); s.Run(ctx) }()
			return func() []string {
				mu.Lock()
				defer mu.Unlock()
				if len(s.Paused()) > 0 || held(s, "a", true) {
					t.Errorf("a retry pauses: %+v", s.Paused())
				}
				return tried
			}, func() { cancel(); <-done; s.Close() }
		}
		ask := func(account string) {
			s := w.open(nil)
			defer s.Close()
			if err := s.Retry(t.Context(), account, "me@here", "mended"); err != nil {
				t.Fatal(err)
			}
		}
		heard, stop := follow()
		defer stop()
		ask("a")
		ask("a")
		ask("b")
		time.Sleep(2 * lookEvery)
		if got := heard(); len(got) != 3 || !slices.Contains(got, "a") || !slices.Contains(got, "b") {
			t.Errorf("heard %v", got)
		}
		later, stopLater := follow()
		defer stopLater()
		time.Sleep(2 * lookEvery)
		if got := later(); len(got) != 0 {
			t.Errorf("who started later heard %v", got)
		}
	})
}

func TestWhatIsPausedSaysHowItGoesOn(t *testing.T) {
	t.Parallel()
	for subject, says := range map[string]string{
		"acme":            "calls of account acme were paused by me@here at 2026-11-23T13:00:00Z (because): `sellerstream resume --account acme` lets them go on",
		schemas.AllWrites: "`sellerstream resume --writes`",
	} {
		err := &HeldError{schemas.Switch{Subject: subject, By: "me@here", Reason: "because", Since: time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)}}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
}

// Nobody calls before the switches are known: not while Kafka is away, nor the
// registry.
func TestOpenWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.turn("a", true)
		stopped := errors.New("told to stop")
		var broken atomic.Bool
		w.cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			w.cluster.KeepControl()
			return nil, errors.New("away"), broken.Load()
		})
		for name, away := range map[string]func(bool){"the registry": w.codec.away.Store, "Kafka": broken.Store} {
			away(true)
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, stopped)
			if _, err := Open(ctx, w.options()); !errors.Is(err, stopped) {
				t.Errorf("%s is away: %v", name, err)
			}
			cancel()
			away(false)
			s := w.open(nil)
			if !held(s, "a", false) {
				t.Errorf("%s is back: the switch is not known", name)
			}
			s.Close()
		}
	})
}

// A record that cannot be read counts as a pause, which can be ended, and what
// is deleted counts as never turned.
func TestOddRecords(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.turn("a", true)
		client, err := kgo.NewClient(w.options().Kafka...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for key, value := range map[string][]byte{"a": nil, "b": []byte("x")} {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "t." + schemas.Switches, Key: []byte(key), Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		s := w.open(nil)
		defer s.Close()
		if held(s, "a", true) || !held(s, "b", true) || w.log.Count("a switch cannot be read") != 1 {
			t.Errorf("paused: %+v, log %s", s.Paused(), w.log.String())
		}
		w.turn("b", false)
		mended := w.open(nil)
		defer mended.Close()
		if held(mended, "b", true) {
			t.Errorf("a switch that was turned again is not: %+v", mended.Paused())
		}
	})
}

// TestSwitchesWrittenInTransactions: a marker at a partition's end is not waited for, and
// pauses nothing; a pause acts before its transaction has ended.
func TestSwitchesWrittenInTransactions(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		client, err := kgo.NewClient(append(w.options().Kafka, kgo.TransactionalID("somebody"))...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		value, err := w.codec.AppendEncode(nil, schemas.Switches, &schemas.Switch{Paused: true})
		if err != nil {
			t.Fatal(err)
		}
		check := func(when string) {
			t.Helper()
			began := time.Now()
			s := w.open(nil)
			defer s.Close()
			if took := time.Since(began); took >= lookEvery || !held(s, "a", false) || len(s.Paused()) != 1 {
				t.Errorf("%s: to open took %v, paused: %+v", when, took, s.Paused())
			}
		}
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "t." + schemas.Switches, Key: []byte("a"), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		check("open")
		if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		check("committed")
	})
}

// A batch that cannot be read may be a pause: from then on no writing call is made, by
// who runs and by who starts later, until they are resumed; what is switched behind it
// is heard.
func TestABatchThatCannotBeReadPausesWrites(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		client, err := kgo.NewClient(w.options().Kafka...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		broken := func() {
			t.Helper()
			for n := range 9 { // of no two partitions as many, so that one is read sooner than the others
				p := []int32{0, 1, 1, 2, 2, 2, 2, 2, 2}[n]
				if _, err := rawbatch.Produce(t.Context(), client, "t."+schemas.Switches, p, rawbatch.Broken()); err != nil {
					t.Fatal(err)
				}
			}
		}
		woken := make(chan string, 100)
		running := w.open(func(one schemas.Switch) {
			if !one.Paused {
				woken <- one.Subject
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); running.Run(ctx) }()
		defer func() { stop(); <-done; running.Close() }()
		check := func(when string, reads, writes bool) {
			t.Helper()
			time.Sleep(time.Second)
			began := time.Now()
			later := w.open(nil)
			defer later.Close()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s: to open took %s", when, took)
			}
			for name, who := range map[string]*Switches{"who runs": running, "who starts": later} {
				if r, o := held(who, "a", false), held(who, "b", true); r != reads || o != writes {
					t.Errorf("%s: to %s reading calls of a are held: %v, and writing ones of b: %v", when, name, r, o)
				}
			}
		}
		w.turn("a", true)
		check("before", true, false)
		broken()
		check("a batch", true, true)
		if err := running.Held("b", true); !strings.Contains(err.Error(), "`sellerstream resume --writes`") {
			t.Errorf("%v", err)
		}
		w.turn("a", false)
		check("a switch behind it", false, true)
		if before := w.turn(schemas.AllWrites, false); !before.Paused || before.By != "a batch that cannot be read" {
			t.Errorf("resumed, it was %+v before", before)
		}
		check("resumed", false, false)
		w.turn(schemas.AllWrites, true)
		broken()
		w.turn(schemas.AllWrites, false)
		check("paused by both, and resumed", false, false)
		broken()
		check("another batch", false, true)
		for len(woken) > 0 {
			if subject := <-woken; subject != "a" && subject != schemas.AllWrites {
				t.Errorf("heard that %q goes on", subject)
			}
		}
	})
}
