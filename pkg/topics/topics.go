// Package topics makes a Kafka cluster hold the topics of the table in package
// schemas, and says where it differs from the table. It changes nothing that
// is there already: above all no partition counts, since whoever owns a
// partition number owns its accounts, and adding partitions moves accounts to
// other owners while their state stays behind.
package topics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/schemas"
)

// pollInterval is how often a cluster is asked whether new topics have leaders.
const pollInterval = 100 * time.Millisecond

// Options say how the table is laid out on a cluster.
type Options struct {
	Prefix      string // stands before every logical name
	Partitions  int    // of every topic; 0 means schemas.DefaultPartitions
	Replication int    // replication factor; 0 means the broker's default
}

// Partitions is the Setting of a Difference in the number of partitions.
const Partitions = "partitions"

// Difference is a setting that is not as the table says.
type Difference struct {
	Topic   string // name on the wire
	Setting string // Partitions or the name of a topic configuration
	Have    string
	Want    string
}

func (d Difference) String() string {
	return fmt.Sprintf("topic %s: %s is %s, the table says %s", d.Topic, d.Setting, d.Have, d.Want)
}

// Report is what Ensure found and did, or Check found.
type Report struct {
	Created     []string // names on the wire
	Missing     []string // what Ensure would have created; only from Check
	Differences []Difference
}

// Log writes the report: what was created for information, differences as
// warnings with what they need.
func (r Report) Log(log *slog.Logger) {
	for _, name := range r.Created {
		log.Info("created topic", "topic", name)
	}
	for _, d := range r.Differences {
		remedy := "change it with kafka-configs, or leave it if it is meant"
		if d.Setting == Partitions {
			remedy = "set kafka.partitions to the topics' number; never add partitions to them: accounts would move away from their state"
		}
		log.Warn("topic differs from the table", "topic", d.Topic, "setting", d.Setting, "have", d.Have, "want", d.Want, "remedy", remedy)
	}
}

// Ensure creates the topics of the table that are missing, waits until they can
// be used, and reports how the others differ. It may run in several processes
// at once.
func Ensure(ctx context.Context, admin *kadm.Client, opts Options) (Report, error) {
	opts, names := opts.complete()
	found, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return Report{}, fmt.Errorf("list topics: %w", err)
	}
	var report Report
	if report.Created, err = create(ctx, admin, opts, found); err != nil {
		return report, err
	}
	if ready(found, names) != nil {
		if found, err = waitForLeaders(ctx, admin, names); err != nil {
			return report, err
		}
	}
	report.Differences, err = compare(ctx, admin, opts, found)
	return report, err
}

// complete fills the default in and lists the topics' names on the wire.
func (o Options) complete() (Options, []string) {
	if o.Partitions == 0 {
		o.Partitions = schemas.DefaultPartitions
	}
	names := make([]string, 0, len(schemas.Topics()))
	for _, t := range schemas.Topics() {
		names = append(names, o.Prefix+t.Name)
	}
	return o, names
}

// Check says what Ensure would create and how the rest differs from the table,
// and changes nothing. A topic that cannot be used is an error.
func Check(ctx context.Context, admin *kadm.Client, opts Options) (Report, error) {
	opts, names := opts.complete()
	found, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return Report{}, fmt.Errorf("list topics: %w", err)
	}
	var report Report
	var there []string
	for _, name := range names {
		if detail, ok := found[name]; ok && !errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
			there = append(there, name)
			continue
		}
		report.Missing = append(report.Missing, name)
		delete(found, name)
	}
	if len(there) == 0 {
		return report, nil
	}
	if err := ready(found, there); err != nil {
		return report, err
	}
	report.Differences, err = compare(ctx, admin, opts, found)
	return report, err
}

// create makes the topics that were not found. All that fail are reported.
func create(ctx context.Context, admin *kadm.Client, opts Options, found kadm.TopicDetails) ([]string, error) {
	replication := int16(-1)
	if opts.Replication > 0 {
		replication = int16(opts.Replication)
	}
	var created []string
	var faults []error
	for _, t := range schemas.Topics() {
		name := opts.Prefix + t.Name
		if detail, ok := found[name]; ok && !errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
			if detail.Err != nil {
				faults = append(faults, fmt.Errorf("topic %s: %w", name, detail.Err))
			}
			continue
		}
		config := make(map[string]*string)
		for key, value := range t.Config(opts.Replication) {
			config[key] = kadm.StringPtr(value)
		}
		answer, err := admin.CreateTopic(ctx, int32(opts.Partitions), replication, config, name)
		switch {
		case errors.Is(err, kerr.TopicAlreadyExists): // another process was faster
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
	fresh := kadm.WithAuthorizedOps(ctx)
	for {
		found, err := admin.ListTopics(fresh, names...)
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
// cluster does not know are left out.
func compare(ctx context.Context, admin *kadm.Client, opts Options, found kadm.TopicDetails) ([]Difference, error) {
	described, err := admin.DescribeTopicConfigs(ctx, found.Names()...)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
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
		if _, there := found[name]; !there {
			continue
		}
		if n := len(found[name].Partitions); n != opts.Partitions {
			differences = append(differences, Difference{name, Partitions, strconv.Itoa(n), strconv.Itoa(opts.Partitions)})
		}
		for key, want := range t.Config(opts.Replication) {
			if value, known := have[name][key]; known && value != want {
				differences = append(differences, Difference{name, key, value, want})
			}
		}
	}
	sort.Slice(differences, func(i, j int) bool {
		a, b := differences[i], differences[j]
		return a.Topic+"\x00"+a.Setting < b.Topic+"\x00"+b.Setting
	})
	return differences, nil
}
