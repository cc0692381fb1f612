package pause

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

// A batch that cannot be read may hold pauses, of whatever subject. So it pauses all
// writing calls, under a subject of its partition, until that subject is resumed by a
// record that stands behind it in the same partition: there it is newer for whoever
// reads the topic, at whatever time.

// hiddenPrefix begins the subjects of partitions. No account's name begins so.
const hiddenPrefix = schemas.AllWrites + "/"

// hiddenIn returns the partition of a subject; ok is false for any other subject.
func hiddenIn(subject string) (partition int32, ok bool) {
	number, ok := strings.CutPrefix(subject, hiddenPrefix)
	n, err := strconv.ParseInt(number, 10, 32)
	return int32(n), ok && err == nil
}

// ofWrites reports whether a subject stands for all writing calls.
func ofWrites(subject string) bool {
	_, hidden := hiddenIn(subject)
	return hidden || subject == schemas.AllWrites
}

// pausedWrites is a switch that pauses all writing calls; nil where none does.
func pausedWrites(now map[string]standing) *schemas.Switch {
	for subject, turned := range now {
		if turned.Paused && ofWrites(subject) {
			return &turned.Switch
		}
	}
	return nil
}

// hide pauses all writing calls because of a batch that cannot be read.
func (s *Switches) hide(ctx context.Context, batch *kclient.UnreadableError) {
	s.opts.Logger.ErrorContext(ctx, "switches cannot be read that may be pauses: all writing calls count as paused; "+
		"see with `sellerstream switches` what is paused, pause what else should be, then `sellerstream resume --writes`", "error", batch)
	s.put(ctx, standing{Switch: schemas.Switch{
		Subject: hiddenPrefix + strconv.Itoa(int(batch.Partition)), Paused: true, Since: time.Now(), By: "a batch that cannot be read", Reason: batch.Error(),
	}})
}

// uncover resumes what batches have paused, and returns how all writing calls stood.
func (s *Switches) uncover(ctx context.Context, resumed, before schemas.Switch) (schemas.Switch, error) {
	for _, paused := range s.Paused() {
		if _, hidden := hiddenIn(paused.Subject); !hidden {
			continue
		}
		resumed.Subject = paused.Subject
		if err := s.write(ctx, resumed); err != nil {
			return before, err
		}
		if !before.Paused {
			before = paused
		}
	}
	return before, nil
}

// partitioner puts a partition's subject there, and others by their keys.
func partitioner() kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		byKey := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
		return func(rec *kgo.Record, partitions int) int {
			if partition, ok := hiddenIn(string(rec.Key)); ok {
				return int(partition)
			}
			return byKey.Partition(rec, partitions)
		}
	})
}
