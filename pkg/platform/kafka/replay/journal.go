package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
)

// Journal is where it stands how far a replay has come. Kafka forgets it when
// nobody has written there for offsets.retention.minutes, 7 days by default.
type Journal struct {
	Admin *kadm.Client
	Name  string // of the replay
	Group string // consumer group of the replay's own
	Topic string // on the wire
}

// Load is the replay's last run; nil if there was none.
func (j *Journal) Load(ctx context.Context) (*Run, error) {
	offsets, err := j.Admin.FetchOffsets(ctx, j.Group)
	if err == nil {
		err = offsets.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", j.Group, err)
	}
	last := 0
	ranges := make(map[int][]Range)
	for partition, at := range offsets[j.Topic] {
		var n note
		if at.At < 0 || json.Unmarshal([]byte(at.Metadata), &n) != nil || n.Run < 1 {
			continue // not ours
		}
		last = max(last, n.Run)
		ranges[n.Run] = append(ranges[n.Run], Range{Partition: partition, From: n.From, Until: n.Until, Next: max(at.At, n.From)})
	}
	if last == 0 {
		return nil, nil
	}
	return NewRun(j.Name, last, ranges[last]), nil
}

// Begin writes a run's beginning. No process may be at the replay.
func (j *Journal) Begin(ctx context.Context, run *Run) error {
	var offsets kadm.Offsets
	for _, r := range run.Ranges() {
		offsets.Add(kadm.Offset{Topic: j.Topic, Partition: r.Partition, At: r.From, LeaderEpoch: -1, Metadata: run.Metadata(r.Partition, "")})
	}
	if err := j.Admin.CommitAllOffsets(ctx, j.Group, offsets); err != nil {
		return fmt.Errorf("note in group %s where the replay begins: %w; if it is running already, wait for its end", j.Group, err)
	}
	return nil
}

// Refresh takes over what another process has done, and what nobody can do any
// more because the topic has removed it.
func (j *Journal) Refresh(ctx context.Context, run *Run) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	now, err := j.Load(ctx)
	if err != nil {
		return err
	}
	if now != nil && now.number == run.number {
		for _, r := range now.Ranges() {
			run.Advance(r.Partition, r.Next)
		}
	}
	starts, err := topicread.Reader{Admin: j.Admin}.Starts(ctx, j.Topic, time.Time{})
	if err != nil {
		return err
	}
	for partition, start := range starts {
		run.Advance(partition, start)
	}
	return nil
}

const refreshTimeout = 10 * time.Second
