package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/permissions"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	checkVersion      = "version"
	checkTopics       = "topics"
	checkPartitions   = "partitions"
	checkSettings     = "settings"
	checkTransactions = "transactions"
	checkPermissions  = "permissions"
	checkUnits        = "units"
	checkPositions    = "positions"

	// kafkaTimeout is for the first answer: the client tries again until then.
	kafkaTimeout = 10 * time.Second
)

// kafka examines the cluster.
func (d *doctor) kafka(ctx context.Context) *exam {
	e := &exam{part: partKafka}
	defer d.tell(e)
	client, err := kclient.NewClient(d.Parts.Kafka...)
	if err != nil {
		e.add(checkReachable, fail("", err.Error(), "correct the section kafka of the configuration").at("kafka"))
		return e
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	e.check(ctx, checkReachable, nil, func(ctx context.Context) Finding {
		ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
		defer cancel()
		if err := client.Ping(ctx); err != nil {
			if fault := kafka.Explain(d.Config.Kafka, err); fault != nil {
				return fail(oneLine(err.Error()), fault.Cause, fault.Fix).at("%s", fault.Key)
			}
			return fail(oneLine(err.Error()), fmt.Sprintf("no broker of %v answers", d.Config.Kafka.Brokers),
				"start Kafka, or correct the addresses; check that this machine reaches them").at("kafka.brokers")
		}
		return good("%s", strings.Join(d.Config.Kafka.Brokers, ", "))
	})
	then := func(name string, needs string, do func(context.Context) Finding) {
		e.check(ctx, name, []string{needs}, do)
	}
	then(checkVersion, checkReachable, func(ctx context.Context) Finding { return kafkaVersion(ctx, admin) })
	var report topics.Report
	then(checkTopics, checkReachable, func(ctx context.Context) (found Finding) {
		report, found = d.topics(ctx, admin)
		return found
	})
	then(checkPartitions, checkTopics, func(context.Context) Finding { return partitions(report) })
	then(checkSettings, checkTopics, func(context.Context) Finding { return settings(report) })
	then(checkPermissions, checkReachable, func(ctx context.Context) Finding { return d.permissions(ctx, client) })
	var stopped []stream.Stopped
	then(checkUnits, checkReachable, func(ctx context.Context) (found Finding) {
		stopped, found = d.stopped(ctx, admin)
		return found
	})
	then(checkPositions, checkReachable, func(ctx context.Context) Finding { return d.positions(ctx, admin, stopped) })
	then(checkWork, checkReachable, d.work)
	then(checkTransactions, checkReachable, func(ctx context.Context) Finding { return d.transactions(ctx, admin) })
	return e
}

// kafkaVersion wants every broker to be of Kafka 4.0 or later.
func kafkaVersion(ctx context.Context, admin *kadm.Client) Finding {
	versions, err := kafka.AskVersions(ctx, admin)
	switch {
	case err != nil:
		return fail(oneLine(err.Error()), "the brokers do not say which versions they speak", "check that this is Kafka, and that each broker's advertised address can be reached from here")
	case len(versions.Old) > 0:
		return fail("brokers older than 4.0: "+few(versions.Old), "Kafka 4.0 or later is needed", "upgrade the brokers")
	case len(versions.Silent) > 0:
		return fail("brokers that do not answer: "+oneLine(few(versions.Silent)), "this machine reaches only part of the cluster", "check each broker's advertised.listeners: its address there must be reachable from here")
	case versions.Unfinished():
		return warn(fmt.Sprintf("the brokers are of 4.0 or later, the cluster's metadata.version is still %d", versions.Finalized),
			"an upgrade of the cluster was not finished", "finish it with kafka-features.sh upgrade --release-version 4.0 or later")
	}
	return good("4.0 or later (%s)", columns.Counted(versions.Brokers, "broker"))
}

// topics compares the cluster with the table of topics.
func (d *doctor) topics(ctx context.Context, admin *kadm.Client) (topics.Report, Finding) {
	report, err := topics.Check(ctx, admin, topics.Options{
		Prefix: d.Config.Prefix, Partitions: d.Config.Kafka.Partitions, Replication: d.Config.Kafka.Replication,
	})
	all := len(schemas.Topics())
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return report, fail(oneLine(err.Error()), "Kafka's ACLs do not let us see our topics",
			"allow Describe, DescribeConfigs, Read and Write on topics with the prefix "+d.Config.Prefix)
	case err != nil:
		return report, fail(oneLine(err.Error()), "a topic cannot be used as it is", "check the brokers that hold it")
	case len(report.Missing) == all:
		return report, warn(fmt.Sprintf("none of the %d topics", all), "no pipeline has run here with the prefix "+d.Config.Prefix,
			"nothing, if this is a new one: `sellerstream topics apply` or `run` creates them; else correct the prefix").at("prefix")
	}
	// What only others use is created by the first that does.
	needed := permissions.Layout(d.Config, d.TransactionalPrefix).Topics(d.Enabled...)
	missing := slices.DeleteFunc(slices.Clone(report.Missing), func(name string) bool {
		return !slices.Contains(needed, strings.TrimPrefix(name, d.Config.Prefix))
	})
	if len(missing) > 0 {
		return report, warn("missing: "+few(missing), "they were deleted, or are new in this version",
			"nothing, if they are new: `sellerstream topics apply` or `run` creates them")
	}
	return report, good("all that the pipeline uses are there")
}

