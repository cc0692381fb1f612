package fakekafka

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// Embedded starts the cluster that the demo has, with its data in a folder or, for "", in
// memory. It ends with the test.
func Embedded(t testing.TB, dir string) *embedded.Cluster {
	t.Helper()
	cluster, err := embedded.Start(embedded.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// Codec registers our schemas at a registry, those of the named topics or all, and encodes
// by them. All take srfake a second under the race detector.
func Codec(t testing.TB, url, prefix string, topics ...string) *registry.Codec {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	codec, err := registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(url), sr.HTTPClient(&http.Client{Transport: transport})},
		Prefix: prefix, Register: true, Topics: topics, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return codec
}
