package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// complains reports whether a file has a fault at a path.
func complains(text, path string) bool {
	_, err := Parse("f", []byte(text))
	return err != nil && regexp.MustCompile(`(?m)^f(:\d+)?: `+regexp.QuoteMeta(path)+`: `).MatchString(err.Error())
}

const (
	second, minute, hour, day = time.Second, time.Minute, time.Hour, 24 * time.Hour
)

// ranges are the least and the most that each key may be.
func ranges() map[string][2]any {
	return map[string][2]any{
		"kafka.partitions": {1, 1000}, "kafka.replication": {1, 10},
		"registry.schema_patience": {minute, 7 * day}, "aws.secrets_ttl": {10 * second, day}, "spapi.timeout": {second, 5 * minute},
		"exclusions.ttl": {10 * second, day}, "exclusions.orders_wait": {0 * second, hour},
		"bridge.max_pollers": {1, 256}, "bridge.visibility_timeout": {10 * second, 12 * hour},
		"orders.reconcile.every": {minute, day}, "orders.reconcile.lookback": {0 * second, 30 * day}, "orders.silence": {8, 1000},
		"orders.patience":      {hour, 6 * day},
		"orders.backfill":      {0 * second, 730 * day},
		"buyer_data.retention": {hour, 3650 * day},
		"inventory.linger":     {second, hour}, "inventory.enough": {1, 25_000}, "inventory.max_messages": {1, 25_000}, "inventory.max_bytes": {1 << 16, 10 << 20},
		"inventory.max_uploads": {1, 100}, "inventory.feed_interval": {0 * second, hour}, "inventory.patch_linger": {100 * time.Millisecond, hour}, "inventory.patch_below": {0, 10_000}, "inventory.patch_most": {0, 10_000},
		"inventory.apply_delay": {second, hour}, "inventory.show_delay": {second, hour}, "inventory.patience": {10 * minute, 7 * day}, "inventory.max_attempts": {1, 100},
		"inventory.fulfillment_wait": {minute, day}, "inventory.audit.every": {hour, 7 * day}, "inventory.seen_within": {0 * second, 6 * day}, "inventory.look_after": {minute, hour}, "inventory.max_pending": {1000, 10_000_000},
		"feeds.stuck_after":        {minute, 7 * day},
		"feeds.patience":           {10 * minute, 7 * day},
		"shipments.wait_for_order": {second, day}, "shipments.risk_margin": {minute, 7 * day}, "shipments.missing_lead": {0 * second, 7 * day}, "shipments.verify_after": {15 * minute, 7 * day},
		"shipments.patience": {hour, 14 * day}, "shipments.apply_delay": {second, hour}, "shipments.max_pending": {1000, 10_000_000},
		"cancellations.wait_for_order": {second, day}, "cancellations.linger": {second, hour}, "cancellations.feed_interval": {0 * second, hour},
		"cancellations.apply_delay": {second, hour}, "cancellations.show_delay": {second, hour}, "cancellations.patience": {10 * minute, 7 * day},
		"cancellations.max_pending": {1000, 10_000_000},
		"events.max_entry_bytes":    {1 << 10, 1 << 20}, "events.max_in_flight": {1, 256},
		"runtime.session_timeout": {second, 30 * minute}, "runtime.heartbeat_interval": {50 * time.Millisecond, second}, "runtime.rebalance_timeout": {second, hour},
		"runtime.drain_timeout": {second, hour}, "runtime.max_pending": {1000, 10_000_000},
		"runtime.max_process_pending": {1000, 100_000_000}, "runtime.max_process_bytes": {16 << 20, 1 << 40},
	}
}

