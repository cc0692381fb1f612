package replays

import (
	"context"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the processor of the request's Role or, without one, the only one that has
// the topic as its input; there may be none.
func (r Request) Processor() (name string, ok bool) {
	of := processorsOf(r.Topic)
	switch {
	case r.Role != "":
		return r.Role, slices.Contains(of, r.Role)
	case len(of) != 1:
		return "", false
	}
	return of[0], true
}

// Processors are those that have the topic as their input.
func (r *Replay) Processors() []string { return processorsOf(r.Topic) }

// Written are the topics that the replay, or with reset the move, encodes records for.
// Copies of records keep their bytes.
func (r Request) Written(reset bool) []string {
	if processor, ok := r.Processor(); ok && reset {
		return []string{schemas.StatePrefix + processor}
	}
	return []string{schemas.DeadLettersResolved}
}

// reset moves that processor.
func (r *Replay) reset() (*stream.Reset, bool) {
	processor, ok := r.Processor()
	prefix := r.opts.Config.Prefix
	return &stream.Reset{
		Processor: processor, Prefix: prefix, Group: prefix + processor, TransactionalPrefix: r.opts.TransactionalPrefix,
		State: schemas.StatePrefix + processor, Topic: r.Topic, Own: r.opts.Codec, Remedies: roles.Remedies(), Client: r.opts.Kafka,
	}, ok
}

// processorsOf are the processors that have a topic as their input. No processor has
// a compacted topic as its input.
func processorsOf(topic string) (processors []string) {
	t, known := schemas.TopicOf(topic)
	if !known || t.Compacted() {
		return nil
	}
	for _, reader := range t.Readers {
		if _, has := schemas.TopicOf(schemas.StatePrefix + reader); has {
			processors = append(processors, reader)
		}
	}
	return processors
}

// Move takes a processor to another place of its input.
type Move struct {
	Processor string
	Topic     string // on the wire
	Steps     []Step // by partition

	reset  *stream.Reset
	places map[int32]stream.Place
}

// Step is the move of one partition.
type Step struct {
	Partition int32 `json:"partition"`
	At        int64 `json:"at"` // where the unit stands; below 0 if it has no position yet and would begin at the topic's start
	To        int64 `json:"to"`
	Again     int64 `json:"again"`   // offsets that it reads again
	LeftOut   int64 `json:"leftOut"` // offsets that it never reads
}

// Sum is how many offsets are read again, and how many never.
func (m *Move) Sum() (again, leftOut int64) {
	for _, s := range m.Steps {
		again, leftOut = again+s.Again, leftOut+s.LeftOut
	}
	return again, leftOut
}

// Move finds what it takes to have the topic's processor, which there must be, go on at
// the beginning of what is meant. It changes nothing.
func (r *Replay) Move(ctx context.Context) (*Move, error) {
	reset, _ := r.reset()
	move := &Move{Processor: reset.Processor, Topic: r.wire, reset: reset}
	ranges, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	partitions := make([]int32, 0, len(ranges))
	for _, r := range ranges {
		partitions = append(partitions, r.Partition)
	}
	if err := reset.Movable(ctx, r.admin, partitions); err != nil {
		return nil, err
	}
	if move.places, err = reset.Places(ctx, r.admin); err != nil {
		return nil, err
	}
	starts, err := topicread.Reader{Admin: r.admin}.Starts(ctx, r.wire, time.Time{})
	if err != nil {
		return nil, err
	}
	for _, p := range ranges {
		step := Step{Partition: p.Partition, At: move.places[p.Partition].Next, To: p.From}
		next := max(step.At, starts[p.Partition])
		step.Again, step.LeftOut = max(0, next-step.To), max(0, step.To-next)
		move.Steps = append(move.Steps, step)
	}
	return move, nil
}

// Do moves the processor.
func (m *Move) Do(ctx context.Context) error {
	to := make(map[int32]int64, len(m.Steps))
	for _, s := range m.Steps {
		to[s.Partition] = s.To
	}
	return m.reset.Move(ctx, "reset-"+time.Now().UTC().Format("20060102T150405.000Z"), m.places, to)
}
