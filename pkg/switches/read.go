package switches

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// lookEvery is how long a read may bring nothing before Kafka is asked anew.
	lookEvery = 5 * time.Second
	// silences is after how many of them, with Kafka answering, the rest of the
	// topic is taken for removed: its last records were deleted, and compacted away.
	silences = 6
	// decodeAgain is the wait for a registry that does not answer.
	decodeAgain = time.Second
)

// readAll reads what stands in the topic now.
func (s *Switches) readAll(ctx context.Context) error {
	missing, err := s.extent(ctx)
	if err != nil {
		return err
	}
	for silent := 0; len(missing) > 0; {
		wait, cancel := context.WithTimeout(ctx, lookEvery)
		fetches := s.client.PollFetches(wait)
		cancel()
		s.take(ctx, fetches)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			silent = 0
			if rec.Offset+1 >= missing[rec.Partition] {
				delete(missing, rec.Partition)
			}
		})
		if fetches.NumRecords() > 0 {
			continue
		}
		s.opts.Logger.WarnContext(ctx, "waiting for the switches: no call is made before all are known", "topic", s.topic, "partitions", len(missing))
		if _, err := s.ends(ctx); err == nil && len(fetches.Errors()) <= 1 { // of which one is the poll's own end
			silent++
		}
		if silent >= silences {
			s.opts.Logger.WarnContext(ctx, "the topic's last records are gone; going on without them", "topic", s.topic, "partitions", len(missing))
			return nil
		}
	}
	return nil
}

// extent is where each partition that holds anything ends. It asks until Kafka
// answers.
func (s *Switches) extent(ctx context.Context) (map[int32]int64, error) {
	for wait := clockStep; ; wait = min(2*wait, lookEvery) {
		missing, err := s.ends(ctx)
		if err == nil {
			return missing, nil
		}
		s.opts.Logger.WarnContext(ctx, "waiting for the switches: no call is made before all are known", "topic", s.topic, "error", err)
		if err := clock.Sleep(ctx, clock.Real{}, wait); err != nil {
			return nil, err
		}
	}
}

// clockStep is the first wait for Kafka.
const clockStep = 100 * time.Millisecond

func (s *Switches) ends(ctx context.Context) (map[int32]int64, error) {
	admin := kadm.NewClient(s.client)
	starts, err := admin.ListStartOffsets(ctx, s.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	ends, err := admin.ListEndOffsets(ctx, s.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	missing := map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(end.Topic, end.Partition); ok && start.Offset < end.Offset {
			missing[end.Partition] = end.Offset
		}
	})
	if len(ends[s.topic]) == 0 {
		return nil, errors.New("the topic is not known")
	}
	return missing, nil
}

// decode waits for a registry that does not answer.
func (s *Switches) decode(ctx context.Context, data []byte) (*schemas.Switch, error) {
	for said := false; ; said = true {
		value, err := s.opts.Codec.Decode(ctx, schemas.Switches, data)
		switch {
		case err == nil:
			turned, ok := value.(*schemas.Switch)
			if !ok {
				return nil, fmt.Errorf("it is a %T", value)
			}
			return turned, nil
		case !errors.Is(err, registry.ErrUnavailable):
			return nil, err
		case !said:
			s.opts.Logger.WarnContext(ctx, "waiting for the schema registry to read a switch", "topic", s.topic, "error", err)
		}
		if err := clock.Sleep(ctx, clock.Real{}, decodeAgain); err != nil {
			return nil, err
		}
	}
}
