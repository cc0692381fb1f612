// Package deadletters is what an operator does with what was set aside: it
// finds dead letters, sends them back to where they came from, and marks what
// was done about them.
//
// What was done stands on a topic of its own, dead-letters.resolved: those who
// set records aside need not be allowed to say that they are dealt with, and
// the records and subject of dead-letters stay as released consumers know them.
// A record that goes back to a Kafka topic does so in the same transaction as
// the note of it, under one transactional id for all operators, so that each
// dead letter is retried once, whoever tries it, dies over it or tries it again.
// A queue knows no transaction; see Retry. A replay closes the letters of what it does
// once more in the same way; see Replayed.
package deadletters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// What was done about a dead letter: DeadLetterResolution.action. A letter about
// which nothing was done is open, and so is one that was REOPENED. REPLAYED stands
// for a replay of what it is about; see Replayed. UNREADABLE stands for a note that cannot be read: the letter may have been retried.
const (
	Retried    = "RETRIED"
	Retrying   = "RETRYING"
	Reopened   = "REOPENED"
	Discarded  = "DISCARDED"
	Again      = "REPLAYED"
	Unreadable = "UNREADABLE"
)

// Codec turns the values of records into bytes and back; *registry.Codec has it.
type Codec interface {
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
	Decode(ctx context.Context, topic string, data []byte) (any, error)
}

// Queues send messages to SQS.
type Queues interface {
	// Send sends a body to a queue. definite says of an error that the message
	// was certainly not sent.
	Send(ctx context.Context, queue string, body []byte) (definite bool, err error)
}

// Options are all required.
type Options struct {
	Kafka               []kgo.Opt // seed brokers, TLS and the like
	Prefix              string    // of the topics' names, such as "sellerstream."
	TransactionalPrefix string    // of the transactional id
	Codec               Codec
	Queues              Queues
	// QueueURLs are the queues that the bridge reads. Nothing is sent to others.
	QueueURLs []string
	By        string // who does it: user and host
	Logger    *slog.Logger
}

// Letters are the dead letters of the moment in which they were opened: those
// that come later are not seen.
type Letters struct {
	opts   Options
	reader topicread.Reader
	ends   map[int32]int64 // of dead-letters
	marks  marks
}

// Letter is a dead letter.
type Letter struct {
	schemas.DeadLetter
	Partition int32     // where it stands in dead-letters
	Offset    int64     // the same
	Written   time.Time // when Kafka took it
	Mark      Mark      // what was done about it; its Action is "" where it is open
}

