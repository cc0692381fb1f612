package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/test/parts"
)

const canary = "canary-of-a-secret"

// newClient makes a client that tries a call so often.
func newClient(t *testing.T, endpoint string, attempts int) *secretsmanager.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return secretsmanager.New(secretsmanager.Options{
		Region: "eu-west-1", BaseEndpoint: &endpoint, RetryMaxAttempts: attempts, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func TestFetch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		status      int
		body        string
		want        string // "" for an error
		unavailable bool
	}{
		{"a text", 200, `{"SecretString":"` + canary + `"}`, canary, false},
		{"bytes", 200, `{"SecretBinary":"Y2FuYXJ5LW9mLWEtc2VjcmV0"}`, "", false},
		{"no such secret", 400, `{"__type":"ResourceNotFoundException","message":"can't find it"}`, "", false},
		{"not allowed", 400, `{"__type":"AccessDeniedException","message":"no"}`, "", false},
		{"throttled", 400, `{"__type":"ThrottlingException","message":"slow down"}`, "", true},
		{"throttled by status", 429, `{"__type":"Whatever"}`, "", true},
		{"down", 503, ``, "", true},
		{"not AWS", 200, `<html>` + canary, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}))
			t.Cleanup(server.Close)
			got, err := Fetch(newClient(t, server.URL, 1))(t.Context(), "prod/lwa")
			if got.Reveal() != test.want || (err == nil) != (test.want != "") || errors.Is(err, secrets.ErrUnavailable) != test.unavailable {
				t.Errorf("got %q, %v", got.Reveal(), err)
			}
			if err != nil && (!strings.Contains(err.Error(), "prod/lwa") || strings.Contains(err.Error(), canary)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := Fetch(newClient(t, server.URL, 1))(t.Context(), "prod/lwa"); !errors.Is(err, secrets.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// regional notes the region in which a secret is asked for.
type regional struct{ region string }

func (r *regional) GetSecretValue(_ context.Context, _ *secretsmanager.GetSecretValueInput, options ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	set := secretsmanager.Options{Region: "eu-west-1"}
	for _, option := range options {
		option(&set)
	}
	r.region = set.Region
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String("x")}, nil
}

func TestAnARNNamesItsRegion(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"prod/lwa": "eu-west-1",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/lwa-AbCdEf": "us-east-1",
	} {
		client := &regional{}
		if _, err := Fetch(client)(t.Context(), name); err != nil || client.region != want {
			t.Errorf("%s: asked in %s, %v", name, client.region, err)
		}
	}
}

// TestSecretsManager reads and rotates a secret in a Secrets Manager that is
// not ours.
func TestSecretsManager(t *testing.T) {
	t.Parallel()
	client := newClient(t, parts.AWS(t), 3) // it closes a connection now and then while it answers
	name := fmt.Sprintf("test-%d", time.Now().UnixNano())
	made, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: &name, SecretString: aws.String(`{"client_secret":"first"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{
			SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true),
		}); err != nil {
			t.Error(err)
		}
	})
	read := func(ttl time.Duration, name, key string) secrets.Source {
		return secrets.NewStore(Fetch(client), ttl).Source(name, key)
	}
	kept, fresh := read(time.Hour, name, "client_secret"), read(0, *made.ARN, "client_secret")
	for _, step := range []struct{ stored, kept, fresh string }{
		{"", "first", "first"}, {`{"client_secret":"second"}`, "first", "second"},
	} {
		if step.stored != "" {
			if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &step.stored}); err != nil {
				t.Fatal(err)
			}
		}
		for source, want := range map[secrets.Source]string{kept: step.kept, fresh: step.fresh} {
			if got, err := source.Secret(t.Context()); err != nil || got.Reveal() != want {
				t.Errorf("got %q, %v, want %q", got.Reveal(), err, want)
			}
		}
	}
	if _, err := read(0, name+"-missing", "").Secret(t.Context()); err == nil || errors.Is(err, secrets.ErrUnavailable) {
		t.Errorf("a secret that is not there: %v", err)
	}
}
