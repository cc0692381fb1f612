package deadletters_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// What `topics acls` prints for the command is enough to look and to retry, and
// without any of it that one of the two needs, it does not.
func TestPermissions(t *testing.T) {
	t.Parallel()
	all := acls.Layout{Prefix: prefix, TransactionalPrefix: prefix + "tx"}.Of("deadletters")
	used := slices.DeleteFunc(slices.Clone(all), func(a acls.ACL) bool {
		letters := a.Name == prefix+schemas.DeadLetters || a.Name == prefix+schemas.DeadLettersResolved
		return a.Resource == acls.Topic && !letters && a != acls.ACL{Resource: acls.Topic, Name: prefix + schemas.InventoryUpdates, Pattern: acls.Literal, Operation: acls.Write}
	})
	for _, left := range append(used, acls.ACL{}) { // the last leaves none out
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			t.Parallel()
			given := slices.DeleteFunc(slices.Clone(all), func(a acls.ACL) bool { return a == left })
			w := newRestrictedWorld(t, given)
			letters, err := deadletters.Open(t.Context(), w.client, deadletters.Options{
				Kafka: w.kafka, Prefix: prefix, TransactionalPrefix: prefix + "tx", Codec: w.codec, Queues: w, By: "ada@test", Logger: slog.New(slog.DiscardHandler),
			})
			done := deadletters.Done{}
			if err == nil {
				done, err = letters.Retry(t.Context(), everything, time.Now())
			}
			if left == (acls.ACL{}) && (err != nil || done.Retried != 1) {
				t.Errorf("with all of it: %+v, %v", done, err)
			}
			if left != (acls.ACL{}) && err == nil {
				t.Errorf("without it: %+v", done)
			}
		})
	}
}

// newRestrictedWorld is one with an open letter and one about which something was
// done, whose user may do what is given.
func newRestrictedWorld(t *testing.T, given []acls.ACL) *world {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "pw")}
	for _, topic := range schemas.Topics() {
		opts = append(opts, kfake.SeedTopics(2, prefix+topic.Name))
	}
	var permitted []kfake.ACL
	for _, a := range given {
		resource := kmsg.ACLResourceTypeTopic
		if a.Resource == acls.TransactionalID {
			resource = kmsg.ACLResourceTypeTransactionalId
		}
		permitted = append(permitted, kfake.ACL{
			Resource: resource, Name: a.Name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: a.Operation.Code(), Allow: true,
		})
	}
	cluster := fakekafka.New(t, append(opts, kfake.User("PLAIN", "ada", "pw", permitted...))...)
	subjects := srfake.New()
	t.Cleanup(subjects.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w := &world{t: t}
	var err error
	w.codec, err = registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(subjects.URL()), sr.HTTPClient(&http.Client{Transport: transport})},
		Prefix: prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	as := func(user string) *kgo.Client {
		w.kafka = []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.SASL(plain.Auth{User: user, Pass: "pw"}.AsMechanism())}
		client, err := kgo.NewClient(w.kafka...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	w.client = as("admin")
	w.put(fromTopic("a", schemas.InventoryUpdates, "inventory", w.update(time.Now())), fromQueue("b", "x"))
	if n, err := w.open().Discard(t.Context(), deadletters.Filter{Role: "bridge"}); n != 1 || err != nil {
		t.Fatalf("discarded %d, %v", n, err)
	}
	w.client = as("ada")
	return w
}
