package deadletters

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
	"unique"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// Mark is what was done about a dead letter.
type Mark struct {
	Action, By, Target string
	Time               time.Time
}

// mark is a Mark in memory. There can be a million, with few operators and
// targets.
type mark struct {
	action, by, target unique.Handle[string]
	milliseconds       int64
}

// marks are the newest by the hash of a letter's id, since an id can be of any
// length. The zero key, the hash of no id, has what holds for letters
// without a mark of their own.
type marks map[[16]byte]mark

func markKey(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

func (m marks) of(id string) Mark {
	kept, ok := m[markKey(id)]
	if !ok {
		kept, ok = m[[16]byte{}]
	}
	if !ok || kept.action.Value() == Reopened {
		return Mark{}
	}
	return Mark{
		Action: kept.action.Value(), By: kept.by.Value(), Target: kept.target.Value(), Time: time.UnixMilli(kept.milliseconds).UTC(),
	}
}

func (m marks) put(r *schemas.DeadLetterResolution) {
	m[markKey(r.ID)] = mark{unique.Make(r.Action), unique.Make(r.By), unique.Make(r.Target), r.Time.UnixMilli()}
}

// readMarks reads what was done about dead letters until now. The records of an
// id are on one partition, so they come in order.
func (l *Letters) readMarks(ctx context.Context) (marks, error) {
	topic, read := l.opts.Prefix+schemas.DeadLettersResolved, make(marks)
	ends, err := l.reader.Ends(ctx, topic)
	switch {
	case errors.Is(err, topicread.ErrNoTopic):
		return read, nil
	case err != nil:
		return nil, err
	}
	starts, err := l.reader.Starts(ctx, topic, time.Time{})
	if err != nil {
		return nil, err
	}
	reader := l.reader
	reader.Unreadable = func(batch *kclient.UnreadableError) {
		l.opts.Logger.WarnContext(ctx, "what was done about some dead letters cannot be read: a letter counts as retried unless something else is known about it; "+
			"`retry --again` sends it all the same", "error", batch)
		read[[16]byte{}] = mark{unique.Make(Unreadable), unique.Make(""), unique.Make(""), time.Now().UnixMilli()}
	}
	err = reader.Committed(ctx, topic, starts, ends, func(rec *kgo.Record) error {
		resolution, unreadable, err := resolutionOf(ctx, l.opts.Codec, rec)
		if err != nil {
			return err
		}
		if resolution.Action == Unreadable {
			l.opts.Logger.WarnContext(ctx, "what was done about a dead letter cannot be read: it counts as retried",
				"id", string(rec.Key), "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", unreadable)
		}
		read.put(resolution)
		return nil
	})
	return read, err
}

// resolutionOf is what a record of dead-letters.resolved says; where it cannot be read,
// unreadable is why. The error is that of a registry that does not answer.
func resolutionOf(ctx context.Context, codec Codec, rec *kgo.Record) (resolution *schemas.DeadLetterResolution, unreadable, err error) {
	value, err := codec.Decode(ctx, schemas.DeadLettersResolved, rec.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		return nil, nil, err
	}
	if resolution, ok := value.(*schemas.DeadLetterResolution); ok && err == nil {
		return resolution, nil, nil
	}
	return &schemas.DeadLetterResolution{ID: string(rec.Key), Action: Unreadable, Time: rec.Timestamp}, err, nil
}
