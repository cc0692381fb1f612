package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestScaledClockRunsFaster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewScaled(time.Now(), 60)
		start := c.Now()
		time.Sleep(time.Second)
		if got := c.Now().Sub(start); got != time.Minute {
			t.Errorf("a second is %s on the scaled clock, want 1m", got)
		}
		if got := At(c, start.Add(-time.Second)); !got.Equal(start.Add(-time.Minute)) {
			t.Errorf("a second ago it showed %s, want %s", got, start.Add(-time.Minute))
		}
		if got := At(Real{}, start); !got.Equal(start) {
			t.Errorf("the real clock shows %s at %s", got, start)
		}
		if got := c.Real(2 * time.Minute); got != 2*time.Second {
			t.Errorf("2m of its time take %s, want 2s", got)
		}
		if got := Passes(c, 2*time.Second); got != 2*time.Minute {
			t.Errorf("%s of its time pass in 2s, want 2m", got)
		}
	})
}

func TestClocksOfOneEpochAgree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now()
		before := NewScaled(epoch, 60)
		time.Sleep(time.Minute)
		if after := NewScaled(epoch, 60); !after.Now().Equal(before.Now()) {
			t.Errorf("a clock made later says %s, the first %s", after.Now(), before.Now())
		}
	})
}

func TestSleepTakesTheClocksTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := Sleep(t.Context(), NewScaled(time.Now(), 60), time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %s of real time, want 1s", took)
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		if err := Sleep(ctx, Real{}, time.Hour); !errors.Is(err, stop) {
			t.Errorf("got %v, want the context's cause", err)
		}
		if err := Sleep(ctx, Real{}, 0); !errors.Is(err, stop) {
			t.Errorf("no wait under an ended context: got %v, want its cause", err)
		}
	})
}
