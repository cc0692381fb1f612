package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
)

const (
	// commitInterval is how often positions go to the group, where lag tools see them.
	commitInterval = time.Second
	// commitTimeout bounds such a commit, on which nothing depends, and what a
	// unit may need for its last transaction after its calls have ended.
	commitTimeout = 5 * time.Second
	// commitMetadata marks group offsets as ours. Kafka's own tools leave the metadata
	// empty, so that an offset that somebody has reset can be recognized.
	commitMetadata = "sellerstream"
)

// group is the process's membership of the consumer group: it starts a unit
// for each partition of the first input that is assigned, and ends it.
type group struct {
	p      *Processor
	client *kgo.Client
	work   context.Context
	close  context.CancelFunc // ends the client, and with it the background work
	wg     sync.WaitGroup     // background work
	began  time.Time

	mu       sync.Mutex
	units    map[int32]*unit // those that are assigned
	latest   map[int32]*unit // the last one of each partition, ended or not
	joined   bool
	stopping bool
}

// joinGroup joins, and from then on runs units until leave. work ends them at once.
func joinGroup(work context.Context, p *Processor) (*group, error) {
	ctx, cancel := context.WithCancel(context.Background())
	g := &group{p: p, work: work, close: cancel, began: time.Now(), units: make(map[int32]*unit), latest: make(map[int32]*unit)}
	first := p.opts.topic(p.opts.Inputs[0])
	g.mu.Lock() // callbacks wait until the client is there
	defer g.mu.Unlock()
	client, err := kclient.NewClient(p.clientOptions(
		kgo.WithContext(ctx),
		kgo.ClientID(p.opts.Member),
		kgo.ConsumerGroup(p.opts.Group),
		kgo.ConsumeTopics(first),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(p.opts.SessionTimeout),
		kgo.HeartbeatInterval(p.opts.HeartbeatInterval),
		kgo.RebalanceTimeout(p.opts.RebalanceTimeout),
		kgo.DisableAutoCommit(),
		// The units consume by clients of their own: this one fetches nothing.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { g.assigned(m[first]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { g.revoked(m[first]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { g.lost(m[first]) }),
	)...)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("processor %s: Kafka client: %w", p.opts.Processor, err)
	}
	client.PauseFetchTopics(first)
	g.client = client
	g.wg.Go(func() { g.reportErrors(ctx) })
	g.wg.Go(func() { g.commitPeriodically(ctx) })
	g.wg.Go(func() { g.watchTopics(ctx) })
	return g, nil
}

// leave drains the units while the group still hears from us, and leaves. A
// client that is closed first would send no heartbeat during the drain.
func (g *group) leave() {
	g.mu.Lock()
	g.stopping = true
	partitions := slices.Collect(maps.Keys(g.units))
	g.mu.Unlock()
	g.revoked(partitions)
	// Brokers that do not answer must not hold the process.
	timer := time.AfterFunc(commitTimeout, g.close)
	defer timer.Stop()
	defer context.AfterFunc(g.work, g.close)()
	g.client.Close()
	g.close()
	g.wg.Wait()
}

// assigned starts units. A cooperative group also calls it with nothing new.
func (g *group) assigned(partitions []int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined = true
	if g.stopping {
		return
	}
	for _, partition := range partitions {
		if partition >= g.p.topology.partitions {
			continue // the topic has grown, see watchTopics: there is no state to go with it
		}
		u := newUnit(g, partition, g.latest[partition])
		g.units[partition], g.latest[partition] = u, u
		g.wg.Go(u.run)
	}
}

// revoked hands units over: they finish their calls and commit (8).
func (g *group) revoked(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	g.mu.Lock()
	var leaving []*unit
	for _, partition := range partitions {
		if u := g.units[partition]; u != nil {
			leaving = append(leaving, u)
		}
	}
	g.mu.Unlock()
	for _, u := range leaving {
		u.stopIntake(errDrained)
	}
	// Brokers that do not answer a last commit must not hold the group, or the
	// process, for ever.
	drop := time.AfterFunc(g.p.opts.DrainTimeout+commitTimeout, func() {
		for _, u := range leaving {
			u.stopWork()
		}
	})
	defer drop.Stop()
	for _, u := range leaving {
		<-u.done
	}
	g.commit(leaving)
	g.remove(leaving)
}

