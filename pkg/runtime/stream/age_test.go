package stream

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// agedCounter remembers how old what it restored was.
type agedCounter struct {
	counter
	mu   *sync.Mutex
	ages map[string][]time.Duration
}

func (m *agedCounter) RestoreAged(key string, value any, age time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ages[key] = append(m.ages[key], age)
	return m.Restore(key, value)
}

// An entry's age is the claim's time less its own, on the pipeline's clock, where
// both are a broker's; else it is not known.
func TestTheAgeOfAnEntryIsTheBrokers(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	record := func(kind int8, at time.Duration) *kgo.Record {
		return &kgo.Record{Timestamp: began.Add(at), Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{TimestampType: kind})}
	}
	for name, test := range map[string]struct {
		entry, claim *kgo.Record
		speed        float64
		want         time.Duration
	}{
		"the brokers'":           {record(1, 0), record(1, 3*time.Minute), 1, 3 * time.Minute},
		"sixty times as fast":    {record(1, 0), record(1, time.Second), 60, time.Minute},
		"the producers'":         {record(0, 0), record(0, 3*time.Minute), 1, 0},
		"the claim's alone":      {record(0, 0), record(1, 3*time.Minute), 1, 0},
		"none":                   {record(-1, 0), record(-1, 3*time.Minute), 1, 0},
		"a broker that is ahead": {record(1, time.Minute), record(1, 0), 1, 0},
	} {
		ages := map[string][]time.Duration{}
		s := &session{
			opts:    &Options{State: state, Clock: clock.NewScaled(began, test.speed)},
			machine: &agedCounter{counter{counts: map[string]int{}}, new(sync.Mutex), ages},
			claimed: map[string]brokerTime{state: brokerTimeOf(test.claim)},
		}
		if err := s.restoreEntry("a", &payload{}, brokerTimeOf(test.entry)); err != nil || len(ages["a"]) != 1 || ages["a"][0] != test.want {
			t.Errorf("%s: ages %v, %v, want %v", name, ages["a"], err, test.want)
		}
	}
}

// Over a takeover the runtime finds the time of the claim, whatever it is.
func TestAMachineIsToldHowOldItsStateIs(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		mu, ages := new(sync.Mutex), map[string][]time.Duration{}
		opts := w.options(func(machine.Unit) machine.Machine { return &agedCounter{counter{counts: map[string]int{}}, mu, ages} })
		r := w.run(opts)
		w.produce(in1, "a", 1)
		w.read(out, 1)
		r.shutdown()
		time.Sleep(time.Minute)
		r = w.run(opts)
		w.eventually("restored", r.Ready)
		r.shutdown()
		mu.Lock()
		defer mu.Unlock()
		if len(ages["a"]) != 1 || ages["a"][0] != 0 { // the fake broker keeps the producers' times
			t.Fatalf("restored with the ages %v", ages["a"])
		}
	})
}