// partitions wants the same number for every topic.
func partitions(r topics.Report) Finding {
	counts := map[string][]string{}
	want := ""
	for _, d := range r.Differences {
		if d.Setting == topics.Partitions {
			counts[d.Have] = append(counts[d.Have], d.Topic)
			want = d.Want
		}
	}
	there, off := len(schemas.Topics())-len(r.Missing), 0
	var found []string
	for have, names := range counts {
		off += len(names)
		found = append(found, fmt.Sprintf("%s have %s", few(names), have))
	}
	slices.Sort(found)
	switch {
	case off == 0:
		return good("the same number everywhere")
	case len(counts) == 1 && off == there:
		for have := range counts {
			return warn("every topic has "+have+", kafka.partitions is "+want, "the configuration names another number than the topics have",
				"write kafka.partitions: "+have+"; never add partitions to topics: accounts would move away from their state").at("kafka.partitions")
		}
	}
	return fail(strings.Join(found, "; ")+", the others have "+want, "topics have unequal partition counts, so an account's records are not on the same partition everywhere",
		"`sellerstream topics plan` shows them; delete those topics while the pipeline is stopped, if they are empty, and let `sellerstream run` create them anew; "+
			"else move to a new prefix, as \"Another number of partitions\" in schemas/README.md says; never add partitions to a topic in use")
}

// settings are the topics' configurations besides partitions.
func settings(r topics.Report) Finding {
	var found []string
	for _, d := range r.Differences {
		if d.Setting != topics.Partitions {
			found = append(found, fmt.Sprintf("%s of %s is %s, not %s", d.Setting, d.Topic, d.Have, d.Want))
		}
	}
	if len(found) == 0 {
		return good("cleanup, retention and sizes are as the table says")
	}
	return warn(few(found), "topics are set up otherwise than the table of topics says",
		"look with `sellerstream topics plan` and set them with `sellerstream topics apply`, or leave what is meant")
}

// transactions asks for a transaction of ours, without beginning one. Kafka asks
// for the permission before it says that there is none.
func (d *doctor) transactions(ctx context.Context, admin *kadm.Client) Finding {
	id := d.TransactionalPrefix + "-orders-0"
	described, err := admin.DescribeTransactions(ctx, id)
	if err == nil {
		err = described[id].Err
	}
	switch {
	case err == nil || errors.Is(err, kerr.TransactionalIDNotFound):
		return good("may be described; whether we may write them is not tried")
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return fail(oneLine(err.Error()), "Kafka's ACLs do not let us use our transactional ids",
			"allow Describe and Write on transactional ids with the prefix "+d.TransactionalPrefix)
	}
	return fail(oneLine(err.Error()), "the transaction coordinator does not answer", "check the brokers that hold __transaction_state")
}
