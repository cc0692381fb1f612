package config

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// everything is a file with every key of the example.
func everything(t testing.TB) string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^(\s*)# ( *(?:- )?[a-zA-Z_]+:( .*)?)$`).ReplaceAllString(Example, "$1$2")
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return text
}

// secretPlace matches the paths at which a secret or a URL stands.
var secretPlace = regexp.MustCompile(`(secret_access_key|client_secret|token|password|keys)(\.|$)|url$|endpoint|endpoints\.|document_hosts|brokers`)

// A text that is written where a secret's name or a URL belongs is in no error,
// whatever it looks like: it may be the secret.
func TestNoErrorRepeatsWhatStandsAtASecretsPlace(t *testing.T) {
	t.Parallel()
	text := everything(t)
	store := secrets.NewStore(func(_ context.Context, name string) (secrets.Secret, error) {
		return secrets.Secret{}, fmt.Errorf("secret %s is not there", name)
	}, time.Minute)
	tried := 0
	for _, canary := range []string{
		"canary-Secret/1", "Canary.S|ecret", "ftp://u:canary@host/", "http://u:canary@host", "https://canary%zz", "://canary", "*canary", "canary with spaces", "canary:@:1", "u:canary@host:9092",
	} {
		for _, i := range secretPlaces(t, text) {
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			path, _ := replaceScalar(doc.Content[0], "", &i, canary)
			tried++
			spoilt, err := yaml.Marshal(&doc)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := Parse("f", spoilt)
			said := fmt.Sprint(err, cfg.CheckSecrets(t.Context(), "f", store))
			if strings.Contains(strings.ToLower(said), "canary") {
				t.Errorf("%q at %s is repeated:\n%s", canary, path, linesWith(said, "anary"))
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d places were tried", tried)
	}
	for _, spoilt := range []string{
		"registry: {url: http://localhost:8081, username: u, password canary}", "registry: {canary}", "registry: {password canary, password canary}",
		"applications: [{id: a, client_secret canary}]", "canary: 1",
		"registry: {password: canary}", "registry: {password: {canary}}", "registry: {password: {canary: x}}", "registry: {password: [canary]}", "registry: {password: *canary}",
		"registry: {password: {env: [canary]}}", "registry: {password: {env: {canary: 1}}}", "registry: {password: {env: a, env: canary, canary: 1, canary: 2}}",
		"registry: {password: {key: canary}}", "registry: {url: [canary]}", "registry: {password: !canary x}", "registry: {password: {file: canary}}",
	} {
		cfg, err := Parse("f", []byte(spoilt))
		if said := fmt.Sprint(err, cfg.CheckSecrets(t.Context(), "f", store)); strings.Contains(said, "canary") {
			t.Errorf("%s: %s", spoilt, linesWith(said, "canary"))
		}
	}
}

func linesWith(text, part string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// secretPlaces are which of a document's scalar values are secrets or URLs.
func secretPlaces(t *testing.T, text string) (places []int) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		n := i
		path, found := replaceScalar(doc.Content[0], "", &n, "x")
		if !found {
			return places
		}
		if secretPlace.MatchString(path) {
			places = append(places, i)
		}
	}
}

// replaceScalar puts a text in place of the nth scalar value, and returns its path.
func replaceScalar(node *yaml.Node, path string, n *int, text string) (string, bool) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(node.Content); i += 2 {
			if at, ok := replaceScalar(node.Content[i+1], join(path, node.Content[i].Value), n, text); ok {
				return at, true
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if at, ok := replaceScalar(item, fmt.Sprintf("%s[%d]", path, i), n, text); ok {
				return at, true
			}
		}
	case yaml.ScalarNode:
		if *n--; *n < 0 {
			node.Value, node.Tag, node.Style = text, "!!str", yaml.DoubleQuotedStyle
			return path, true
		}
	}
	return "", false
}

// One rule for all URLs over which a secret goes: TLS, or this machine, or a key
// that says so.
func TestURLsWithoutTLS(t *testing.T) {
	t.Parallel()
	for place, file := range map[string]struct{ text, allow string }{
		"registry.url":                {"registry: {url: %s, username: u, password: {value: p}%s}", "insecure: true"},
		"aws.sqs_endpoint":            {"aws: {region: r, sqs_endpoint: %s%s}", "insecure: true"},
		"aws.eventbridge_endpoint":    {"aws: {region: r, eventbridge_endpoint: %s%s}", "insecure: true"},
		"aws.sts_endpoint":            {"aws: {region: r, sts_endpoint: %s%s}", "insecure: true"},
		"aws.kms_endpoint":            {"aws: {region: r, kms_endpoint: %s%s}", "insecure: true"},
		"aws.secretsmanager_endpoint": {"aws: {region: r, secretsmanager_endpoint: %s%s}", "insecure: true"},
		"spapi.lwa_endpoint":          {"spapi: {lwa_endpoint: %s%s}", "insecure: true"},
		"spapi.endpoints.eu":          {"spapi: {endpoints: {eu: %s}%s}", "insecure: true"},
		"exclusions.url":              {"exclusions: {url: %s, token: {value: t}%s}", "insecure: true"},
		"kafka.sasl.token_url":        {"kafka: {brokers: [a:1], sasl: {mechanism: OAUTHBEARER, token_url: %s, client_id: c, client_secret: {value: s}%s}}", "insecure_plaintext: true"},
	} {
		for url, safe := range map[string]bool{
			"https://example.com": true, "http://127.0.0.1:8081": true, "http://localhost": true, "http://[::1]:1": true, "http://127.9.9.9": true, "https://10.0.0.1": true,
			"http://example.com": false, "http://10.0.0.1:1": false, "http://registry": false, "HTTP://example.com": false, "http://localhost.example.com": false,
			"http://127.0.0.1.example.com": false, "http://0.0.0.0": false, "http://[::]": false,
		} {
			for _, allowed := range []bool{false, true} {
				allow := ""
				if allowed {
					allow = ", " + file.allow
				}
				_, err := Parse("f", fmt.Appendf(nil, file.text, `"`+url+`"`, allow))
				if refused := strings.Contains(err.Error(), place+": what is sent there can be read"); refused == (safe || allowed) {
					t.Errorf("%s: %s, allowed %t: %v", place, url, allowed, linesWith(err.Error(), place))
				}
			}
		}
	}
	for text, refused := range map[string]bool{
		`registry: {url: "http://registry"}`:                                   false, // nothing secret goes there
		`exclusions: {url: "http://list"}`:                                     false,
		`spapi: {document_hosts: ["http://files"]}`:                            true,
		`spapi: {document_hosts: ["http://127.0.0.1:1", files]}`:               false,
		`spapi: {document_hosts: ["http://files"], insecure: true}`:            false,
		`bridge: {queues: [{url: "http://sqs/1/q"}]}`:                          true,
		"bridge: {queues: [{url: \"http://sqs/1/q\"}]}\naws: {insecure: true}": false,
	} {
		if _, err := Parse("f", []byte(text)); strings.Contains(err.Error(), "can be read on the way") != refused {
			t.Errorf("%s: %v", text, err)
		}
	}
}
