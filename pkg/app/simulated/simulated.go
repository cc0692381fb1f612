// Package simulated sets up the simulator as the commands demo and simulate
// use it, and writes the configuration with which the pipeline talks to it.
package simulated

import (
	"fmt"
	"log/slog"
	"strings"
	"text/template"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Application is the one application of the simulated sellers.
const (
	application  = "simulated"
	clientID     = "amzn1.application-oa2-client.simulated"
	clientSecret = "amzn1.oa2-cs.v1.simulated" //nolint:gosec // not a secret: the simulator's own
	eventBus     = "sellerstream"
	skus         = 2000 // listings of each seller, SKU-00001 and so on
	everyAmazons = 25   // of these every so many-th is fulfilled by Amazon
)

// New makes a simulator with n seller accounts in two regions, after these changes.
func New(n int, c clock.Clock, log *slog.Logger, changes ...func(*simulator.Config)) (*simulator.Simulator, error) {
	config := simulator.Config{
		Applications: []simulator.Application{{
			Name: application, ClientID: clientID, ClientSecrets: []string{clientSecret},
		}},
		Accounts:   simulator.Sellers(n, application),
		EventBuses: []string{eventBus},
		SKUs:       skus, EveryAmazons: everyAmazons,
		// The rest of what goes wrong is scripted; this is how Amazon is.
		FeedNotifications:    simulator.FeedNotifications{AccountOnly: 0.1, Duplicated: 0.1},
		ListingNotifications: true,
		Clock:                c,
		Logger:               log,
		Seed:                 1,
	}
	for _, change := range changes {
		change(&config)
	}
	return simulator.New(config)
}

// Surroundings are what the pipeline shares with the simulator or finds beside it.
type Surroundings struct {
	Brokers  []string
	Registry string // URL
	Speed    float64
	Epoch    time.Time // of the clock, where Speed is not 1
}

// Configuration is a file for `sellerstream run` that fits the simulator. The
// secrets in it are the simulator's own, so the file may hold them.
func Configuration(sim *simulator.Simulator, urls simulator.URLs, around Surroundings) (string, error) {
	var b strings.Builder
	err := template.Must(template.New("configuration").Parse(configuration)).Execute(&b, map[string]any{
		"Around": around, "Epoch": around.Epoch.Format(time.RFC3339Nano), "URLs": urls, "Bus": eventBus, "AWSRegion": simulator.AWSRegion,
		"Queue": urls.QueueURL(simulator.DefaultQueue), "QueueARN": simulator.QueueARN(simulator.DefaultQueue),
		"Insecure": !strings.HasPrefix(urls.LWA, "http://127.") && !strings.HasPrefix(urls.LWA, "http://[::1]") && !strings.HasPrefix(urls.LWA, "http://localhost"),
		"Accounts": sim.Accounts(), "Application": application, "ClientID": clientID, "ClientSecret": clientSecret,
	})
	if err != nil {
		return "", fmt.Errorf("write the simulator's configuration: %w", err)
	}
	return b.String(), nil
}

const configuration = `# For sellerstream run, against the simulator that printed it.
kafka:
  brokers: [{{range $i, $b := .Around.Brokers}}{{if $i}}, {{end}}"{{$b}}"{{end}}]
registry:
  url: {{.Around.Registry}}
aws:
  region: {{.AWSRegion}}
  access_key_id: simulated
  secret_access_key: {value: simulated}
  sqs_endpoint: {{.URLs.SQS}}
  eventbridge_endpoint: {{.URLs.EventBridge}}
{{- if .Insecure}}
  insecure: true
{{- end}}
spapi:
{{- if .Insecure}}
  insecure: true
{{- end}}
  lwa_endpoint: {{.URLs.LWA}}
  endpoints:
{{- range $region, $url := .URLs.SPAPI}}
    {{$region}}: {{$url}}
{{- end}}
applications:
  - name: {{.Application}}
    client_id: {{.ClientID}}
    client_secret: {value: {{.ClientSecret}}}
accounts:
{{- range .Accounts}}
  - id: {{.ID}}
    seller_id: {{.SellerID}}
    amazon_account_id: {{.AmazonAccountID}}
    region: {{.Region}}
    marketplaces: [{{range $i, $m := .Marketplaces}}{{if $i}}, {{end}}{{$m}}{{end}}]
    refresh_token: {value: {{.RefreshToken}}}
{{- end}}
bridge:
  queues:
    - url: {{.Queue}}
      arn: {{.QueueARN}}
events:
  bus: {{.Bus}}
{{- if ne .Around.Speed 1.0}}
clock:
  speed: {{.Around.Speed}}
  epoch: {{.Epoch}}
{{- end}}
`

// Ports is how many ports Addresses takes.
const Ports = 8

// Addresses puts the parts on Ports ports in a row, or on free ones where first is 0.
func Addresses(host string, first int) simulator.Addresses {
	port := func(n int) string {
		if first == 0 {
			return host + ":0"
		}
		return fmt.Sprintf("%s:%d", host, first+n)
	}
	return simulator.Addresses{
		Admin: port(0), LWA: port(1), SQS: port(2), EventBridge: port(3),
		SPAPI: map[model.Region]string{
			model.NorthAmerica: port(4), model.Europe: port(5), model.FarEast: port(6),
		},
		Documents: port(Ports - 1),
	}
}
