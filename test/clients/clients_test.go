package clients_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// client is a public client and the session that is run of it.
type client struct {
	session  string   // its file in sessions, in Python or JavaScript
	packages []string // what is installed, pinned
	lenient  bool     // whether it sends parameters that an operation does not have
	plain    bool     // whether it can be told an address, and therefore needs no TLS
}

func clients() []client {
	return []client{
		{session: "amzn-sp-api.py", packages: []string{"amzn-sp-api==1.13.0"}, plain: true},
		{session: "amazon-sp-api-sdk-js.mjs", packages: []string{"@amazon-sp-api-release/amazon-sp-api-sdk-js@1.12.0"}},
		{session: "python-amazon-sp-api.py", packages: []string{"python-amazon-sp-api==2.1.35"}, lenient: true},
		{session: "amazon-sp-api.mjs", packages: []string{"amazon-sp-api@1.2.1"}},
		{session: "sp-api-sdk.mjs", packages: []string{
			"@sp-api-sdk/auth@3.1.4", "@sp-api-sdk/orders-api-v0@6.2.5", "@sp-api-sdk/listings-items-api-2021-08-01@6.3.3",
			"@sp-api-sdk/feeds-api-2021-06-30@4.1.5", "@sp-api-sdk/notifications-api-v1@4.4.1",
		}},
	}
}

// TestSessions has each client log in, read an order, set a quantity, send a feed and
// subscribe, and looks into the ledger whether that is what has happened.
func TestSessions(t *testing.T) {
	if os.Getenv("SELLERSTREAM_CLIENTS") != "1" {
		t.Skip("installs public clients: make clients")
	}
	for _, c := range clients() {
		t.Run(c.session, func(t *testing.T) {
			folder := installed(t, &c)
			clock := simulatortest.NewClock()
			a := simulatortest.Start(t, func(config *simulator.Config) {
				config.Clock, config.SKUs, config.Lenient = clock, 5, c.lenient
			})
			order := a.Order(simulatortest.German)
			clock.Advance(5 * time.Minute) // searches show nothing younger than two
			c.run(t, folder, a, order)
			checkSession(t, a)
		})
	}
}

// run runs the session.
func (c *client) run(t *testing.T, folder string, a *simulatortest.Amazon, order string) {
	t.Helper()
	sessions, err := filepath.Abs("sessions")
	if err != nil {
		t.Fatal(err)
	}
	seller := a.Accounts()[0]
	// Nothing of ours: no secret, and no proxy that would lead to the real Amazon.
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder,
		"CLIENT_ID=" + simulatortest.Application().ClientID, "CLIENT_SECRET=" + simulatortest.Application().ClientSecrets[0],
		"REFRESH_TOKEN=" + seller.RefreshToken, "SELLER=" + seller.SellerID, "MARKETPLACE=" + simulatortest.Germany, "ORDER=" + order, "SKU=SKU-00001",
		"QUEUE=" + simulator.QueueARN(simulator.DefaultQueue), "SPAPI=" + a.URLs.SPAPI[model.Europe], "LWA=" + a.URLs.LWA,
		`FEED={"header":{"sellerId":"` + seller.SellerID + `","version":"2.0"},"messages":[{"messageId":1,"sku":"SKU-00002","operationType":"PATCH",` +
			`"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":42}]}]}]}`,
	}
	if !c.plain {
		certificate, port := secured(t, a)
		environment = append(environment, "SIMULATOR_PORT="+port, "NODE_EXTRA_CA_CERTS="+certificate, "SSL_CERT_FILE="+certificate, "REQUESTS_CA_BUNDLE="+certificate)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // an SDK of 58 APIs takes its time to load on a busy machine
	defer cancel()
	command := exec.CommandContext(ctx, "node", "--require", filepath.Join(sessions, "hosts.cjs"), filepath.Join(sessions, c.session))
	if strings.HasSuffix(c.session, ".py") {
		command = exec.CommandContext(ctx, filepath.Join(folder, "bin", "python"), filepath.Join(sessions, c.session))
	}
	command.Dir, command.Env, command.WaitDelay = folder, environment, waitDelay
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%+v", err, output, a.Ledger.Calls(simulator.Filter{}))
	}
}

// secured serves the simulator as Amazon's hosts, and gives the file of its authority and
// its port.
func secured(t *testing.T, a *simulatortest.Amazon) (certificate, port string) {
	t.Helper()
	certificate = filepath.Join(t.TempDir(), "ca.pem")
	url, authority, err := a.StartHosts("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(certificate, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	return certificate, url[strings.LastIndexByte(url, ':')+1:]
}

// checkSession compares the ledger with what a session should have done.
func checkSession(t *testing.T, a *simulatortest.Amazon) {
	t.Helper()
	succeeded := make(map[string]bool)
	for _, call := range a.Ledger.Calls(simulator.Filter{}) {
		if call.Status >= 300 {
			t.Errorf("refused: %+v", call)
		}
		succeeded[call.Operation] = true
	}
	for _, operation := range []string{
		"token", "v0.getOrders", "patchListingsItem", "createFeedDocument", "putDocument", "createFeed", "getFeed", "createDestination", "createSubscription",
	} {
		if !succeeded[operation] {
			t.Errorf("there was no %s", operation)
		}
	}
	if listing, _ := a.Listing(simulatortest.German, "SKU-00001"); listing.Quantity != 41 {
		t.Errorf("the listing is %+v", listing)
	}
	if subscriptions := a.Subscriptions(); len(subscriptions) != 1 {
		t.Errorf("the subscriptions %+v", subscriptions)
	}
}

// noSuchVersion is what npm and pip say of a package or a version that is not there.
var noSuchVersion = regexp.MustCompile(`E404|ETARGET|No matching distribution found`)

// waitDelay is how long what a killed command started may hold its output.
const waitDelay = 5 * time.Second

// installed is a folder in which a client's packages are installed. A version that its
// registry does not have is named and not tried; that is no fault of the simulator.
func installed(t *testing.T, c *client) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Join(c.packages, " ")))
	folder := filepath.Join(cache, "sellerstream", "clients", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(folder, "complete")); err == nil {
		return folder
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	steps := [][]string{append([]string{"npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"}, c.packages...)}
	if strings.HasSuffix(c.session, ".py") {
		steps = [][]string{{"python3", "-m", "venv", folder}, append([]string{filepath.Join(folder, "bin", "pip"), "install", "--quiet"}, c.packages...)}
	}
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		command := exec.CommandContext(ctx, step[0], step[1:]...)
		command.WaitDelay = waitDelay
		output, err := command.CombinedOutput()
		cancel()
		switch {
		case err == nil:
		case noSuchVersion.Match(output):
			t.Skipf("NOT TRIED: the registry does not have %s: %v\n%s", strings.Join(c.packages, " "), err, bytes.TrimSpace(output))
		default:
			t.Fatalf("%s cannot be installed: %v\n%s", strings.Join(c.packages, " "), err, bytes.TrimSpace(output))
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "complete"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}
