package deadletters

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"
	"unique"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// tallyEvery is how often a Tally reads what is new: three short requests, where nothing is.
	tallyEvery = time.Minute
	// MaxTallied is how many letters a Tally knows at once, in about 10 MiB of memory. Beyond
	// it what it counts is the least that is open.
	MaxTallied = 100_000
)

// TallyOptions are all required.
type TallyOptions struct {
	Kafka  []kgo.Opt // seed brokers, TLS and the like
	Prefix string    // of the topics' names
	Codec  Codec
	Logger *slog.Logger
	Most   int // letters that are known at once: MaxTallied
}

// Tally counts the open dead letters while they come and go. It reads both topics once from
// where they begin, and then what is new; it keeps a hash of each letter's id and its
// reason. A letter that may have been retried (RETRYING) counts as open: `deadletters list`
// shows it too. One that Kafka has deleted after its 14 days does not.
type Tally struct {
	opts    TallyOptions
	reader  topicread.Reader
	letters map[[16]byte]tallied
	read    positions // of dead-letters
	marked  positions // of dead-letters.resolved
	full    bool      // some letters are not known
	open    atomic.Pointer[map[string]int]
}

// positions are of the next record, by partition.
type positions map[int32]int64

// tallied is a letter, open or not: a second record of it must not open it again.
type tallied struct {
	reason    unique.Handle[string]
	partition int32
	offset    int64
	closed    bool
}

// NewTally makes a Tally that knows nothing yet. client is used until it is no longer.
func NewTally(client *kgo.Client, opts TallyOptions) *Tally {
	return &Tally{opts: opts, letters: make(map[[16]byte]tallied), reader: topicread.Reader{
		Admin: kadm.NewClient(client), Client: opts.Kafka,
		Unreadable: func(*kclient.UnreadableError) {}, // `deadletters list` logs them
	}}
}

// Open are the open dead letters by their reason. It is not ok while Kafka does not tell.
// It may be called from any goroutine.
func (t *Tally) Open() (byReason map[string]int, ok bool) {
	if open := t.open.Load(); open != nil {
		return *open, true
	}
	return nil, false
}

// Run reads what is new once a minute until ctx ends. What it cannot read is logged once,
// and tried again: nothing else depends on it.
func (t *Tally) Run(ctx context.Context) {
	ticker := time.NewTicker(tallyEvery)
	defer ticker.Stop()
	for failing := false; ; {
		err := t.Update(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			t.opts.Logger.Warn("open dead letters cannot be counted: their metric is left out, all else goes on; "+remedyOf(err), "error", err)
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// remedyOf is what to do about an error of an update.
func remedyOf(err error) string {
	if errors.Is(err, kerr.TopicAuthorizationFailed) {
		return "allow Read on dead-letters and dead-letters.resolved, which `sellerstream topics acls --roles events` prints"
	}
	return "it is tried again every minute"
}

func (t *Tally) topic() string { return t.opts.Prefix + schemas.DeadLetters }

// Update reads what is new. Where it fails, nothing is known, and the next one reads the
// same again, which changes nothing.
func (t *Tally) Update(ctx context.Context) error {
	if err := t.update(ctx); err != nil {
		t.open.Store(nil)
		return err
	}
	open := t.count()
	t.open.Store(&open)
	return nil
}

func (t *Tally) update(ctx context.Context) error {
	resolved := t.opts.Prefix + schemas.DeadLettersResolved
	// First how far the marks go: the letter of each is before the letters' ends then.
	marks, err := t.reader.Ends(ctx, resolved)
	if err != nil && !errors.Is(err, topicread.ErrNoTopic) {
		return err
	}
	ends, err := t.reader.Ends(ctx, t.topic())
	if err != nil {
		return err
	}
	starts, err := t.reader.Starts(ctx, t.topic(), time.Time{})
	if err != nil {
		return err
	}
	if t.full && t.opened() < t.opts.Most/2 || t.read.beyond(ends) || t.marked.beyond(marks) { // there is room again, or the topics were made anew
		t.letters, t.read, t.marked, t.full = make(map[[16]byte]tallied), nil, nil, false
	}
	maps.DeleteFunc(t.letters, func(_ [16]byte, l tallied) bool { return l.offset < starts[l.partition] })
	if err := t.reader.Committed(ctx, t.topic(), t.read.from(starts), ends, func(rec *kgo.Record) error { return t.add(ctx, rec, marks) }); err != nil {
		return err
	}
	t.read = ends
	if err := t.mark(ctx, t.marked, marks); err != nil {
		return err
	}
	t.marked = marks
	return nil
}

// add takes a record of dead-letters.
func (t *Tally) add(ctx context.Context, rec *kgo.Record, marks positions) error {
	value, err := t.opts.Codec.Decode(ctx, schemas.DeadLetters, rec.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		return err
	}
	dead, ok := value.(*schemas.DeadLetter)
	if err != nil || !ok {
		return nil //nolint:nilerr // what is no letter is not counted
	}
	key := markKey(dead.ID)
	known, again := t.letters[key]
	if !again && len(t.letters) >= t.opts.Most {
		if err := t.makeRoom(ctx, marks); err != nil || t.full {
			return err
		}
	}
	t.letters[key] = tallied{unique.Make(dead.Reason), rec.Partition, rec.Offset, again && known.closed}
	return nil
}

// makeRoom forgets the letters that are dealt with. It is worth it where they are many:
// else later letters are not known.
func (t *Tally) makeRoom(ctx context.Context, marks positions) error {
	if t.full {
		return nil
	}
	if err := t.mark(ctx, nil, marks); err != nil {
		return err
	}
	maps.DeleteFunc(t.letters, func(_ [16]byte, l tallied) bool { return l.closed })
	t.full = len(t.letters) > t.opts.Most-max(1, t.opts.Most/10)
	return nil
}

// mark takes what was done about letters between two positions; nil is the beginning.
func (t *Tally) mark(ctx context.Context, from, to positions) error {
	if len(to) == 0 {
		return nil
	}
	topic := t.opts.Prefix + schemas.DeadLettersResolved
	starts, err := t.reader.Starts(ctx, topic, time.Time{})
	if err != nil {
		return err
	}
	return t.reader.Committed(ctx, topic, from.from(starts), to, func(rec *kgo.Record) error {
		resolution, _, err := resolutionOf(ctx, t.opts.Codec, rec)
		if err != nil {
			return err
		}
		key := markKey(resolution.ID)
		if letter, known := t.letters[key]; known {
			letter.closed = resolution.Action != Retrying && resolution.Action != Reopened
			t.letters[key] = letter
		}
		return nil
	})
}

// count are the open letters by reason.
func (t *Tally) count() map[string]int {
	open := make(map[string]int)
	for _, letter := range t.letters {
		if !letter.closed {
			open[letter.reason.Value()]++
		}
	}
	return open
}

func (t *Tally) opened() (n int) {
	for _, letters := range t.count() {
		n += letters
	}
	return n
}

// beyond reports whether a position is behind the end of its partition: then these are
// other topics than were read.
func (p positions) beyond(ends positions) bool {
	for partition, at := range p {
		if at > ends[partition] {
			return true
		}
	}
	return false
}

// from are the positions, or where a partition begins that has none.
func (p positions) from(starts positions) positions {
	from := maps.Clone(starts)
	for partition, at := range p {
		from[partition] = max(at, starts[partition])
	}
	return from
}
