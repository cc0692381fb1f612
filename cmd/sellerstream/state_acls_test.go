package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// granted are permissions in the words of the fake Kafka.
func granted(needed []acls.ACL) (grants []kfake.ACL) {
	for _, a := range needed {
		grant := kfake.ACL{Name: a.Name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: a.Operation.Code(), Allow: true}
		if a.Pattern == acls.Prefixed {
			grant.Pattern = kmsg.ACLResourcePatternTypePrefixed
		}
		grant.Resource = map[acls.Resource]kmsg.ACLResourceType{
			acls.Topic: kmsg.ACLResourceTypeTopic, acls.Group: kmsg.ACLResourceTypeGroup, acls.TransactionalID: kmsg.ACLResourceTypeTransactionalId,
		}[a.Resource]
		grants = append(grants, grant)
	}
	return grants
}

// TestStateMovesWithThePrintedPermissions, and with no more. A user who may not fence is
// refused before anything is written.
func TestStateMovesWithThePrintedPermissions(t *testing.T) {
	t.Parallel()
	layout := func(prefix string) acls.Layout {
		return acls.Layout{Prefix: prefix, TransactionalPrefix: prefix + "tx"}
	}
	old, now, other := layout(schemas.DefaultPrefix), layout("moved."), layout("other.")
	mover := append(now.Of("topics apply"), append(now.Of("state import"), old.Of("state export")...)...)
	for _, a := range old.Of("state import") {
		if a.Resource == acls.TransactionalID {
			mover = append(mover, a)
		}
	}
	importer := other.Of("state import")
	var timid []acls.ACL
	for _, a := range importer {
		if a.Resource != acls.TransactionalID || strings.HasSuffix(a.Name, "-import") {
			timid = append(timid, a)
		}
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(3), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "pw"),
		kfake.User("PLAIN", "mover", "pw", granted(mover)...), kfake.User("PLAIN", "importer", "pw", granted(importer)...),
		kfake.User("PLAIN", "timid", "pw", granted(timid)...),
	}
	for _, topic := range schemas.Topics() {
		opts = append(opts, kfake.SeedTopics(2, old.Prefix+topic.Name, other.Prefix+topic.Name))
	}
	cluster := fakekafka.New(t, opts...)
	subjects := srfake.New()
	t.Cleanup(subjects.Close)
	dir := t.TempDir()
	run := func(code int, says, user, prefix string, args ...string) {
		t.Helper()
		file := filepath.Join(dir, "sellerstream.yaml")
		text := strings.NewReplacer(
			"# prefix: sellerstream.", "prefix: "+prefix, "http://127.0.0.1:8081", subjects.URL(), "[127.0.0.1:9092]",
			"["+strings.Join(cluster.ListenAddrs(), ", ")+"]\n  sasl: {mechanism: PLAIN, username: "+user+", password: {value: pw}}",
		).Replace(config.Example)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, stdout, stderr := execute(append(args, "--config", file)...); got != code || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%s: %v: exit %d, want %d and %q\n%s%s", user, args, got, code, says, stdout, stderr)
		}
	}
	file := filepath.Join(dir, "move.gz")
	run(0, "step 6 of 6", "mover", old.Prefix, "state", "move", "--to-prefix", now.Prefix, "--partitions", "3", "--file", file, "--yes")
	run(exitFailed, "other.tx-deadletters: TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "timid", other.Prefix, "state", "import", file)
	run(exitFailed, "`sellerstream topics acls --roles \"state import\"`", "timid", other.Prefix, "state", "import", file)
	client := fakekafka.Client(t, cluster, kgo.SASL(plain.Auth{User: "admin", Pass: "pw"}.AsMechanism()))
	ends, err := topicread.Reader{Admin: kadm.NewClient(client)}.Ends(t.Context(), other.Prefix+schemas.StateOrders)
	if err != nil || ends[0] != 0 || ends[1] != 0 {
		t.Errorf("it has been marked: %v, %v", ends, err)
	}
	run(0, "imported: entries", "importer", other.Prefix, "state", "import", file)
	run(0, "imported: entries", "importer", other.Prefix, "state", "import", file, "--force", "--yes", "--mirrored")
}
