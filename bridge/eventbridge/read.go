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
	unfit      string // reason of its dead letter, if it has an error
	value      any
	event      bool
	detailType string
	detail     []byte
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
	if out.value, err = p.opts.Codec.Decode(ctx, topic, rec.Value); err != nil {
		out.unfit = ReasonUndecodable
		return out, fmt.Errorf("the record's value cannot be decoded: %w", err)
	}
	out.detailType, out.detail, out.event, err = p.opts.Details(topic, out.value)
	if err != nil {
		out.unfit = ReasonUnmappable
		return out, fmt.Errorf("no event can be made of the record: %w", err)
	}
	return out, nil
}
