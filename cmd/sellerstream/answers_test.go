package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/certificates"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// enough is when a command hangs, however busy the machine is: by its flag it gives up after
// a second or, by default, after 10. No test waits for it, unless one does hang.
const enough = 2 * time.Minute

// executeIn runs the command line until it ends, or has not given up in time.
func executeIn(t *testing.T, stdin []byte, args ...string) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	root := newRootCommand()
	root.SetArgs(args)
	var out bytes.Buffer
	root.SetIn(bytes.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&out)
	err = root.ExecuteContext(ctx)
	if ctx.Err() != nil {
		t.Errorf("%v has not given up within %v", args, enough)
	}
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), err
}

// blackHole takes connections and never answers.
func blackHole(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// nobody is an address that refuses connections.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// unknownHost is a name that no resolver needs to be asked for.
const unknownHost = "kafka..example"

func configWith(t *testing.T, kafka, registry, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	text := strings.NewReplacer("127.0.0.1:9092", kafka, "http://127.0.0.1:8081", registry).Replace(config.Example)
	if err := os.WriteFile(file, []byte(strings.Replace(text, "kafka:\n", "kafka:\n"+more, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// operatorCommand is a way to use an operator's command.
type operatorCommand struct {
	args     []string
	registry bool   // whether it needs the schema registry
	flags    bool   // whether it has --registry instead of --config
	stdin    []byte // for what reads it
}

// operatorCommands are all that need Kafka or the registry.
func operatorCommands() []operatorCommand {
	return []operatorCommand{
		{args: []string{"accounts"}},
		{args: []string{"accounts", "acme-eu"}},
		{args: []string{"switches"}},
		{args: []string{"pause", "--account", "acme-eu"}},
		{args: []string{"switches"}},
		{args: []string{"resume", "--account", "acme-eu"}},
		{args: []string{"topics", "plan"}},
		{args: []string{"topics", "apply", "--yes"}},
		{args: []string{"deadletters", "list"}, registry: true},
		{args: []string{"deadletters", "show", "record"}, registry: true},
		{args: []string{"deadletters", "retry", "record", "--yes"}, registry: true},
		{args: []string{"deadletters", "discard", "record", "--yes"}, registry: true},
		{args: []string{"replay", "--topic", "order-changes", "--yes"}, registry: true},
		{args: []string{"replay", "--topic", "orders", "--yes"}, registry: true},
		{args: []string{"replay", "--topic", "dead-letters", "--reset", "--from", "1h", "--yes"}, registry: true},
		{args: []string{"backfill", "--account", "acme-eu"}},
		{args: []string{"tail", "dead-letters"}, registry: true},
		{args: []string{"alerts"}}, // there are none to decode
		{args: []string{"lag"}},
		{args: []string{"backfill", "--account", "acme-eu", "--since", "3d"}, registry: true},
		{args: []string{"decode", "--raw"}, registry: true, flags: true, stdin: []byte{0, 0, 0, 0, 1, 2}},
		{args: []string{"encode", "--topic", "shipments"}, registry: true, flags: true, stdin: []byte("{}")},
	}
}

func (c operatorCommand) run(t *testing.T, wait, file, registry string) (string, error) {
	t.Helper()
	where := []string{"--config", file}
	if c.flags {
		where = []string{"--registry", registry}
	}
	return executeIn(t, c.stdin, append(append([]string{"--" + answersFlag, wait}, c.args...), where...)...)
}

// Whatever is wrong with Kafka, each command ends by itself and names what is missing.
func TestCommandsGiveUpWithoutKafka(t *testing.T) {
	t.Parallel()
	registry := fakekafka.Embedded(t, "")
	login := fakekafka.New(t, kfake.EnableSASL(), kfake.Superuser(config.ScramSHA512, "admin", "pw"))
	login.ControlKey(int16(kmsg.SASLAuthenticate), func(asked kmsg.Request) (kmsg.Response, error, bool) { // as Kafka does; kfake hangs up
		login.KeepControl()
		answer := asked.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return answer, nil, true
	})
	pair := certificates.New(t, "nobody knows us").Issue(t, "broker", "127.0.0.1")
	signed := fakekafka.New(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair.Load(t)}}))
	var running sync.WaitGroup // all at once: they only wait
	const ca = "  tls: {enabled: true}\n"
	for name, fault := range map[string]struct{ broker, more, says, wait string }{
		"refused":    {nobody(t), "", "kafka.brokers", "1s"},
		"black hole": {blackHole(t), "", "kafka.brokers", "1s"},
		"no name":    {unknownHost + ":9092", "", "kafka.brokers", "1s"},
		"TLS":        {signed.ListenAddrs()[0], ca, "kafka.tls.ca_file", "1m"},
		"TLS, black": {blackHole(t), ca, "kafka.", "1s"},
		"password":   {login.ListenAddrs()[0], "  sasl: {mechanism: SCRAM-SHA-512, username: admin, password: {value: wrong}}\n", "kafka.sasl", "1m"},
	} {
		file := configWith(t, fault.broker, registry.RegistryURL(), fault.more)
		for _, command := range operatorCommands() {
			if command.flags {
				continue
			}
			running.Go(func() {
				if said, err := command.run(t, fault.wait, file, ""); err == nil || !strings.Contains(said, fault.says) {
					t.Errorf("%s, %v: %v: no %q in\n%s", name, command.args, err, fault.says, said)
				}
			})
		}
	}
	running.Wait()
}

// Whatever is wrong with the schema registry, each command needs none, or ends by
// itself and names it.
func TestCommandsDoWithoutTheRegistry(t *testing.T) {
	t.Parallel()
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error_code":40101,"message":"wrong password"}`)
	}))
	t.Cleanup(refuses.Close)
	for name, url := range map[string]string{
		"refused": "http://" + nobody(t), "black hole": "http://" + blackHole(t), "no name": "http://" + unknownHost, "password": refuses.URL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good, _ := embeddedConfig(t)
			putLetters(t, good)
			writeState(t, good, schemas.StateOrders, map[string]any{
				"order/acme-eu/202-1": &schemas.OrderState{Account: "acme-eu", OrderID: "202-1", Pending: true, PendingSince: time.Now().Add(-time.Minute)},
				"quota/getOrder/acme": &schemas.QuotaState{Account: "acme-eu", Operation: "getOrder", Tokens: 15, Rate: 0.5, Time: time.Now()},
			})
			cfg, err := config.Load(good)
			if err != nil {
				t.Fatal(err)
			}
			file := configWith(t, cfg.Kafka.Brokers[0], url, "")
			var running sync.WaitGroup
			for _, command := range operatorCommands() {
				running.Go(func() {
					said, err := command.run(t, "6s", file, url) // Kafka answers well within it
					if command.registry != (err != nil) || command.registry && !strings.Contains(said, "schema registry") {
						t.Errorf("%v: %v\n%s", command.args, err, said)
					}
					if want := "acme-eu  1"; slices.Equal(command.args, []string{"accounts"}) && !strings.Contains(said, want) {
						t.Errorf("no %q in\n%s", want, said)
					}
				})
			}
			running.Wait()
		})
	}
}

