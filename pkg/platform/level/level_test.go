package level

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a fake Kafka on a virtual network, with the topics that Begin looks at.
type world struct {
	t       *testing.T
	options []kgo.Opt
	cluster *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
}

func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := &kfake.VirtualNetwork{}
		var topics []string
		for _, topic := range schemas.Topics() {
			topics = append(topics, "t."+topic.Name)
		}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(net.Listen), kfake.SeedTopics(2, topics...))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		w := &world{t: t, cluster: cluster, options: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.Dialer(net.DialContext)}}
		w.client = w.connect()
		defer w.client.Close()
		w.admin = kadm.NewClient(w.client)
		test(t, w)
	})
}

func (w *world) connect(more ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	client, err := kgo.NewClient(append(slices.Clone(w.options), more...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// follow opens the level as a process does. stop ends that.
func (w *world) follow() (s *pause.Switches, stop func()) {
	w.t.Helper()
	s, err := pause.Open(w.t.Context(), pause.Options{
		Kafka: w.options, Prefix: "t.", Codec: pause.Plain{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	return s, func() { cancel(); <-done; s.Close() }
}

func TestALevelIsRaisedWhenAllKnowItAndNeverLowered(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		running, stop := w.follow()
		defer stop()
		s, stopRaising := w.follow()
		defer stopRaising()
		if at := Of(running); at != First {
			t.Errorf("an installation that nobody has raised is at level %d", at)
		}
		members := []Member{{Role: "orders", Host: "10.0.0.1", Version: "v0.2.0", Level: 2}, {Role: "feeds", Host: "10.0.0.2", Version: before, Level: First}}
		if err := Raise(t.Context(), s, members, 2, "me"); err == nil || !strings.Contains(err.Error(), "role feeds on 10.0.0.2 runs version "+before) || strings.Contains(err.Error(), "orders") {
			t.Errorf("raised beside a version that does not know it: %v", err)
		}
		if err := Check(running, First, "v0.1.0"); err != nil {
			t.Error(err)
		}
		if err := Raise(t.Context(), s, members[:1], 2, "me"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		later, stopLater := w.follow()
		defer stopLater()
		for name, who := range map[string]*pause.Switches{"who runs": running, "who starts": later} {
			if at := Of(who); at != 2 {
				t.Errorf("%s is at level %d, want 2", name, at)
			}
			if old := (*TooOldError)(nil); !errors.As(Check(who, 1, "v0.1.0"), &old) || !strings.Contains(old.Error(), "v0.1.0") {
				t.Errorf("%s: version v0.1.0 may run", name)
			}
			if err := Check(who, 2, "v0.2.0"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if held := who.Held("acme-eu", true); held != nil {
				t.Errorf("the level pauses calls: %v", held)
			}
		}
		if err := Raise(t.Context(), later, nil, 1, "me"); err == nil || Of(later) != 2 {
			t.Errorf("lowered: %v", err)
		}
	})
}

// What began before there were levels stays at the first, so that its older processes can
// go on.
func TestOnlyAnEmptyInstallationBeginsAtTheNewestLevel(t *testing.T) {
	for name, test := range map[string]struct {
		state bool
		want  int
	}{"empty": {false, 3}, "with state": {true, First}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				if test.state {
					rec := &kgo.Record{Topic: "t." + schemas.StateFeeds, Key: []byte("k"), Value: []byte("v")}
					if err := w.client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 { // the second start finds what the first has made of it
					s, stop := w.follow()
					if err := Begin(t.Context(), s, w.admin, "t.", 3); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Second)
					if at := Of(s); at != test.want {
						t.Errorf("it is at level %d, want %d", at, test.want)
					}
					stop()
				}
			})
		})
	}
}

// A process of some roles makes their topics alone.
func TestTopicsThatAreNotThereYetHoldNoState(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s, stop := w.follow()
		defer stop()
		if _, err := w.admin.CreateTopic(t.Context(), 1, 1, nil, "other."+schemas.StateOrders); err != nil {
			t.Fatal(err)
		}
		if err := Begin(t.Context(), s, w.admin, "other.", 3); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if at := Of(s); at != 3 {
			t.Errorf("it is at level %d, want 3", at)
		}
	})
}