// Each number and duration is taken at both of its bounds, and refused one beyond.
func TestEveryRangeAtItsBounds(t *testing.T) {
	t.Parallel()
	for path, bounds := range ranges() {
		low, high := bounds[0], bounds[1]
		var under, over any
		if l, isDuration := low.(time.Duration); isDuration {
			under, over = l-time.Nanosecond, high.(time.Duration)+time.Nanosecond
		} else {
			under, over = low.(int)-1, high.(int)+1
		}
		text := func(value any) string {
			switch path { // which have another rule too
			case "runtime.drain_timeout":
				return fmt.Sprintf("runtime: {drain_timeout: %v, rebalance_timeout: 2h}", value)
			case "runtime.heartbeat_interval":
				return fmt.Sprintf("runtime: {heartbeat_interval: %v, session_timeout: 20m}", value)
			}
			keys := strings.Split(path, ".")
			return strings.Join(keys, ": {") + ": " + fmt.Sprint(value) + strings.Repeat("}", len(keys)-1)
		}
		for _, c := range []struct {
			value  any
			refuse bool
		}{{under, true}, {low, false}, {high, false}, {over, true}} {
			if path == "orders.silence" && c.value == 0 || path == "kafka.replication" && c.value == -1 {
				continue
			}
			if complains(text(c.value), path) != c.refuse {
				t.Errorf("%s: %v is refused: %t", path, c.value, !c.refuse)
			}
		}
	}
}

// TestEveryRangeIsTried looks for calls of the rules that the table does not have.
func TestEveryRangeIsTried(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`v\.(?:duration|between)\("([^"]+)"`).FindAllSubmatch(text, -1) {
			found++
			if _, ok := ranges()[string(call[1])]; !ok {
				t.Errorf("%s: %s is not in the table", file, call[1])
			}
		}
	}
	if found != len(ranges()) {
		t.Errorf("the table has %d ranges, the code %d", len(ranges()), found)
	}
}

