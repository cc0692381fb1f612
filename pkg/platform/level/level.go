// Package level owns the feature level of an installation: which kinds of state entries
// and records its processes may write. A version writes a new kind, which the version
// before cannot bear, only at the level that allows it. So the version before can run
// beside it, and come back, until an operator raises the level (`sellerstream upgrade
// finish`), as with Kafka's own kafka-features. The level is a record on the topic
// switches, under schemas.FeatureLevel.
package level

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// First is the level of an installation that was never raised. What version 0.1.0
	// writes, each level has.
	First = 1
	// Newest is the highest level that this version knows. To raise it is to say in
	// UPGRADING.md what the new level lets processes write.
	Newest = 1
)

// Of is the level of an installation. A process looks each time before it writes what a
// level allows: the level may be raised while it runs.
func Of(s *pause.Switches) int { return max(First, int(s.Of(schemas.FeatureLevel).Level)) }

// TooOldError is a level that a version does not know.
type TooOldError struct {
	Level, Newest int
	Version       string
}

// Error returns both levels, and what to run instead.
func (e *TooOldError) Error() string {
	return fmt.Sprintf("this installation is at feature level %d, and this version (%s) knows levels up to %d: run a version that knows level %d; "+
		"a level is never lowered (UPGRADING.md)", e.Level, e.Version, e.Newest, e.Level)
}

// Check returns why a version that knows levels up to newest may not run; nil when it may.
func Check(s *pause.Switches, newest int, version string) error {
	if s.Unreadable(schemas.FeatureLevel) {
		return fmt.Errorf("the feature level cannot be read: %s; write it again with `sellerstream upgrade finish` of the newest version that ran", s.Of(schemas.FeatureLevel).Reason)
	}
	if at := Of(s); at > newest {
		return &TooOldError{Level: at, Newest: newest, Version: version}
	}
	return nil
}

// Begin gives an installation that has neither a level nor state the newest level. Any
// other is at First until somebody raises it.
func Begin(ctx context.Context, s *pause.Switches, admin *kadm.Client, prefix string, newest int) error {
	if newest == First || s.Of(schemas.FeatureLevel).Level > 0 {
		return nil
	}
	var topics []string
	for _, t := range schemas.Topics() {
		if t.Compacted() && t.Name != schemas.Switches {
			topics = append(topics, prefix+t.Name)
		}
	}
	listed, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return fmt.Errorf("look whether there is state: %w", err)
	}
	for _, topic := range topics {
		// A role makes the topics that it needs: one that is not there yet holds nothing.
		ends, err := topicread.ByPartition(topic)(listed, nil)
		if err != nil && !errors.Is(err, topicread.ErrNoTopic) {
			return fmt.Errorf("look whether there is state: %w", err)
		}
		for _, end := range ends {
			if end > 0 {
				return nil
			}
		}
	}
	return write(ctx, s, newest, "the first start")
}

// Raise raises the level to one that all members know. It writes nothing where the level
// stands so already, and can be read.
func Raise(ctx context.Context, s *pause.Switches, members []Member, to int, by string) error {
	at := Of(s)
	switch {
	case at > to:
		return fmt.Errorf("the feature level is %d, and is never lowered: its kinds may have been written", at)
	case at == to && !s.Unreadable(schemas.FeatureLevel):
		return nil
	}
	var behind []error
	for _, m := range members {
		if m.Level < to {
			behind = append(behind, fmt.Errorf("role %s on %s runs version %s, which knows level %d", m.Role, m.Host, m.Version, m.Level))
		}
	}
	if len(behind) > 0 {
		return fmt.Errorf("level %d must be known to all processes first; upgrade or stop:\n%w", to, errors.Join(behind...))
	}
	return write(ctx, s, to, by)
}

func write(ctx context.Context, s *pause.Switches, to int, by string) error {
	_, err := s.Turn(ctx, schemas.Switch{Subject: schemas.FeatureLevel, Level: int32(to), Since: time.Now().UTC(), By: by})
	return err
}