// What cannot be read does not lower the level, nor end who runs. Who starts refuses to.
func TestALevelThatCannotBeReadIsNotLowered(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		running, stop := w.follow()
		defer stop()
		if err := Raise(t.Context(), running, nil, 3, "me"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := w.client.ProduceSync(t.Context(), &kgo.Record{Topic: "t." + schemas.Switches, Key: []byte(schemas.FeatureLevel), Value: []byte("{")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := Check(running, 3, "v0.3.0"); err != nil || Of(running) != 3 {
			t.Errorf("who runs is at level %d: %v", Of(running), err)
		}
		later, stopLater := w.follow()
		defer stopLater()
		if err := Check(later, 3, "v0.3.0"); err == nil || !strings.Contains(err.Error(), "upgrade finish") {
			t.Errorf("who starts: %v", err)
		}
		if err := Raise(t.Context(), later, nil, 2, "me"); err == nil {
			t.Error("lowered to 2")
		}
		if err := Raise(t.Context(), later, nil, 3, "me"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if err := Check(later, 3, "v0.3.0"); err != nil {
			t.Error(err)
		}
	})
}

func TestALevelThatStandsIsNotWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s, stop := w.follow()
		defer stop()
		if err := Raise(t.Context(), s, nil, First, "me"); err != nil {
			t.Fatal(err)
		}
		ends, err := w.admin.ListEndOffsets(t.Context(), "t."+schemas.Switches)
		if err != nil {
			t.Fatal(err)
		}
		ends.Each(func(o kadm.ListedOffset) {
			if o.Offset != 0 {
				t.Errorf("partition %d has %d records", o.Partition, o.Offset)
			}
		})
	})
}

func TestWhoIsNotPermittedToLookBeginsAtTheFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s, stop := w.follow()
		defer stop()
		w.cluster.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.cluster.KeepControl()
			refused := kmsg.NewPtrListOffsetsResponse()
			refused.Version = req.GetVersion()
			for _, asked := range req.(*kmsg.ListOffsetsRequest).Topics {
				topic := kmsg.NewListOffsetsResponseTopic()
				topic.Topic = asked.Topic
				for _, p := range asked.Partitions {
					partition := kmsg.NewListOffsetsResponseTopicPartition()
					partition.Partition, partition.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
					topic.Partitions = append(topic.Partitions, partition)
				}
				refused.Topics = append(refused.Topics, topic)
			}
			return refused, nil, true
		})
		if err := Begin(t.Context(), s, w.admin, "t.", 3); err == nil || Of(s) != First {
			t.Errorf("not permitted, it begins at level %d: %v", Of(s), err)
		}
	})
}

func TestMembersShowTheirVersions(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for id, topic := range map[string]string{
			ClientID("orders", "v0.3.0", 2): "t." + schemas.OrderChanges, "sellerstream-orders": "t." + schemas.OrderChanges,
		} {
			client := w.connect(kgo.ClientID(id), kgo.ConsumerGroup("t.orders"), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond))
			defer client.Close()
		}
		time.Sleep(10 * time.Second) // they join
		members, err := Members(t.Context(), w.admin, "t.", []string{"feeds", "orders"})
		if err != nil || len(members) != 2 {
			t.Fatalf("members %v: %v", members, err)
		}
		for i, want := range []Member{{Role: "orders", Version: before, Level: First}, {Role: "orders", Version: "v0.3.0", Level: 2}} {
			members[i].Host = ""
			if members[i] != want {
				t.Errorf("member %+v, want %+v", members[i], want)
			}
		}
	})
}

func FuzzMember(f *testing.F) {
	f.Add(ClientID("orders", "v0.2.0", Newest))
	f.Add("sellerstream-orders/999999999999999999999/v1")
	f.Add("kgo")
	f.Fuzz(func(t *testing.T, id string) {
		if m := parse(id); m.Level < First {
			t.Errorf("client id %q knows level %d", id, m.Level)
		}
	})
}

// Version 0.1.0 reads the record of the level as a switch that is off.
func TestTheVersionBeforeReadsTheLevelAsNoPause(t *testing.T) {
	t.Parallel()
	record, _ := schemas.Of("Switch")
	var fields map[string]any
	if err := json.Unmarshal([]byte(record.Schema()), &fields); err != nil {
		t.Fatal(err)
	}
	fields["fields"] = slices.DeleteFunc(fields["fields"].([]any), func(f any) bool { return f.(map[string]any)["name"] == "level" })
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	writer, err1 := avro.Parse(record.Schema())
	older, err2 := avro.Parse(string(text))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	resolved, err := avro.Resolve(writer, older)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	data := (&schemas.Switch{Subject: schemas.FeatureLevel, Level: 2, By: "me"}).AppendAvro(nil)
	if _, err := resolved.Decode(data, &read); err != nil || read["paused"] != false || read["subject"] != schemas.FeatureLevel {
		t.Errorf("it reads %+v: %v", read, err)
	}
}
