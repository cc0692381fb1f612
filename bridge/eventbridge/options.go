package eventbridge

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
)

// API is what the publisher needs of EventBridge; *eventbridge.Client has it.
type API interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Codec turns records into values and back; *registry.Codec has it. Topics are
// logical names. An error of Decode that wraps registry.ErrUnavailable says
// nothing about the record; any other makes it a dead letter.
type Codec interface {
	Decode(ctx context.Context, topic string, data []byte) (any, error)
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
}

// Event is a record as an event.
type Event struct {
	Type   string // the detail-type
	Detail []byte // a JSON document that is the same whenever it is asked for, and holds an id
	// Entity is what the event is about: an order, a SKU, a feed, a package. The events
	// of one entity, in one partition and of one account, are sent in their order.
	Entity string
}

// Details describes which event a record is. It says false for a record without an event.
// It must not keep the value, whose memory is used again.
type Details func(topic string, value any) (event Event, ok bool, err error)

// Options describe what a Publisher reads and where it publishes. Client, Codec,
// Details, Topics and Kafka must be given.
type Options struct {
	Client  API // see NewClient
	Codec   Codec
	Details Details
	Kafka   []kgo.Opt // seed brokers, and TLS, timeouts and the like; not the group
	Prefix  string    // of every topic's name and of the group's, such as "sellerstream."
	Topics  []string  // logical names of the topics to publish
	Bus     string    // name or ARN of the event bus; "default" by default
	Source  string    // source of the events; "sellerstream" by default
	Clock   clock.Clock
	Logger  *slog.Logger

	// Again, if not nil, has a part of one topic published again, instead of all
	// that comes.
	Again *Again

	// Observe hears what becomes of each record that is an event, or is set aside.
	// It must return at once; may be nil.
	Observe func(Observation)

	// DryRun commits no offset and sets nothing aside, so that a later run begins
	// where this one did. Client should then send nothing.
	DryRun bool

	// MaxEntryBytes bounds an entry and the sum of a request's entries, by
	// Amazon's way of counting; 1 MiB by default, which is Amazon's limit since
	// January 2026 (256 KiB before, and still in some partitions).
	MaxEntryBytes int
	// MaxInFlight is the most requests that are under way at once, 64 by default.
	// How many are depends on how fast EventBridge answers, and on its refusals.
	MaxInFlight int
	// Rate bounds the events of a second; 0 does not.
	Rate float64
	// CallTimeout bounds one PutEvents request; 10 s by default. Requests under
	// way hold a rebalance back, and so do the making of one and the writing of a dead
	// letter, for up to 5 s each: together they must be shorter than the group's
	// rebalance timeout (kgo's default is 60 s).
	CallTimeout time.Duration
	// DrainTimeout bounds how long the requests under way may take to finish and
	// commit when Run's context has ended; 20 s by default.
	DrainTimeout time.Duration
}

// Again is what a Publisher publishes again: Run returns when the run is done. What
// no event can be made of was set aside the first time: it is logged, counted
// among the dead letters, and passed over.
type Again struct {
	Journal *replay.Journal // its group is the Publisher's
	Run     *replay.Run
	// Wants reports whether an event is to be published. It must not keep the value. nil
	// wants all.
	Wants func(rec *kgo.Record, value any, detailType string) bool
	// Mark stands in each entry's Resources, by which a rule can tell it.
	Mark string
	// Rate bounds the events of a second; 0 does not.
	Rate float64
}

// replayShare is the part of the process's requests at once and of its rate that
// publishing again may take, beside what is new.
const replayShare = 4

// shared are the options of a publisher that publishes again.
func (o Options) shared() Options {
	o.MaxInFlight = max(1, o.MaxInFlight/replayShare)
	if o.Rate /= replayShare; o.Rate == 0 || o.Again.Rate > 0 && o.Again.Rate < o.Rate {
		o.Rate = o.Again.Rate
	}
	return o
}

// Outcome is what became of an event at one try.
type Outcome byte

// The outcomes.
const (
	Accepted    Outcome = iota // by EventBridge
	Failed                     // refused, or unanswered: it is tried again
	Resent                     // sent again although an unanswered request may have brought it
	DeadLetters                // set aside
)

// Observation is what became of a record.
type Observation struct {
	Outcome    Outcome
	DetailType string // "" of a record that no event could be made of
	Reason     string // of a dead letter
	Record     *kgo.Record
}

func (o Options) withDefaults() (Options, error) {
	var faults []error
	missing := func(absent bool, name string) {
		if absent {
			faults = append(faults, errors.New("bridge/eventbridge: Options."+name+" is missing"))
		}
	}
	missing(o.Client == nil, "Client")
	missing(o.Codec == nil, "Codec")
	missing(o.Details == nil, "Details")
	missing(len(o.Topics) == 0, "Topics")
	missing(len(o.Kafka) == 0, "Kafka")
	orDefault(&o.Bus, "default")
	orDefault(&o.Source, "sellerstream")
	orDefault(&o.MaxEntryBytes, 1<<20)
	orDefault(&o.MaxInFlight, 64)
	orDefault(&o.CallTimeout, 10*time.Second)
	orDefault(&o.DrainTimeout, 20*time.Second)
	missing(o.Again != nil && (o.Again.Journal == nil || o.Again.Run == nil || o.Again.Mark == ""), "Again.Journal, Run or Mark")
	if o.Again != nil {
		o = o.shared()
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, errors.Join(faults...)
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
