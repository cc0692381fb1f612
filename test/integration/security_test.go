package integration

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/certificates"
	"github.com/sellerstream/sellerstream/test/process"
)

// TestRefusalsByKafka spoils one thing of a good configuration at a time: a
// command, a role and doctor say which, and what to do.
func TestRefusalsByKafka(t *testing.T) {
	s := newSecurity(t, newEnvironment(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	user := s.user("refused")
	s.makeUsers(t, user)
	other := certificates.New(t, "other")
	for name, test := range map[string]struct{ old, spoilt, says string }{
		"a wrong password":       {"{value: " + scramPassword, "{value: wrong", "knows no user " + user + " with this password"},
		"an unknown user":        {"username: " + user, "username: nobody", "knows no user nobody"},
		"another CA":             {s.kafka.CA, other.File, "signed by none of the CAs in " + other.File},
		"another host":           {"enabled: true", "enabled: true, server_name: kafka.example.com", "certificate is for 127.0.0.1, not for kafka.example.com"},
		"a mechanism not there":  {"SCRAM-SHA-512", "PLAIN", "does not offer PLAIN"},
		"no TLS where there is":  {"tls: {enabled: true, ca_file: " + s.kafka.CA + "}", "", "if its listener has TLS (SSL or SASL_SSL), write enabled: true"},
		"TLS where there is not": {s.kafka.Brokers[0], s.brokers[0], "does not answer as one that has TLS"},
		"no login":               {"sasl: {mechanism: SCRAM-SHA-512, username: " + user + ", password: {value: " + scramPassword + "}}", "", "if its listener wants a login (SASL_SSL), write a mechanism"},
	} {
		file := s.configFor(t, user, func(c *process.Config) {
			c.Kafka = strings.Replace(c.Kafka, test.old, test.spoilt, 1)
			c.Brokers = []string{strings.Replace(c.Brokers[0], test.old, test.spoilt, 1)}
		})
		if out, err := s.says(ctx, "topics", "plan", "--config", file); err == nil || !strings.Contains(out, test.says) {
			t.Errorf("%s: topics plan says %v %s, want %q", name, err, out, test.says)
		}
		if found := s.doctor(ctx, t, file); !strings.Contains(found["reachable"].Cause+found["reachable"].Fix, test.says) {
			t.Errorf("%s: doctor says %+v, want %q", name, found["reachable"], test.says)
		}
		if name == "a wrong password" {
			if out, err := s.says(ctx, "run", "--config", file, "--roles", "orders"); err == nil || !strings.Contains(out, test.says) || strings.Contains(out, "wrong\n") {
				t.Errorf("%s: run says %v %s, want %q", name, err, out, test.says)
			}
		}
	}
}

// TestLoginByToken logs in with a token from a file. The broker takes any token
// that has not expired.
func TestLoginByToken(t *testing.T) {
	s := newSecurity(t, newEnvironment(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	token := filepath.Join(t.TempDir(), "token")
	file := s.configFor(t, "", func(c *process.Config) {
		c.Kafka = fmt.Sprintf("tls: {enabled: true, ca_file: %s}\n  sasl: {mechanism: OAUTHBEARER, token: {file: %s}}", s.kafka.CA, token)
	})
	for _, test := range []struct {
		expires time.Duration
		status  string
		says    string
	}{
		{time.Hour, "ok", s.kafka.Brokers[0]},
		{-time.Hour, "failed", "refuses our token"},
	} {
		// A token without a signature (RFC 7515, appendix A.5).
		part, expires := base64.RawURLEncoding.EncodeToString, time.Now().Add(test.expires)
		claims := fmt.Sprintf(`{"sub": "orders", "iat": %d, "exp": %d}`, expires.Add(-2*time.Hour).Unix(), expires.Unix())
		text := part([]byte(`{"alg": "none"}`)) + "." + part([]byte(claims)) + "."
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.doctor(ctx, t, file)["reachable"]; got.Status != test.status || !strings.Contains(got.Found+got.Cause, test.says) {
			t.Errorf("a token for %v: doctor says %+v, want %s, %q", test.expires, got, test.status, test.says)
		}
	}
}

// finding is what doctor says about one check.
type finding struct{ Part, Check, Status, Found, Cause, Fix string }

// doctor is what it says about Kafka, by check.
func (s *security) doctor(ctx context.Context, t *testing.T, file string) map[string]finding {
	t.Helper()
	out, _ := s.says(ctx, "doctor", "--config", file, "--json") // other parts of the test's world fail
	var report struct{ Results []finding }
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&report); err != nil {
		t.Fatalf("doctor says %s: %v", out, err)
	}
	found := map[string]finding{}
	for _, f := range report.Results {
		if f.Part == "kafka" {
			found[f.Check] = f
		}
	}
	return found
}

// TestARoleMayDoNothingElse tries what no role may: to read and write what is
// another's. And each ACL that is left out is missed.
func TestARoleMayDoNothingElse(t *testing.T) {
	s := newSecurity(t, newEnvironment(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, topic := range schemas.Topics() {
		if _, err := s.admin.CreateTopic(ctx, 1, 1, nil, s.prefix+topic.Name); err != nil {
			t.Fatal(err)
		}
	}
	var grants []acls.Grant
	var users []string
	type restricted struct {
		user         string
		of, withheld []acls.ACL
	}
	var tests []restricted
	printed := s.printed(ctx, t)
	for _, role := range acls.Roles() {
		var own []acls.ACL
		for _, g := range printed {
			if slices.Contains(g.For, role) {
				own = append(own, g.ACL)
			}
		}
		users = append(users, s.user(role))
		for _, a := range own {
			grants = append(grants, acls.Grant{Principal: "User:" + s.user(role), ACL: a})
		}
		var others []acls.ACL
		for _, topic := range schemas.Topics() {
			for _, o := range []acls.Operation{acls.Read, acls.Write, acls.Create, acls.AlterConfigs, acls.DescribeConfigs} {
				if a := (acls.ACL{Resource: acls.Topic, Name: s.prefix + topic.Name, Pattern: acls.Literal, Operation: o}); !slices.Contains(own, a) {
					others = append(others, a)
				}
			}
		}
		tests = append(tests, restricted{s.user(role), others, others})
		for i, left := range own {
			user := fmt.Sprintf("%s-without-%d", s.user(role), i)
			users = append(users, user)
			for _, a := range own {
				if a != left {
					grants = append(grants, acls.Grant{Principal: "User:" + user, ACL: a})
				}
			}
			tests = append(tests, restricted{user, own, []acls.ACL{left}})
		}
	}
	s.makeUsers(t, users...)
	s.allow(ctx, t, grants)
	for _, test := range tests {
		s.awaitMissing(ctx, t, test.user, test.of, test.withheld)
	}

	bridge := s.clientOf(t, s.user("bridge"))
	defer bridge.Close()
	err := bridge.ProduceSync(ctx, &kgo.Record{Topic: s.prefix + schemas.Orders, Value: []byte("forged")}).FirstErr()
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("the bridge writes to orders: %v", err)
	}
	orders := s.user("orders")
	withheld := slices.IndexFunc(tests, func(r restricted) bool { return strings.HasPrefix(r.user, orders+"-without-") })
	out, err := s.says(ctx, "run", "--config", s.configFor(t, tests[withheld].user, nil), "--roles", "orders")
	want := fmt.Sprintf("--add --allow-principal User:%s --operation %s --topic %s", tests[withheld].user, tests[withheld].withheld[0].Operation, tests[withheld].withheld[0].Name)
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("run says %v %s, want %q", err, out, want)
	}
}
