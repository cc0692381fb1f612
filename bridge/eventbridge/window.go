package eventbridge

import "time"

// window is how many requests may be under way. It grows while EventBridge answers
// as fast as it did with fewer, and shrinks when it answers slowly, refuses for
// its limits, or does not answer. It is not safe for concurrent use.
type window struct {
	top   int     // the most that may be under way
	size  float64 // how many may be, from 1 to top
	under int     // how many are

	grows    bool          // doubles with each round of answers, until the first sign of too much
	filled   int           // answers that are still to come of a time when it was full
	best     time.Duration // the shortest time of an answer since looked
	looked   time.Time     // when it was last measured anew
	probing  int           // answers until size is what it was before the measuring
	before   float64       // that size
	failures int           // requests that failed as a whole, or were throttled, since one did not
	cut      time.Time     // when size was last halved
	until    time.Time     // nothing is sent before
}

const (
	firstWindow = 4
	// slow is how many times the best answer one may take before more requests
	// at once only wait for each other.
	slow = 3
	// lookEvery is after what time the best answer is measured anew, with few requests
	// under way: a service may have become slower, and not by our requests.
	lookEvery = 30 * time.Second
	// patient is how many failures in a row do not yet make the process pause: one
	// entry can make the requests that hold it fail.
	patient = 3
)

func newWindow(top int) window {
	return window{top: top, size: min(firstWindow, float64(top)), grows: true}
}

// free reports whether a request may begin.
func (w *window) free(now time.Time) bool {
	return w.under < int(w.size) && !w.until.After(now)
}

func (w *window) begin() {
	if w.under++; w.under >= int(w.size) {
		w.filled = w.under
	}
}

// answered is for a request that was answered at now, after took.
func (w *window) answered(now time.Time, took time.Duration) {
	w.under--
	w.failures = 0
	w.until = time.Time{}
	full := w.filled > 0
	w.filled = max(w.filled-1, 0)
	if w.look(now, took) {
		return
	}
	switch {
	case took > slow*w.best:
		w.grows = false
		w.size -= 1 / w.size
	case !full:
	case w.grows:
		w.size++
	default:
		w.size += 1 / w.size
	}
	w.size = min(max(w.size, 1), float64(w.top))
}

// look measures the best time of an answer. It reports true while size is small for that.
func (w *window) look(now time.Time, took time.Duration) bool {
	if w.best == 0 || took < w.best {
		w.best = took
	}
	switch {
	case w.probing > 0:
		if w.probing--; w.probing == 0 {
			w.size = w.before
		}
		return true
	case w.looked.IsZero():
		w.looked = now
	case now.Sub(w.looked) > lookEvery:
		w.looked, w.best = now, took
		if w.size > firstWindow {
			w.before, w.size = w.size, firstWindow
			w.probing = w.under + 2*firstWindow // those under way were sent when it was large
			return true
		}
	}
	return false
}

// failed is for a request that failed as a whole, or whose entries were refused for
// Amazon's limits: it was throttled. Throttling makes the process wait at once, other
// failures when they come in a row.
func (w *window) failed(now time.Time, throttled bool) {
	w.under--
	w.grows = false
	w.failures++
	// Requests that were under way together speak of one cause.
	if now.Sub(w.cut) > max(w.best, 10*time.Millisecond) {
		w.cut, w.probing = now, 0
		w.size = max(w.size/2, 1)
	}
	before := w.failures - patient
	if throttled {
		before = w.failures - 1
	}
	if before >= 0 && !w.until.After(now) {
		w.until = now.Add(backoff(min(before, patient)))
	}
}
