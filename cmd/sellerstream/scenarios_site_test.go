package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/logged"
)

// site is an installation in this process: Kafka, registry, Amazon, and processes of the
// pipeline, on a clock that is fast enough for probes and feeds to come at once.
type site struct {
	t       *testing.T
	ctx     context.Context
	cluster *embedded.Cluster
	sim     *simulator.Simulator
	dir     string
	file    string // its configuration
	added   string // the entry of an account that file has not yet
	admin   string // where the newest process serves its health
	kafka   *kadm.Client
	stop    func()      // of the newest process
	log     logged.Text // of all processes
}

const siteSpeed = 120

func newSite(t *testing.T) *site {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, errors.New("it took too long"))
	t.Cleanup(cancel)
	s := &site{t: t, ctx: ctx, cluster: fakekafka.Embedded(t, ""), dir: t.TempDir()}
	epoch := time.Now().UTC()
	var err error
	s.sim, err = simulated.New(5, clock.NewScaled(epoch, siteSpeed), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	urls, err := s.sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.sim.Close() })
	text, err := simulated.Configuration(s.sim, urls, simulated.Surroundings{
		Brokers: s.cluster.Brokers(), Registry: s.cluster.RegistryURL(), Speed: siteSpeed, Epoch: epoch,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.file = filepath.Join(s.dir, "sellerstream.yaml")
	text = strings.Replace(text, "registry:\n", "  partitions: 3\nregistry:\n", 1)
	last, rest := strings.Index(text, "  - id: "+s.sim.Accounts()[4].ID), strings.Index(text, "bridge:")
	s.added = text[last:rest]
	// Without searches, whose time is chance, and with quantities by feeds alone.
	s.write(s.file, text[:last]+text[rest:]+"orders: {reconcile: {every: 0s}}\ninventory: {patch_below: 0}\n")
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.kafka = kadm.NewClient(client)
	for range 3 { // of the account that comes later; nobody is notified
		if _, err := s.sim.World.PlaceOrder(s.account(4)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// edit changes the configuration.
func (s *site) edit(pairs ...string) {
	s.t.Helper()
	s.write(s.file, strings.NewReplacer(pairs...).Replace(s.text()))
}

// text is the configuration.
func (s *site) text() string {
	s.t.Helper()
	text, err := os.ReadFile(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// start runs a process of a version, with all roles or these, until it is stopped.
func (s *site) start(version string, roles ...pipeline.Role) (stop func()) {
	s.t.Helper()
	cmd := &cobra.Command{}
	cmd.SetErr(&s.log)
	cmd.SetContext(s.ctx)
	settings, err := loadSettings(cmd, s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	if settings.Admin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		s.t.Fatal(err)
	}
	s.admin = settings.Admin.Addr().String()
	settings.Version, settings.Roles = version, roles
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- pipeline.Run(ctx, settings) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("%s: %v", version, err)
		}
	})
	s.t.Cleanup(stop)
	return stop
}

// await waits until what is true.
func (s *site) await(what string, is func() bool) {
	s.t.Helper()
	for !is() {
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("it never came that %s: %v\n%s", what, context.Cause(s.ctx), s.log.String())
		case <-time.After(20 * time.Millisecond): // nothing tells it
		}
	}
}

func (s *site) awaitLog(part string) {
	s.t.Helper()
	s.await("the log has "+part, func() bool { return s.log.Has(part) })
}

// shows waits until a command shows a text.
func (s *site) shows(part string, args ...string) {
	s.t.Helper()
	said := ""
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%v said\n%s", args, said)
		}
	}()
	s.await(strings.Join(args, " ")+" shows "+part, func() bool {
		if now, _ := s.run(args...); s.ctx.Err() == nil {
			said = now
		}
		return strings.Contains(strings.Join(strings.Fields(said), " "), part)
	})
}

// inTime is how long an operator gives a command: ten seconds when the transcript is written.
// Else it is when a command hangs, however busy the machine is.
func inTime() time.Duration {
	if os.Getenv("UPDATE_GOLDEN") != "" {
		return 10 * time.Second
	}
	return 2 * time.Minute
}

// run runs a command as an operator does.
func (s *site) run(args ...string) (said string, code int) {
	switch {
	case args[0] == "ready":
		args = append(args, "--admin", s.admin)
	case args[0] != "config" && args[0] != "encode" && !slices.Contains(args, "--config"):
		args = append(args, "--config", s.file)
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, inTime(), errors.New("its time is over"))
	defer cancel()
	var out bytes.Buffer
	code = runCommandLineIn(ctx, args, strings.NewReader(""), &out, &out)
	if ctx.Err() != nil {
		s.t.Errorf("%v has taken more than %v:\n%s", args, inTime(), &out)
	}
	return out.String(), code
}

func (s *site) fault(rule simulator.Rule) (mend func()) {
	s.t.Helper()
	id, err := s.sim.Faults.Add(rule)
	if err != nil {
		s.t.Fatal(err)
	}
	return func() { s.sim.Faults.Remove(id) }
}

// order has a buyer order something, which Amazon notifies.
func (s *site) order(account string) (id string) {
	s.t.Helper()
	change, err := s.sim.World.PlaceOrder(account)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sim.Notify(change)
	return change.Order.OrderID
}

// unshipped is an order that the seller is to ship.
func (s *site) unshipped(account string) simulator.Order {
	s.t.Helper()
	change, err := s.sim.World.Place(account, simulator.Placement{SellerShips: true})
	if err != nil {
		s.t.Fatal(err)
	}
	for change.Order.Status() != simulator.Unshipped {
		if change, err = s.sim.World.Change(change.Order.OrderID); err != nil {
			s.t.Fatal(err)
		}
	}
	s.sim.Notify(change)
	return change.Order
}

func (s *site) account(n int) string { return s.sim.Accounts()[n].ID }

// letter is the id of the open dead letter of a reason.
func (s *site) letter(reason string) string {
	s.t.Helper()
	said, _ := s.run("deadletters", "list")
	for line := range strings.Lines(said) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[3] == reason {
			return fields[1]
		}
	}
	s.t.Fatalf("no letter of reason %s in\n%s", reason, said)
	return ""
}
