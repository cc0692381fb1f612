// Package positions shows how far the roles have read their topics.
package positions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/schemas"
)

// Position is where a role stands in a partition.
type Position struct {
	Role      string `json:"role"`
	Topic     string `json:"topic"` // without its prefix
	Partition int32  `json:"partition"`
	// Next is the offset of the next record, as the role's group has it: within seconds of
	// where the role stands. -1 where the role has read nothing yet.
	Next  int64 `json:"next"`
	First int64 `json:"first"` // of the log
	End   int64 `json:"end"`   // of what is committed
	Lag   int64 `json:"lag"`   // offsets from Next to End; markers of transactions count
	// Oldest is when Kafka took the oldest record that is not read; nil where none waits or
	// that is not known.
	Oldest *time.Time `json:"oldest"`
	// Outside reports whether Next is not in the log: records were removed before they were
	// read, or the topic was made anew.
	Outside bool `json:"outside"`
}

// Remedy is what goes on from a position outside the log: a command or, where the role
// does so by itself, "".
func (p Position) Remedy() string {
	_, processes := schemas.TopicOf(schemas.StatePrefix + p.Role)
	if !p.Outside || !processes || p.Topic == schemas.Replays { // copies can be made anew: no unit stops for them
		return ""
	}
	return roles.Remedies().Reset(p.Role, p.Topic, p.Partition, strconv.FormatInt(p.First, 10))
}

// String describes a position outside its log.
func (p Position) String() string {
	return fmt.Sprintf("%s, topic %s, partition %d: the position %d is not in the log, which has %d to %d", p.Role, p.Topic, p.Partition, p.Next, p.First, p.End)
}

// Compare reads the positions of those of the roles that read a log, in the order of the
// table of topics, without Oldest. Topics that are not there are left out. It needs no
// permission but to describe topics and groups.
func Compare(ctx context.Context, reader topicread.Reader, prefix string, roles []string) ([]Position, error) {
	return look(ctx, reader, prefix, roles, func(context.Context, log, []Position) error { return nil })
}

// Look is Compare with Oldest, for which records are read.
func Look(ctx context.Context, reader topicread.Reader, prefix string, roles []string) ([]Position, error) {
	return look(ctx, reader, prefix, roles, func(ctx context.Context, l log, found []Position) error { return l.ages(ctx, found) })
}

