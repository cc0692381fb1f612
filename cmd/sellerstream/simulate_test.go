package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// TestSimulatedHosts trusts the file that the log names, and finds no key in it.
func TestSimulatedHosts(t *testing.T) {
	t.Parallel()
	sim, err := simulated.New(1, clock.Real{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	var said bytes.Buffer
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := simulateHosts(sim, simulateFlags{tls: "127.0.0.1:0", tlsCA: file}, slog.New(slog.NewTextHandler(&said, nil))); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`url=https://(\S+) certificate=` + regexp.QuoteMeta(file)).FindSubmatch(said.Bytes())
	if found == nil {
		t.Fatalf("it says %s", &said)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(text); block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		t.Errorf("the file holds %s", text)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	connection, err := tls.Dial("tcp", string(found[1]), &tls.Config{RootCAs: roots, ServerName: "api.amazon.com", MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
}
