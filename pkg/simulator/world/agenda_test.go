package world

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// What is planned happens in order, at its time, on a clock that runs faster,
// without anybody calling; nothing happens after close.
func TestAgenda(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewScaled(time.Now(), 60)
		a := NewAgenda(c)
		start := c.Now()
		var happened []string
		plan := func(name string, after time.Duration) {
			a.Schedule(start.Add(after), func() {
				happened = append(happened, name)
				if late := c.Now().Sub(start) - after; late < 0 || late > time.Second {
					t.Errorf("%s happens %s late", name, late)
				}
			})
		}
		plan("second", 2*time.Minute)
		plan("first", time.Minute)
		plan("third", 2*time.Minute)
		a.Schedule(start.Add(3*time.Minute), func() { plan("from within", 4*time.Minute) })
		plan("never", 10*time.Minute)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if want := []string{"first", "second", "third", "from within"}; !slices.Equal(happened, want) {
			t.Errorf("happened %v", happened)
		}
		a.Close()
		plan("too late", 0)
		time.Sleep(time.Minute)
		if len(happened) != 4 {
			t.Errorf("after close: %v", happened)
		}
	})
}

// A caller sees what is due even if the timer has not fired yet.
func TestAgendaRunsForCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAgenda(clock.Real{})
		defer a.Close()
		happened := false
		a.Schedule(time.Now().Add(time.Hour), func() { happened = true })
		a.Run(time.Now().Add(time.Hour - 1))
		if happened {
			t.Error("it happened too early")
		}
		a.Run(time.Now().Add(time.Hour))
		if !happened {
			t.Error("it did not happen")
		}
	})
}
