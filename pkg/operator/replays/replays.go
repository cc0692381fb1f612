// Package replays does records of a topic once more: it finds which are meant, counts
// what that takes, has them published or processed again, and moves a processor to
// another place of its input. pkg/platform/kafka/replay keeps how far a replay has come.
package replays

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// Way is what a replay of a topic does.
type Way byte

// The ways.
const (
	Publishes Way = iota + 1
	Processes     // and reads at Amazon
	Writes        // processes, and writes at Amazon
)

// WayOf returns what a replay of a topic does, or why there is none.
func WayOf(topic string) (Way, error) {
	_, input, replayed := roles.Reader(topic, func(in role.Input) bool { return in.Replayed })
	switch {
	case input.Effects:
		return Writes, nil
	case slices.Contains(schemas.EventTopics(), topic):
		return Publishes, nil
	case replayed:
		return Processes, nil
	case topic == schemas.FeedNotifications:
		return 0, errors.New("feed-notifications only hint that a feed has ended, which Amazon is asked for anyway: there is nothing to process again")
	case topic == schemas.DeadLetters:
		return 0, errors.New("`sellerstream deadletters` sends dead letters back to where they came from")
	}
	return 0, fmt.Errorf("%s holds nothing that could be published or processed again", topic)
}

// Topics are the topics that a replay treats in a way, as the table of topics has them.
func Topics(way Way) (names []string) {
	for _, t := range schemas.Topics() {
		if of, err := WayOf(t.Name); err == nil && of == way {
			names = append(names, t.Name)
		}
	}
	return names
}

// Options are what a replay works with. All are required.
type Options struct {
	Client              *kgo.Client
	Kafka               []kgo.Opt // of every Kafka client
	Group               []kgo.Opt // of a client that is a member of a group
	TransactionalPrefix string
	Codec               *registry.Codec
	Config              config.Config
	Limits              quota.Limits // the accounts' quotas, as they are configured
	By                  string       // who replays: user and host
	Logger              *slog.Logger
	// DetailType returns which event a record is; "" for none, also where no event can
	// be made of it.
	DetailType func(value any) string
	// Publisher publishes a part of a topic again, as the role events published it.
	Publisher func(ctx context.Context, topic string, again *eventbridge.Again) (*eventbridge.Publisher, error)
}

// Request names the records to do once more.
type Request struct {
	Name       string // of the replay, by which the same one is known
	Topic      string // its name without the prefix
	Selected   Selection
	Begin, End replay.Bound
	Partitions []int32 // none for all
	Rate       float64 // events a second, of a replay that publishes
	Effects    bool    // whether calls that write are allowed
	Role       string  // of a Move: whose processor, where several read the topic
}

// Replay is one replay.
type Replay struct {
	Request
	opts  Options
	admin *kadm.Client
	wire  string // the topic's name on the wire
	way   Way    // 0 of a topic whose processor can only be moved
}

// New makes the replay of a request.
func New(opts Options, req Request) *Replay {
	way, _ := WayOf(req.Topic)
	return &Replay{Request: req, opts: opts, admin: kadm.NewClient(opts.Client), wire: opts.Config.Prefix + req.Topic, way: way}
}

// resolve finds what the topic holds of what is meant.
func (r *Replay) resolve(ctx context.Context) ([]replay.Range, error) {
	return replay.Resolve(ctx, r.admin, r.wire, r.Begin, r.End, r.Partitions)
}

// read is a record's value and its detail-type or changeType. readable is false for
// what this version cannot read; an error says nothing about the record.
func (r *Replay) read(ctx context.Context, rec *kgo.Record) (value any, kind string, readable bool, err error) {
	value, err = r.opts.Codec.Decode(ctx, r.Topic, rec.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		return nil, "", false, err
	}
	readable = err == nil
	switch v := value.(type) {
	case *schemas.OrderChange:
		kind = v.ChangeType
	default:
		if readable && r.way == Publishes {
			kind = r.opts.DetailType(value)
		}
	}
	return value, kind, readable, nil
}

// Letters finds the open dead letters that the replay closes; nil for none.
func (r *Replay) Letters(ctx context.Context) (*deadletters.Replayed, error) {
	role := "events"
	if r.way != Publishes {
		var ok bool
		if role, ok = r.Processor(); !ok {
			return nil, nil
		}
	}
	cfg := r.opts.Config
	missing, err := acls.Missing(ctx, r.opts.Client, []acls.ACL{
		{Resource: acls.Topic, Name: cfg.Prefix + schemas.DeadLettersResolved, Pattern: acls.Literal, Operation: acls.Write},
	})
	switch {
	case err != nil:
		return nil, err
	case len(missing) > 0:
		return nil, fmt.Errorf("Kafka's ACLs do not let us: allow %s", missing[0])
	}
	if _, err := topics.Ensure(ctx, r.admin, topics.Options{
		Prefix: cfg.Prefix, Partitions: cfg.Kafka.Partitions, Replication: cfg.Kafka.Replication, Topics: []string{schemas.DeadLettersResolved},
	}); err != nil {
		return nil, err
	}
	letters, err := deadletters.Open(ctx, r.opts.Client, deadletters.Options{
		Kafka: r.opts.Kafka, Prefix: cfg.Prefix, TransactionalPrefix: r.opts.TransactionalPrefix, Codec: r.opts.Codec, By: r.opts.By, Logger: r.opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	return letters.Replayed(ctx, role, r.Topic)
}