func look(ctx context.Context, reader topicread.Reader, prefix string, roles []string, more func(context.Context, log, []Position) error) ([]Position, error) {
	var all []Position
	groups, err := offsets(ctx, reader.Admin, prefix, roles) // before the logs' ends, which go on
	if err != nil {
		return nil, err
	}
	for _, topic := range schemas.Topics() {
		readers := slices.DeleteFunc(slices.Clone(topic.Readers), func(r string) bool { return !slices.Contains(roles, r) })
		if topic.Compacted() || len(readers) == 0 {
			continue
		}
		log, err := extent(ctx, reader, prefix+topic.Name)
		switch {
		case errors.Is(err, topicread.ErrNoTopic):
			continue
		case err != nil:
			return nil, err
		}
		for _, role := range readers {
			found := log.positions(role, topic.Name, groups[role], prefix)
			if err := more(ctx, log, found); err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// offsets are those of each role's group.
func offsets(ctx context.Context, admin *kadm.Client, prefix string, roles []string) (groups map[string]kadm.OffsetResponses, err error) {
	groups = make(map[string]kadm.OffsetResponses)
	for _, role := range roles {
		if groups[role], err = admin.FetchOffsets(ctx, prefix+role); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, fmt.Errorf("offsets of group %s: %w", prefix+role, err)
		}
	}
	return groups, nil
}

// log is where a topic begins and ends.
type log struct {
	reader       topicread.Reader
	topic        string
	starts, ends map[int32]int64
}

func extent(ctx context.Context, reader topicread.Reader, topic string) (log, error) {
	ends, err := reader.Ends(ctx, topic)
	if err != nil {
		return log{}, err
	}
	starts, err := reader.Starts(ctx, topic, time.Time{})
	return log{reader, topic, starts, ends}, err
}

func (l log) positions(role, topic string, group kadm.OffsetResponses, prefix string) []Position {
	var found []Position
	for partition, end := range l.ends {
		p := Position{Role: role, Topic: topic, Partition: partition, Next: -1, First: l.starts[partition], End: end}
		if told, ok := group.Lookup(prefix+topic, partition); ok && told.Err == nil && told.At >= 0 {
			p.Next = told.At
			p.Outside = p.Next < p.First || p.Next > end
		}
		p.Lag = max(0, end-max(p.Next, p.First))
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b Position) int { return cmp.Compare(a.Partition, b.Partition) })
	return found
}

// lookAhead is how many offsets are searched for the oldest record: at a position there
// can be markers of transactions.
const lookAhead = 50

var errAll = errors.New("all are found")

// ages finds the oldest record of each partition that is not read. A user who may not
// read the topic sees none.
func (l log) ages(ctx context.Context, found []Position) error {
	from, to := make(map[int32]int64), make(map[int32]int64)
	for _, p := range found {
		if p.Lag > 0 {
			from[p.Partition] = max(p.Next, p.First)
			to[p.Partition] = min(p.End, from[p.Partition]+lookAhead)
		}
	}
	oldest := make(map[int32]*time.Time)
	err := l.reader.Committed(ctx, l.topic, from, to, func(rec *kgo.Record) error {
		if oldest[rec.Partition] == nil {
			at := rec.Timestamp.UTC()
			oldest[rec.Partition] = &at
		}
		if len(oldest) == len(to) {
			return errAll
		}
		return nil
	})
	if err != nil && !errors.Is(err, errAll) && !errors.Is(err, kerr.TopicAuthorizationFailed) {
		return err
	}
	for i := range found {
		found[i].Oldest = oldest[found[i].Partition]
	}
	return nil
}

// Text shows positions to a person at a time: a row for each role and topic or, with
// partitions, for each partition. What is outside its log stands below, with what to do.
func Text(w io.Writer, all []Position, partitions bool, now time.Time) error {
	table := columns.New(w)
	if partitions {
		table.Printf("ROLE\tTOPIC\tPARTITION\tNEXT\tEND\tLAG\tOLDEST\n")
	} else {
		table.Printf("ROLE\tTOPIC\tLAG\tOLDEST\n")
		all = slices.Clone(all)
	}
	for i := 0; i < len(all); {
		p, n := all[i], 1
		if !partitions {
			p, n = sum(all[i:])
		}
		age := "-"
		if p.Oldest != nil {
			age = max(0, now.Sub(*p.Oldest)).Round(time.Second).String()
		}
		if partitions {
			table.Printf("%s\t%s\t%d\t%s\t%d\t%d\t%s\n", p.Role, p.Topic, p.Partition, next(p), p.End, p.Lag, age)
		} else {
			table.Printf("%s\t%s\t%d\t%s\n", p.Role, p.Topic, p.Lag, age)
		}
		i += n
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range all {
		if !p.Outside {
			continue
		}
		goesOn := "the role goes on at the log's start by itself"
		if remedy := p.Remedy(); remedy != "" {
			goesOn = "go on with `" + remedy + "`"
		}
		if _, err := fmt.Fprintf(w, "\n%s; %s\n", p, goesOn); err != nil {
			return err
		}
	}
	return nil
}

func next(p Position) string {
	if p.Next < 0 {
		return "-"
	}
	return fmt.Sprint(p.Next)
}

// sum adds the positions of the first role and topic up, and counts them.
func sum(all []Position) (total Position, n int) {
	total = all[0]
	for n = 1; n < len(all) && all[n].Role == total.Role && all[n].Topic == total.Topic; n++ {
		total.Lag += all[n].Lag
		if at := all[n].Oldest; at != nil && (total.Oldest == nil || at.Before(*total.Oldest)) {
			total.Oldest = at
		}
	}
	return total, n
}