// Open looks how far the topics go, and reads what was done about dead letters.
// client is used until the Letters are no longer.
func Open(ctx context.Context, client *kgo.Client, opts Options) (*Letters, error) {
	l := &Letters{opts: opts, reader: topicread.Reader{Admin: kadm.NewClient(client), Client: opts.Kafka}}
	var err error
	if l.ends, err = l.reader.Ends(ctx, l.topic()); err != nil {
		if errors.Is(err, topicread.ErrNoTopic) {
			err = fmt.Errorf("%w: check prefix and kafka.brokers, or create it with `sellerstream topics apply`", err)
		}
		return nil, err
	}
	if l.marks, err = l.readMarks(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// topic is the name of dead-letters on the wire.
func (l *Letters) topic() string { return l.opts.Prefix + schemas.DeadLetters }

// Filter describes which dead letters are meant; the zero value means all that are open.
type Filter struct {
	IDs                   []string // none for all
	Reason, Account, Role string   // "" for all
	Since, Until          time.Time
	Unsure                bool // whether those are meant too that may have been sent: RETRYING
	Settled               bool // whether those are meant too about which anything was done
}

// Selects reports whether the filter names a part of the dead letters.
func (f Filter) Selects() bool {
	return len(f.IDs) > 0 || f.Reason != "" || f.Account != "" || f.Role != "" || !f.Since.IsZero() || !f.Until.IsZero()
}

func (f Filter) matches(letter *Letter) bool {
	action := letter.Mark.Action
	return (f.Settled || action == "" || f.Unsure && action == Retrying) &&
		(len(f.IDs) == 0 || slices.Contains(f.IDs, letter.ID)) &&
		(f.Reason == "" || f.Reason == letter.Reason) &&
		(f.Account == "" || f.Account == letter.Account) &&
		(f.Role == "" || f.Role == letter.Role) &&
		!letter.Written.Before(f.Since) &&
		(f.Until.IsZero() || letter.Written.Before(f.Until))
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// Each gives do the letters that match, partition by partition as they come.
// They are read one by one and not kept, so that there may be millions.
func (l *Letters) Each(ctx context.Context, f Filter, do func(*Letter) error) error {
	starts, err := l.reader.Starts(ctx, l.topic(), f.Since)
	if err != nil {
		return err
	}
	reader := l.reader
	reader.Unreadable = func(batch *kclient.UnreadableError) {
		l.opts.Logger.WarnContext(ctx, "dead letters are passed over that cannot be read", "error", batch)
	}
	err = reader.Committed(ctx, l.topic(), starts, l.ends, func(rec *kgo.Record) error {
		value, err := l.opts.Codec.Decode(ctx, schemas.DeadLetters, rec.Value)
		if errors.Is(err, registry.ErrUnavailable) {
			return err
		}
		dead, ok := value.(*schemas.DeadLetter)
		if err != nil || !ok {
			l.opts.Logger.WarnContext(ctx, "a record is passed over that is no dead letter",
				"topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
			return nil
		}
		letter := &Letter{DeadLetter: *dead, Partition: rec.Partition, Offset: rec.Offset, Written: rec.Timestamp, Mark: l.marks.of(dead.ID)}
		if !f.matches(letter) {
			return nil
		}
		return do(letter)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Find finds a letter by its id, whatever was done about it.
func (l *Letters) Find(ctx context.Context, id string) (*Letter, error) {
	var found *Letter
	err := l.Each(ctx, Filter{IDs: []string{id}, Settled: true}, func(letter *Letter) error {
		found = letter
		return errEnough
	})
	switch {
	case found != nil:
		return found, nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("no dead letter has the id %q: `sellerstream deadletters list --all` shows those that there are; they are kept 14 days", id)
}

// minPrefix is how much of an id names a letter: less is rather a slip.
const minPrefix = 4

// Resolve completes ids that are given by their beginning, as far as a letter has it.
// It fails where several have.
func (l *Letters) Resolve(ctx context.Context, ids []string) ([]string, error) {
	whole := slices.Clone(ids)
	begun := map[string][]string{} // by the beginning: the letters' ids
	for i, id := range whole {
		whole[i] = strings.TrimSuffix(id, "…")
		if id = whole[i]; len(id) >= minPrefix && len(id) < len(schemas.ContentID(nil)) {
			begun[id] = nil
		}
	}
	if len(begun) == 0 {
		return whole, nil
	}
	err := l.Each(ctx, Filter{Settled: true}, func(letter *Letter) error {
		for id, found := range begun {
			if strings.HasPrefix(letter.ID, id) && len(found) < 3 && !slices.Contains(found, letter.ID) {
				begun[id] = append(found, letter.ID)
			}
		}
		return nil
	})
	for i, id := range whole {
		switch found := begun[id]; {
		case err != nil, len(found) == 0, slices.Contains(found, id):
		case len(found) > 1:
			return nil, fmt.Errorf("several dead letters have an id that begins with %s, such as %s: write more of it", id, strings.Join(found, " and "))
		default:
			whole[i] = found[0]
		}
	}
	return whole, err
}

// WhyNone returns why nothing can be done about the letters of a filter that no open
// letter matches.
func (l *Letters) WhyNone(ctx context.Context, f Filter) error {
	for _, id := range f.IDs {
		letter, err := l.Find(ctx, id)
		if err != nil {
			return err
		}
		if letter.Mark.Action != "" {
			return fmt.Errorf("%s: %s; `retry --again` sends it all the same", id, letter.Mark)
		}
	}
	return errors.New("no open dead letter matches: `sellerstream deadletters list` shows those that there are")
}
