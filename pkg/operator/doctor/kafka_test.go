package doctor

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestKafkaVersion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		version *kversion.Versions
		status  Status
		says    string
	}{
		"4.0": {kversion.V4_0_0(), OK, "4.0 or later"},
		"3.9": {kversion.V3_9_0(), Failed, "Kafka 4.0 or later is needed"},
		"2.8": {kversion.V2_8_0(), Failed, "upgrade the brokers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			admin := kadm.NewClient(fakekafka.Client(t, fakekafka.New(t, kfake.MaxVersions(test.version))))
			got := kafkaVersion(t.Context(), admin)
			if got.Status != test.status || !strings.Contains(got.Found+got.Cause+got.Fix, test.says) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestStoppedUnitsAreNamed with their partition, cause and remedy, whoever runs.
func TestStoppedUnitsAreNamed(t *testing.T) {
	t.Parallel()
	admin := kadm.NewClient(fakekafka.Client(t, fakekafka.New(t, kfake.SeedTopics(12, "s.order-changes"))))
	d := &doctor{Options: Options{Config: config.Config{Prefix: "s."}, Enabled: acls.Roles()}}
	if _, got := d.stopped(t.Context(), admin); got.Status != OK {
		t.Errorf("without a group: %+v", got)
	}
	commit := func(metadata string) {
		t.Helper()
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: "s.order-changes", Partition: 3, At: 7, LeaderEpoch: -1, Metadata: metadata})
		if err := admin.CommitAllOffsets(t.Context(), "s.orders", offsets); err != nil {
			t.Fatal(err)
		}
	}
	commit(`sellerstream stopped {"role":"orders","partition":3,"reason":"position_lost","cause":"the position 7 is not in the log","remedy":"sellerstream replay --reset","since":"2026-11-24T12:00:00Z"}`)
	_, got := d.stopped(t.Context(), admin)
	for _, part := range []string{"role orders", "partition 3", "2026-11-24T12:00:00Z", "the position 7 is not in the log", "sellerstream replay --reset"} {
		if got.Status != Failed || !strings.Contains(got.Found+got.Fix, part) {
			t.Errorf("%+v does not say %q", got, part)
		}
	}
	commit("sellerstream")
	if _, got := d.stopped(t.Context(), admin); got.Status != OK {
		t.Errorf("when it goes on again: %+v", got)
	}
}

func TestKafkaFeatures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		supported, finalized int16
		status               Status
		says                 string
	}{
		"4.0":                   {25, 25, OK, "4.0 or later"},
		"4.1":                   {27, 27, OK, "4.0 or later"},
		"upgraded by half":      {25, 21, Warning, "kafka-features.sh upgrade"},
		"a 3.9 broker":          {21, 21, Failed, "Kafka 4.0 or later is needed"},
		"a broker without them": {0, 0, Failed, "Kafka 4.0 or later is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := fakekafka.New(t)
			admin := kadm.NewClient(fakekafka.Client(t, cluster))
			cluster.ControlKey(int16(kmsg.ApiVersions), func(req kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
				for key := range int16(70) {
					resp.ApiKeys = append(resp.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: 9})
				}
				resp.SupportedFeatures = []kmsg.ApiVersionsResponseSupportedFeature{{Name: "metadata.version", MaxVersion: test.supported}}
				resp.FinalizedFeatures = []kmsg.ApiVersionsResponseFinalizedFeature{{Name: "metadata.version", MaxVersionLevel: test.finalized}}
				return resp, nil, true
			})
			got := kafkaVersion(t.Context(), admin)
			if got.Status != test.status || !strings.Contains(got.Found+got.Cause+got.Fix, test.says) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTransactionalIDsThatAreForbidden(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.New(t)
	admin := kadm.NewClient(fakekafka.Client(t, cluster))
	cluster.ControlKey(int16(kmsg.DescribeTransactions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.DescribeTransactionsResponse)
		for _, id := range req.(*kmsg.DescribeTransactionsRequest).TransactionalIDs {
			resp.TransactionStates = append(resp.TransactionStates, kmsg.DescribeTransactionsResponseTransactionState{
				TransactionalID: id, ErrorCode: kerr.TransactionalIDAuthorizationFailed.Code,
			})
		}
		return resp, nil, true
	})
	d := &doctor{Options: Options{TransactionalPrefix: "sellerstream.tx", Config: config.Config{}}}
	got := d.transactions(t.Context(), admin)
	if got.Status != Failed || !strings.Contains(got.Fix, "transactional ids with the prefix sellerstream.tx") {
		t.Errorf("got %+v", got)
	}
}
