package doctor

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// TestPositionsOutsideTheLog are failures with the command that goes on, unless the role
// goes on by itself, the unit is known to stand still, or there is no log.
func TestPositionsOutsideTheLog(t *testing.T) {
	t.Parallel()
	const removed = 3 // records at the beginning
	for name, test := range map[string]struct {
		group, topic string
		at           int64
		stopped      []stream.Stopped
		status       Status
		says         []string
	}{
		"at the beginning":   {"orders", "order-changes", removed, nil, OK, []string{"in the log"}},
		"at the end":         {"orders", "order-changes", 5, nil, OK, nil},
		"no topic":           {"feeds", "feed-results", 7, nil, OK, nil},
		"before the log":     {"orders", "order-changes", 2, nil, Failed, []string{"orders, topic order-changes, partition 1: the position 2 is not in the log, which has 3 to 5", "`sellerstream replay --reset --role orders --topic order-changes --from-offset 1:3`", "these units stop when they run"}},
		"behind the log":     {"inventory", "orders", 6, nil, Failed, []string{"--reset --role inventory --topic orders --from-offset 1:3"}},
		"a unit stands":      {"orders", "order-changes", 2, []stream.Stopped{{Role: "orders", Partition: 1, Reason: stream.PositionLost}}, OK, nil},
		"another unit does":  {"orders", "order-changes", 2, []stream.Stopped{{Role: "orders", Partition: 0, Reason: stream.PositionLost}}, Failed, nil},
		"for another reason": {"orders", "order-changes", 2, []stream.Stopped{{Role: "orders", Partition: 1, Reason: stream.Failing}}, Failed, nil},
		"copies of a replay": {"orders", "replays", 2, nil, Warning, []string{"goes on at the log's start by itself"}},
		"events":             {"events", "orders", 2, nil, Warning, []string{"events, topic orders, partition 1", "by itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := fakekafka.New(t, kfake.SeedTopics(2, "s.order-changes", "s.orders", "s.replays"))
			client := fakekafka.Client(t, cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			admin := kadm.NewClient(client)
			var removals, offsets kadm.Offsets
			for _, topic := range []string{"s.order-changes", "s.orders", "s.replays"} {
				for range 5 {
					if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: 1, Value: []byte("v")}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				removals.Add(kadm.Offset{Topic: topic, Partition: 1, At: removed})
			}
			if _, err := admin.DeleteRecords(t.Context(), removals); err != nil {
				t.Fatal(err)
			}
			offsets.Add(kadm.Offset{Topic: "s." + test.topic, Partition: 1, At: test.at, LeaderEpoch: -1})
			if err := admin.CommitAllOffsets(t.Context(), "s."+test.group, offsets); err != nil && test.topic != "feed-results" {
				t.Fatal(err)
			}
			d := &doctor{Options: Options{Config: config.Config{Prefix: "s."}, Enabled: acls.Roles(), Parts: Parts{Kafka: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}}}}
			got := d.positions(t.Context(), admin, test.stopped)
			if got.Status != test.status {
				t.Errorf("got %+v, want %s", got, test.status)
			}
			for _, words := range test.says {
				if !strings.Contains(got.Found+got.Cause+got.Fix, words) {
					t.Errorf("%+v does not say %q", got, words)
				}
			}
		})
	}
}
