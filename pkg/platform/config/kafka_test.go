package config

import (
	"errors"
	"strings"
	"testing"
)

func TestHowKafkaIsReached(t *testing.T) {
	t.Parallel()
	const scram, oauth = "mechanism: SCRAM-SHA-512, username: u, password: {env: P}", "mechanism: OAUTHBEARER, "
	for name, test := range map[string]struct {
		kafka string
		says  []string // in the order of the faults
	}{
		"nothing":                    {"brokers: [kafka:9092]", nil},
		"SCRAM over TLS":             {"brokers: [kafka:9093], tls: {enabled: true}, sasl: {" + scram + "}", nil},
		"SCRAM without TLS":          {"brokers: [kafka:9092], sasl: {" + scram + "}", []string{"kafka.sasl: who listens on the way"}},
		"and meant":                  {"brokers: [kafka:9092], sasl: {" + scram + ", insecure_plaintext: true}", nil},
		"and on this machine":        {`brokers: [localhost:1, "127.0.0.1:1", "[::1]:1"], sasl: {` + scram + "}", nil},
		"and one of two":             {"brokers: [localhost:9092, 10.0.0.1:9092], sasl: {" + scram + "}", []string{"kafka.sasl: who listens on the way"}},
		"a user without a mechanism": {"brokers: [kafka:9093], tls: {enabled: true}, sasl: {username: u}", []string{"kafka.sasl.username: it belongs to a mechanism"}},
		"an unknown mechanism":       {"brokers: [kafka:9093], sasl: {mechanism: GSSAPI}", []string{`kafka.sasl.mechanism: "GSSAPI": write one of SCRAM-SHA-512, `}},
		"no user":                    {"brokers: [localhost:9093], sasl: {mechanism: PLAIN}", []string{"kafka.sasl.username: missing", "kafka.sasl.password: missing"}},
		"a token":                    {"brokers: [kafka:9093], tls: {enabled: true}, sasl: {" + oauth + "token: {file: /t}}", nil},
		"no token":                   {"brokers: [localhost:9093], sasl: {" + oauth + "username: u}", []string{"kafka.sasl.username: it has no meaning here for OAUTHBEARER", "kafka.sasl.token: missing"}},
		"a token endpoint":           {"brokers: [localhost:9093], sasl: {" + oauth + "token_url: https://idp/token, client_id: c, client_secret: {env: S}, scopes: [kafka]}", nil},
		"a token endpoint in clear":  {"brokers: [localhost:9093], sasl: {" + oauth + "token_url: http://idp/token, client_id: c, client_secret: {env: S}}", []string{"kafka.sasl.token_url: what is sent there can be read on the way"}},
		"both ways to a token": {"brokers: [localhost:9093], sasl: {" + oauth + "token: {env: T}, token_url: https://idp/token}",
			[]string{"kafka.sasl.token: it has no meaning", "kafka.sasl.client_id: missing", "kafka.sasl.client_secret: missing"}},
		"MSK":                       {"brokers: [b-1.x.kafka.eu-west-1.amazonaws.com:9098], tls: {enabled: true}, sasl: {mechanism: AWS_MSK_IAM}", nil},
		"MSK with a user":           {"brokers: [b-1:9098], tls: {enabled: true}, sasl: {mechanism: AWS_MSK_IAM, username: u}", []string{"kafka.sasl.username: it has no meaning"}},
		"a certificate without key": {"brokers: [kafka:9093], tls: {enabled: true, cert_file: /c}", []string{"kafka.tls: cert_file and key_file go together"}},
		"an unknown codec":          {"brokers: [kafka:9092], compression: deflate", []string{`kafka.compression: "deflate": write one of gzip, zstd, lz4, snappy, none`}},
		"TLS that is not on":        {"brokers: [kafka:9093], tls: {ca_file: /ca}", []string{"kafka.tls: it says how, and not that TLS is wanted"}},
	} {
		text := strings.Replace(Example, "kafka:\n  brokers: [127.0.0.1:9092]\n", "kafka: {"+test.kafka+"}\n", 1)
		checkFaults(t, name, text, test.says)
	}
}

func TestHowTheRegistryIsReached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		registry string
		says     []string
	}{
		"a CA of our own":           {"url: https://registry, tls: {ca_file: /ca, cert_file: /c, key_file: /k}", nil},
		"TLS for an http URL":       {"url: http://registry, tls: {ca_file: /ca}", []string{"registry.tls: the registry's URL has no TLS"}},
		"a key without certificate": {"url: https://registry, tls: {key_file: /k}", []string{"registry.tls: cert_file and key_file go together"}},
	} {
		text := strings.Replace(Example, "registry:\n  url: http://127.0.0.1:8081\n", "registry: {"+test.registry+"}\n", 1)
		checkFaults(t, name, text, test.says)
	}
}

func checkFaults(t *testing.T, name, text string, says []string) {
	t.Helper()
	_, err := Parse("f", []byte(text))
	var faults *Faults
	found := 0
	if errors.As(err, &faults) {
		found = len(faults.Found)
	}
	if found != len(says) {
		t.Errorf("%s: got %v, want %d faults", name, err, len(says))
		return
	}
	for _, want := range says {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
