package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/tail"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// produced writes values to a topic of ours, keyed by key.
func produced(t *testing.T, file, topic, key string, values ...any) {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	codec := fakekafka.Codec(t, cfg.Registry.URL, cfg.Prefix, topic)
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Kafka.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, value := range values {
		rec := &kgo.Record{Topic: cfg.Prefix + topic, Key: []byte(key)}
		if raw, ok := value.([]byte); ok {
			rec.Value = raw
		} else if rec.Value, err = codec.AppendEncode(nil, topic, value); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func change(account string, n int) *schemas.OrderChange {
	return &schemas.OrderChange{Account: account, OrderID: fmt.Sprintf("order-%d", n)}
}

// orderIDs are those of the lines that tail has printed.
func orderIDs(t *testing.T, stdout string) string {
	t.Helper()
	var ids []string
	for line := range strings.Lines(stdout) {
		var r tail.Record
		var value struct{ OrderID string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		_ = json.Unmarshal(r.Value, &value)
		ids = append(ids, value.OrderID)
	}
	return strings.Join(ids, " ")
}

func TestTail(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	for n := range 5 {
		produced(t, file, schemas.OrderChanges, "acme-eu", change("acme-eu", n))
		produced(t, file, schemas.OrderChanges, "other", change("other", 10+n))
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"--last", "3"}, "order-13 order-4 order-14"},
		{[]string{"--last", "2", "--account", "acme-eu"}, "order-3 order-4"},
		{[]string{"--since", "1h", "--account", "other"}, "order-10 order-11 order-12 order-13 order-14"},
		{[]string{"--last", "0"}, ""},
	} {
		code, stdout, stderr := execute(append([]string{"tail", "order-changes", "--config", file}, step.args...)...)
		if got := orderIDs(t, stdout); code != 0 || got != step.want {
			t.Errorf("%v: exit %d, %q, want %q\n%s", step.args, code, got, step.want, stderr)
		}
	}
	produced(t, file, schemas.OrderChanges, "acme-eu", []byte("no Avro"))
	if code, stdout, _ := execute("tail", "order-changes", "--last", "1", "--config", file); code != 0 || !strings.Contains(stdout, `"error":"value`) || !strings.Contains(stdout, `"bytes":"bm8gQXZybw=="`) {
		t.Errorf("what cannot be decoded: exit %d, %s", code, stdout)
	}
	for says, args := range map[string][]string{
		`no topic is called "ordres"`: {"tail", "ordres"},
		"--last must be":              {"tail", "orders", "--last", "-1"},
		"--since":                     {"tail", "orders", "--since", "yesterday"},
	} {
		if code, _, stderr := execute(append(args, "--config", file)...); code != exitUsage || !strings.Contains(stderr, says) {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
}

// With --follow tail goes on with what comes, until it is told to stop.
func TestTailFollows(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	produced(t, file, schemas.OrderChanges, "acme-eu", change("acme-eu", 1))
	ctx, stop := context.WithCancel(t.Context())
	root := newRootCommand()
	root.SetArgs([]string{"tail", "order-changes", "--follow", "--config", file})
	out, in := io.Pipe()
	root.SetOut(in)
	root.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	lines := bufio.NewScanner(out)
	for n := 1; n <= 3; n++ {
		if !lines.Scan() || orderIDs(t, lines.Text()) != fmt.Sprintf("order-%d", n) {
			t.Fatalf("line %d is %q", n, lines.Text())
		}
		produced(t, file, schemas.OrderChanges, "acme-eu", change("acme-eu", n+1))
	}
	stop()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAlertsCommand(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	if code, stdout, _ := execute("alerts", "--config", file); code != 0 || stdout != "no alert is open\n" {
		t.Errorf("exit %d, %s", code, stdout)
	}
	if code, stdout, _ := execute("alerts", "--json", "--config", file); code != 0 || !strings.Contains(stdout, `"alerts": []`) {
		t.Errorf("exit %d, %s", code, stdout)
	}
	alert := func(id, kind, subject, severity, resolves string) *schemas.Alert {
		return &schemas.Alert{
			EventID: id, EventType: kind, Account: "acme-eu", Role: "shipments", Severity: severity, Subject: subject, Message: "look at " + id,
			Since: time.Now(), Time: time.Now(), Resolves: resolves,
		}
	}
	endOf := func(id, account, resolves string) *schemas.Alert {
		end := alert(id, "SettingBlocks", "s", resolvedSeverity, resolves)
		end.Account = account
		return end
	}
	sharedBy := func(id, cause, account string) *schemas.Alert {
		shared := alert(id, "SharedFailure", cause, "CRITICAL", "")
		shared.Account = account
		return shared
	}
	before := func(ago time.Duration, a *schemas.Alert) *schemas.Alert {
		a.Time = a.Time.Add(-ago)
		return a
	}
	produced(t, file, schemas.Alerts, "acme-eu",
		alert("a", "ShipmentMissing", "202-1", "WARNING", ""), alert("a", "ShipmentMissing", "202-1", "WARNING", ""), // again
		alert("b", "ShipmentMissing", "202-1", "CRITICAL", ""),
		alert("c", "ShipmentHeld", "202-2", "WARNING", ""), alert("d", "ShipmentHeld", "202-2", resolvedSeverity, "c"),
		alert("t", "ForeignFeed", "f2", "WARNING", ""),
		alert("e", "FeedStuck", "f1", "WARNING", ""), alert("f", "FeedStuck", "f1", resolvedSeverity, "another"),
		alert("g", "AccountParked", "getOrder", "CRITICAL", ""), alert("h", "AccountRecovered", "getOrder", resolvedSeverity, "g"),
		alert("k", "SettingBlocks", "s", "WARNING", ""), endOf("l", "zeta", "k"),
		alert("j", "SharedFailure", "dns", resolvedSeverity, "i"), alert("i", "SharedFailure", "dns", "CRITICAL", ""), // another account's end is read first
		// Three processes raise it; two have ended the first, all the second.
		sharedBy("m", "host", "acme-eu"), sharedBy("m", "host", "beta"), sharedBy("m", "host", "eta"), endOf("n", "acme-eu", "m"), endOf("o", "beta", "m"),
		sharedBy("p", "gone", "acme-eu"), sharedBy("p", "gone", "beta"), sharedBy("p", "gone", "eta"),
		// Two processes raise it, and one was stopped; or it may fail on.
		before(26*time.Hour, sharedBy("t", "stopped", "acme-eu")), before(26*time.Hour, sharedBy("t", "stopped", "beta")), before(25*time.Hour, endOf("u", "acme-eu", "t")),
		before(24*time.Hour, sharedBy("v", "half", "acme-eu")), before(24*time.Hour, sharedBy("v", "half", "beta")), before(23*time.Hour, endOf("w", "acme-eu", "v")),
		endOf("q", "acme-eu", "p"), endOf("r", "beta", "p"), endOf("s", "eta", "p"))
	for _, step := range []struct {
		args      []string
		has, lack []string
	}{
		{nil, []string{"happened  WARNING   ForeignFeed", "open", "CRITICAL  ShipmentMissing  acme-eu  202-1", "  2  ", "look at b", "FeedStuck", "SharedFailure    acme-eu  host", "SharedFailure    acme-eu  half"}, []string{"ShipmentHeld", "AccountParked", "AccountRecovered", "dns", "gone", "stopped"}},
		{[]string{"--all"}, []string{"ShipmentHeld", "ended 20"}, nil},
		{[]string{"--account", "acme-eu"}, []string{"FeedStuck"}, []string{"SettingBlocks"}}, // another account's alert ended it
		{[]string{"--account", "zeta"}, []string{"no alert is open"}, nil},
		{[]string{"--json"}, []string{`"type": "ShipmentMissing"`, `"times": 2`, `"ended": null`}, []string{"ShipmentHeld"}},
	} {
		code, stdout, stderr := execute(append([]string{"alerts", "--config", file}, step.args...)...)
		if code != 0 {
			t.Errorf("%v: exit %d, %s", step.args, code, stderr)
		}
		for _, text := range step.has {
			if !strings.Contains(stdout, text) {
				t.Errorf("%v: no %q in\n%s", step.args, text, stdout)
			}
		}
		for _, text := range step.lack {
			if strings.Contains(stdout, text) {
				t.Errorf("%v: %q in\n%s", step.args, text, stdout)
			}
		}
	}
}

const resolvedSeverity = "RESOLVED"

func TestLag(t *testing.T) {
	t.Parallel()
	file, admin := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		produced(t, file, schemas.OrderChanges, "acme-eu", change("acme-eu", n))
	}
	partition := int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte("acme-eu")}, cfg.Kafka.Partitions))
	commit := func(at int64) {
		t.Helper()
		offsets := kadm.Offsets{}
		offsets.AddOffset(cfg.Prefix+schemas.OrderChanges, partition, at, -1)
		if err := admin.CommitAllOffsets(t.Context(), cfg.Prefix+"orders", offsets); err != nil {
			t.Fatal(err)
		}
	}
	off := strings.Repeat(schemas.Cancellations+"  ", 2) // the role and its topic
	for _, step := range []struct {
		at   int64
		args []string
		says []string
	}{
		{1, nil, []string{"orders  order-changes  3  "}},
		{1, []string{"--role", "orders", "--partitions"}, []string{fmt.Sprintf("orders  order-changes  %d  ", partition), "  1  "}},
		{1, []string{"--json"}, []string{`"lag": 3`, `"oldest": "20`}},
		{1, []string{"--role", "cancellations"}, []string{off + "0  "}}, // off, but named
		{1, []string{"--role", "bridge"}, []string{"ROLE"}},             // reads no topic
		{4, []string{"--role", "orders"}, []string{"orders  order-changes  0  "}},
		{7, nil, []string{fmt.Sprintf("orders, topic order-changes, partition %d: the position 7 is not in the log, which has 0 to 4; go on with `sellerstream replay --reset --role orders --topic order-changes --from-offset %[1]d:0`", partition)}},
	} {
		commit(step.at)
		code, stdout, stderr := execute(append([]string{"lag", "--config", file}, step.args...)...)
		squeezed := strings.Join(strings.Fields(stdout), "  ")
		for _, says := range step.says {
			if want := strings.Join(strings.Fields(says), "  "); code != 0 || !strings.Contains(squeezed, want) {
				t.Errorf("at %d, %v: exit %d, no %q in\n%s%s", step.at, step.args, code, says, stdout, stderr)
			}
		}
		if strings.Contains(squeezed, off) && !slices.Contains(step.args, "cancellations") {
			t.Errorf("%v: a role is there that is off\n%s", step.args, stdout)
		}
	}
}
