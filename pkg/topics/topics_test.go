package topics_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/topics"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newAdmin(t *testing.T) *kadm.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
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
