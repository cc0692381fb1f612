// Package statemove takes what a pipeline remembers out of one Kafka and into another,
// or to another prefix or number of partitions: its state, its switches and what its roles
// have not read yet. Offsets mean nothing there, so positions become times on the way.
package statemove

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Pipeline is a pipeline on a Kafka, seen from outside.
type Pipeline struct {
	Prefix, TransactionalPrefix string
	Kafka                       []kgo.Opt // of every Kafka client
	Client                      *kgo.Client
	Codec                       *registry.Codec // of all topics
	Texts                       *registry.Texts
	// Progress hears how far it is, in words.
	Progress func(format string, args ...any)
}

func (p *Pipeline) admin() *kadm.Client { return kadm.NewClient(p.Client) }

func (p *Pipeline) reader() topicread.Reader {
	return topicread.Reader{Admin: p.admin(), Client: p.Kafka, Patient: true}
}

// Stopped is nil when no process of the pipeline works; else it wraps stream.ErrRunning.
// The bridge is in no group: what it writes is found by Unmoved.
func (p *Pipeline) Stopped(ctx context.Context) error {
	for _, r := range readers() {
		if err := (&stream.Reset{Group: p.Prefix + r.Name}).Stopped(ctx, p.admin()); err != nil {
			return err
		}
	}
	return nil
}

// Fence makes Kafka refuse what processes that were taken for stopped would still write: units
// into the state, and `deadletters retry` into the log topics.
func (p *Pipeline) Fence(ctx context.Context) error {
	partitions, err := p.count(ctx)
	if err != nil {
		return err
	}
	err = stream.FenceID(ctx, p.Client, p.TransactionalPrefix+"-deadletters")
	for _, r := range roles.Processors() {
		if err == nil {
			err = stream.Fence(ctx, p.Client, p.TransactionalPrefix, r.Name, partitions)
		}
	}
	if errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		return fmt.Errorf("%w: allow Write on that transactional id: `sellerstream topics acls --roles \"state import\"` prints what grants it", err)
	}
	return err
}

// Settled is nil when no transaction is open in what an export reads. Behind an open one
// records can be committed, and nobody can read them before it ends.
func (p *Pipeline) Settled(ctx context.Context) error {
	topics := remembered()
	for _, r := range readers() {
		topics = append(topics, inputsOf(r)...)
	}
	slices.Sort(topics)
	var open []string
	for _, topic := range slices.Compact(topics) {
		stable, err := p.reader().Ends(ctx, p.Prefix+topic)
		if errors.Is(err, topicread.ErrNoTopic) {
			continue
		}
		if err != nil {
			return err
		}
		ends, err := topicread.ByPartition(p.Prefix + topic)(p.admin().ListEndOffsets(ctx, p.Prefix+topic))
		if err != nil {
			return err
		}
		for _, partition := range slices.Sorted(maps.Keys(ends)) {
			if stable[partition] < ends[partition] {
				open = append(open, fmt.Sprintf("%s, partition %d (offsets %d to %d)", p.Prefix+topic, partition, stable[partition], ends[partition]))
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	return fmt.Errorf("transactions are open, and records behind their beginning cannot be read: %s: wait until their producers end them or Kafka does, by its transaction.max.timeout.ms at the latest, or end them with `kafka-transactions.sh abort`", strings.Join(open, "; "))
}

// readers are the roles that read records of topics: the processors, and events.
func readers() []role.Role {
	return slices.DeleteFunc(roles.All(), func(r role.Role) bool { return len(inputsOf(r)) == 0 })
}

// inputsOf are the topics in which a role has positions.
func inputsOf(r role.Role) []string {
	topics := r.Topics(func(role.Input) bool { return true })
	if slices.ContainsFunc(r.Inputs, func(in role.Input) bool { return in.Replayed }) {
		topics = append(topics, schemas.Replays)
	}
	return topics
}

// remembered are the topics of what a pipeline remembers, by logical name; those of the
// processors' own state first: what stands beside may be newer, and never older.
// What units tell each other of a shared limit is of the moment, and left behind.
func remembered() []string {
	topics := own()
	for _, t := range schemas.Topics() {
		if t.Compacted() && t.Name != schemas.StateInventoryShares && !slices.Contains(topics, t.Name) {
			topics = append(topics, t.Name)
		}
	}
	return topics
}

// own are the processors' own topics of state, in which their positions stand.
func own() (topics []string) {
	for _, r := range roles.Processors() {
		topics = append(topics, r.State[0].Topic)
	}
	return topics
}

// accountOf is the account that an entry belongs to; "" where its key names none. Every key
// of a state names it behind its kind, and others begin with it.
func accountOf(topic, key string) string {
	parts := strings.Split(key, "/")
	switch {
	case !strings.HasPrefix(topic, schemas.StatePrefix):
		return parts[0]
	case len(parts) < 2:
		return ""
	}
	return parts[1]
}

// partitioner places keys as every producer does: by Kafka's default, murmur2.
type partitioner struct {
	of         kgo.TopicPartitioner
	partitions int32
}

func newPartitioner(partitions int32) partitioner {
	return partitioner{kgo.StickyKeyPartitioner(nil).ForTopic(""), partitions}
}

func (p partitioner) place(key []byte) int32 {
	return int32(p.of.Partition(&kgo.Record{Key: key}, int(p.partitions)))
}

// count is how many partitions a pipeline's topics have.
func (p *Pipeline) count(ctx context.Context) (int32, error) {
	ends, err := p.reader().Ends(ctx, p.Prefix+own()[0])
	if err != nil {
		return 0, fmt.Errorf("under the prefix %q on this Kafka there is no pipeline: %w", p.Prefix, err)
	}
	return int32(len(ends)), nil
}
