// Package parts gives integration tests the real parts that they run on: a
// Kafka broker, a Confluent-compatible schema registry, and a stand-in for AWS
// that is not our own.
//
// The environment variables KAFKA_BROKERS, SCHEMA_REGISTRY_URL and
// AWS_ENDPOINT_URL choose parts that already run; the script parts in this
// folder brings some up without containers. Where a variable is missing, a
// container is started if Docker can be reached. Where neither is available the
// test is skipped; but it fails with SELLERSTREAM_INTEGRATION=1 or in CI, so
// that real parts are never absent unseen. SELLERSTREAM_INTEGRATION=0, which
// `make test` sets, says that `make integration` runs elsewhere.
package parts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// startTimeout bounds the start of one container, its image's download included.
const startTimeout = 5 * time.Minute

// Kafka is the bootstrap addresses of an Apache Kafka cluster of version 4.
func Kafka(t testing.TB) []string {
	t.Helper()
	return strings.Split(get(t, "KAFKA_BROKERS", startKafka), ",")
}

// SecureKafka is the same cluster as Kafka's by a listener with TLS and SCRAM. Its
// users may do only what an ACL allows.
type SecureKafka struct {
	Brokers []string
	CA      string // PEM file
	Log     string // file with the broker's log, which says what was allowed and denied
}

// Secure is the cluster's secure listener. No container is started for it.
func Secure(t testing.TB) SecureKafka {
	t.Helper()
	none := func(context.Context) (string, error) { return "", errors.New("it takes the script parts") }
	return SecureKafka{
		Brokers: strings.Split(get(t, "KAFKA_SECURE_BROKERS", none), ","),
		CA:      get(t, "KAFKA_CA_FILE", none), Log: get(t, "KAFKA_LOG", none),
	}
}

// Registry is the URL of a schema registry with Confluent's API.
func Registry(t testing.TB) string {
	t.Helper()
	return get(t, "SCHEMA_REGISTRY_URL", startRegistry)
}

// AWS is the URL of an endpoint that answers for SQS, STS, EventBridge and
// Secrets Manager. It takes any credentials.
func AWS(t testing.TB) string {
	t.Helper()
	return get(t, "AWS_ENDPOINT_URL", startAWS)
}

// Program is the path of a program that must be installed, such as kcat.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, fmt.Sprintf("install %s: %v", name, err))
	}
	return path
}

// get is the part that the environment names, or one in a container.
func get(t testing.TB, variable string, start func(context.Context) (string, error)) string {
	t.Helper()
	if value := os.Getenv(variable); value != "" {
		return value
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	value, err := start(ctx)
	if err == nil {
		return value
	}
	missing(t, fmt.Sprintf("%s is not set and no container could be started; run `make integration`, which brings up real parts, or set it: %v", variable, err))
	return ""
}

// missing ends a test that cannot have what it needs.
func missing(t testing.TB, message string) {
	t.Helper()
	if required(os.Getenv) {
		t.Fatal(message)
	}
	t.Skip(message)
}

// required reports whether a missing part is a failure.
func required(getenv func(string) string) bool {
	switch getenv("SELLERSTREAM_INTEGRATION") {
	case "1":
		return true
	case "0":
		return false
	}
	return getenv("CI") == "true"
}

// freePort is a port that nothing listened on a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
