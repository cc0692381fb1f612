package eventbridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/test/logged"
)

// before stands between us and EventBridge, as a proxy does.
type before struct {
	behind http.Handler
	refuse func(body string) (status int, answer string) // 0 to let it through

	mu       sync.Mutex
	requests int
}

func (b *before) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	b.mu.Lock()
	b.requests++
	b.mu.Unlock()
	if status, answer := b.refuse(string(body)); status != 0 {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.behind.ServeHTTP(w, r)
}

func (w *world) sdkBehind(b *before) *awseventbridge.Client {
	b.behind = w.EventBridge()
	return sdkOf(b)
}

// A 413 blames the entry for which it comes, whatever its body says: it is one
// letter, and the others of its requests are published, soon.
func TestA413IsOneEntrysWhateverItsBody(t *testing.T) {
	for name, answer := range map[string]string{
		"empty": "", "HTML": "<html><body><h1>413 Request Entity Too Large</h1></body></html>",
		"JSON without a code": `{"message":"too large"}`, "another code": `{"__type":"Whatever","message":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			proxy := &before{refuse: func(body string) (int, string) {
				if strings.Contains(body, "account-04/000013") {
					return http.StatusRequestEntityTooLarge, answer
				}
				return 0, ""
			}}
			opts := w.options()
			opts.Client = w.sdkBehind(proxy)
			w.produce(0, 45)
			p, _ := w.run(opts)
			w.awaitEvents(44)
			if got, want := w.deadLetters(1), eventbridge.ReasonRefused+" account-04/000013"; got[0] != want {
				t.Errorf("dead letter %q, want %q", got[0], want)
			}
			w.checkOnce(44)
			if got := p.Stats(); got.DeadLetters != 1 || got.Resent != 0 {
				t.Errorf("stats %+v", got)
			}
			proxy.mu.Lock()
			defer proxy.mu.Unlock()
			if proxy.requests > 30 { // 5 requests of 9 entries, and the halves of those that were refused
				t.Errorf("%d requests for 45 events", proxy.requests)
			}
		})
	}
}

// A proxy that takes less than Amazon gets smaller requests, and nothing is set aside.
func TestA413OfTheWholeRequestLosesNothing(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = w.sdkBehind(&before{refuse: func(body string) (int, string) {
		if len(body) > 100<<10 {
			return http.StatusRequestEntityTooLarge, ""
		}
		return 0, ""
	}})
	for i := range 36 {
		w.produceValue(account(i), fmt.Sprintf("%s/%06d", account(i), i)+strings.Repeat("x", 20<<10))
	}
	p, _ := w.run(opts)
	w.awaitEvents(36)
	w.checkOnce(36)
	if got := p.Stats(); got.DeadLetters != 0 || got.Failed == 0 {
		t.Errorf("stats %+v", got)
	}
}

// Other statuses with an HTML body set nothing aside: they pass.
func TestAnHTMLAnswerSetsNothingAside(t *testing.T) {
	for _, status := range []int{400, 403, 404, 429, 500, 502, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t)
			var refusals atomic.Int32
			opts := w.options()
			opts.Client = w.sdkBehind(&before{refuse: func(string) (int, string) {
				if refusals.Add(1) <= 2 {
					return status, "<html>"
				}
				return 0, ""
			}})
			w.produce(0, 9)
			p, _ := w.run(opts)
			w.awaitEvents(9)
			if got := p.Stats(); got.DeadLetters != 0 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

// The advice in the log fits the cause: a cut connection is not the bus's fault.
func TestTheAdviceFitsTheCause(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"cut":     {errors.New("connection reset by peer"), "no answer came"},
		"policy":  {&smithy.GenericAPIError{Code: "AccessDeniedException", Fault: smithy.FaultClient}, "check events.bus, its policy and the credentials"},
		"timeout": {context.DeadlineExceeded, "no answer came"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var log logged.Text
			opts := w.options()
			opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
			opts.Client = refusesText{opts.Client, "", c.err}
			w.produce(0, 1)
			p, stop := w.run(opts)
			w.await("a try", func() bool { return p.Stats().Failed >= 1 })
			stop()
			if log.Count(c.says) == 0 {
				t.Errorf("the log does not say %q: %s", c.says, log.String())
			}
		})
	}
}

// An answer that does not speak of every entry settles none: what it leaves out
// may not have been taken.
func TestAnAnswerWithFewerEntriesSettlesNothing(t *testing.T) {
	for _, less := range []int{1, 9, -1} {
		t.Run(fmt.Sprint(less), func(t *testing.T) {
			w := newWorld(t)
			opts := w.options()
			opts.Client = &shortAnswers{API: opts.Client, less: less}
			w.produce(0, 9)
			p, _ := w.run(opts)
			w.await("all events published", func() bool { return p.Stats().Published == 9 })
			if got := p.Stats(); got.Resent == 0 || got.DeadLetters != 0 {
				t.Errorf("stats %+v, want the entries sent again as doubtful", got)
			}
			if len(w.counts()) != 9 {
				t.Errorf("%d events", len(w.counts()))
			}
		})
	}
}

// shortAnswers takes the events of the first request and does not say so of all:
// less entries are left out of the answer, or added.
type shortAnswers struct {
	eventbridge.API
	less  int
	calls atomic.Int32
}

func (s *shortAnswers) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	out, err := s.API.PutEvents(ctx, in, opts...)
	if s.calls.Add(1) > 1 || err != nil {
		return out, err
	}
	if s.less < 0 {
		out.Entries = append(out.Entries, types.PutEventsResultEntry{})
	} else {
		out.Entries = out.Entries[:max(0, len(out.Entries)-s.less)]
	}
	return out, nil
}

// measures notes the sizes of requests and entries, by Amazon's way of counting.
type measures struct {
	eventbridge.API
	mu               sync.Mutex
	entry, sum, most int
	requests         int
}

func (m *measures) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	m.mu.Lock()
	m.requests++
	sum := 0
	for _, e := range in.Entries {
		size := 14 + len(*e.Source) + len(*e.DetailType) + len(*e.Detail)
		m.entry, sum = max(m.entry, size), sum+size
	}
	m.sum, m.most = max(m.sum, sum), max(m.most, len(in.Entries))
	m.mu.Unlock()
	return m.API.PutEvents(ctx, in, opts...)
}

// sized is a value whose entry has that many bytes.
func sized(key string, bytes int) string {
	frame := 14 + len("sellerstream") + len("OrderChanged") + len(`{"id":""}`)
	return key + "/" + strings.Repeat("x", bytes-frame-len(key)-1)
}

// An entry of exactly the limit goes out, and one byte more is a letter; two that
// are exactly the limit together go in one request, and one byte more in two.
func TestSizesAtTheExactLimit(t *testing.T) {
	const limit = 10_000
	for name, c := range map[string]struct {
		sizes            []int
		letters          int
		entry, sum, most int
	}{
		"an entry of the limit":    {[]int{limit}, 0, limit, limit, 1},
		"an entry over the limit":  {[]int{limit + 1, 1000}, 1, 1000, 1000, 1},
		"a sum of the limit":       {[]int{limit / 2, limit / 2}, 0, limit / 2, limit, 2},
		"a sum over the limit":     {[]int{limit/2 + 1, limit / 2}, 0, limit/2 + 1, limit/2 + 1, 1},
		"a sum far over the limit": {[]int{3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000}, 0, 3000, 9000, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			opts := w.options()
			client := &measures{API: opts.Client}
			opts.Client, opts.MaxEntryBytes = client, limit
			for i, size := range c.sizes {
				w.produceValue(account(i), sized(account(i), size))
			}
			w.run(opts)
			w.awaitEvents(len(c.sizes) - c.letters)
			if c.letters > 0 {
				if got := w.deadLetters(c.letters); !strings.HasPrefix(got[0], eventbridge.ReasonTooLarge) {
					t.Errorf("letters %q", got)
				}
			}
			client.mu.Lock()
			defer client.mu.Unlock()
			// Records can come in more than one poll: then requests are smaller.
			if client.entry != c.entry || client.sum > c.sum || client.most > c.most {
				t.Errorf("entries of up to %d bytes, requests of up to %d bytes and %d entries, want %d, %d, %d",
					client.entry, client.sum, client.most, c.entry, c.sum, c.most)
			}
		})
	}
}

// An event whose dead letter Kafka refuses is not lost: the others go on and do not come
// again, also if another process takes over, and it is set aside when Kafka takes the letter.
func TestARefusedEventIsNotLostWhenKafkaRefusesItsLetter(t *testing.T) {
	for name, client := range map[string]func(eventbridge.API) eventbridge.API{
		"refused entry":   func(api eventbridge.API) eventbridge.API { return &refuses{API: api} },
		"refused request": func(api eventbridge.API) eventbridge.API { return refusesText{api, "malformed", validation("x")} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.produceValue(account(0), "malformed")
			for i := range 9 { // the first is behind it in its partition
				w.produceValue(account(i), account(i)+"/000001")
			}
			var well atomic.Bool
			w.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
				w.cluster.KeepControl()
				if well.Load() {
					return nil, nil, false
				}
				return refusal(req.(*kmsg.ProduceRequest), kerr.InvalidRecord), nil, true
			})
			opts := w.options()
			opts.Client = client(opts.Client)
			p, stop := w.run(opts)
			w.awaitEvents(9)
			w.await("a refused letter", func() bool { return p.Stats().Failed >= 2 })
			if p.Stats().DeadLetters != 0 {
				t.Errorf("stats %+v, though Kafka took no letter", p.Stats())
			}
			stop() // and its offset is not committed
			well.Store(true)
			w.run(opts)
			if got := w.deadLetters(1); len(got) != 1 || got[0] != eventbridge.ReasonRefused+" malformed" {
				t.Errorf("letters %q", got)
			}
			w.produceValue(account(0), account(0)+"/000002")
			w.awaitEvents(10)
			w.checkOnce(10)
		})
	}
}

// refusal answers every partition of a request with an error.
func refusal(req *kmsg.ProduceRequest, reason *kerr.Error) *kmsg.ProduceResponse {
	answer := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range req.Topics {
		refused := kmsg.NewProduceResponseTopic()
		refused.Topic, refused.TopicID = topic.Topic, topic.TopicID
		for _, part := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = part.Partition, reason.Code
			refused.Partitions = append(refused.Partitions, p)
		}
		answer.Topics = append(answer.Topics, refused)
	}
	return answer
}
