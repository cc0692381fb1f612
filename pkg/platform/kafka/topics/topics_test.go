package topics_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newAdmin(t *testing.T) *kadm.Client {
	t.Helper()
	cluster := fakekafka.New(t)
	client := fakekafka.Client(t, cluster)
	return kadm.NewClient(client)
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	opts := topics.Options{Prefix: "test.", Replication: 1}
	report, err := topics.Ensure(t.Context(), admin, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Created) != len(schemas.Topics()) || len(report.Differences) != 0 {
		t.Errorf("on an empty cluster: %+v", report)
	}
	found, err := admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range schemas.Topics() {
		if n := len(found["test."+topic.Name].Partitions); n != schemas.DefaultPartitions {
			t.Errorf("%s has %d partitions", topic.Name, n)
		}
	}
	again, err := topics.Ensure(t.Context(), admin, opts)
	if err != nil || !reflect.DeepEqual(again, topics.Report{}) {
		t.Errorf("the second time: %+v, %v", again, err)
	}
}

func TestEnsureReportsDifferences(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	config := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "max.message.bytes": kadm.StringPtr("1048588")}
	if _, err := admin.CreateTopic(t.Context(), 3, 1, config, "test.orders"); err != nil {
		t.Fatal(err)
	}
	report, err := topics.Ensure(t.Context(), admin, topics.Options{Prefix: "test.", Partitions: 6, Replication: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"topic test.orders: cleanup.policy is compact, the table says delete",
		"topic test.orders: message.timestamp.type is CreateTime, the table says LogAppendTime",
		"topic test.orders: partitions is 3, the table says 6",
	}
	var got []string
	for _, d := range report.Differences {
		got = append(got, d.String())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	found, err := admin.ListTopics(t.Context(), "test.orders", "test.alerts")
	if err != nil || len(found["test.orders"].Partitions) != 3 || len(found["test.alerts"].Partitions) != 6 {
		t.Errorf("partition counts: %v, %v", found, err)
	}
}

func TestEnsureTogether(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			report, err := topics.Ensure(context.Background(), admin, topics.Options{Replication: 1})
			if err != nil || len(report.Differences) > 0 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	group.Wait()
}

func TestEnsureFails(t *testing.T) {
	t.Parallel()
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := topics.Ensure(ctx, kadm.NewClient(client), topics.Options{}); err == nil {
		t.Error("no error without a cluster")
	}
}

func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	opts := topics.Options{Prefix: "test.", Replication: 1}
	report, err := topics.Check(t.Context(), admin, opts)
	if err != nil || len(report.Missing) != len(schemas.Topics()) || len(report.Created)+len(report.Differences) != 0 {
		t.Errorf("on an empty cluster: %+v, %v", report, err)
	}
	if _, err := admin.CreateTopic(t.Context(), 3, 1, nil, "test."+schemas.Orders); err != nil {
		t.Fatal(err)
	}
	// Metadata is cached for seconds, except where the permissions are asked for too.
	fresh := kadm.WithAuthorizedOps(t.Context())
	report, err = topics.Check(fresh, admin, opts)
	if err != nil || len(report.Missing) != len(schemas.Topics())-1 || len(report.Differences) == 0 {
		t.Errorf("with one topic: %+v, %v", report, err)
	}
	for _, d := range report.Differences {
		if d.Topic != "test."+schemas.Orders {
			t.Errorf("a topic that is missing differs: %v", d)
		}
	}
	if _, err := topics.Ensure(fresh, admin, opts); err != nil {
		t.Fatal(err)
	}
	report, err = topics.Check(fresh, admin, opts)
	if err != nil || len(report.Missing) != 0 {
		t.Errorf("with all topics: %+v, %v", report, err)
	}
}

