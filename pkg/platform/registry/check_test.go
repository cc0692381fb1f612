package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestCheck asks a registry that answers for each topic as the test says, and
// refuses everything that would change it.
func TestCheck(t *testing.T) {
	t.Parallel()
	const absent, gone, newer, other, ours = "absent.", "gone.", "newer.", "other.", "ours."
	refuse := func(w http.ResponseWriter, status, code int) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error_code":%d,"message":"no"}`, code)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		asksForID := strings.HasPrefix(r.URL.Path, "/subjects/")
		switch {
		case r.Method != http.MethodPost || strings.HasSuffix(r.URL.Path, "/versions"):
			t.Errorf("%s %s", r.Method, r.URL)
		case asksForID && strings.Contains(r.URL.Path, ours):
			fmt.Fprint(w, `{"subject":"s","version":1,"id":1,"schema":"\"string\""}`)
		case strings.Contains(r.URL.Path, absent):
			refuse(w, http.StatusNotFound, sr.ErrSubjectNotFound.Code)
		case asksForID:
			refuse(w, http.StatusNotFound, sr.ErrSchemaNotFound.Code)
		case strings.Contains(r.URL.Path, gone):
			refuse(w, http.StatusNotFound, sr.ErrVersionNotFound.Code)
		case strings.Contains(r.URL.Path, newer):
			fmt.Fprint(w, `{"is_compatible":true}`)
		default:
			fmt.Fprint(w, `{"is_compatible":false,"messages":["a field has no default"]}`)
		}
	}))
	t.Cleanup(server.Close)
	for prefix, want := range map[string]registry.Standing{
		ours: registry.Registered, absent: registry.Absent, gone: registry.Absent, newer: registry.Acceptable, other: registry.Incompatible,
	} {
		got, err := registry.Check(t.Context(), registry.Config{Client: []sr.ClientOpt{sr.URLs(server.URL)}, Prefix: prefix, Topics: []string{schemas.Orders}})
		if err != nil || len(got) != 1 || got[0].Standing != want || got[0].Name != prefix+"orders-value" {
			t.Errorf("%s: got %+v, %v", prefix, got, err)
		}
		if want == registry.Incompatible && !strings.Contains(got[0].Reason, "no default") {
			t.Errorf("the reason is %q", got[0].Reason)
		}
	}
}

func TestCheckOfSomethingElse(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	if got, err := registry.Check(t.Context(), registry.Config{Client: []sr.ClientOpt{sr.URLs(server.URL)}}); err == nil {
		t.Errorf("a web server is a registry: %+v", got)
	}
}
