package eventbridge_test

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestLagIsWhatIsNotPublished, and none is left when EventBridge is well again.
func TestLagIsWhatIsNotPublished(t *testing.T) {
	w := newWorld(t)
	down, err := w.Faults.Add(simulator.Rule{Part: simulator.EventBridge, Action: simulator.Action{Status: 503}})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := w.run(w.options())
	lag := func() int64 {
		byTopic := p.Lag(t.Context())
		if byTopic == nil {
			return -1
		}
		return byTopic[schemas.Orders]
	}
	w.await("a member without work", func() bool { return p.WaitsFor() == "" && lag() == 0 })
	w.produce(0, 500)
	w.await("all are behind", func() bool { return lag() == 500 })
	w.Faults.Remove(down)
	w.await("none is behind", func() bool { return lag() == 0 })
	if published := p.Stats().Published; published != 500 {
		t.Errorf("without lag after %d of 500", published)
	}
}
