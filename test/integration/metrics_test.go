package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// checkMetrics holds a scrape, when all is done, against what Amazon's simulator
// and EventBridge have seen.
func (e *environment) checkMetrics(ctx context.Context, t *testing.T) {
	t.Helper()
	done, refused := 0, 0
	for _, call := range e.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}) {
		if call.Status == http.StatusOK {
			done++
		} else {
			refused++ // forged orders
		}
	}
	events, _ := e.tap.seen()
	count := func(what string, n int) string { return fmt.Sprintf("sellerstream_%s %d", what, n) }
	want := []string{
		count(`calls_total{operation="getOrder",outcome="done"}`, done),
		count(`call_seconds_count{operation="getOrder"}`, done+refused),
		count(`event_latency_seconds_count`, len(events)),
		count(`bridge_messages_total{outcome="dead_lettered"}`, e.poisoned),
		count(`bridge_in_flight`, 0),
		count(`consumer_lag_records{role="events",topic="orders"}`, 0),
		count(`units{role="orders",state="restored"}`, 6),
	}
	var missing []string
	for ctx.Err() == nil { // the answer to the last request may still be on its way
		text := e.scrape(ctx, t)
		missing = slices.DeleteFunc(slices.Clone(want), func(sample string) bool { return strings.Contains(text, "\n"+sample+"\n") })
		if len(missing) == 0 {
			t.Logf("the metrics say so too: %v", want)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("the metrics never said %v:\n%s", missing, e.scrape(t.Context(), t))
}

func (e *environment) scrape(ctx context.Context, t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.settings.Admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
