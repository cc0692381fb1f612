package replay

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
)

// Scan reads what is left of a run, committed records only, and gives each to
// see, those of a partition in their order. The run is at its end then. It leaves
// nothing in Kafka.
func Scan(ctx context.Context, reader topicread.Reader, topic string, run *Run, see func(*kgo.Record) error) error {
	from, to := make(map[int32]int64), make(map[int32]int64)
	for _, r := range run.Ranges() {
		from[r.Partition], to[r.Partition] = r.Next, r.Until
	}
	err := reader.Committed(ctx, topic, from, to, func(rec *kgo.Record) error {
		if err := see(rec); err != nil {
			return err
		}
		run.Advance(rec.Partition, rec.Offset+1)
		return nil
	})
	if err != nil {
		return err
	}
	for partition, end := range to {
		run.Advance(partition, end)
	}
	return nil
}
