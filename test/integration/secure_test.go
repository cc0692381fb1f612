package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/test/parts"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	scramPassword   = "integration"
	scramIterations = 4096 // Kafka's least
	aclPatience     = 20 * time.Second
)

// security is who may do what on the secure listener of a test's Kafka.
type security struct {
	*environment
	kafka  parts.SecureKafka
	client *kgo.Client // by the listener without a login, which may do everything
	admin  *kadm.Client
}

func newSecurity(t *testing.T, e *environment) *security {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &security{e, parts.Secure(t), client, kadm.NewClient(client)}
}

// user is a part's name at Kafka.
func (s *security) user(part string) string { return s.prefix + strings.ReplaceAll(part, " ", "-") }

// makeUsers makes users with a password, who may do nothing yet. They and what
// they may do are gone at the end of the test.
func (s *security) makeUsers(t *testing.T, names ...string) {
	t.Helper()
	var upserts []kadm.UpsertSCRAM
	var deletes []kadm.DeleteSCRAM
	for _, name := range names {
		upserts = append(upserts, kadm.UpsertSCRAM{User: name, Mechanism: kadm.ScramSha512, Iterations: scramIterations, Password: scramPassword})
		deletes = append(deletes, kadm.DeleteSCRAM{User: name, Mechanism: kadm.ScramSha512})
	}
	made, err := s.admin.AlterUserSCRAMs(t.Context(), nil, upserts)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatalf("make users: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.AlterUserSCRAMs(context.Background(), deletes, nil); err != nil {
			t.Errorf("remove users: %v", err)
		}
		for _, name := range names {
			all := kadm.NewACLs().AnyResource().Allow("User:" + name).AllowHosts().Deny().DenyHosts().Operations().ResourcePatternType(kadm.ACLPatternAny)
			if _, err := s.admin.DeleteACLs(context.Background(), all); err != nil {
				t.Errorf("remove ACLs: %v", err)
			}
		}
	})
}

// allow creates ACLs, and waits until the broker goes by them.
func (s *security) allow(ctx context.Context, t *testing.T, grants []acls.Grant) {
	t.Helper()
	req := kmsg.NewPtrCreateACLsRequest()
	needed := map[string][]acls.ACL{}
	for _, g := range grants {
		creation := kmsg.NewCreateACLsRequestCreation()
		creation.ResourceType = map[acls.Resource]kmsg.ACLResourceType{
			acls.Topic: kmsg.ACLResourceTypeTopic, acls.Group: kmsg.ACLResourceTypeGroup, acls.TransactionalID: kmsg.ACLResourceTypeTransactionalId,
		}[g.Resource]
		creation.ResourcePatternType = kmsg.ACLResourcePatternTypeLiteral
		if g.Pattern == acls.Prefixed {
			creation.ResourcePatternType = kmsg.ACLResourcePatternTypePrefixed
		}
		creation.ResourceName, creation.Principal, creation.Host = g.Name, g.Principal, "*"
		creation.Operation, creation.PermissionType = g.Operation.Code(), kmsg.ACLPermissionTypeAllow
		req.Creations = append(req.Creations, creation)
		user := strings.TrimPrefix(g.Principal, "User:")
		needed[user] = append(needed[user], g.ACL)
	}
	resp, err := s.client.Request(ctx, req)
	if err != nil {
		t.Fatalf("create ACLs: %v", err)
	}
	for _, result := range resp.(*kmsg.CreateACLsResponse).Results {
		if err := kerr.ErrorForCode(result.ErrorCode); err != nil {
			t.Fatalf("create an ACL: %v", err)
		}
	}
	for user, list := range needed {
		s.awaitMissing(ctx, t, user, list, nil)
	}
}

// awaitMissing waits until exactly these of the permissions are not a user's.
func (s *security) awaitMissing(ctx context.Context, t *testing.T, user string, of, want []acls.ACL) {
	t.Helper()
	client := s.clientOf(t, user)
	defer client.Close()
	began := time.Now()
	for {
		got, err := acls.Missing(ctx, client, of)
		if err == nil && slices.Equal(got, want) {
			return
		}
		if time.Since(began) > aclPatience || ctx.Err() != nil {
			t.Fatalf("%s may not %v (%v), want %v", user, got, err, want)
		}
		time.Sleep(50 * time.Millisecond) // the broker does not say when it goes by new ACLs
	}
}

// clientOf is a user's.
func (s *security) clientOf(t *testing.T, user string) *kgo.Client {
	t.Helper()
	access := kafka.Access{Config: config.Kafka{
		Brokers: s.kafka.Brokers, TLS: config.KafkaTLS{Enabled: true, CAFile: s.kafka.CA},
		SASL: config.SASL{Mechanism: config.ScramSHA512, Username: user, Password: config.Secret{Value: secrets.New(scramPassword)}},
	}}
	client, err := kgo.NewClient(append(access.Options(), kgo.DisableClientMetrics())...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// configFor writes a part's own configuration. change may spoil it.
func (s *security) configFor(t *testing.T, user string, change func(*process.Config)) string {
	t.Helper()
	settings := s.settings
	settings.Brokers = s.kafka.Brokers
	settings.Kafka = fmt.Sprintf("tls: {enabled: true, ca_file: %s}\n  sasl: {mechanism: SCRAM-SHA-512, username: %s, password: {value: %s}}", s.kafka.CA, user, scramPassword)
	if change != nil {
		change(&settings)
	}
	file, err := settings.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// says runs an operator's command to its end, and returns all that it says.
func (e *environment) says(ctx context.Context, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, e.binary, arguments...)
	cmd.Env = process.Environment()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// printed are the ACLs as `topics acls` prints them, for each part's own user.
func (s *security) printed(ctx context.Context, t *testing.T) []acls.Grant {
	t.Helper()
	var users []string
	for _, part := range acls.Parts() {
		users = append(users, part+"=User:"+s.user(part))
	}
	out, err := s.says(ctx, "topics", "acls", "--config", s.config, "--format", "json", "--role-principals", strings.Join(users, ","))
	var grants []acls.Grant
	if err := errors.Join(err, json.Unmarshal([]byte(out), &grants)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return grants
}
