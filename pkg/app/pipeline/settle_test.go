package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// TestAStartWaitsForBrokersToAgree: three brokers, and those that are asked do not know
// the new topics at first.
func TestAStartWaitsForBrokersToAgree(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.New(t, kfake.NumBrokers(3))
	var unknown atomic.Int32
	cluster.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if unknown.Add(1) > 3 {
			return nil, nil, false
		}
		answer := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, r := range req.(*kmsg.DescribeConfigsRequest).Resources {
			answer.Resources = append(answer.Resources, kmsg.DescribeConfigsResponseResource{
				ResourceType: r.ResourceType, ResourceName: r.ResourceName, ErrorCode: kerr.UnknownTopicOrPartition.Code,
			})
		}
		return answer, nil, true
	})
	var text bytes.Buffer
	p := &pipeline{Settings: Settings{Config: config.Default(), Logger: slog.New(slog.NewTextHandler(&text, nil))}}
	admin := kadm.NewClient(fakekafka.Client(t, cluster))
	err := settled(t.Context(), p.Logger, "topics", func() error { return p.ensureTopics(t.Context(), admin, []string{"feeds"}) })
	if err != nil || unknown.Load() < 4 {
		t.Fatalf("after %d answers: %v", unknown.Load(), err)
	}
	if n := strings.Count(text.String(), "waiting until all brokers"); n != 1 || !strings.Contains(text.String(), "UNKNOWN_TOPIC_OR_PARTITION") {
		t.Errorf("%d lines of a wait: %s", n, text.String())
	}
	if found, err := admin.ListTopics(t.Context(), p.Config.Prefix+schemas.FeedResults); err != nil || found.Error() != nil {
		t.Errorf("%v, %v", found, err)
	}
}

// TestOnlyWhatHealsIsWaitedFor: what stays as it is shows at once.
func TestOnlyWhatHealsIsWaitedFor(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		1: fmt.Errorf("topic: %w", kerr.TopicAuthorizationFailed),
		2: fmt.Errorf("topic: %w", kerr.LeaderNotAvailable),
		3: fmt.Errorf("topic: %w", kerr.CoordinatorNotAvailable),
		4: fmt.Errorf("topic: %w", kerr.UnknownTopicOrPartition),
		5: fmt.Errorf("topic: %w", kerr.InvalidReplicationFactor),
	} {
		tries := 0
		got := settled(t.Context(), slog.New(slog.DiscardHandler), "it", func() error {
			if tries++; tries < want || want == 1 {
				return err
			}
			return nil
		})
		if tries != want || errors.Is(got, err) != (want == 1) {
			t.Errorf("%v: %d tries, %v", err, tries, got)
		}
	}
}

// TestAnOldKafkaIsNamed as doctor does, and the start goes on.
func TestAnOldKafkaIsNamed(t *testing.T) {
	t.Parallel()
	for says, version := range map[string]*kversion.Versions{"Kafka 4.0 or later is needed": kversion.V3_9_0(), "": kversion.V4_0_0()} {
		var text bytes.Buffer
		admin := kadm.NewClient(fakekafka.Client(t, fakekafka.New(t, kfake.MaxVersions(version))))
		warnOldKafka(t.Context(), admin, slog.New(slog.NewTextHandler(&text, nil)))
		if (text.Len() > 0) != (says != "") || !strings.Contains(text.String(), says) {
			t.Errorf("%q, want %q", text.String(), says)
		}
	}
}
