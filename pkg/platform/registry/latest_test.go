package registry_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// A producer that registers a smaller schema makes it the latest version, which others
// take. One with more fields than ours, such as a later version's, does no harm.
func TestSmallerVersionsAreTold(t *testing.T) {
	t.Parallel()
	f := newWholeFixture(t)
	cfg := config(t, f.url, false)
	client, err := sr.NewClient(append(cfg.Client, sr.HTTPClient(http.DefaultClient))...) // which waits for a busy machine
	if err != nil {
		t.Fatal(err)
	}
	register := func(topic, record, old, other string) {
		t.Helper()
		r, _ := schemas.Of(record)
		text := strings.Replace(r.Schema(), old, other, 1)
		if _, err := client.RegisterSchema(t.Context(), schemas.DefaultPrefix+topic+"-value", sr.Schema{Schema: text}, -1, -1); err != nil {
			t.Fatal(err)
		}
	}
	register(schemas.InventoryUpdates, "InventoryUpdate", `"urgent"`, `"hasty"`)
	register(schemas.Shipments, "Shipment", `"fields": [`, `"fields": [{"name": "newer", "type": "int", "default": 0}, `)
	register(schemas.Orders, "Order", `"incomplete"`, `"lacks"`) // which we alone write
	found, err := registry.SmallerVersions(t.Context(), cfg)
	if err != nil || len(found) != 1 || found[0].Subject != "sellerstream.inventory-updates-value" || found[0].Version != 2 || !slices.Equal(found[0].Lacks, []string{"urgent"}) {
		t.Errorf("%+v, %v", found, err)
	}
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := registry.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Count(text, "lacks fields of our schema") != 1 || !strings.Contains(text, "lacks=urgent") || !strings.Contains(text, "auto.register.schemas=false") {
		t.Errorf("%s", text)
	}
}
