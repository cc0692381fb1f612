package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

// watchInterval is how often a running processor looks at its topics.
const watchInterval = 30 * time.Second

// topology is how many partitions the processor's topics have. The state's
// number is the one that counts, since accounts cannot move away from their
// state. A topic with more has grown: no unit reads its records beyond that.
type topology struct {
	state      string // topic of the state
	remedy     string // for topics that do not fit
	partitions int32  // of it, when the processor started

	mu     sync.Mutex
	counts map[string]int32 // by topic
	ids    map[string]kadm.TopicID
}

// newTopology takes what Kafka says of all topics.
func newTopology(state, remedy string, details kadm.TopicDetails) *topology {
	t := &topology{state: state, remedy: remedy}
	t.take(details)
	t.partitions = t.counts[state]
	return t
}

func (t *topology) take(details kadm.TopicDetails) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts, t.ids = make(map[string]int32, len(details)), make(map[string]kadm.TopicID, len(details))
	for name, detail := range details {
		if detail.Err == nil && len(detail.Partitions) > 0 {
			t.counts[name], t.ids[name] = int32(len(detail.Partitions)), detail.ID
		}
	}
}

// topicID is a topic's; zero where it is not known.
func (t *topology) topicID(name string) kadm.TopicID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ids[name]
}

// fits returns why partition number p is no unit's, or cannot be one; nil
// where every topic has it.
func (t *topology) fits(p int32) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var without, with []string
	for name, count := range t.counts {
		if count > p {
			with = append(with, fmt.Sprintf("%s (%d)", name, count))
		} else {
			without = append(without, fmt.Sprintf("%s (%d)", name, count))
		}
	}
	if len(without) == 0 && p < t.partitions {
		return nil
	}
	slices.Sort(with)
	slices.Sort(without)
	if len(without) == 0 {
		return stopf(PartitionsDiffer, t.remedy,
			"all topics have grown from %d partitions, but the accounts' state has not moved: nobody reads partition %d, although producers may write accounts to it now",
			t.partitions, p)
	}
	return stopf(PartitionsDiffer, t.remedy,
		"partition %d is missing from the topics %v, and the topics %v have it: an account must be in the same partition of each topic, so nobody reads it", p, without, with)
}

// most is the largest number of partitions of a topic.
func (t *topology) most() (most int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, count := range t.counts {
		most = max(most, count)
	}
	return most
}

// misplaced returns why partition p holds an account that does not belong there by
// the number of partitions that counts, if the topic has grown;
// else nil: then its producer is at fault.
func (t *topology) misplaced(topic, account string, p int32) error {
	t.mu.Lock()
	count := t.counts[topic]
	t.mu.Unlock()
	if count == t.partitions || account == "" {
		return nil
	}
	by := newOwners(p, count)
	if by.partitionOf([]byte(account)) != p {
		return nil
	}
	return stopf(PartitionsDiffer, t.remedy,
		"topic %s has %d partitions and the state has %d: the record of account %s is on partition %d, but the account's state is on another, so it waits here",
		topic, count, t.partitions, schemas.Brief(account), p)
}

// look asks Kafka again.
func (t *topology) look(ctx context.Context, client *kgo.Client, names []string) error {
	details, err := kadm.NewClient(client).ListTopics(ctx, names...)
	if err != nil {
		return err
	}
	t.take(details)
	return nil
}

// awaitTopics waits until all topics are there, and returns what they are like.
// It waits for brokers that cannot be reached, too. Other roles go on meanwhile
// (containment rule 3).
func (p *Processor) awaitTopics(ctx context.Context) (*topology, error) {
	client, err := kclient.NewClient(p.clientOptions(kgo.RequestRetries(2), kgo.WithContext(ctx))...)
	if err != nil {
		return nil, fmt.Errorf("processor %s: Kafka client: %w", p.opts.Processor, err)
	}
	defer client.Close()
	names := p.topicNames()
	began, told := time.Now(), time.Time{}
	for attempt := 0; ; attempt++ {
		metadata, err := kadm.NewClient(client).Metadata(ctx, names...)
		if err == nil {
			if err = usable(names, metadata.Topics); err == nil {
				p.namespace = metadata.Cluster + "/" + p.opts.Prefix
				return newTopology(p.opts.topic(p.opts.State), p.opts.Remedies.Partitions, metadata.Topics), nil
			}
		}
		if missing := (*missingTopics)(nil); errors.As(err, &missing) && time.Since(began) > topicPatience && time.Since(told) > time.Minute {
			told = time.Now()
			text := missing.Error()
			p.missing.Store(&text)
			p.opts.Logger.Error("topics cannot be used: the role waits for them, others go on; "+p.opts.Remedies.MissingTopics, "error", err)
		} else {
			p.opts.Logger.Debug("the topics cannot be used yet; looking again", "error", err)
		}
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

// topicNames are the names on the wire of all topics.
func (p *Processor) topicNames() []string {
	var names []string
	for _, logical := range p.opts.topics() {
		names = append(names, p.opts.topic(logical))
	}
	return names
}

// missingTopics describes which topics cannot be used.
type missingTopics struct{ faults []error }

func (m *missingTopics) Error() string { return errors.Join(m.faults...).Error() }

// usable returns a missingTopics unless all topics can be used.
func usable(names []string, details kadm.TopicDetails) error {
	var faults []error
	for _, name := range names {
		detail, ok := details[name]
		switch {
		case !ok || detail.Err == nil && len(detail.Partitions) == 0:
			faults = append(faults, fmt.Errorf("topic %s: no such topic", name))
		case detail.Err != nil:
			faults = append(faults, fmt.Errorf("topic %s: %w", name, detail.Err))
		}
	}
	if len(faults) > 0 {
		return &missingTopics{faults}
	}
	return nil
}

// watchTopics reports topics that grow while the processor runs.
func (g *group) watchTopics(ctx context.Context) {
	told := int32(0)
	for {
		if most := g.p.topology.most(); most > told && most > g.p.topology.partitions {
			told = most
			g.p.opts.Logger.Error("a topic has more partitions than the state: producers send accounts to partitions that do not have their state; a unit stops where it meets such a record, the others go on",
				"error", g.p.topology.fits(most-1))
		}
		if sleep(ctx, watchInterval) != nil {
			return
		}
		asking, cancel := context.WithTimeout(ctx, commitTimeout)
		if err := g.p.topology.look(asking, g.client, g.p.topicNames()); err != nil {
			g.p.opts.Logger.Debug("the topics cannot be looked at", "error", err)
		}
		cancel()
	}
}

// beyond are the partitions that no unit reads. One process alone reports partition p:
// the owner of the unit p modulo the number of units.
func (g *group) beyond() []Stopped {
	t := g.p.topology
	var found []Stopped
	for p := t.partitions; p < t.most(); p++ {
		if g.units[p%t.partitions] == nil {
			continue
		}
		var stop *stopError
		if errors.As(t.fits(p), &stop) {
			found = append(found, Stopped{
				Role: g.p.opts.Processor, Partition: p, Reason: stop.reason, Since: g.began,
				Cause: stop.err.Error(), Remedy: stop.remedy,
			})
		}
	}
	return found
}
