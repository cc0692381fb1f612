package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
)

// Bound is where a part of a topic begins or ends: at a time, of the records'
// timestamps, or at offsets by partition. The zero Bound is the topic's own.
type Bound struct {
	Time    time.Time
	Offsets map[int32]int64
}

// Range is a part of a partition.
type Range struct {
	Partition int32
	From      int64 // first offset
	Until     int64 // first offset behind it
	Next      int64 // first offset that is not done; From at the beginning
}

// Resolve finds what a topic (its name on the wire) holds between two bounds,
// in the given partitions or, if there are none, in all. Where a bound has
// offsets, only the partitions that it names are meant. What was not committed
// when it looked is left out. All faults are reported at once.
func Resolve(ctx context.Context, admin *kadm.Client, topic string, from, to Bound, partitions []int32) ([]Range, error) {
	reader := topicread.Reader{Admin: admin}
	starts, err := reader.Starts(ctx, topic, time.Time{})
	if err != nil {
		return nil, err
	}
	ends, err := reader.Ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	begin, err := from.offsets(ctx, reader, topic, starts)
	if err != nil {
		return nil, err
	}
	end, err := to.offsets(ctx, reader, topic, ends)
	if err != nil {
		return nil, err
	}
	var ranges []Range
	var faults []error
	for _, p := range chosen(starts, from, to, partitions) {
		first, known := starts[p]
		last := ends[p]
		if !known {
			faults = append(faults, fmt.Errorf("topic %s has no partition %d", topic, p))
			continue
		}
		for _, offset := range []int64{begin[p], end[p]} {
			if offset < first || offset > last {
				faults = append(faults, fmt.Errorf("offset %d is not in partition %d of topic %s, which has %d to %d", offset, p, topic, first, last))
			}
		}
		ranges = append(ranges, Range{Partition: p, From: begin[p], Until: max(begin[p], end[p]), Next: begin[p]})
	}
	return ranges, errors.Join(faults...)
}

// offsets are a bound's by partition; those of bare are the topic's own.
func (b Bound) offsets(ctx context.Context, reader topicread.Reader, topic string, bare map[int32]int64) (map[int32]int64, error) {
	at := maps.Clone(bare)
	named := b.Offsets
	if !b.Time.IsZero() {
		var err error
		if named, err = reader.Starts(ctx, topic, b.Time); err != nil {
			return nil, err
		}
	}
	maps.Copy(at, named)
	return at, nil
}

// chosen are the partitions that are meant, in order.
func chosen(all map[int32]int64, from, to Bound, partitions []int32) []int32 {
	meant := partitions
	for _, named := range []map[int32]int64{from.Offsets, to.Offsets} {
		for p := range named {
			if len(partitions) == 0 && !slices.Contains(meant, p) {
				meant = append(meant, p)
			}
		}
	}
	if len(meant) == 0 {
		return slices.Sorted(maps.Keys(all))
	}
	return slices.Sorted(slices.Values(meant))
}

// ParseTime reads a time, or how long before now it is, such as 90m, 2h or 3d.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 10_000 {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-23T18:00:00Z nor how long ago, such as 90m, 2h or 3d", text)
	}
	return now.Add(-ago), nil
}

// ParseOffsets reads offsets by partition, such as 3:1500,4:0.
func ParseOffsets(text string) (map[int32]int64, error) {
	offsets := make(map[int32]int64)
	for pair := range strings.SplitSeq(text, ",") {
		left, right, ok := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err1 := strconv.ParseInt(left, 10, 32)
		offset, err2 := strconv.ParseInt(right, 10, 64)
		if !ok || err1 != nil || err2 != nil || partition < 0 || offset < 0 {
			return nil, fmt.Errorf("%q is not PARTITION:OFFSET, such as 3:1500", pair)
		}
		if _, twice := offsets[int32(partition)]; twice {
			return nil, fmt.Errorf("partition %d is named twice", partition)
		}
		offsets[int32(partition)] = offset
	}
	return offsets, nil
}
