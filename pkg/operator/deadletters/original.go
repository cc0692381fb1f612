package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/schemas"
)

// reasonTooLarge is the reason of a letter whose record is larger than its reader
// takes: it would be set aside again.
const reasonTooLarge = "too_large"

// original completes a letter that holds only a part of its record: with the record,
// where its topic still has it. Else refusal says why not, and what to do instead.
func (l *Letters) original(ctx context.Context, letter *Letter) (whole *Letter, refusal string, err error) {
	const part = "it holds only a part (`show` says which), and a part is never sent back: "
	dead := &letter.DeadLetter
	switch {
	case dead.Partition == nil || dead.Offset == nil:
		return nil, part + "have the message sent again in a form that is small enough; then discard this", nil
	case dead.Reason == reasonTooLarge:
		return nil, part + "the record is larger than role " + schemas.Brief(dead.Role) + " takes: have its producer send it again in a form that is small enough; then discard this", nil
	}
	topic := l.opts.Prefix + strings.TrimPrefix(dead.Source, l.opts.Prefix)
	at := fmt.Sprintf("the whole record, topic %s, partition %d, offset %d, ", schemas.Brief(topic), *dead.Partition, *dead.Offset)
	rec, err := l.recordAt(ctx, topic, *dead.Partition, *dead.Offset)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return nil, part + at + "may not be read: allow Read on the topic, which `sellerstream topics acls --roles deadletters` prints", nil
	case err != nil && !errors.Is(err, topicread.ErrNoTopic):
		return nil, "", err
	case rec == nil || !dead.SourceTime.IsZero() && rec.Timestamp.UnixMilli() != dead.SourceTime.UnixMilli(): // another one, of a topic made anew
		return nil, part + at + "is not there any more: have its producer send it again; then discard this", nil
	}
	completed := *letter
	completed.Key, completed.Value, completed.Cut = rec.Key, rec.Value, nil
	completed.Attributes = make(map[string][]byte, len(rec.Headers))
	for _, h := range rec.Headers {
		completed.Attributes[h.Key] = h.Value
	}
	return &completed, "", nil
}

// recordAt returns the record of a topic at an offset; nil for none.
func (l *Letters) recordAt(ctx context.Context, topic string, partition int32, offset int64) (*kgo.Record, error) {
	starts, err := l.reader.Starts(ctx, topic, time.Time{})
	if err != nil {
		return nil, err
	}
	ends, err := l.reader.Ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	if start, known := starts[partition]; !known || offset < start || offset >= ends[partition] {
		return nil, nil
	}
	var found *kgo.Record
	err = l.reader.Committed(ctx, topic, map[int32]int64{partition: offset}, map[int32]int64{partition: offset + 1}, func(rec *kgo.Record) error {
		found = rec
		return nil
	})
	return found, err
}
