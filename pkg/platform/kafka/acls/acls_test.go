package acls

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func layout() Layout {
	return Layout{Prefix: "s.", TransactionalPrefix: "s.tx", Needs: map[string]Needs{
		"orders": {Exclusions: true}, "inventory": {Exclusions: true}, "subscriptions": {Turns: schemas.OrderChanges},
	}}
}

func TestARoleMayDoWhatTheTableSays(t *testing.T) {
	t.Parallel()
	want := []ACL{
		{Topic, "s.order-changes", Literal, Read},
		{Topic, "s.orders", Literal, Write},
		{Topic, "s.state.orders", Literal, Read},
		{Topic, "s.state.orders", Literal, Write},
		{Group, "s.orders", Literal, Read},
		{TransactionalID, "s.tx-orders-", Prefixed, Write},
	}
	got := layout().Of("orders")
	for _, acl := range want {
		if !slices.Contains(got, acl) {
			t.Errorf("orders may not %s", acl)
		}
	}
	for _, role := range Roles() {
		for _, acl := range layout().Of(role) {
			topic, known := schemas.TopicOf(strings.TrimPrefix(acl.Name, "s."))
			switch {
			case acl.Resource != Topic:
				continue
			case !known:
				t.Errorf("%s may %s, which is not in the table", role, acl)
			case acl.Operation == Write && !slices.Contains(topic.Writers, role), acl.Operation == Read && !slices.Contains(topic.Readers, role):
				t.Errorf("%s may %s, against the table", role, acl)
			}
		}
	}
	if got := layout().Of("bridge"); slices.ContainsFunc(got, func(a ACL) bool { return a.Operation != Write || a.Resource != Topic }) {
		t.Errorf("the bridge may do more than write topics: %v", got)
	}
}

// What is optional is granted and not needed.
func TestTheMetricOfDeadLettersIsOptional(t *testing.T) {
	t.Parallel()
	read := ACL{Topic, "s.dead-letters", Literal, Read}
	granted := layout().Grants([]string{"events"}, func(string) string { return "User:events" })
	if !slices.ContainsFunc(granted, func(g Grant) bool { return g.ACL == read }) || slices.Contains(layout().Of("events"), read) {
		t.Errorf("%s: granted %v", read, granted)
	}
}

// A producer can write for every account, so it is kept to its topic: who counts
// stock must not be able to confirm shipments, nor the other way round, and who
// reads orders does not read the keys of buyer data.
func TestEachServiceHasItsOwnTopics(t *testing.T) {
	t.Parallel()
	for part, want := range map[string][]ACL{
		"upstream-stock":         {{Topic, "s.inventory-results", Literal, Read}, {Topic, "s.inventory-updates", Literal, Write}},
		"upstream-shipments":     {{Topic, "s.shipment-confirmations", Literal, Read}, {Topic, "s.shipments", Literal, Write}},
		"upstream-cancellations": {{Topic, "s.cancellation-results", Literal, Read}, {Topic, "s.cancellations", Literal, Write}},
		"downstream": {
			{Topic, "s.cancellation-results", Literal, Read},
			{Topic, "s.listing-changes", Literal, Read}, {Topic, "s.orders", Literal, Read}, {Topic, "s.shipment-confirmations", Literal, Read},
			{Topic, "s.stock-audits", Literal, Read},
		},
		"downstream-buyers": {{Topic, "s.buyer-keys", Literal, Read}},
	} {
		got := layout().Of(part)
		slices.SortFunc(got, func(a, b ACL) int { return strings.Compare(a.Name, b.Name) })
		if !slices.Equal(got, want) {
			t.Errorf("%s may %v, want %v", part, got, want)
		}
	}
	writers := map[string]string{} // of each topic, who writes it and is no role of ours
	for _, grant := range layout().Grants(services(), func(part string) string { return "User:" + part }) {
		if other := writers[grant.Name]; grant.Operation == Write && other != "" {
			t.Errorf("%s and %s may write %s", other, grant.Principal, grant.Name)
		}
		if grant.Operation == Write {
			writers[grant.Name] = grant.Principal
		}
	}
	if len(writers) != 3 {
		t.Errorf("services write %v", writers)
	}
}

