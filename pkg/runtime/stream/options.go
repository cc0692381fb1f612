package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Codec turns the values of records into bytes and back. topic is the logical
// name, without the prefix. Its methods are called from many goroutines.
type Codec interface {
	// AppendEncode appends value to dst.
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
	// Decode returns what a record of the topic holds. An error that matches
	// registry.ErrUnavailable means that the bytes may be good but their schema cannot be
	// had now: the record's input then waits. Any other error makes the record a dead
	// letter. ctx ends after a second, since the unit waits for the call.
	Decode(ctx context.Context, topic string, data []byte) (any, error)
}

// Reuser is a Codec that can decode into the memory of an earlier value that nobody uses
// any more, which a machine.Copier has left. used is of any type.
type Reuser interface {
	DecodeInto(ctx context.Context, topic string, data []byte, used any) (any, error)
}

// DefaultTransactionTimeout is the default of Options.TransactionTimeout. What a tick
// writes can be that much older than the end of its commit.
const DefaultTransactionTimeout = 30 * time.Second

// Options describe what a Processor runs and on what. Fields without a default are required.
type Options struct {
	// Processor is the role's name, such as "orders".
	Processor string
	// Prefix precedes every logical topic name. Default "sellerstream.".
	Prefix string
	// Group is the consumer group. Default Prefix + Processor.
	Group string
	// Member is the client id of this process in the group, by which an operator sees
	// its version (pkg/platform/level). Default "sellerstream-" + Processor.
	Member string
	// TransactionalPrefix begins the units' transactional ids, which go on
	// "-<processor>-<partition>". It must be the same for every process of the
	// group and after every restart, or a stopped owner is not fenced. Default
	// Prefix + "tx".
	TransactionalPrefix string

	// Inputs are the logical names of the topics to consume. The consumer
	// group's assignment of the first one decides which units run here.
	Inputs []string
	// Replays is the logical name of a topic with copies of input records that are
	// to be processed again, each with schemas.ReplayHeader; "" for none. Those of
	// other processors' inputs are passed over. They are taken behind those of the
	// inputs, and only while little is pending.
	Replays string
	// AccountOf returns the account of a record's key, which becomes Record.Account.
	// Its murmur2 decides the partition, so producers must partition by it. Outputs are
	// keyed by it. It is called from many goroutines. Default: the key is the account.
	AccountOf func(key []byte) string
	// Outputs are the logical names of the topics that the machine may emit to.
	Outputs []string
	// DeadLetters is the logical name of the topic of what is set aside. Default
	// "dead-letters".
	DeadLetters string
	// State is the logical name of the compacted topic of the units' state.
	State string
	// MoreState are compacted topics for entries of the state that must stand
	// apart. They are written and restored with the others.
	MoreState []StateTopic

	// New makes a unit's machine.
	New func(machine.Unit) machine.Machine
	// Codec encodes and decodes the values of inputs, of outputs and of what the machine
	// puts into its state.
	Codec Codec
	// Own encodes and decodes the runtime's own records: claims and positions in State,
	// and dead letters (types of package schemas). Default: as JSON.
	Own Codec
	// Execute carries out a call and returns when it has ended; it must return
	// soon after ctx ends. It is called from many goroutines. May be nil where
	// the machine makes no calls.
	Execute func(ctx context.Context, call machine.Call) machine.Result
	// Clock is what Tx.Now and Tx.Wake are measured by. Default clock.Real.
	Clock clock.Clock
	// Observer hears of what units do. May be nil.
	Observer Observer
	// Remedies are what an operator is told to do about faults. The defaults speak of
	// Kafka only.
	Remedies Remedies
	// Logger receives what an operator should know. Default slog.Default().
	Logger *slog.Logger

	// Client are options of every Kafka client: seed brokers, TLS, SASL, dialer.
	Client []kgo.Opt
	// SessionTimeout is how long a process may be silent before the group gives its
	// units away. Default 10 s, Kafka's least is 6 s.
	SessionTimeout time.Duration
	// HeartbeatInterval is how often membership is renewed, which is also how
	// long a handover waits: at most 1 s. Default 500 ms.
	HeartbeatInterval time.Duration
	// RebalanceTimeout is how long the group waits for a member that has to hand
	// units over. Default 60 s.
	RebalanceTimeout time.Duration
	// DrainTimeout is how long started calls may go on when a unit is handed
	// over or the processor stops. Less than RebalanceTimeout. Default 30 s.
	DrainTimeout time.Duration
	// TransactionTimeout is when Kafka aborts a transaction whose owner is
	// silent. Default 30 s.
	TransactionTimeout time.Duration

	// MaxPending is the machine's Pending above which a unit's intake pauses,
	// ResumePending the one at which it goes on. Default 100,000 and three quarters of
	// MaxPending. Work that cannot go on, such as that of a parked account, counts
	// apart (lane.Apart).
	MaxPending, ResumePending int
	// Memory is the bound that the processors of a process keep together. Default: one
	// without a bound, of this processor's own.
	Memory *Memory
	// NeverPaused are inputs that the mark does not pause and whose records a tick
	// takes first: such as those that end work, which must flow while those that
	// bring work wait.
	NeverPaused []string
	// Recent is where a unit begins with an input that its state has no position in: with the
	// records of so long ago, on the brokers' clock. The first tick commits that position.
	// Default: with the oldest.
	Recent map[string]time.Duration
	// MaxTick is how many input records one transaction takes at most. Default 5,000.
	MaxTick int
	// MaxCalls is how many calls of a unit run at the same time. Default 128.
	MaxCalls int
}

// StateTopic holds the state's entries whose keys begin with Prefix, under the
// rest of their keys.
type StateTopic struct {
	Topic  string // logical name
	Prefix string // such as "buyer-key/"
}

