package pipeline

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// A replay whose user has the permissions of before closes no letters, and names the missing
// permission. With what `topics acls` prints it does.
func TestReplayClosesLettersWhereItMay(t *testing.T) {
	t.Parallel()
	note := acls.ACL{Resource: acls.Topic, Name: schemas.DefaultPrefix + schemas.DeadLettersResolved, Pattern: acls.Literal, Operation: acls.Write}
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "pw")}
	for _, topic := range schemas.Topics() {
		opts = append(opts, kfake.SeedTopics(2, schemas.DefaultPrefix+topic.Name))
	}
	granted := map[string][]kfake.ACL{}
	for _, a := range (acls.Layout{Prefix: schemas.DefaultPrefix, TransactionalPrefix: schemas.DefaultPrefix + "tx"}).Of("replay") {
		if a.Resource != acls.Topic {
			continue
		}
		pattern := kmsg.ACLResourcePatternTypeLiteral
		if a.Pattern == acls.Prefixed {
			pattern = kmsg.ACLResourcePatternTypePrefixed
		}
		grant := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: a.Name, Pattern: pattern, Operation: a.Operation.Code(), Allow: true}
		granted["now"] = append(granted["now"], grant)
		if a != note {
			granted["before"] = append(granted["before"], grant)
		}
	}
	for user, grants := range granted {
		opts = append(opts, kfake.User("PLAIN", user, "pw", grants...))
	}
	cluster := fakekafka.New(t, opts...)
	subjects := srfake.New()
	t.Cleanup(subjects.Close)
	for user, says := range map[string]string{"before": "allow Write on topic " + note.Name, "now": ""} {
		cfg := config.Default()
		cfg.Kafka.Brokers, cfg.Registry.URL = cluster.ListenAddrs(), subjects.URL()
		cfg.Kafka.SASL = config.SASL{Mechanism: config.Plain, Username: user, Password: config.Secret{Value: secrets.New("pw")}}
		opts, stop, err := OpenReplay(t.Context(), Settings{
			Config: cfg, Secrets: OpenSecrets(cfg.AWS), Clock: clock.Real{}, Logger: slog.New(slog.DiscardHandler), TransactionalPrefix: schemas.DefaultPrefix + "tx", Answers: time.Minute,
		}, "ada@test", schemas.DeadLettersResolved)
		if err != nil {
			t.Fatal(err)
		}
		_, err = replays.New(opts, replays.Request{Topic: schemas.OrderChanges}).Letters(t.Context())
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("the user of %s: %v, want %q", user, err, says)
		}
		stop()
	}
}
