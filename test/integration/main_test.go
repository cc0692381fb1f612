package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/test/process"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "integration")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Built once, and only if a test has the parts that it needs.
	built = sync.OnceValues(func() (string, error) { return process.Build(context.Background(), dir, "-race") })

	status := m.Run()
	http.DefaultClient.CloseIdleConnections() // the clients of AWS and of the registry share it
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

var built func() (string, error)

// buildBinary is the path of sellerstream, built with the race detector.
func buildBinary(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
