package registry_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// Subjects that others write get a protecting level when we register, unless
// somebody has chosen one for them; our own subjects are left alone.
func TestSubjectsThatOthersWriteAreProtected(t *testing.T) {
	t.Parallel()
	const stock, shipments, orders = "sellerstream.inventory-updates-value", "sellerstream.shipments-value", "sellerstream.orders-value"
	f := startRegistry(t)
	client, err := sr.NewClient(config(t, f.url, true).Client...)
	if err != nil {
		t.Fatal(err)
	}
	levels := func() (found []string) {
		for _, r := range client.Compatibility(t.Context(), stock, shipments, orders) {
			found = append(found, r.Level.String())
		}
		return found
	}
	newCodec(t, f.url, true)
	if got := strings.Join(levels(), " "); got != sr.CompatForwardTransitive.String()+" "+sr.CompatForwardTransitive.String()+" BACKWARD" {
		t.Errorf("got %s", got)
	}
	for _, chosen := range []sr.CompatibilityLevel{sr.CompatNone, sr.CompatFullTransitive} {
		client.SetCompatibility(t.Context(), sr.SetCompatibility{Level: chosen}, stock)
		newCodec(t, f.url, true)
		if got := levels()[0]; got != chosen.String() {
			t.Errorf("a chosen %s became %s", chosen, got)
		}
	}
	client.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatNone}, shipments)
	all, err := registry.Compatibilities(t.Context(), config(t, f.url, false))
	if err != nil || len(all) != 3 {
		t.Fatalf("got %v, %v", all, err)
	}
	for _, c := range all {
		if c.Err != nil || c.Protects() != (c.Subject != shipments) {
			t.Errorf("got %+v", c)
		}
	}
}

// As Confluent's and Apicurio's answer: 404 for a subject without a level of its
// own, or for everything where there is no such endpoint.
func TestLevelsOfOtherRegistries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		get  func(subject bool) (int, string)
		puts int
	}{
		"none of its own": {func(subject bool) (int, string) {
			if subject {
				return http.StatusNotFound, `{"error_code":40408,"message":"no subject-level compatibility"}`
			}
			return http.StatusOK, `{"compatibilityLevel":"BACKWARD"}`
		}, 3},
		"no endpoint": {func(bool) (int, string) { return http.StatusNotFound, "nginx" }, 3}, // tried, logged, and not fatal
		"not allowed": {func(bool) (int, string) { return http.StatusForbidden, "no" }, 0},
		"protected":   {func(bool) (int, string) { return http.StatusOK, `{"compatibilityLevel":"FULL"}` }, 0},
		"its own level": {func(subject bool) (int, string) {
			return http.StatusOK, map[bool]string{true: `{"compatibilityLevel":"NONE"}`, false: `{"compatibilityLevel":"BACKWARD"}`}[subject]
		}, 0},
	} {
		cfg, puts := config(t, "http://registry", true), 0
		cfg.Client = append(cfg.Client, sr.HTTPClient(&http.Client{Transport: answers(func(r *http.Request) (int, string) {
			switch {
			case r.Method == http.MethodPut:
				puts++
				return http.StatusNotFound, ""
			case strings.HasPrefix(r.URL.Path, "/config"):
				return c.get(r.URL.Path != "/config")
			}
			return http.StatusOK, `{"id":1}`
		})}))
		if _, err := registry.New(t.Context(), cfg); err != nil || puts != c.puts {
			t.Errorf("%s: %v, %d levels set, want %d", name, err, puts, c.puts)
		}
	}
}
