package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestExampleIsAFileThatWorks(t *testing.T) {
	t.Parallel()
	cfg, err := Parse("example.yaml", []byte(Example))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if cfg.Accounts[0].Application != "main" {
		t.Errorf("the only application is not taken as the account's: %q", cfg.Accounts[0].Application)
	}
	if !reflect.DeepEqual(cfg.Runtime, want.Runtime) || !reflect.DeepEqual(cfg.SPAPI, want.SPAPI) {
		t.Error("commented-out keys changed a default")
	}
}

// TestExampleDocumentsEveryDefault uncomments every key of the example: each
// must exist and have its default.
func TestExampleDocumentsEveryDefault(t *testing.T) {
	t.Parallel()
	commented := regexp.MustCompile(`(?m)^(\s*)# ( *[a-zA-Z_]+:( .*)?)$`)
	text := commented.ReplaceAllString(Example, "$1$2")
	for _, pair := range []string{"username", "access_key_id"} { // without these their passwords are faults
		text = strings.Replace(text, pair+`: ""`, pair+": x", 1)
	}
	cfg, err := Parse("example.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	cfg.Kafka.Brokers, cfg.Bridge.Queues = nil, nil // keys that a user must write
	got := []any{cfg.Prefix, cfg.Log, cfg.Kafka, cfg.SPAPI, cfg.Bridge, cfg.Orders, cfg.Events, cfg.Runtime}
	defaults := []any{want.Prefix, want.Log, want.Kafka, want.SPAPI, want.Bridge, want.Orders, want.Events, want.Runtime}
	for i := range got {
		if !reflect.DeepEqual(got[i], defaults[i]) {
			t.Errorf("the example says %+v, the default is %+v", got[i], defaults[i])
		}
	}
	checkEveryKeyIsShown(t, reflect.TypeFor[Config](), text)
}

func checkEveryKeyIsShown(t *testing.T, of reflect.Type, text string) {
	t.Helper()
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == secretType {
		return
	}
	for i := range of.NumField() {
		key := of.Field(i).Tag.Get("yaml")
		if !strings.Contains(text, key+":") {
			t.Errorf("example.yaml does not show %s of %s", key, of.Name())
		}
		checkEveryKeyIsShown(t, of.Field(i).Type, text)
	}
}

func TestEveryFaultAtOnceWithItsLine(t *testing.T) {
	t.Parallel()
	const text = `kafka:
  brokers: localhost:9092
  partitions: many
registry: {url: "http://user:pw@127.0.0.1:8081"}
aws: {region: eu-west-1}
bridge:
  visibility_timeout: 30
  queue: []
applications:
  - {name: main, client_id: x, client_secret: amzn1.oa2-cs.v1.do-not-repeat-me}
accounts:
  - id: Acme EU
    seller_id: A3TH9S8BH6GOGM
    region: europe
    marketplaces: [ATVPDKIKX0DER]
    refresh_token: {env: TOKEN}
  - id: acme-us
    seller_id: A3TH9S8BH6GOGM
    region: na
    region: eu
    marketplaces: []
    refresh_token: {env: TOKEN, file: /token}
runtime: {heartbeat_interval: 9s}
`
	want := []string{
		`f:2: kafka.brokers: "localhost:9092" here: write a list`,
		`f:2: kafka.brokers: missing`,
		`f:3: kafka.partitions: "many" is not a whole number`,
		`f:4: registry.url: credentials do not belong in a URL`,
		`f:7: bridge.visibility_timeout: "30" is not a duration`,
		`f:8: bridge.queue: no such key; the keys here are max_pollers, queues, visibility_timeout`,
		`f:10: applications[0].client_secret: write where the secret is to be read`,
		`f:10: applications[0].client_secret: missing`,
		`f:12: accounts[0].id: "Acme EU" cannot name an account`,
		`f:14: accounts[0].region: "europe" is not a region: write na, eu or fe`,
		`f:20: accounts[1].region: given twice, first on line 19`,
		`f:21: accounts[1].marketplaces: missing`,
		`f:22: accounts[1].refresh_token: more than one source`,
		`f:23: runtime.heartbeat_interval: 9s: write a duration from 50ms to 1s`,
		`f:23: runtime.heartbeat_interval: 9s: write at most a third`,
	}
	_, err := Parse("f", []byte(text))
	var faults *Faults
	if !errors.As(err, &faults) {
		t.Fatalf("not Faults: %v", err)
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("fault %d is\n  %s\nwant\n  %s…", i, got[i], want[i])
		}
	}
	if strings.Contains(err.Error(), "do-not-repeat-me") || strings.Contains(err.Error(), "user:pw") {
		t.Error("a secret is in the message")
	}
}

func TestNotYAMLNamesTheLine(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte("kafka:\n  brokers: [a\nregistry: {}\n"))
	if err == nil || !regexp.MustCompile(`^f:\d+: not YAML: `).MatchString(err.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestOverridingOneEndpointKeepsTheOthers(t *testing.T) {
	t.Parallel()
	cfg, err := Parse("f", []byte(Example+"\nspapi: {endpoints: {eu: \"http://127.0.0.1:1\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SPAPI.Endpoints["eu"] != "http://127.0.0.1:1" || cfg.SPAPI.Endpoints["na"] != Default().SPAPI.Endpoints["na"] {
		t.Errorf("got %v", cfg.SPAPI.Endpoints)
	}
}

func TestUnreadableSecretsAreAllReported(t *testing.T) {
	t.Setenv("LWA_CLIENT_SECRET", "here")
	text := strings.Replace(Example, "{env: ACME_EU_REFRESH_TOKEN}", "{file: /no/such/file}", 1)
	text += "\nregistry: {url: \"http://127.0.0.1:1\", username: u, password: {env: NO_SUCH_VARIABLE}}\n"
	text = strings.Replace(text, "registry:\n  url: http://127.0.0.1:8081\n", "", 1)
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	err = cfg.CheckSecrets(t.Context(), "f")
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != 2 ||
		!strings.Contains(got[0], "accounts[0].refresh_token") || !strings.Contains(got[0], "/no/such/file") ||
		!strings.Contains(got[1], "registry.password") || !strings.Contains(got[1], "NO_SUCH_VARIABLE") {
		t.Errorf("got\n%s", err)
	}
}

func TestPrintingAConfigurationShowsNoSecret(t *testing.T) {
	t.Parallel()
	text := strings.Replace(Example, "{env: LWA_CLIENT_SECRET}", "{value: canary-7d1f}", 1)
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg); strings.Contains(got, "canary-7d1f") {
		t.Error("a printed configuration shows a secret")
	}
	secret, err := cfg.Applications[0].ClientSecret.Source().Secret(t.Context())
	if err != nil || secret.Reveal() != "canary-7d1f" {
		t.Errorf("got %q, %v", secret.Reveal(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Example))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("- 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Parse("f", text); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
