package eventbridge

import (
	"testing"
	"time"
)

// rounds has a service answer n rounds of as many requests as may be under way: so many
// at once in the time that one takes, more wait for each other.
func rounds(w *window, n, atOnce int, took time.Duration) {
	now := w.looked
	for range n {
		for w.free(now) {
			w.begin()
		}
		slower := took * time.Duration(max(1, (w.under+atOnce-1)/atOnce))
		now = now.Add(slower)
		for w.under > 0 {
			w.answered(now, slower)
		}
	}
}

func TestWindowGrowsToItsTop(t *testing.T) {
	t.Parallel()
	w := newWindow(32)
	rounds(&w, 4, 1000, 30*time.Millisecond)
	if w.size != 32 {
		t.Errorf("after four rounds of equal answers %v requests may be under way, want 32", w.size)
	}
}

// More requests than a service takes at once only wait for each other.
func TestWindowStopsWhereMoreOnlyWait(t *testing.T) {
	t.Parallel()
	w := newWindow(256)
	rounds(&w, 5000, 10, 30*time.Millisecond)
	if w.size < 10 || w.size > 45 {
		t.Errorf("%v requests may be under way at a service that takes 10 at once", w.size)
	}
}

// A service that has become slower for good is not taken for one that is crowded.
func TestWindowForgetsWhatWasFast(t *testing.T) {
	t.Parallel()
	w := newWindow(32)
	rounds(&w, 10, 1000, 5*time.Millisecond)
	rounds(&w, 1000, 1000, 50*time.Millisecond)
	if w.size != 32 {
		t.Errorf("%v requests may be under way, want 32 again", w.size)
	}
}

// Few requests say nothing of how many would do.
func TestWindowDoesNotGrowUnused(t *testing.T) {
	t.Parallel()
	w := newWindow(32)
	for range 100 {
		w.begin()
		w.answered(time.Now(), time.Millisecond)
	}
	if w.size != firstWindow {
		t.Errorf("%v requests may be under way after one at a time", w.size)
	}
}

func TestThrottlingSlowsAtOnceAndFailuresInARow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		throttled bool
		failures  int
		waits     bool
	}{
		"throttled once":  {true, 1, true},
		"failed twice":    {false, patient - 1, false},
		"failed in a row": {false, patient, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWindow(32)
			rounds(&w, 10, 1000, 30*time.Millisecond)
			for range c.failures {
				w.begin()
			}
			for range c.failures {
				w.failed(now, c.throttled)
			}
			if waits := !w.free(now); waits != c.waits {
				t.Errorf("waits: %v, want %v", waits, c.waits)
			}
			if w.size != 16 { // they were under way together
				t.Errorf("%v requests may be under way, want half of 32", w.size)
			}
			if !w.free(now.Add(maxBackoff)) {
				t.Error("waits for ever")
			}
			w.begin()
			w.answered(now, 30*time.Millisecond)
			if !w.free(now) || w.failures != 0 {
				t.Error("an answer does not end the wait")
			}
		})
	}
}

// Whatever happens, one request may be under way when its time has come.
func TestWindowNeverCloses(t *testing.T) {
	t.Parallel()
	w := newWindow(1)
	now := time.Now()
	for range 100 {
		w.begin()
		w.failed(now, true)
		now = now.Add(maxBackoff)
		if !w.free(now) {
			t.Fatal("nothing may be sent any more")
		}
	}
}
