package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// Config is what a pipeline is told about its surroundings. Amazon is simulated.
type Config struct {
	Prefix     string // of topics and groups
	Brokers    []string
	Kafka      string // more of section kafka, as written in the file
	Partitions int    // 0 for 6
	Registry   string // URL

	SQS         string // endpoint
	Queue       string // URL
	QueueARN    string // accounts are subscribed to it; "" for a queue that others keep
	MaxPollers  int    // 0 leaves the default
	EventBridge string // endpoint
	Bus         string

	Amazon      simulator.URLs
	Accounts    []simulator.Account
	Application simulator.Application
	Rates       map[string]simulator.Rate // of every account, by operation; Amazon's for the others

	Timeout time.Duration // of a request to Amazon; 0 leaves the default
	Speed   float64       // of the clock; 0 for the real one
	Epoch   time.Time     // of a clock with a speed
	Admin   string        // host:port of health and metrics; "" for none
	Pprof   bool          // profiles are served there, too
	More    string        // of the file, as written in it
}

const (
	awsKey            = "test" // whatever stands in for AWS takes any
	awsSecretVariable = "SELLERSTREAM_TEST_AWS_SECRET"
)

// Write writes the configuration file into a folder and returns its path.
func (c Config) Write(dir string) (string, error) {
	text, err := template.New("configuration").Parse(configuration)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := text.Execute(&b, struct {
		Config
		Key, SecretVariable string
	}{c, awsKey, awsSecretVariable}); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	name := filepath.Join(dir, "sellerstream.yaml")
	return name, os.WriteFile(name, b.Bytes(), 0o600)
}

const configuration = `
prefix: {{.Prefix}}
kafka:
  brokers: [{{range $i, $b := .Brokers}}{{if $i}}, {{end}}"{{$b}}"{{end}}]
  partitions: {{or .Partitions 6}}
{{- if .Kafka}}
  {{.Kafka}}
{{- end}}
registry:
  url: {{.Registry}}
aws:
  region: eu-west-1
  access_key_id: {{.Key}}
  secret_access_key: {env: {{.SecretVariable}}}
  sqs_endpoint: {{.SQS}}
  eventbridge_endpoint: {{.EventBridge}}
spapi:
  lwa_endpoint: {{.Amazon.LWA}}
  endpoints:
{{- range $region, $url := .Amazon.SPAPI}}
    {{$region}}: {{$url}}
{{- end}}
{{- if .Timeout}}
  timeout: {{.Timeout}}
{{- end}}
applications:
  - name: {{.Application.Name}}
    client_id: {{.Application.ClientID}}
    client_secret: {value: {{index .Application.ClientSecrets 0}}}
accounts:
{{- range .Accounts}}
  - id: {{.ID}}
    seller_id: {{.SellerID}}
    amazon_account_id: {{.AmazonAccountID}}
    region: {{.Region}}
    marketplaces: [{{index .Marketplaces 0}}]
    refresh_token: {value: {{.RefreshToken}}}
{{- with $.Rates}}
    quotas:
{{- range $operation, $rate := .}}
      {{$operation}}: {rate: {{$rate.PerSecond}}, burst: {{$rate.Burst}}}
{{- end}}
{{- end}}
{{- end}}
bridge:
  queues:
    - url: {{.Queue}}
{{- if .QueueARN}}
      arn: {{.QueueARN}}
{{- end}}
  visibility_timeout: 10s # what a killed process had in flight comes back soon
{{- if .MaxPollers}}
  max_pollers: {{.MaxPollers}}
{{- end}}
events:
  bus: {{.Bus}}
runtime:
  session_timeout: 6s
admin:
  listen: {{or .Admin "off"}}
  pprof: {{.Pprof}}
{{- if .Speed}}
clock:
  speed: {{.Speed}}
  epoch: {{.Epoch.Format "2006-01-02T15:04:05.999999999Z07:00"}}
{{- end}}
{{.More}}
`