// withDefaults fills what was left out.
func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, "sellerstream.")
	o.DeadLetters = cmp.Or(o.DeadLetters, schemas.DeadLetters)
	o.Group = cmp.Or(o.Group, o.Prefix+o.Processor)
	o.Member = cmp.Or(o.Member, "sellerstream-"+o.Processor)
	o.TransactionalPrefix = cmp.Or(o.TransactionalPrefix, o.Prefix+"tx")
	o.SessionTimeout = cmp.Or(o.SessionTimeout, 10*time.Second)
	o.HeartbeatInterval = cmp.Or(o.HeartbeatInterval, 500*time.Millisecond)
	o.RebalanceTimeout = cmp.Or(o.RebalanceTimeout, time.Minute)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, min(30*time.Second, o.RebalanceTimeout/2))
	o.TransactionTimeout = cmp.Or(o.TransactionTimeout, DefaultTransactionTimeout)
	o.MaxPending = cmp.Or(o.MaxPending, 100_000)
	o.ResumePending = cmp.Or(o.ResumePending, o.MaxPending*3/4)
	o.MaxTick = cmp.Or(o.MaxTick, 5_000)
	o.MaxCalls = cmp.Or(o.MaxCalls, 128)
	o.Remedies = o.Remedies.withDefaults()
	if o.Own == nil {
		o.Own = ownJSON{}
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Memory == nil {
		o.Memory = NewMemory(Load{Records: math.MaxInt, Bytes: math.MaxInt}, o.Logger)
	}
	return o
}

// validate reports every fault at once.
func (o Options) validate() error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("stream: "+format, args...))
		}
	}
	require(o.Processor != "", "Processor is empty: name the role")
	require(len(o.Inputs) > 0, "Inputs is empty: name at least one topic")
	require(o.State != "", "State is empty: name the state topic")
	require(o.New != nil, "New is nil: it makes the machines")
	require(o.Codec != nil, "Codec is nil")
	require(!slices.Contains(o.Inputs, o.State) && !slices.Contains(o.Outputs, o.State),
		"State %q is also an input or output: only the runtime may write it", o.State)
	for _, more := range o.MoreState {
		require(more.Topic != "" && more.Topic != o.State && !slices.Contains(o.Inputs, more.Topic) && !slices.Contains(o.Outputs, more.Topic),
			"MoreState %q has another use too: only the runtime may write it", more.Topic)
		require(more.Prefix != "" && !strings.HasPrefix(more.Prefix, reservedKey), "MoreState %s: %q cannot begin its keys", more.Topic, more.Prefix)
	}
	for _, topic := range o.NeverPaused {
		require(slices.Contains(o.Inputs, topic), "NeverPaused %q is not an input", topic)
	}
	for topic := range o.Recent {
		require(slices.Contains(o.Inputs, topic), "Recent %q is not an input", topic)
	}
	for i, topic := range o.consumed() {
		require(!slices.Contains(o.consumed()[:i], topic), "input %q is named twice", topic)
		require(!slices.Contains(o.Outputs, topic), "%q is an input and an output: the unit would read what it writes", topic)
	}
	require(o.HeartbeatInterval > 0 && o.HeartbeatInterval <= time.Second,
		"HeartbeatInterval is %s: it delays every handover, so at most 1s", o.HeartbeatInterval)
	require(o.SessionTimeout >= 3*o.HeartbeatInterval,
		"SessionTimeout %s is less than three heartbeats of %s", o.SessionTimeout, o.HeartbeatInterval)
	require(o.DrainTimeout > 0 && o.DrainTimeout < o.RebalanceTimeout,
		"DrainTimeout %s is not below RebalanceTimeout %s: the group would not wait for a drain", o.DrainTimeout, o.RebalanceTimeout)
	require(o.TransactionTimeout > 0, "TransactionTimeout is negative")
	require(o.MaxPending > 0, "MaxPending is negative")
	require(o.ResumePending > 0 && o.ResumePending <= o.MaxPending,
		"ResumePending %d is not between 1 and MaxPending %d", o.ResumePending, o.MaxPending)
	require(o.MaxTick > 0, "MaxTick is negative")
	require(o.MaxCalls > 0, "MaxCalls is negative")
	return errors.Join(faults...)
}

// topic is the name on the wire of a logical topic.
func (o Options) topic(logical string) string { return o.Prefix + logical }

// stateTopics are the logical names of all topics of the state.
func (o Options) stateTopics() []string {
	topics := []string{o.State}
	for _, more := range o.MoreState {
		topics = append(topics, more.Topic)
	}
	return topics
}

// stateTopic is where an entry of the state stands, and under which key.
func (o *Options) stateTopic(key string) (logical, recordKey string) {
	for _, more := range o.MoreState {
		if rest, ok := strings.CutPrefix(key, more.Prefix); ok {
			return more.Topic, rest
		}
	}
	return o.State, key
}

// stateKey is the key of an entry that stands on a topic under recordKey.
func (o *Options) stateKey(logical, recordKey string) string {
	for _, more := range o.MoreState {
		if more.Topic == logical && !strings.HasPrefix(recordKey, reservedKey) {
			return more.Prefix + recordKey
		}
	}
	return recordKey
}

// topics are the logical names of all topics whose partitions a unit touches.
func (o Options) topics() []string {
	all := slices.Concat(o.consumed(), o.Outputs, o.stateTopics(), []string{o.DeadLetters})
	slices.Sort(all)
	return slices.Compact(all)
}

// consumed are the logical names of the topics that a unit reads.
func (o Options) consumed() []string {
	if o.Replays == "" {
		return o.Inputs
	}
	return append(slices.Clone(o.Inputs), o.Replays)
}