// What is paused without the schema registry is known with it and without, and who did it;
// what was paused with it can be seen and resumed without.
func TestSwitchesWithoutTheRegistry(t *testing.T) {
	t.Parallel()
	with, _ := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", with); code != 0 {
		t.Fatal(stderr)
	}
	cfg, err := config.Load(with)
	if err != nil {
		t.Fatal(err)
	}
	without := configWith(t, cfg.Kafka.Brokers[0], "http://"+nobody(t), "")
	for _, step := range []struct {
		file string
		args []string
		says string
	}{
		{without, []string{"pause", "--account", "acme-eu", "--by", "ada"}, "calls of account acme-eu: paused\n"},
		{without, []string{"switches"}, " ada "},
		{with, []string{"switches"}, " ada "},
		{with, []string{"accounts"}, "PAUSED"},
		{without, []string{"resume", "--account", "acme-eu"}, "going on\n"},
		{with, []string{"switches"}, "nothing is paused"},
		{with, []string{"pause", "--writes", "--by", "bob"}, "paused\n"},
		{without, []string{"switches"}, " bob "},
		{without, []string{"accounts"}, "bob"},
		{without, []string{"resume", "--writes"}, "going on\n"},
		{with, []string{"switches"}, "nothing is paused"},
	} {
		if said, err := executeIn(t, nil, append(step.args, "--config", step.file)...); err != nil || !strings.Contains(said, step.says) {
			t.Errorf("%v: %v, no %q in\n%s", step.args, err, step.says, said)
		}
	}
}
