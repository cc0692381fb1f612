// Package topics makes a Kafka cluster hold the topics of the table in package
// schemas, and reports where it differs from the table. It never changes partition
// counts, since whoever owns a partition number owns its accounts, and adding
// partitions moves accounts to other owners while their state stays behind.
package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/schemas"
)

// Options describe how the table is laid out on a cluster.
type Options struct {
	Prefix      string // stands before every logical name
	Partitions  int    // of every topic; 0 means schemas.DefaultPartitions
	Replication int    // replication factor; 0 or less means the broker's default
	// Topics limits all to some topics, by their logical names; none means the whole table.
	Topics []string
}

// Ensure creates the topics of the table that are missing, waits until they can
// be used, and reports how the others differ, as far as its user may look. It may
// run in several processes at once.
func Ensure(ctx context.Context, admin *kadm.Client, opts Options) (Report, error) {
	opts, names := opts.complete()
	ctx = kadm.WithAuthorizedOps(ctx)
	found, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return Report{}, fmt.Errorf("list topics: %w", err)
	}
	var report Report
	missing, err := absent(found, names)
	if err != nil {
		return report, err
	}
	if report.Created, err = create(ctx, admin, opts, missing); err != nil {
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

// Check returns what Ensure would create and how the rest differs from the table,
// and changes nothing. A topic that cannot be used is an error.
func Check(ctx context.Context, admin *kadm.Client, opts Options) (Report, error) {
	opts, names := opts.complete()
	found, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return Report{}, fmt.Errorf("list topics: %w", err)
	}
	var report Report
	if report.Missing, err = absent(found, names); err != nil {
		return report, err
	}
	for _, name := range report.Missing {
		delete(found, name)
	}
	if len(found) == 0 {
		return report, nil
	}
	if err := ready(found, found.Names()); err != nil {
		return report, err
	}
	report.Differences, err = compare(ctx, admin, opts, found)
	return report, err
}

// Apply makes what is Missing in the report of a Check, and sets what differs as
// the table says; partitions and replicas stay as they are. It says what it did
// even if some of it failed.
func Apply(ctx context.Context, admin *kadm.Client, opts Options, report Report) (Report, error) {
	opts, _ = opts.complete()
	created, err := create(ctx, admin, opts, report.Missing)
	done := Report{Created: created}
	faults := []error{err}
	if len(created) > 0 {
		_, err := waitForLeaders(ctx, admin, created)
		faults = append(faults, err)
	}
	var altered []Difference
	for _, d := range report.Differences {
		if !d.Alterable() {
			done.Differences = append(done.Differences, d)
			continue
		}
		// One at a time: where one setting is refused, the others are not.
		if err := alter(ctx, admin, d); err != nil {
			faults = append(faults, err)
			continue
		}
		altered = append(altered, d)
	}
	done.Altered = altered
	return done, errors.Join(faults...)
}

func alter(ctx context.Context, admin *kadm.Client, d Difference) error {
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: d.Setting, Value: kadm.StringPtr(d.Want)}
	answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, d.Topic)
	message := ""
	if err == nil {
		var answer kadm.AlterConfigsResponse
		answer, err = answers.On(d.Topic, nil)
		if err == nil {
			err, message = answer.Err, answer.ErrMessage
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		message = "allow AlterConfigs on it to this user"
	}
	return fmt.Errorf("set %s of topic %s to %s: %w %s", d.Setting, d.Topic, d.Want, err, message)
}

// Unknown lists the topics under the prefix that the table does not have, except
// those in known. Without a prefix nothing can be told to be ours.
func Unknown(ctx context.Context, admin *kadm.Client, opts Options, known ...string) ([]string, error) {
	if opts.Prefix == "" {
		return nil, nil
	}
	found, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	_, names := opts.complete()
	known = append(known, names...)
	return slices.DeleteFunc(found.Names(), func(name string) bool {
		return !strings.HasPrefix(name, opts.Prefix) || slices.Contains(known, name)
	}), nil
}

// mostPrefixes bounds what Prefixes returns.
const mostPrefixes = 10

// Prefixes are those under which a cluster has topics with several names of the table, by
// name and at most ten.
func Prefixes(ctx context.Context, admin *kadm.Client) ([]string, error) {
	found, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	topics := make(map[string]int)
	for _, name := range found.Names() {
		for _, t := range schemas.Topics() {
			if prefix, ok := strings.CutSuffix(name, t.Name); ok {
				topics[prefix]++
			}
		}
	}
	var prefixes []string
	for prefix, n := range topics {
		if n >= len(schemas.Topics())/2 { // a few names are those of others' topics too
			prefixes = append(prefixes, prefix)
		}
	}
	slices.Sort(prefixes)
	return prefixes[:min(len(prefixes), mostPrefixes)], nil
}

// complete fills the default in and lists the topics' names on the wire.
func (o Options) complete() (Options, []string) {
	if o.Partitions == 0 {
		o.Partitions = schemas.DefaultPartitions
	}
	names := make([]string, 0, len(schemas.Topics()))
	for _, t := range schemas.Topics() {
		if len(o.Topics) == 0 || slices.Contains(o.Topics, t.Name) {
			names = append(names, o.Prefix+t.Name)
		}
	}
	return o, names
}
