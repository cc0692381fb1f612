package doctor

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// TestPermissions gives a user what the role events needs.
func TestPermissions(t *testing.T) {
	t.Parallel()
	layout := acls.Layout{Prefix: "s.", TransactionalPrefix: "s.tx"}
	var permitted []kfake.ACL
	for _, a := range layout.Of("events") {
		resource := kmsg.ACLResourceTypeTopic
		if a.Resource == acls.Group {
			resource = kmsg.ACLResourceTypeGroup
		}
		permitted = append(permitted, kfake.ACL{
			Resource: resource, Name: a.Name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: a.Operation.Code(), Allow: true,
		})
	}
	cluster := fakekafka.New(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "s.orders", "s.state.orders"),
		kfake.Superuser("PLAIN", "admin", "pw"), kfake.User("PLAIN", "events", "pw", permitted...))
	for name, test := range map[string]struct {
		user   string
		roles  []string
		meant  bool
		status Status
		says   string
	}{
		"all":                        {"admin", acls.Roles(), false, OK, "this user may be used for bridge, "},
		"one, and others elsewhere":  {"events", []string{"events", "orders"}, false, Warning, "orders: Write on topic s.orders"},
		"one, and the others wanted": {"events", []string{"events", "orders"}, true, Failed, "topics acls --roles orders --principal User:events"},
		"one that is wanted":         {"events", []string{"events"}, true, OK, "this user may be used for events"},
		"an operator":                {"events", []string{"operator"}, true, Failed, "topics acls --roles operator --principal User:events"},
		"the operator":               {"admin", []string{"operator"}, true, OK, "this user may be used for operator"},
	} {
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.SASL(plain.Auth{User: test.user, Pass: "pw"}.AsMechanism()))
		if err != nil {
			t.Fatal(err)
		}
		d := &doctor{Options: Options{
			Config: config.Config{Prefix: "s.", Kafka: config.Kafka{SASL: config.SASL{Username: test.user}}}, TransactionalPrefix: "s.tx",
			Roles: test.roles, RolesMeant: test.meant,
		}}
		got := d.permissions(t.Context(), client)
		client.Close()
		if got.Status != test.status || !strings.Contains(got.Found+got.Fix, test.says) {
			t.Errorf("%s: got %+v, want %s, %q", name, got, test.status, test.says)
		}
	}
}
