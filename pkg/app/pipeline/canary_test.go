package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/logged"
)

// The accounts of the canary run, by what becomes of their calls.
const (
	works      = iota // with a role, a rotated client secret, and trouble before it works
	badToken          // its refresh token is refused
	badSecret         // its application's client secret is refused
	badRole           // its role may not be assumed
	badRequest        // Amazon refuses its calls, and repeats a token in the answer
)

const (
	goodRole   = "arn:aws:iam::123456789012:role/good"
	deniedRole = "arn:aws:iam::123456789012:role/denied"
)

// TestSecretsStayInside runs the whole pipeline with made-up secrets of every
// kind and from every source, with trouble at every place that sees one, at the
// most talkative log level. None may be in a log, an error, a record or
// what the admin port shows.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	log := &journal{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cluster := fakekafka.Embedded(t, "")
	scaled := clock.NewScaled(time.Now(), 60) // so that retries come soon
	sim, urls := startCanaryAmazon(t, scaled)
	// LWA stays down until the log has reported it, whoever asks for the token.
	outage, err := sim.Faults.Add(simulator.Rule{Part: simulator.LWA, Account: sim.Accounts()[works].ID, Action: simulator.Action{
		Status: 503, Body: `{"error":"temporarily_unavailable","error_description":"not now, canary-refresh"}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	aws := &canaryAWS{asked: map[string]int{}}
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	cfg := canaryConfig(t, sim, urls, cluster, server.URL)
	cfg.Cancellations.Enabled = true

	limited, release := context.WithTimeoutCause(t.Context(), 90*time.Second, errors.New("it took too long"))
	defer release()
	ctx, stop := context.WithCancelCause(limited)
	ended := make(chan error, 1)
	settings := Settings{
		Config: cfg, Secrets: OpenSecrets(cfg.AWS), Roles: Roles(), Clock: scaled, Logger: logger,
		TransactionalPrefix: cluster.TransactionalPrefix(),
	}
	admin := withAdmin(t, &settings)
	go func() {
		err := Run(ctx, settings)
		stop(fmt.Errorf("the pipeline has ended: %w", err))
		ended <- err
	}()
	log.await(ctx, t, "pipeline is up")
	for _, account := range sim.Accounts() {
		change, err := sim.World.PlaceOrder(account.ID)
		if err != nil {
			t.Fatal(err)
		}
		sim.Notify(change)
	}
	if err := sim.Send(simulator.DefaultQueue, "not JSON"); err != nil {
		t.Fatal(err)
	}
	log.await(ctx, t, "temporarily_unavailable")
	sim.Faults.Remove(outage)
	if _, err := sim.Ledger.Await(ctx, simulator.Filter{Part: simulator.EventBridge, Status: 200}, 1); err != nil {
		t.Fatalf("no event came out: %v, %v\n%s", err, context.Cause(ctx), log)
	}
	for _, parked := range []int{badToken, badSecret, badRole} {
		// Whoever calls first is refused, and holds back all that the account calls.
		log.await(ctx, t, `"breaker opened: calls wait" account=`+sim.Accounts()[parked].ID+" section=login")
	}
	log.await(ctx, t, "what is [secret]")
	var records []string
	for _, rec := range readUntil(ctx, t, cfg, map[string]int{schemas.DeadLetters: 1, schemas.Orders: 1, schemas.StateOrders: 1}) {
		records = append(records, fmt.Sprintf("%s: %s %s %s", rec.Topic, rec.Key, rec.Value, rec.Headers))
	}
	var pages []string
	for _, page := range []string{"/livez", "/readyz", "/metrics"} {
		_, text := ask(t, admin+page)
		pages = append(pages, text)
	}
	stop(context.Canceled)
	if err := <-ended; err != nil {
		t.Error(err)
		records = append(records, err.Error())
	}
	aws.mu.Lock()
	defer aws.mu.Unlock()
	for _, what := range []string{"role%2Fgood", "role%2Fdenied", "prod/lwa", "prod/tokens"} { // the run was worth it
		if aws.asked[what] < 2 {
			t.Errorf("AWS was asked for %s %d times", what, aws.asked[what])
		}
	}
	for what, texts := range map[string][]string{"the log": {log.String()}, "a record": records, "a page of the admin port": pages} {
		for _, text := range texts {
			for _, secret := range []string{"canary", "Atza|", "Atzr|"} {
				if at := strings.Index(text, secret); at >= 0 {
					t.Errorf("a secret is in %s: …%.200q", what, text[max(0, at-100):])
				}
			}
		}
	}
}

func startCanaryAmazon(t *testing.T, c clock.Clock) (*simulator.Simulator, simulator.URLs) {
	t.Helper()
	accounts := simulator.Sellers(5, "main")
	accounts[badSecret].Application = "other"
	for i := range accounts {
		accounts[i].RefreshToken = fmt.Sprintf("Atzr|canary-%d", i)
	}
	accounts[works].RefreshToken = "canary-refresh" // not of the form that is hidden wherever it stands
	sim, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{
			{Name: "main", ClientID: "main-client", ClientSecrets: []string{"canary-next"}},
			{Name: "other", ClientID: "other-client", ClientSecrets: []string{"unknown to us"}},
		},
		Accounts: accounts, EventBuses: []string{"bus"}, Clock: c, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, rule := range []simulator.Rule{
		{Part: simulator.SPAPI, Account: accounts[works].ID, Times: 1, Action: simulator.Action{Status: 500}},
		{Part: simulator.SPAPI, Account: accounts[works].ID, Skip: 1, Times: 1, Action: simulator.Action{Drop: true}},
		{Part: simulator.SPAPI, Account: accounts[badRequest].ID, Action: simulator.Action{
			Status: 400, Body: `{"errors":[{"code":"InvalidInput","message":"what is Atza|canary-echo?","details":""}]}`,
		}},
	} {
		if _, err := sim.Faults.Add(rule); err != nil {
			t.Fatal(err)
		}
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	return sim, urls
}

// canaryConfig takes secrets from every source.
func canaryConfig(t *testing.T, sim *simulator.Simulator, urls simulator.URLs, cluster *embedded.Cluster, aws string) config.Config {
	t.Helper()
	file := func(secret string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		return "{file: " + path + "}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
log: {level: debug}
kafka: {brokers: ["%s"], partitions: 2}
registry: {url: "%s", username: us, password: %s}
aws:
  region: eu-west-1
  access_key_id: AKIA
  secret_access_key: %s
  sqs_endpoint: %s
  eventbridge_endpoint: %s
  sts_endpoint: %s
  secretsmanager_endpoint: %s
spapi: {lwa_endpoint: "%s", endpoints: {na: "%s", eu: "%s"}}
applications:
  - {name: main, client_id: main-client, client_secret: %s, next_client_secret: {aws: prod/lwa, key: next}}
  - {name: other, client_id: other-client, client_secret: {value: canary-other}}
bridge: {queues: [{url: "%s", arn: "arn:aws:sqs:eu-west-1:000000000000:%s"}]}
events: {bus: bus}
accounts:
`, cluster.Brokers()[0], cluster.RegistryURL(), file("canary-registry"), file("canary-aws-key"), urls.SQS, urls.EventBridge, aws, aws,
		urls.LWA, urls.SPAPI["na"], urls.SPAPI["eu"], file("canary-old"), urls.QueueURL(simulator.DefaultQueue), simulator.DefaultQueue)
	for i, a := range sim.Accounts() {
		token, role := "{aws: prod/tokens, key: "+a.ID+"}", ""
		switch i {
		case works:
			role = goodRole
		case badToken:
			token = file("Atzr|canary-wrong")
		case badRole:
			role = deniedRole
		}
		fmt.Fprintf(&b, "  - {id: %s, seller_id: %s, region: %s, marketplaces: [%s], application: %s, refresh_token: %s, role: %q}\n",
			a.ID, a.SellerID, a.Region, a.Marketplaces[0], a.Application, token, role)
	}
	cfg, err := config.Parse("canary.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// canaryAWS is STS and Secrets Manager. Its first answer to anyone is that it
// is busy.
type canaryAWS struct {
	mu    sync.Mutex
	asked map[string]int // by role or secret
}

func (c *canaryAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return
	}
	for what, answer := range map[string]string{
		"role%2Fgood": `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
<SecretAccessKey>canary-role-key</SecretAccessKey><SessionToken>canary-role-session</SessionToken>
<Expiration>` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		"role%2Fdenied": `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`,
		"prod/lwa":      `{"SecretString":"{\"next\":\"canary-next\"}"}`,
		"prod/tokens":   `{"SecretString":"{\"seller-1-de\":\"canary-refresh\",\"seller-3-uk\":\"Atzr|canary-2\",\"seller-4-de\":\"Atzr|canary-3\",\"seller-5-us\":\"Atzr|canary-4\"}"}`,
	} {
		if !strings.Contains(body.String(), what) {
			continue
		}
		c.mu.Lock()
		c.asked[what]++
		first := c.asked[what] == 1
		c.mu.Unlock()
		switch {
		case first:
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasPrefix(answer, "<Error"):
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, answer)
		return
	}
	http.NotFound(w, r)
}

// journal is a log that a test can wait on.
type journal struct{ logged.Text }

func (j *journal) await(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for !j.Has(text) {
		select {
		case <-ctx.Done():
			t.Fatalf("%q is not in the log: %v\n%s", text, context.Cause(ctx), j)
		case <-time.After(20 * time.Millisecond): // a log tells nobody
		}
	}
}