// An operator may do what the runbook orders while the pipeline runs, and may not move a
// processor or change a topic.
func TestTheOperatorMayDoWhatTheRunbookOrders(t *testing.T) {
	t.Parallel()
	may := layout().Of("operator")
	for _, part := range []string{"doctor", "deadletters", "replay", "tail", "alerts", "lag", "upgrade"} {
		for _, acl := range layout().Of(part) {
			if !slices.Contains(may, acl) {
				t.Errorf("%s needs %s", part, acl)
			}
		}
	}
	for _, acl := range may {
		if acl.Operation == Create || acl.Operation == AlterConfigs || acl.Operation == Write && strings.Contains(acl.Name, "s.state.") {
			t.Errorf("an operator may %s", acl)
		}
		if covers := acl.Name == "s."+schemas.BuyerKeys || acl.Pattern == Prefixed && strings.HasPrefix("s."+schemas.BuyerKeys, acl.Name); covers && acl.Resource == Topic && acl.Operation == Read {
			t.Errorf("an operator may read the keys of buyer data: %s", acl)
		}
	}
}

func TestTheListOfExcludedSKUsIsRead(t *testing.T) {
	t.Parallel()
	l := layout()
	l.Exclusions = "skus"
	for _, part := range Parts() {
		reads := slices.Contains(l.Of(part), ACL{Topic, "skus", Literal, Read})
		if want := part == "orders" || part == "inventory" || part == "doctor" || part == "operator"; reads != want {
			t.Errorf("%s reads it: %v, want %v", part, reads, want)
		}
	}
}

// doctor sees how the accounts stand: it reads the state, and writes nowhere.
func TestDoctorReadsTheStateAndWritesNothing(t *testing.T) {
	t.Parallel()
	granted := layout().Of("doctor")
	for _, name := range []string{schemas.StateOrders, schemas.StateInventory, schemas.StateFeeds, schemas.StateShipments, schemas.Switches} {
		if !slices.Contains(granted, ACL{Topic, "s." + name, Literal, Read}) {
			t.Errorf("doctor may not read %s", name)
		}
	}
	for _, acl := range granted {
		if acl.Operation == Write || acl.Operation == Read && (acl.Resource != Topic || acl.Name == "s."+schemas.BuyerKeys) {
			t.Errorf("doctor may %s", acl)
		}
	}
}

func TestGrantsAreMadeOnce(t *testing.T) {
	t.Parallel()
	grants := layout().Grants([]string{"orders", "subscriptions"}, func(string) string { return "User:all" })
	described := ACL{Topic, "s.order-changes", Literal, Describe}
	switches := 0
	for i, g := range grants {
		if slices.ContainsFunc(grants[:i], func(other Grant) bool { return other.ACL == g.ACL }) {
			t.Errorf("%s twice", g.ACL)
		}
		if g.ACL == described {
			t.Errorf("%s, which Read brings along", g.ACL)
		}
		if g.Name == "s.switches" {
			switches++
			if !slices.Equal(g.For, []string{"orders", "subscriptions"}) {
				t.Errorf("%s is for %v", g.ACL, g.For)
			}
		}
	}
	if switches != 1 {
		t.Errorf("%d grants on switches", switches)
	}
	apart := layout().Grants([]string{"orders", "subscriptions"}, func(part string) string { return "User:" + part })
	if !slices.ContainsFunc(apart, func(g Grant) bool { return g.ACL == described && g.Principal == "User:subscriptions" }) {
		t.Error("subscriptions may not describe the topic that gives it turns")
	}
}

// To replay is to read everything, and to write only copies and the closing of the copied
// records' letters; to reset is to
// write a processor's state as that processor would.
func TestReplayMayCopyAndResetMayMove(t *testing.T) {
	t.Parallel()
	for part, want := range map[string][]ACL{
		"replay": {
			{Topic, "s.replays", Literal, Write}, {Topic, "s.dead-letters.resolved", Literal, Write}, {Group, "s.replay.", Prefixed, Read}, {TransactionalID, "s.tx-replay-", Prefixed, Write},
		},
		"replay --reset": {
			{Topic, "s.state.orders", Literal, Write}, {Group, "s.orders", Literal, Read}, {TransactionalID, "s.tx-orders-", Prefixed, Write},
		},
	} {
		got := layout().Of(part)
		for _, acl := range want {
			if !slices.Contains(got, acl) {
				t.Errorf("%s may not %s", part, acl)
			}
		}
		writes := []string{"s.replays", "s.dead-letters.resolved"}
		if part == "replay" && slices.ContainsFunc(got, func(a ACL) bool {
			return a.Resource == Topic && a.Operation == Write && !slices.Contains(writes, a.Name)
		}) {
			t.Errorf("replay may write more than copies and what became of letters: %v", got)
		}
	}
}