// The rules that are no ranges, on both sides of where they begin to hold.
func TestEveryRuleAtItsBoundary(t *testing.T) {
	t.Parallel()
	account := func(more string) string {
		return "accounts: [{id: a, seller_id: A3TH9S8BH6GOGM, region: eu, marketplaces: [A1PA6795UKMFR9], refresh_token: {env: T}, " + more + "}]"
	}
	of := func(key, value string) string {
		keys := map[string]string{"id": "a", "seller_id": "A3TH9S8BH6GOGM", "region": "eu", "marketplaces": "[A1PA6795UKMFR9]", "refresh_token": "{env: T}"}
		keys[key] = value
		var all []string
		for _, k := range []string{"id", "seller_id", "region", "marketplaces", "refresh_token"} {
			all = append(all, k+": "+keys[k])
		}
		return "accounts: [{" + strings.Join(all, ", ") + "}]"
	}
	long := func(n int) string { return strings.Repeat("a", n) }
	list := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("a%d", i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	const (
		application = "applications: [{name: one, client_id: c, client_secret: {env: S}}]\n"
		kms         = "'arn:aws:kms:eu-west-1:123456789012:key/1234abcd'"
	)
	for _, c := range []struct {
		path, good, bad string
	}{
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 0.00001, burst: 1}}"), account("quotas: {getOrder: {rate: 0, burst: 1}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 10000, burst: 100000}}"), account("quotas: {getOrder: {rate: 10001, burst: 1}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 0.00001, burst: 1}}"), account("quotas: {getOrder: {rate: 0.000009, burst: 1}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 1, burst: 100000}}"), account("quotas: {getOrder: {rate: 1, burst: 100001}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 1, burst: 1}}"), account("quotas: {getOrder: {rate: 1, burst: 0}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 1, burst: 1}}"), account("quotas: {getOrder: {rate: -1, burst: 1}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 1, burst: 1}}"), account("quotas: {getOrder: {rate: NaN, burst: 1}}")},
		{"accounts[0].quotas.getOrder", account("quotas: {getOrder: {rate: 1, burst: 1}}"), account("quotas: {getOrder: {rate: Inf, burst: 1}}")},
		{
			"applications[0].quotas.getListingsItem",
			"applications: [{name: one, client_id: c, client_secret: {env: S}, quotas: {getListingsItem: {rate: 10000, burst: 1}}}]\n",
			"applications: [{name: one, client_id: c, client_secret: {env: S}, quotas: {getListingsItem: {rate: 10001, burst: 1}}}]\n",
		},
		{"accounts[0].marketplaces[0]", of("marketplaces", "[A1PA6795UKMFR9]"), of("marketplaces", "[ATVPDKIKX0DER]")},
		{"accounts[0].marketplaces[1]", of("marketplaces", "[A1PA6795UKMFR9, A1F83G8C2ARO7P]"), of("marketplaces", "[A1PA6795UKMFR9, ATVPDKIKX0DER]")},
		{"accounts[0].marketplaces[0]", of("marketplaces", "[A1PA6795UKMFR9]"), of("marketplaces", "[X]")},
		{"accounts[0].marketplaces", of("marketplaces", "[A1PA6795UKMFR9]"), of("marketplaces", "[]")},
		{"accounts[0].region", of("region", "eu"), of("region", "mars")},
		{"accounts[0].id", of("id", long(63)), of("id", long(64))},
		{"accounts[0].id", of("id", "a"), of("id", "A")},
		{"accounts[0].seller_id", of("seller_id", "A123456789"), of("seller_id", "A12345678")},
		{"accounts[0].seller_id", of("seller_id", "A1234567890123456789"), of("seller_id", "A12345678901234567890")},
		{"accounts[0].refresh_token", of("refresh_token", "{env: T}"), of("refresh_token", "{}")},
		{"accounts[0].refresh_token", of("refresh_token", "{env: T}"), of("refresh_token", "{env: T, file: /t}")},
		{"accounts[0].refresh_token.key", of("refresh_token", "{aws: n, key: k}"), of("refresh_token", "{env: T, key: k}")},
		{"accounts[0].refresh_token.env", of("refresh_token", "{env: T_1}"), of("refresh_token", "{env: 1T}")},
		{"runtime.drain_timeout", "runtime: {drain_timeout: 29999ms, rebalance_timeout: 30s}", "runtime: {drain_timeout: 30s, rebalance_timeout: 30s}"},
		{"runtime.heartbeat_interval", "runtime: {heartbeat_interval: 500ms, session_timeout: 1500ms}", "runtime: {heartbeat_interval: 500ms, session_timeout: 1499ms}"},
		{"clock.speed", "clock: {speed: 10000, epoch: 2026-01-01T00:00:00Z}", "clock: {speed: 10001, epoch: 2026-01-01T00:00:00Z}"},
		{"clock.speed", "clock: {speed: 0.1, epoch: 2026-01-01T00:00:00Z}", "clock: {speed: 0, epoch: 2026-01-01T00:00:00Z}"},
		{"clock.speed", "clock: {speed: 1}", "clock: {speed: NaN, epoch: 2026-01-01T00:00:00Z}"},
		{"clock.epoch", "clock: {speed: 1}", "clock: {speed: 2}"},
		{"clock.epoch", "clock: {speed: 2, epoch: 2026-01-01T00:00:00Z}", "clock: {speed: 1, epoch: 2026-01-01T00:00:00Z}"},
		{"prefix", "prefix: " + long(100), "prefix: " + long(101)},
		{"spapi.user_agent", "spapi: {user_agent: " + long(400) + "}", "spapi: {user_agent: " + long(401) + "}"},
		{"exclusions.topic", "exclusions: {topic: " + long(249) + "}", "exclusions: {topic: " + long(250) + "}"},
		{"admin.account_metrics", "admin: {account_metrics: " + list(50) + "}", "admin: {account_metrics: " + list(51) + "}"},
		{"admin.account_metrics[1]", "admin: {account_metrics: [a, b]}", "admin: {account_metrics: [a, a]}"},
		{"admin.listen", "admin: {listen: '127.0.0.1:65535'}", "admin: {listen: '127.0.0.1:65536'}"},
		{"admin.listen", "admin: {listen: '127.0.0.1:0'}", "admin: {listen: '127.0.0.1:-1'}"},
		{"orders.reconcile.every", "orders: {reconcile: {every: 0s}}", "orders: {reconcile: {every: 1ns}}"},
		{"inventory.audit.every", "inventory: {audit: {every: 0s}}", "inventory: {audit: {every: 1m}}"},
		{"orders.silence", "orders: {silence: 0}", "orders: {silence: 1}"},
		{"kafka.replication", "kafka: {replication: -1}", "kafka: {replication: 0}"},
		{"events.source", "events: {source: aws}", "events: {source: aws.x}"},
		{"events.bus", "events: {bus: b}", "events: {bus: ''}"},
		{"exclusions", "exclusions: {topic: t}", "exclusions: {topic: t, file: f}"},
		{"registry.username", "registry: {username: u, password: {env: P}}", "registry: {username: u}"},
		{"registry.username", "registry: {url: 'http://127.0.0.1'}", "registry: {password: {env: P}}"},
		{"aws.access_key_id", "aws: {access_key_id: a, secret_access_key: {env: P}}", "aws: {access_key_id: a}"},
		{"aws.access_key_id", "aws: {access_key_id: a, secret_access_key: {env: P}}", "aws: {secret_access_key: {env: P}}"},
		{"aws.secret_access_key", "aws: {access_key_id: a, secret_access_key: {env: P}}", "aws: {access_key_id: a, secret_access_key: {aws: n}}"},
		{"registry.tls", "registry: {url: 'https://r', tls: {ca_file: /c}}", "registry: {url: 'http://r', tls: {ca_file: /c}}"},
		{"kafka.tls", "kafka: {tls: {enabled: true, ca_file: /c}}", "kafka: {tls: {ca_file: /c}}"},
		{"bridge.queues[0].url", "bridge: {queues: [{url: 'https://q/1/q'}]}", "bridge: {queues: [{url: 'https://q/1/q.fifo'}]}"},
		{"bridge.queues[0].region", "bridge: {queues: [{url: 'https://q/1/q', region: eu}]}", "bridge: {queues: [{url: 'https://q/1/q', region: mars}]}"},
		{"bridge.queues[0].application", application + "bridge: {queues: [{url: 'https://q/1/q', application: one}]}", application + "bridge: {queues: [{url: 'https://q/1/q', application: two}]}"},
		{"accounts[0].application", application + account("application: one"), application + account("application: two")},
		{"accounts[0].buyer_data", "buyer_data: {kms: " + kms + "}\n" + account("buyer_data: true"), account("buyer_data: true")},
		{"applications[1].name", application, "applications: [{name: one, client_id: c, client_secret: {env: S}}, {name: one, client_id: c, client_secret: {env: S}}]\n"},
		{"spapi.document_hosts[0]", "spapi: {document_hosts: ['*.example.com']}", "spapi: {document_hosts: ['files.*.com']}"},
		{"spapi.document_hosts[0]", "spapi: {document_hosts: ['http://127.0.0.1']}", "spapi: {document_hosts: ['http://files.example.com']}"},
		{"spapi.endpoints.mars", "spapi: {endpoints: {eu: 'https://e'}}", "spapi: {endpoints: {mars: 'https://e'}}"},
		{"orders.included_data", "orders: {included_data: [FULFILLMENT]}", "orders: {included_data: [PROCEEDS]}"},
		{"kafka.brokers", "kafka: {brokers: ['b:9092']}", "kafka: {brokers: []}"},
		{"kafka.brokers[0]", "kafka: {brokers: ['b:9092']}", "kafka: {brokers: [b]}"},
		{"registry.url", "registry: {url: 'http://r'}", "registry: {url: ''}"},
		{"aws.region", "aws: {region: eu-west-1}", "aws: {region: ''}"},
		{"buyer_data.kms", "buyer_data: {kms: " + kms + "}", "buyer_data: {kms: alias/a}"},
		{"buyer_data.kms_earlier[0]", "buyer_data: {kms_earlier: [" + kms + "]}", "buyer_data: {kms_earlier: [alias/a]}"},
		{"shipments.carriers.d h l", "shipments: {carriers: {d h l: DHL, ups: UPS}}", "shipments: {carriers: {d h l: DHL, DHL: DHL}}"},
		{"inventory.transient_codes", "inventory: {transient_codes: ['1']}", "inventory: {transient_codes: ['']}"},
		{"inventory.not_listed_codes", "inventory: {not_listed_codes: ['1']}", "inventory: {not_listed_codes: ['']}"},
		{"bridge.queues[1].url", "bridge: {queues: [{url: 'https://q/1/q'}, {url: 'https://q/1/r'}]}", "bridge: {queues: [{url: 'https://q/1/q'}, {url: 'https://q/1/q'}]}"},
		{
			"bridge.queues[0].listing_changes", "bridge: {queues: [{url: 'https://q/1/q', arn: 'arn:aws:sqs:e:1:q', listing_changes: true}]}",
			"bridge: {queues: [{url: 'https://q/1/q', listing_changes: true}]}",
		},
		{"bridge.queues[0].arn", "bridge: {queues: [{url: 'https://q/1/q', arn: 'arn:aws:sqs:e:1:q'}]}", "bridge: {queues: [{url: 'https://q/1/q', arn: 'arn:aws:sqs:e:1:r'}]}"},
	} {
		if complains(c.good, c.path) {
			t.Errorf("%s is refused: %.200s", c.path, c.good)
		}
		if !complains(c.bad, c.path) {
			t.Errorf("%s is taken: %.200s", c.path, c.bad)
		}
	}
}

