package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// reading is what a record says.
type reading struct {
	unfit string // reason of its dead letter, if it has an error
	value any
	event Event
	ok    bool // whether it is an event
}

// read decodes a record and makes its event's detail. A panic costs the record
// only: others write some of the topics (containment rule 3).
func (p *Publisher) read(ctx context.Context, topic string, rec *kgo.Record) (out reading, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			p.opts.Logger.Error("reading a record panicked: this is a fault of the program, report it with its dead letter",
				"topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "panic", schemas.PanicText(fault), "stack", string(debug.Stack()))
			out.unfit, err = schemas.ReasonFault, errors.New("reading the record panicked: this is a fault of the program, report it with this letter")
		}
	}()
	if out.value, err = p.decode(ctx, topic, rec.Value); err != nil {
		out.unfit = ReasonUndecodable
		return out, fmt.Errorf("the record's value cannot be decoded: %w", err)
	}
	out.event, out.ok, err = p.opts.Details(topic, out.value)
	if err != nil {
		out.unfit = ReasonUnmappable
		return out, fmt.Errorf("no event can be made of the record: %w", err)
	}
	return out, nil
}

// reuser is a Codec that can decode into the memory of an earlier value of the same type.
type reuser interface {
	DecodeInto(ctx context.Context, topic string, data []byte, used any) (any, error)
}

// decode decodes a value, where it can into the memory of the one before: an event is made
// of it, and nothing else of it is needed.
func (p *Publisher) decode(ctx context.Context, topic string, data []byte) (value any, err error) {
	codec, ok := p.opts.Codec.(reuser)
	if !ok {
		return p.opts.Codec.Decode(ctx, topic, data)
	}
	p.used, err = codec.DecodeInto(ctx, topic, data, p.used)
	return p.used, err
}
