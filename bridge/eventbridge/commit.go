package eventbridge

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// lastingTries is how often the offsets of partitions that are given up are committed in
// vain because their topic is gone, or may not be read.
const lastingTries = 3

// lastingPause is after what time they are committed again, unless much was sent.
const lastingPause = 5 * time.Second

// commitEvery is the time between the beginnings of two commits, unless much was sent.
const commitEvery = 50 * time.Millisecond

// commits is where the commits of a process stand. At most one runs.
type commits struct {
	running  bool
	dirty    bool      // something has moved since the last one began
	next     time.Time // no other begins before
	failures int       // in a row
	told     time.Time // when the log last said that Kafka refuses a topic's offsets
	bare     bool      // Kafka does not take what stands beside the offsets

	accepted int64 // events that EventBridge took
	safe     int64 // those of them that a commit covers
}

// due reports whether one is to begin: after its time, or when what a crash would
// repeat is a quarter of what it may be.
func (c *commits) due(now time.Time, top int) bool {
	early := c.failures == 0 && int(c.accepted-c.safe) > top*maxEntries/2
	return c.dirty && !c.running && (early || !c.next.After(now))
}

// room reports whether another request may begin. What was sent and not committed comes
// twice after a crash, and is bounded by twice what may be under way.
func (c *commits) room(under, top int) bool {
	return int(c.accepted-c.safe)+under*maxEntries < 2*top*maxEntries
}

// committed is what was committed of a partition.
type committed struct {
	at    int64
	epoch int32
	note  string
}

// snapshot is the state of the cursors at a moment, for a commit.
type snapshot struct {
	of       map[*cursor]committed
	accepted int64
}

// moved is what has moved of the cursors since it was committed.
func (p *Publisher) moved(cursors []*cursor) snapshot {
	s := snapshot{of: make(map[*cursor]committed), accepted: p.commits.accepted}
	for _, c := range cursors {
		at := committed{at: c.position(), epoch: c.epoch}
		if !p.commits.bare {
			at.note = c.progress().text()
		}
		if len(c.items) > 0 {
			at.epoch = c.items[0].rec.LeaderEpoch
		}
		if at.at != unknownPosition && at != c.saved {
			s.of[c] = at
		}
	}
	return s
}

// commitIfDue begins a commit; p.mu is held.
func (p *Publisher) commitIfDue(work context.Context, now time.Time) {
	if !p.commits.due(now, p.opts.MaxInFlight) {
		return
	}
	p.commits.dirty, p.commits.next = false, now.Add(commitEvery)
	s := p.moved(p.ring)
	if len(s.of) == 0 {
		p.commits.safe = s.accepted
		return
	}
	p.commits.running = true
	go func() {
		err := p.commitOnce(work, s)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.commits.running = false
		if p.committed(s, err); err != nil {
			p.commits.dirty = true
			p.commits.next = time.Now().Add(backoff(p.commits.failures - 1))
			if lasting(err) {
				p.commits.next = time.Now().Add(lastingPause)
			}
		}
		p.wake()
	}()
}

// commit commits the cursors and does not return before they are, unless this
// process is no longer of the group or work ends: the partitions' next owner
// then sends the events again that were not committed. It gives p.mu up meanwhile.
func (p *Publisher) commit(work context.Context, cursors []*cursor) {
	p.commits.running = true
	defer func() {
		p.commits.running = false
		p.wake()
	}()
	for tries := 0; ; tries++ {
		s := p.moved(cursors)
		if len(s.of) == 0 {
			return
		}
		if len(cursors) < len(p.ring) { // what others have sent stays uncommitted
			s.accepted = p.commits.safe
		}
		p.mu.Unlock()
		err := p.commitOnce(work, s)
		p.mu.Lock()
		p.committed(s, err)
		if err == nil || outOfGroup(err) || lasting(err) && tries >= lastingTries {
			return
		}
		p.mu.Unlock()
		over := clock.Sleep(work, clock.Real{}, backoff(tries))
		p.mu.Lock()
		if over != nil {
			p.opts.Logger.Error("stopped before the offsets could be committed: the last requests' events will be published again",
				"group", p.group(), "error", err)
			return
		}
	}
}

// committed takes in how a commit ended; p.mu is held.
//
// A commit of a partition that has moved would be accepted and would set its new
// owner back. It cannot happen here: the group's callbacks wait until no commit
// runs. An illegal generation only says that a rebalance has ended on the broker
// and its answer is still on its way to us.
func (p *Publisher) committed(s snapshot, err error) {
	switch {
	case err == nil:
		p.commits.failures = 0
		p.commits.safe = s.accepted
		for c, at := range s.of {
			c.saved = at
		}
		p.advance(s)
		return
	case errors.Is(err, kerr.OffsetMetadataTooLarge):
		p.commits.bare = true
		p.opts.Logger.Warn("Kafka takes no text beside offsets: after a crash more events are published again; set the brokers' offset.metadata.max.bytes to 4096", "group", p.group())
	case lasting(err):
		p.commits.failures, p.commits.safe = 0, s.accepted
		if now := time.Now(); now.Sub(p.commits.told) > time.Minute {
			p.commits.told = now
			p.opts.Logger.Warn("cannot commit the offsets of a topic: check that it exists and may be read; trying again", "group", p.group(), "error", err)
		}
		return
	case outOfGroup(err):
		p.opts.Logger.Error("this process was put out of its group before it could commit: the events of its last requests will be published again",
			"group", p.group(), "error", err)
	default:
		p.opts.Logger.Warn("cannot commit offsets; trying again", "group", p.group(), "error", err)
	}
	p.commits.failures++
}

// lasting reports whether Kafka refused a partition's offset, and took the others'.
func lasting(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.TopicAuthorizationFailed)
}

func outOfGroup(err error) bool {
	return errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.FencedInstanceID)
}

func (p *Publisher) commitOnce(ctx context.Context, s snapshot) error {
	if p.opts.DryRun {
		return nil
	}
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for c, at := range s.of {
		if offsets[c.topic] == nil {
			offsets[c.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[c.topic][c.number] = kgo.EpochOffset{Epoch: at.epoch, Offset: at.at}
	}
	var failure error
	p.client.CommitOffsetsSync(p.annotated(ctx, s), offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			failure = err
			return
		}
		for i := range answer.Topics {
			for j := range answer.Topics[i].Partitions {
				err := kerr.ErrorForCode(answer.Topics[i].Partitions[j].ErrorCode)
				if err != nil && (failure == nil || lasting(failure)) {
					failure = err
				}
			}
		}
	})
	return failure
}

// annotated adds to the offsets what stands beside them.
func (p *Publisher) annotated(ctx context.Context, s snapshot) context.Context {
	notes := make(map[partition]string, len(s.of))
	for c, at := range s.of {
		notes[c.partition] = p.note(c.number, at.note)
	}
	return kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				at := &req.Topics[i].Partitions[j]
				at.Metadata = kmsg.StringPtr(notes[partition{req.Topics[i].Topic, at.Partition}])
			}
		}
		return nil
	})
}
