package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/schemas"
)

// pollInterval is how often a cluster is asked whether new topics have leaders.
const pollInterval = 100 * time.Millisecond

// minISR is the setting that must fit the replicas that a topic has.
const minISR = "min.insync.replicas"

// absent lists the names that the cluster does not have. It fails where it
// cannot be told, with all such topics.
func absent(found kadm.TopicDetails, names []string) ([]string, error) {
	var missing []string
	var faults []error
	for _, name := range names {
		detail, ok := found[name]
		switch {
		case !ok || errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
			missing = append(missing, name)
		case detail.Err != nil:
			faults = append(faults, fmt.Errorf("topic %s: %w", name, detail.Err))
		}
	}
	return missing, errors.Join(faults...)
}

// create makes topics of the table. All that fail are reported.
func create(ctx context.Context, admin *kadm.Client, opts Options, names []string) ([]string, error) {
	replication := int16(-1)
	if opts.Replication > 0 {
		replication = int16(opts.Replication)
	}
	var created []string
	var faults []error
	for _, t := range schemas.Topics() {
		name := opts.Prefix + t.Name
		if !slices.Contains(names, name) {
			continue
		}
		config := make(map[string]*string)
		for key, value := range t.Config(opts.Replication) {
			config[key] = kadm.StringPtr(value)
		}
		answer, err := admin.CreateTopic(ctx, int32(opts.Partitions), replication, config, name)
		switch {
		case errors.Is(err, kerr.TopicAlreadyExists): // another process was faster
		case errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed):
			faults = append(faults, fmt.Errorf("create topic %s: %w: let a user who may run `sellerstream topics apply`", name, err))
		case err != nil:
			faults = append(faults, fmt.Errorf("create topic %s: %w %s", name, err, answer.ErrMessage))
		default:
			created = append(created, name)
		}
	}
	return created, errors.Join(faults...)
}

// waitForLeaders waits until every partition of the topics has a leader: a
// cluster answers a creation before all of its brokers know of it.
func waitForLeaders(ctx context.Context, admin *kadm.Client, names []string) (kadm.TopicDetails, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	// Metadata is cached for seconds, except where the permissions are asked for too.
	ctx = kadm.WithAuthorizedOps(ctx)
	for {
		found, err := admin.ListTopics(ctx, names...)
		if err == nil {
			err = ready(found, names)
		}
		if err == nil {
			return found, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for new topics: %w (%w)", err, context.Cause(ctx))
		}
	}
}

func ready(found kadm.TopicDetails, names []string) error {
	for _, name := range names {
		detail, ok := found[name]
		if !ok || len(detail.Partitions) == 0 {
			return fmt.Errorf("topic %s is not known yet", name)
		}
		if detail.Err != nil {
			return fmt.Errorf("topic %s: %w", name, detail.Err)
		}
		for _, p := range detail.Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("topic %s: partition %d has no leader", name, p.Partition)
			}
		}
	}
	return nil
}

// compare holds what the cluster has against the table. Settings that the
// cluster does not know, or that we are known not to be permitted to see, are
// left out.
func compare(ctx context.Context, admin *kadm.Client, opts Options, found kadm.TopicDetails) ([]Difference, error) {
	var open []string
	for _, detail := range found {
		allowed := detail.AuthorizedOperations // none if they were not asked for, or Kafka does not tell
		if len(allowed) == 0 || slices.Contains(allowed, kmsg.ACLOperationDescribeConfigs) {
			open = append(open, detail.Topic)
		}
	}
	var described kadm.ResourceConfigs
	if len(open) > 0 { // none would mean all
		var err error
		if described, err = admin.DescribeTopicConfigs(ctx, open...); err != nil {
			return nil, fmt.Errorf("describe topics: %w", err)
		}
	}
	have := make(map[string]map[string]string)
	for _, resource := range described {
		if resource.Err != nil {
			return nil, fmt.Errorf("describe topic %s: %w", resource.Name, resource.Err)
		}
		have[resource.Name] = make(map[string]string)
		for _, c := range resource.Configs {
			have[resource.Name][c.Key] = c.MaybeValue()
		}
	}
	var differences []Difference
	for _, t := range schemas.Topics() {
		name := opts.Prefix + t.Name
		if detail, there := found[name]; there {
			differences = append(differences, differ(opts, t, detail, have[name])...)
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return strings.Compare(a.Topic+"\x00"+a.Setting, b.Topic+"\x00"+b.Setting)
	})
	return differences, nil
}

// differ holds one topic against its row of the table.
func differ(opts Options, t schemas.Topic, detail kadm.TopicDetail, have map[string]string) []Difference {
	name := detail.Topic
	var differences []Difference
	if n := len(detail.Partitions); n != opts.Partitions {
		differences = append(differences, Difference{name, Partitions, strconv.Itoa(n), strconv.Itoa(opts.Partitions)})
	}
	config := t.Config(opts.Replication)
	if opts.Replication > 0 {
		fewest, most := replicas(detail)
		if fewest != opts.Replication || most != opts.Replication {
			differences = append(differences, Difference{name, Replication, span(fewest, most), strconv.Itoa(opts.Replication)})
		}
		// More than the topic's own replicas allow would stop its writers.
		config[minISR] = t.Config(fewest)[minISR]
	}
	for key, want := range config {
		if value, known := have[key]; known && value != want {
			differences = append(differences, Difference{name, key, value, want})
		}
	}
	return differences
}

// replicas are how many the topic's partitions have, at least and at most.
func replicas(detail kadm.TopicDetail) (fewest, most int) {
	for i, p := range detail.Partitions.Sorted() {
		n := len(p.Replicas)
		if i == 0 {
			fewest = n
		}
		fewest, most = min(fewest, n), max(most, n)
	}
	return fewest, most
}

func span(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}
