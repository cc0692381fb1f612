package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

const root = "../.."

// Whoever is woken finds a section in the runbook, and no section is of an alert
// that cannot come any more.
func TestRunbookHasEachAlert(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readDoc(t, "deploy/prometheus/alerts.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, rule := range rules.Groups[0].Rules {
		want = append(want, rule.Alert)
		_, anchor, _ := strings.Cut(rule.Annotations["runbook_url"], "/docs/RUNBOOK.md#")
		if anchor != strings.ToLower(rule.Alert) && rule.Alert != "SellerstreamAlert" { // whose anchor is the type's
			t.Errorf("the runbook_url of %s leads to %q", rule.Alert, anchor)
		}
		if severity := rule.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("the severity of %s is %q", rule.Alert, severity)
		}
	}
	want = append(want, roles.Collect(func(r role.Role) []string { return r.Alerts })...)
	var got []string
	for _, heading := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(readDoc(t, "docs/RUNBOOK.md"), -1) {
		got = append(got, heading[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the runbook's sections are\n%q\nthe alerts\n%q", got, want)
	}
	rulesTest := readDoc(t, "deploy/prometheus/alerts_test.yaml")
	for _, rule := range rules.Groups[0].Rules {
		fires := `{alertname="` + rule.Alert + `", alertstate="firing", `
		quiet := regexp.MustCompile(regexp.QuoteMeta(`{alertname="`+rule.Alert+`", alertstate="firing"}'`) + `\s+eval_time: \w+\s+exp_samples: \[\]`)
		if !strings.Contains(rulesTest, fires) || !quiet.MatchString(rulesTest) {
			t.Errorf("alerts_test.yaml does not show %s both firing and quiet", rule.Alert)
		}
	}
}

// The chart refuses a secret that stands in the configuration itself, by the names
// of the configuration's secrets.
func TestChartKnowsEachSecret(t *testing.T) {
	t.Parallel()
	list := regexp.MustCompile(`\$secrets := list ((?:"\w+" ?)+)`).FindStringSubmatch(readDoc(t, "deploy/helm/sellerstream/templates/_helpers.tpl"))
	if list == nil {
		t.Fatal("the chart has no list of secrets")
	}
	got := strings.Fields(strings.ReplaceAll(list[1], `"`, ""))
	want := secretNames(reflect.TypeFor[config.Config]())
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("the chart has the secrets %q, the configuration %q", got, want)
	}
}

// secretNames are the names of the secrets in a type of the configuration.
func secretNames(of reflect.Type) (names []string) {
	switch of.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return secretNames(of.Elem())
	case reflect.Struct:
		for field := range of.Fields() {
			if name := field.Tag.Get("yaml"); field.Type == reflect.TypeFor[config.Secret]() {
				names = append(names, name)
			} else if name != "" {
				names = append(names, secretNames(field.Type)...)
			}
		}
	}
	return names
}

// What alerts and dashboard ask for is served by /metrics, with those labels:
// pkg/app/telemetry holds its table to what it serves.
func TestQueriedMetricsAreServed(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join(root, "pkg/app/telemetry/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	served := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(sellerstream_\\w+)` \\| (\\w+) \\| ([\\w, ]*) \\|").FindAllStringSubmatch(string(table), -1) {
		name, labels := row[1], append(strings.Split(row[3], ", "), "job")
		if row[2] == "histogram" {
			name, labels = name+"_bucket", append(labels, "le")
		}
		served[name] = labels
	}
	asked := 0
	for _, file := range []string{"prometheus/alerts.yaml", "grafana/dashboards/sellerstream.json"} {
		text := strings.ReplaceAll(readDoc(t, "deploy/"+file), `\"`, `"`)
		for _, use := range regexp.MustCompile(`\b(sellerstream_\w+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(text, -1) {
			asked++
			labels, known := served[use[1]]
			if !known {
				t.Errorf("%s asks for %s, which is not served", file, use[1])
			}
			for _, selector := range regexp.MustCompile(`(\w+)(?:=|!=|=~|!~)"`).FindAllStringSubmatch(use[2], -1) {
				if !slices.Contains(labels, selector[1]) {
					t.Errorf("%s asks for %s by %s, which it does not have", file, use[1], selector[1])
				}
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d uses of metrics were found", asked)
	}
}
