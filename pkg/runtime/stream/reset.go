package stream

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

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/schemas"
)

// ErrRunning says that a processor's positions cannot be moved, because some of
// its processes are members of its group.
var ErrRunning = errors.New("processes of the group are running: stop all of them, wait until they have left, then try again")

// Reset moves a processor's positions in one of its inputs, while all of its processes
// or the units concerned are stopped. Its fields are those of Options of the same name;
// Group and TransactionalPrefix have no default. Own has the default of Options.Own.
type Reset struct {
	Processor, Prefix, Group, TransactionalPrefix string
	State                                         string
	Topic                                         string // logical name of the input
	Own                                           Codec
	Remedies                                      Remedies
	Client                                        []kgo.Opt
}

func (r *Reset) own() Codec {
	if r.Own == nil {
		return ownJSON{}
	}
	return r.Own
}

// Stopped is nil when the group has no members; else it wraps ErrRunning.
func (r *Reset) Stopped(ctx context.Context, admin *kadm.Client) error {
	described, err := admin.DescribeGroups(ctx, r.Group)
	if err != nil {
		return fmt.Errorf("describe group %s: %w", r.Group, err)
	}
	group := described[r.Group]
	if group.Err != nil && !errors.Is(group.Err, kerr.GroupIDNotFound) {
		return fmt.Errorf("describe group %s: %w", r.Group, group.Err)
	}
	if len(group.Members) == 0 && (group.State == "Empty" || group.State == "Dead") {
		return nil
	}
	var who []string
	for _, m := range group.Members {
		who = append(who, m.ClientHost+" ("+m.MemberID+")")
	}
	return fmt.Errorf("group %s is in state %s, with the members %s: %w", r.Group, group.State, strings.Join(who, ", "), ErrRunning)
}

// Movable is nil when the units of the partitions may be moved: when no process
// runs, or when their units are stopped. A stopped unit has nothing under way,
// and the move fences whatever it begins meanwhile (1).
func (r *Reset) Movable(ctx context.Context, admin *kadm.Client, partitions []int32) error {
	running := r.Stopped(ctx, admin)
	if !errors.Is(running, ErrRunning) {
		return running
	}
	stopped, err := ReadStopped(ctx, admin, r.Group)
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		if !slices.ContainsFunc(stopped, func(s Stopped) bool { return s.Partition == partition }) {
			return fmt.Errorf("the unit of partition %d is not stopped, and %w", partition, running)
		}
	}
	return nil
}

// Place is where a unit stands in an input.
type Place struct {
	Next int64 // offset of the next record that it would read; -1 where it has read none
	Read int64 // records before this offset were read once
}

// Places are where the units stand, by partition. To look changes nothing, and
// takes as long as the state takes to read. A position behind a batch that cannot be
// read is newer than what the batch holds.
func (r *Reset) Places(ctx context.Context, admin *kadm.Client) (map[int32]Place, error) {
	hidden := make(map[int32]*kclient.UnreadableError) // that may hold newer positions
	reader := topicread.Reader{Admin: admin, Client: r.Client, Patient: true, Unreadable: func(batch *kclient.UnreadableError) {
		hidden[batch.Partition] = batch
	}}
	topic := r.Prefix + r.State
	ends, err := reader.Ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	places := make(map[int32]Place, len(ends))
	for partition := range ends {
		places[partition] = Place{Next: -1}
	}
	err = reader.Committed(ctx, topic, nil, ends, func(rec *kgo.Record) error {
		if !r.isPosition(rec) {
			return nil
		}
		place, err := r.place(ctx, rec.Value)
		if err != nil {
			return err
		}
		places[rec.Partition] = place
		delete(hidden, rec.Partition)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, batch := range hidden {
		return nil, fmt.Errorf("a unit's position may be in a batch that cannot be read: %w; %s", batch, batch.Removal())
	}
	return places, nil
}

// isPosition reports whether a record of the state is a position in the topic.
func (r *Reset) isPosition(rec *kgo.Record) bool {
	return string(rec.Key) == positionPrefix+r.Topic && rec.Value != nil
}

func (r *Reset) place(ctx context.Context, data []byte) (Place, error) {
	value, err := r.own().Decode(ctx, r.State, data)
	if err != nil {
		return Place{}, fmt.Errorf("a position in topic %s: %w", r.Prefix+r.State, err)
	}
	position, ok := value.(*schemas.Position)
	if !ok {
		return Place{}, fmt.Errorf("a position in topic %s is a %T", r.Prefix+r.State, value)
	}
	return Place{Next: position.Offset, Read: max(position.Offset, position.ReplayUntil)}, nil
}

// Move makes the units, by partition, go on at the offsets of to. Each position is
// written into the state under the unit's transactional id, so that no earlier
// owner can write any more. from is where they stand, as Places said: what they
// read once is processed again as the given replay. The group's offsets follow,
// for tools that show lag. After an error some partitions are moved and others
// not: the same Move again moves all.
func (r *Reset) Move(ctx context.Context, replay string, from map[int32]Place, to map[int32]int64) error {
	client, err := kclient.NewClient(r.Client...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if err := r.Movable(ctx, admin, slices.Collect(maps.Keys(to))); err != nil {
		return err
	}
	offsets := make(kadm.Offsets)
	for _, partition := range slices.Sorted(maps.Keys(to)) {
		if err := r.moveOne(ctx, partition, replay, from[partition], to[partition]); err != nil {
			return fmt.Errorf("move partition %d: %w; the partitions before it have moved: run the same command again to move all", partition, err)
		}
		offsets.Add(kadm.Offset{
			Topic: r.Prefix + r.Topic, Partition: partition, At: to[partition], LeaderEpoch: -1, Metadata: commitMetadata,
		})
	}
	if errors.Is(r.Stopped(ctx, admin), ErrRunning) {
		return nil // then the units' own processes tell the group
	}
	if err := admin.CommitAllOffsets(ctx, r.Group, offsets); err != nil {
		return fmt.Errorf("the positions have moved; the offsets of group %s, which only lag tools read, have not: %w", r.Group, err)
	}
	return nil
}

// moveOne writes one unit's position.
func (r *Reset) moveOne(ctx context.Context, partition int32, replay string, from Place, to int64) error {
	position := &schemas.Position{Topic: r.Topic, Offset: to, Epoch: -1}
	if to < from.Read {
		position.Replay, position.ReplayUntil = replay, from.Read
	}
	value, err := r.own().AppendEncode(nil, r.State, position)
	if err != nil {
		return err
	}
	client, err := kclient.NewClient(append(slices.Clone(r.Client),
		kgo.TransactionalID(transactionalID(r.TransactionalPrefix, r.Processor, partition)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil { // (1)
		return fmt.Errorf("fence the unit's owner: %w", err)
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	rec := &kgo.Record{Topic: r.Prefix + r.State, Partition: partition, Key: []byte(positionPrefix + r.Topic), Value: value}
	if err := client.ProduceSync(ctx, rec).FirstErr(); err != nil { // (4)
		remedies := r.Remedies.withDefaults()
		return remedies.produceError(rec, err)
	}
	return client.EndTransaction(ctx, kgo.TryCommit)
}
