package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// buildBinary builds sellerstream with the race detector: a race that it sees
// makes the process end with another status than 0.
func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sellerstream")
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", binary, "github.com/sellerstream/sellerstream/cmd/sellerstream")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build sellerstream: %v\n%s", err, out)
	}
	return binary
}

const configuration = `
prefix: {{.Prefix}}
log: {level: info, format: text}
kafka: {brokers: [{{range $i, $b := .Kafka}}{{if $i}}, {{end}}"{{$b}}"{{end}}], partitions: 6}
registry: {url: "{{.Registry}}"}
aws:
  region: {{.Region}}
  access_key_id: {{.Key}}
  secret_access_key: {env: SELLERSTREAM_TEST_AWS_SECRET}
  sqs_endpoint: "{{.SQS}}"
  eventbridge_endpoint: "{{.EventBridge}}"
spapi:
  lwa_endpoint: "{{.LWA}}"
  endpoints: { {{- range $region, $url := .SPAPI}}{{$region}}: "{{$url}}", {{end -}} }
applications:
  - {name: main, client_id: {{.ClientID}}, client_secret: {env: SELLERSTREAM_TEST_CLIENT_SECRET}}
accounts:
{{- range .Accounts}}
  - id: {{.ID}}
    seller_id: {{.SellerID}}
    amazon_account_id: {{.AmazonAccountID}}
    region: {{.Region}}
    marketplaces: [{{index .Marketplaces 0}}]
    refresh_token: {value: "{{.RefreshToken}}"}
    quotas: {getOrder: {rate: {{$.Rate.PerSecond}}, burst: {{$.Rate.Burst}}}}
{{- end}}
bridge:
  queues: [{url: "{{.Queue}}"}]
  visibility_timeout: 5s # what a killed process had in flight comes back soon
events: {bus: {{.Bus}}}
runtime: {session_timeout: 6s}
`

// writeConfiguration writes the file that makes `sellerstream run` use the environment.
func (e *environment) writeConfiguration(t *testing.T) string {
	t.Helper()
	text := template.Must(template.New("configuration").Parse(configuration))
	var b bytes.Buffer
	err := text.Execute(&b, map[string]any{
		"Prefix": e.prefix, "Kafka": e.brokers, "Registry": e.registry,
		"Region": awsRegion, "Key": awsKey, "SQS": e.aws, "EventBridge": e.tap.url,
		"LWA": e.urls.LWA, "SPAPI": e.urls.SPAPI, "ClientID": clientID,
		"Accounts": e.amazon.Accounts(), "Rate": getOrderRate, "Queue": e.queue, "Bus": e.bus,
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "sellerstream.yaml")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// process is a running pipeline.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when the process is gone
	err    error         // why, once exited is closed
}

// start runs the pipeline with all of its roles.
func (e *environment) start(t *testing.T) *process {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(e.binary, "run", "--config", e.config)
	cmd.Env = append(os.Environ(), "SELLERSTREAM_TEST_AWS_SECRET="+awsKey, "SELLERSTREAM_TEST_CLIENT_SECRET="+clientSecret)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the pipeline: %v", err)
	}
	p := &process{cmd: cmd, log: log.Name(), exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		log.Close()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.show(t)
		}
	})
	return p
}

// kill stops the process at once, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails when it is gone already
	<-p.exited
}

// stop asks the process to stop in order, and checks that it did.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("the pipeline ended by itself: %v", err)
	}
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		t.Fatal("the pipeline did not stop within a minute of SIGTERM")
	}
	if p.err != nil {
		t.Errorf("the pipeline stopped with %v", p.err)
	}
}

// watch is ctx, ended early if the process ends by itself.
func (p *process) watch(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.exited:
			cancel(errors.New("the pipeline ended by itself"))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// show prints the end of the process's log.
func (p *process) show(t *testing.T) {
	t.Helper()
	const most = 16 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Logf("the pipeline's log: %v", err)
		return
	}
	t.Logf("the pipeline's log ends with:\n%s", text[max(0, len(text)-most):])
}
