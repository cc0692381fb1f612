package doctor_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// The accounts of the world.
const (
	german   = "seller-1-de"
	american = "seller-2-us"
	british  = "seller-3-uk"
)

const canary = "canary"

// world is a healthy setup. Each test breaks something in it.
type world struct {
	*simulator.Simulator
	urls    simulator.URLs
	cluster *embedded.Cluster
	config  config.Config
	options func(*doctor.Options)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	accounts := simulator.Sellers(3, "main")
	for i := range accounts {
		accounts[i].RefreshToken = "Atzr|" + canary + "-" + accounts[i].ID
	}
	sim, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{
			{Name: "main", ClientID: "main-client", ClientSecrets: []string{canary + "-secret"}},
			{Name: "other", ClientID: "other-client", ClientSecrets: []string{canary + "-other"}},
		},
		Accounts: accounts, Queues: []string{simulator.DefaultQueue, "new"}, EventBuses: []string{"orders"}, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	cluster := fakekafka.Embedded(t, "")
	w := &world{Simulator: sim, urls: urls, cluster: cluster}
	w.config = w.configuration()
	for _, a := range accounts {
		for _, kind := range []string{model.OrderChangeNotification, model.FeedProcessingFinishedNotification} {
			simulatortest.Subscribe(t, w.Simulator, a.ID, kind, simulator.QueueARN(simulator.DefaultQueue))
		}
	}
	return w
}

// configuration fits the world.
func (w *world) configuration() config.Config {
	literal := func(text string) config.Secret { return config.Secret{Value: secrets.New(text)} }
	cfg := config.Default()
	cfg.Kafka.Brokers, cfg.Kafka.Partitions = w.cluster.Brokers(), 2
	cfg.Registry.URL = w.cluster.RegistryURL()
	cfg.AWS.Region, cfg.AWS.AccessKeyID, cfg.AWS.SecretAccessKey = "eu-west-1", "AKIA", literal(canary+"-key")
	cfg.AWS.SQSEndpoint, cfg.AWS.EventBridgeEndpoint = w.urls.SQS, w.urls.EventBridge
	cfg.SPAPI.LWAEndpoint, cfg.SPAPI.Endpoints = w.urls.LWA, w.urls.SPAPI
	cfg.Applications = []config.Application{
		{Name: "main", ClientID: "main-client", ClientSecret: literal(canary + "-secret")},
		{Name: "other", ClientID: "other-client", ClientSecret: literal(canary + "-other")},
	}
	for _, a := range w.Accounts() {
		cfg.Accounts = append(cfg.Accounts, config.Account{
			ID: a.ID, SellerID: a.SellerID, Region: a.Region, Marketplaces: a.Marketplaces, Application: a.Application, RefreshToken: literal(a.RefreshToken),
		})
	}
	cfg.Bridge.Queues = []config.Queue{{URL: w.urls.QueueURL(simulator.DefaultQueue), ARN: simulator.QueueARN(simulator.DefaultQueue)}}
	cfg.Events.Bus = "orders"
	return cfg
}

// settle makes the topics and registers the schemas, as a run does.
func (w *world) settle(t *testing.T) {
	t.Helper()
	w.kafka(t, func(admin *kadm.Client) error {
		_, err := topics.Ensure(t.Context(), admin, topics.Options{Prefix: w.config.Prefix, Partitions: w.config.Kafka.Partitions, Replication: w.config.Kafka.Replication})
		return err
	})
	fakekafka.Codec(t, w.config.Registry.URL, w.config.Prefix)
}

func (w *world) kafka(t *testing.T, do func(*kadm.Client) error) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := do(kadm.NewClient(client)); err != nil {
		t.Fatal(err)
	}
}

// examine runs the doctor, and sees that it kept its promises.
func (w *world) examine(t *testing.T) doctor.Report {
	t.Helper()
	before := len(w.Simulator.Subscriptions())
	settings := pipeline.Settings{Config: w.config, Secrets: pipeline.OpenSecrets(w.config.AWS), Clock: clock.Real{}}
	opts := doctor.Options{
		File: "sellerstream.yaml", Config: w.config, Secrets: settings.Secrets, Parts: pipeline.DoctorOptions(settings).Parts,
		// Only waits between calls are on it.
		Clock: clock.NewScaled(time.Now(), 100), TransactionalPrefix: "sellerstream.tx",
	}
	if w.options != nil {
		w.options(&opts)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report := doctor.Run(ctx, opts)
	w.checkCalls(t)
	if after := len(w.Simulator.Subscriptions()); after != before {
		t.Errorf("there were %d subscriptions, and are %d", before, after)
	}
	var text strings.Builder
	report.Table(&text, true)
	if err := report.JSON(&text, true); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{canary, "Atza|", "Atzr|"} {
		if at := strings.Index(text.String(), secret); at >= 0 {
			t.Errorf("a secret is shown: …%.200s", text.String()[max(0, at-100):])
		}
	}
	return report
}

// checkCalls holds the ledger against what the doctor may do.
func (w *world) checkCalls(t *testing.T) {
	t.Helper()
	type pair struct{ owner, operation string }
	made := map[pair]int{}
	for _, c := range w.Ledger.Calls(simulator.Filter{}) {
		switch {
		case c.Part == simulator.SPAPI && c.Parameters["method"] != http.MethodGet, c.Part == simulator.SPAPI && model.Writes(c.Operation):
			t.Errorf("a writing call: %+v", c)
		case c.Part == simulator.SQS && c.Operation != "GetQueueAttributes", c.Part == simulator.EventBridge && c.Operation != "DescribeEventBus" && w.options == nil:
			t.Errorf("an unexpected call to AWS: %+v", c)
		case c.Part == simulator.SPAPI:
			made[pair{c.Account, c.Operation}]++
		}
	}
	for p, n := range made {
		most := 1
		if p.operation == model.GetDestinations {
			most = 2 * len(w.config.Applications) // in each region
		}
		if n > most {
			t.Errorf("%d calls of %s for %q", n, p.operation, p.owner)
		}
	}
	if n := w.Ledger.Throttled(); n != 0 {
		t.Errorf("%d calls were throttled", n)
	}
}

// find is the one result of a check that is not ok.
func find(report doctor.Report, part, check string) (doctor.Result, bool) {
	for _, r := range report.Results {
		if r.Part == part && r.Check == check && (r.Status == doctor.Failed || r.Status == doctor.Warning) {
			return r, true
		}
	}
	return doctor.Result{}, false
}

func table(report doctor.Report, all bool) string {
	var text strings.Builder
	report.Table(&text, all)
	return text.String()
}