func TestApplyMakesTheTable(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	config := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "retention.ms": kadm.StringPtr("-1")}
	if _, err := admin.CreateTopic(t.Context(), 3, 1, config, "test."+schemas.Orders); err != nil {
		t.Fatal(err)
	}
	opts := topics.Options{Prefix: "test.", Replication: 1}
	fresh := kadm.WithAuthorizedOps(t.Context()) // else metadata is cached for seconds
	plan, err := topics.Check(fresh, admin, opts)
	if err != nil {
		t.Fatal(err)
	}
	done, err := topics.Apply(fresh, admin, opts, plan)
	if err != nil {
		t.Fatal(err)
	}
	partitions := []topics.Difference{{Topic: "test.orders", Setting: topics.Partitions, Have: "3", Want: "12"}}
	if len(done.Created) != len(schemas.Topics())-1 || len(done.Altered) != len(plan.Differences)-1 || !reflect.DeepEqual(done.Differences, partitions) {
		t.Errorf("done: %+v\nof: %+v", done, plan)
	}
	after, err := topics.Check(fresh, admin, opts)
	if err != nil || !reflect.DeepEqual(after, topics.Report{Differences: partitions}) {
		t.Errorf("afterwards: %+v, %v", after, err)
	}
}

func TestApplySaysWhatItDidWhereSomeFails(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	if _, err := topics.Ensure(t.Context(), admin, topics.Options{Replication: 1}); err != nil {
		t.Fatal(err)
	}
	done, err := topics.Apply(t.Context(), admin, topics.Options{Replication: 1}, topics.Report{Differences: []topics.Difference{
		{Topic: "absent", Setting: "retention.ms", Want: "1"},
		{Topic: schemas.Orders, Setting: "retention.ms", Want: "1"},
	}})
	if err == nil || !strings.Contains(err.Error(), "set retention.ms of topic absent to 1: UNKNOWN_TOPIC") {
		t.Errorf("error %v", err)
	}
	if len(done.Altered) != 1 || done.Altered[0].Topic != schemas.Orders {
		t.Errorf("done %+v", done)
	}
}

// More in-sync replicas than a topic has would stop its writers: they wait for
// the replicas.
func TestReplicasComeBeforeTheirMinimum(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	if _, err := topics.Ensure(t.Context(), admin, topics.Options{Replication: 1}); err != nil {
		t.Fatal(err)
	}
	report, err := topics.Check(t.Context(), admin, topics.Options{Replication: 3})
	if err != nil || len(report.Differences) != len(schemas.Topics()) {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, d := range report.Differences {
		if d.Setting != topics.Replication || d.Have != "1" || d.Want != "3" || d.Alterable() {
			t.Errorf("%+v", d)
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t)
	if _, err := admin.CreateTopics(t.Context(), 1, 1, nil, "test.orders", "test.ordres", "test.skus", "other"); err != nil {
		t.Fatal(err)
	}
	fresh := kadm.WithAuthorizedOps(t.Context())
	found, err := topics.Unknown(fresh, admin, topics.Options{Prefix: "test."}, "test.skus")
	if err != nil || !reflect.DeepEqual(found, []string{"test.ordres"}) {
		t.Errorf("found %v, %v", found, err)
	}
	if found, err := topics.Unknown(fresh, admin, topics.Options{}); err != nil || len(found) != 0 {
		t.Errorf("without a prefix: %v, %v", found, err)
	}
}

func TestLoss(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		setting, have, want string
		loses               bool
	}{
		{"retention.ms", "-1", "604800000", true},
		{"retention.ms", "604800001", "604800000", true},
		{"retention.ms", "1000", "604800000", false},
		{"cleanup.policy", "delete", "compact", true},
		{"cleanup.policy", "compact", "delete", true},
		{"max.message.bytes", "2", "1", false},
	} {
		d := topics.Difference{Setting: test.setting, Have: test.have, Want: test.want}
		if loss := d.Loss(); (loss != "") != test.loses {
			t.Errorf("%+v: %q", test, loss)
		}
	}
}