// lost drops units: somebody else owns them by now (8). Their goroutines end
// by themselves; a later unit of the same partition waits for them.
func (g *group) lost(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	g.p.opts.Logger.Warn("the group has expelled this process: its units are dropped; it joins again", "partitions", partitions)
	g.mu.Lock()
	var gone []*unit
	for _, partition := range partitions {
		if u := g.units[partition]; u != nil {
			u.stopWork()
			gone = append(gone, u)
		}
	}
	g.mu.Unlock()
	g.remove(gone)
}

func (g *group) remove(units []*unit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, u := range units {
		if g.units[u.partition] == u {
			delete(g.units, u.partition)
		}
	}
}

// confirm waits until the group's coordinator says that this process is a member of the
// present generation, so that it owns what it believes it owns. Otherwise a process
// that was stopped past its session would take units away from their new owner again
// and again.
func (g *group) confirm(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		member, generation := g.client.GroupMetadata()
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.Generation = g.p.opts.Group, member, generation
		resp, err := req.RequestWith(ctx, g.client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		// During a rebalance a member keeps what it has until it is revoked.
		if err == nil || errors.Is(err, kerr.RebalanceInProgress) {
			return nil
		}
		g.p.opts.Logger.Info("waiting for the group to confirm this process", "error", err)
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

// reportErrors drains what the group client has to say; it fetches no records.
func (g *group) reportErrors(ctx context.Context) {
	for {
		fetches := g.client.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		fetches.EachError(func(_ string, _ int32, err error) {
			g.p.opts.Logger.Warn("consumer group", "group", g.p.opts.Group, "error", err)
		})
	}
}

func (g *group) commitPeriodically(ctx context.Context) {
	for sleep(ctx, commitInterval) == nil {
		g.mu.Lock()
		units := slices.Collect(maps.Values(g.units))
		g.mu.Unlock()
		g.commit(units)
	}
}

// commit tells the group the units' positions (2). Errors are only noted: the next
// commit repeats what this one could not.
//
// The request names the generation of before the positions were read, and a
// partition moves with the next one only. So Kafka refuses a commit that comes
// too late and would rewind what the new owner has committed. The client's own
// commit names whatever generation there is when it is sent.
func (g *group) commit(units []*unit) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = g.p.opts.Group
	req.MemberID, req.Generation = g.client.GroupMetadata()
	for _, logical := range g.p.opts.consumed() {
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic = g.p.opts.topic(logical)
		topic.TopicID = g.p.topology.topicID(topic.Topic)
		for _, u := range units {
			note := commitMetadata
			if logical == g.p.opts.Inputs[0] {
				note = u.note()
			}
			if offset, ok := u.positions.untold(topic.Topic, note); ok {
				partition := kmsg.NewOffsetCommitRequestTopicPartition()
				partition.Partition, partition.Offset = u.partition, offset
				partition.Metadata = kmsg.StringPtr(note)
				topic.Partitions = append(topic.Partitions, partition)
			}
		}
		if len(topic.Partitions) > 0 {
			req.Topics = append(req.Topics, topic)
		}
	}
	if len(req.Topics) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(g.work, commitTimeout)
	defer cancel()
	resp, err := req.RequestWith(ctx, g.client)
	if err == nil {
		err = commitError(resp)
	}
	if err != nil {
		g.p.opts.Logger.Debug("group offsets were not committed; the state's positions are not affected", "error", err)
		return
	}
	for _, u := range units {
		u.positions.told(req)
	}
}

func commitError(resp *kmsg.OffsetCommitResponse) error {
	for _, topic := range resp.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}