// Nothing is set aside that comes from state, a switch or a copy.
func TestDeadLettersGoBackToWhatRolesRead(t *testing.T) {
	t.Parallel()
	var topics []string
	for _, acl := range layout().Of("deadletters") {
		if acl.Resource == Topic && acl.Operation == Write {
			topics = append(topics, strings.TrimPrefix(acl.Name, "s."))
		}
	}
	slices.Sort(topics)
	want := []string{
		schemas.Alerts, schemas.Cancellations, schemas.CancellationResults, schemas.DeadLettersResolved, schemas.FeedNotifications, schemas.FeedResults, schemas.FeedSubmissions,
		schemas.InventoryResults, schemas.InventoryUpdates, schemas.ListingChanges, schemas.OrderBackfills, schemas.OrderChanges, schemas.Orders,
		schemas.OrderLooks, schemas.OrderLooksAnswered, schemas.ShipmentConfirmations, schemas.Shipments, schemas.StockAudits,
	}
	slices.Sort(want)
	if !slices.Equal(topics, want) {
		t.Errorf("it may write %v, want %v", topics, want)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	got := Commands("kafka:9092", []Grant{
		{Principal: "User:CN=it's me", ACL: ACL{Topic, "s.state.orders", Literal, Read}},
		{Principal: "User:CN=it's me", ACL: ACL{TransactionalID, "s.tx-", Prefixed, Write}},
		{Principal: "User:CN=it's me", ACL: ACL{Topic, "s.state.orders", Literal, Write}},
	})
	const begin = `kafka-acls.sh --bootstrap-server kafka:9092 --command-config admin.properties --add --allow-principal 'User:CN=it'\''s me' `
	want := []string{
		begin + "--operation Read --operation Write --topic s.state.orders",
		begin + "--operation Write --transactional-id s.tx- --resource-pattern-type prefixed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMissing gives a user all but one of a role's permissions.
func TestMissing(t *testing.T) {
	t.Parallel()
	needed := layout().Of("orders")
	for i, left := range append(slices.Clone(needed), ACL{}) { // the last leaves none out
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			t.Parallel()
			given := slices.Clone(needed)
			var want []ACL
			if i < len(needed) {
				given, want = slices.Delete(given, i, i+1), []ACL{left}
			}
			got, err := Missing(t.Context(), restricted(t, needed, given), needed)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

// restricted is a client of a user with some permissions, on a cluster with the
// topics of all.
func restricted(t *testing.T, all, given []ACL) *kgo.Client {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs()}
	for _, a := range all {
		if a.Resource == Topic {
			opts = append(opts, kfake.SeedTopics(1, a.Name))
		}
	}
	var permitted []kfake.ACL
	for _, a := range given {
		pattern := kmsg.ACLResourcePatternTypeLiteral
		if a.Pattern == Prefixed {
			pattern = kmsg.ACLResourcePatternTypePrefixed
		}
		resource := map[Resource]kmsg.ACLResourceType{
			Topic: kmsg.ACLResourceTypeTopic, Group: kmsg.ACLResourceTypeGroup, TransactionalID: kmsg.ACLResourceTypeTransactionalId,
		}[a.Resource]
		permitted = append(permitted, kfake.ACL{Resource: resource, Name: a.Name, Pattern: pattern, Operation: a.Operation.Code(), Allow: true})
	}
	cluster := fakekafka.New(t, append(opts, kfake.User("PLAIN", "orders", "pw", permitted...))...)
	client := fakekafka.Client(t, cluster, kgo.DisableClientMetrics(),
		kgo.SASL(plain.Auth{User: "orders", Pass: "pw"}.AsMechanism()))
	return client
}
