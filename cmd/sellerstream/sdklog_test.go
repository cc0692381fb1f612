package main

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What the AWS SDK says is part of the log of run, in its form, and never raw on stderr.
// Commands, which log from warnings on, leave it out.
func TestTheSDKSpeaksThroughTheLog(t *testing.T) {
	t.Parallel()
	// The SDK warns of a date that it cannot read.
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "soon")
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(aws.Close)
	file, _ := embeddedConfig(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("{env: LWA_CLIENT_SECRET}", "{value: x}", "{env: ACME_EU_REFRESH_TOKEN}", "{value: x}",
		"  region: eu-west-1\n", "  region: eu-west-1\n  access_key_id: a\n  secret_access_key: {value: x}\n  sqs_endpoint: URL\n  sts_endpoint: URL\n  eventbridge_endpoint: URL\n",
	).Replace(string(text)) + "spapi: {lwa_endpoint: URL, endpoints: {na: URL, eu: URL, fe: URL}}\n"
	changed = regexp.MustCompile(` URL\b`).ReplaceAllString(changed, " "+aws.URL)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		told bool
	}{
		{[]string{"run", "--roles", "bridge", "--admin", "off"}, true},
		{[]string{"doctor", "--json"}, false},
	} {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		command := exec.CommandContext(ctx, program, append(test.args, "--config", file)...)
		command.Env = append(os.Environ(), asProgram+"=1")
		stderr, err := command.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		told, form := false, regexp.MustCompile(`^time=\S+ level=`)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			line := lines.Text()
			if strings.Contains(line, "Date header") {
				if told = true; !form.MatchString(line) || !strings.Contains(line, "from=aws-sdk-go") {
					t.Errorf("%v: %s", test.args, line)
				}
				_ = command.Process.Signal(os.Interrupt)
			}
		}
		_ = command.Wait() // doctor finds faults
		if told != test.told {
			t.Errorf("%v: the SDK's words are in stderr: %v, want %v", test.args, told, test.told)
		}
	}
}
