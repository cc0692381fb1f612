package pause

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
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
	starts, missing, err := s.extent(ctx)
	if err != nil {
		return err
	}
	s.reader = kclient.NewReader(s.client, s.topic, starts)
	for silent := 0; len(missing) > 0; {
		got := s.poll(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for partition, next := range got.next {
			silent = 0
			if next >= missing[partition] {
				delete(missing, partition)
			}
		}
		if len(got.next) > 0 {
			continue
		}
		s.opts.Logger.WarnContext(ctx, "waiting for the switches: no call is made before all are known", "topic", s.topic, "partitions", len(missing))
		if _, _, err := s.ends(ctx); err == nil && got.errs <= 1 { // one is the poll's own end
			silent++
		}
		if silent >= silences {
			s.opts.Logger.WarnContext(ctx, "the topic's last records are gone; going on without them", "topic", s.topic, "partitions", len(missing))
			return nil
		}
	}
	return nil
}

// extent is where each partition begins, and where each that holds anything ends. It
// asks until Kafka answers.
func (s *Switches) extent(ctx context.Context) (starts, missing map[int32]int64, err error) {
	for wait := clockStep; ; wait = min(2*wait, lookEvery) {
		starts, missing, err = s.ends(ctx)
		if err == nil {
			return starts, missing, nil
		}
		s.opts.Logger.WarnContext(ctx, "waiting for the switches: no call is made before all are known", "topic", s.topic, "error", err)
		if over := clock.Sleep(ctx, clock.Real{}, wait); over != nil {
			return nil, nil, fmt.Errorf("%w (%w)", err, over)
		}
	}
}

// clockStep is the first wait for Kafka.
const clockStep = 100 * time.Millisecond

// ends are where partitions begin and end, whether or not what they hold is committed.
func (s *Switches) ends(ctx context.Context) (starts, missing map[int32]int64, err error) {
	admin, offsets := kadm.NewClient(s.client), topicread.ByPartition(s.topic)
	if starts, err = offsets(admin.ListStartOffsets(ctx, s.topic)); err != nil {
		return nil, nil, err
	}
	if missing, err = offsets(admin.ListEndOffsets(ctx, s.topic)); err != nil {
		return nil, nil, err
	}
	maps.DeleteFunc(missing, func(partition int32, end int64) bool { return starts[partition] >= end })
	return starts, missing, nil
}

// decode waits for a registry that does not answer.
func (s *Switches) decode(ctx context.Context, data []byte) (*schemas.Switch, error) {
	if turned, ok, err := DecodePlain(data); ok {
		return turned, err
	}
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
