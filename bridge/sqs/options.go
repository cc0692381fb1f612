package sqs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// API is what the bridge needs of SQS; *sqs.Client has it.
type API interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Producer is what the bridge needs of Kafka; *kgo.Client has it, and should
// be made with ProducerOptions.
type Producer interface {
	Produce(ctx context.Context, rec *kgo.Record, promise func(*kgo.Record, error))
}

// Encoder turns a pointer to a type of package schemas into the bytes of a
// record of the topic, appended to dst; *registry.Codec has it. A value that it
// refuses becomes a dead letter.
type Encoder interface {
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
}

// Options describe what one Bridge reads and where it writes. Queue, Client,
// Producer, Encoder and Directory must be given.
type Options struct {
	Queue    string       // the queue's URL
	Region   model.Region // selling region of notifications that name no marketplace; may be empty
	Client   API          // see NewClient
	Producer Producer     // acks from all replicas, idempotent; see ProducerOptions
	Encoder  Encoder
	// Attributes, if not nil, is asked once a minute what waits in the queue.
	Attributes AttributesAPI
	Prefix     string // of every topic's name, such as "sellerstream."
	// Directory finds the account of a seller. It is asked for every message,
	// so that a new configuration holds from the next message on.
	Directory func() *account.Directory
	Clock     clock.Clock  // gives dead letters their time; the real one by default
	Logger    *slog.Logger // slog.Default() by default
	// SetAside hears the reason of each message that is set aside. It must return
	// at once; may be nil.
	SetAside func(reason string)

	// MaxPollers bounds the receives under way at once; 32 by default. There is
	// one while the queue is idle, and one more for every receive that came back
	// full.
	MaxPollers int
	// VisibilityTimeout hides a received message from other readers; 30 s by
	// default, at least 2 s. It is renewed at half its time while the message is
	// worked on.
	VisibilityTimeout time.Duration
	// MaxInFlight bounds the messages received and not yet deleted; 5,000 by
	// default. It and MaxInFlightBytes are looked at before a receive, so each
	// poller can go over them by one receive, of at most 10 messages.
	MaxInFlight int
	// MaxInFlightBytes bounds those messages' bodies; 64 MiB by default.
	MaxInFlightBytes int
	// MaxBodyBytes is the largest body that is decoded; 256 KiB by default.
	// Amazon's notifications are of a few KiB, SQS allows 1 MiB.
	MaxBodyBytes int
	// DeleteLinger is how long an acknowledged message waits for others to be
	// deleted with; 50 ms by default.
	DeleteLinger time.Duration
	// DrainTimeout bounds how long Run finishes what it has received after its
	// context ended; 20 s by default.
	DrainTimeout time.Duration
}

// The first two are facts of the SQS API (its reference: ReceiveMessage,
// DeleteMessageBatch).
const (
	batchSize   = 10               // messages in one receive and entries in one batch call
	longPoll    = 20 * time.Second // the longest wait of a receive
	callTimeout = 10 * time.Second // of a call besides its long poll, so that a dead connection holds nobody up
	maxAttempts = 8                // tries of one deletion before the message is left to come again
)

func (o Options) withDefaults() (Options, error) {
	var faults []error
	missing := func(absent bool, name string) {
		if absent {
			faults = append(faults, errors.New("bridge/sqs: Options."+name+" is missing"))
		}
	}
	missing(o.Queue == "", "Queue")
	missing(o.Client == nil, "Client")
	missing(o.Producer == nil, "Producer")
	missing(o.Encoder == nil, "Encoder")
	missing(o.Directory == nil, "Directory")
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.SetAside == nil {
		o.SetAside = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	orDefault(&o.MaxPollers, 32)
	orDefault(&o.VisibilityTimeout, 30*time.Second)
	orDefault(&o.MaxInFlight, 5000)
	orDefault(&o.MaxInFlightBytes, 64<<20)
	orDefault(&o.MaxBodyBytes, 256<<10)
	orDefault(&o.DeleteLinger, 50*time.Millisecond)
	orDefault(&o.DrainTimeout, 20*time.Second)
	if o.VisibilityTimeout < 2*time.Second {
		faults = append(faults, errors.New("bridge/sqs: Options.VisibilityTimeout is below 2 s: it could not be renewed in time"))
	}
	return o, errors.Join(faults...)
}

func orDefault[T int | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// ProducerOptions are what the Producer's client should be made with. Its
// idempotence and partitioner are kgo's defaults and must stay.
func ProducerOptions(prefix string) []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// An idle pipeline must not wait for company; under load, batches form
		// while earlier requests are under way.
		kgo.ProducerLinger(0),
		// A dead letter can hold an SQS message of 1 MiB.
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 {
			if t, ok := schemas.TopicOf(strings.TrimPrefix(topic, prefix)); ok {
				return int32(t.MaxBytes)
			}
			return schemas.MaxRecordBytes
		}),
	}
}
