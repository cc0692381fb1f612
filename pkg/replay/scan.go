package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Scan reads what is left of a run, committed records only, and gives each to
// see; see may be called for some records of a partition before those of
// another, never out of a partition's order. The run is at its end then. It
// leaves nothing in Kafka.
func Scan(ctx context.Context, client []kgo.Opt, topic string, run *Run, see func(*kgo.Record) error) error {
	offsets := make(map[int32]kgo.Offset)
	for _, r := range run.Ranges() {
		if r.Next < r.Until {
			offsets[r.Partition] = kgo.NewOffset().At(r.Next)
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	reader, err := kgo.NewClient(append(slices.Clone(client),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer reader.Close()
	for !run.Done() {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("read topic %s, partition %d: %w", errs[0].Topic, errs[0].Partition, errs[0].Err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			rec := records.Next()
			if run.Has(rec.Partition, rec.Offset) && !rec.Attrs.IsControl() {
				if err := see(rec); err != nil {
					return err
				}
			}
			run.Advance(rec.Partition, rec.Offset+1)
		}
	}
	return nil
}