// Two accounts may have one seller in two regions, or one region, and not both.
func TestAnAccountIsOneSellerInOneRegion(t *testing.T) {
	t.Parallel()
	two := func(id, seller, region, marketplace string) string {
		return fmt.Sprintf(`accounts:
- {id: a, seller_id: A3TH9S8BH6GOGM, region: eu, marketplaces: [A1PA6795UKMFR9], refresh_token: {env: T}}
- {id: %s, seller_id: %s, region: %s, marketplaces: [%s], refresh_token: {env: T}}`, id, seller, region, marketplace)
	}
	for _, c := range []struct {
		text, path string
		refused    bool
	}{
		{two("b", "A3TH9S8BH6GOGM", "na", "ATVPDKIKX0DER"), "accounts[1].seller_id", false},
		{two("b", "A3TH9S8BH6GOGX", "eu", "A1PA6795UKMFR9"), "accounts[1].seller_id", false},
		{two("b", "A3TH9S8BH6GOGM", "eu", "A1PA6795UKMFR9"), "accounts[1].seller_id", true},
		{two("a", "A3TH9S8BH6GOGX", "eu", "A1PA6795UKMFR9"), "accounts[1].id", true},
	} {
		if complains(c.text, c.path) != c.refused {
			t.Errorf("%s: refused %t\n%s", c.path, !c.refused, c.text)
		}
	}
}

// A small file that unfolds, a deep one and a large one are refused at little cost.
func TestFilesThatCostMoreThanTheirBytes(t *testing.T) {
	t.Parallel()
	laughs := "prefix: &a0 [" + strings.Repeat("x, ", 9) + "x]\n"
	for i := range 30 {
		laughs += fmt.Sprintf("k%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i+1, i, i, i, i, i, i, i, i, i, i)
	}
	laughs += "accounts: *a30\nadmin: {account_metrics: *a30}\n"
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#\n", maxFileBytes/2)+"#"), 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, text := range map[string]string{
		"laughs": laughs, "brackets": "kafka: " + strings.Repeat("[", 100_000), "braces": "kafka: " + strings.Repeat("{a: ", 100_000),
		"itself": "kafka: &a {brokers: *a}", "in itself": "accounts: &a [*a]", "many": "kafka: {brokers: [" + strings.Repeat("a,", 100_000) + "]}",
	} {
		if _, err := Parse("f", []byte(text)); err == nil || len(err.Error()) > 100_000 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	if _, err := Load(large); err == nil || !strings.Contains(err.Error(), "larger than 8 MiB") {
		t.Errorf("a large file: %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<30 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
}
