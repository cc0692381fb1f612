// Package clock owns time: every wait and every "now" of the pipeline's own
// pacing goes through a Clock, so that `demo --speed 60` can run a day's
// quotas in minutes. Kafka, HTTP timeouts, leases and sessions stay on the
// real clock. Tests need no clock of their own: under testing/synctest the
// real one is virtual.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and waits. Its methods may be called from any goroutine.
type Clock interface {
	// Now is the clock's time.
	Now() time.Time
	// Real is how long d of this clock's time takes on the real one.
	Real(d time.Duration) time.Duration
}

// Real is the machine's clock.
type Real struct{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// Real is d itself.
func (Real) Real(d time.Duration) time.Duration { return d }

// Scaled agrees with the real clock at its epoch and runs speed times as fast
// from there.
type Scaled struct {
	epoch time.Time
	speed float64
}

// NewScaled makes a clock. Processes that are given the same epoch and speed
// agree about the time, also after a restart. speed must be positive; 1 is the
// real clock's pace.
func NewScaled(epoch time.Time, speed float64) Scaled {
	if speed <= 0 {
		panic("clock: speed must be positive")
	}
	return Scaled{epoch: epoch, speed: speed}
}

// Now is the epoch plus the real time since, times the speed.
func (c Scaled) Now() time.Time {
	return c.at(time.Now())
}

func (c Scaled) at(t time.Time) time.Time {
	return c.epoch.Add(time.Duration(float64(t.Sub(c.epoch)) * c.speed))
}

// Real is d divided by the speed.
func (c Scaled) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.speed)
}

// At is what c shows at a time of the real clock: the same whenever it is asked.
func At(c Clock, t time.Time) time.Time {
	if scaled, ok := c.(Scaled); ok {
		return scaled.at(t)
	}
	return t
}

// Passes is how much of c's time passes in d of the real one.
func Passes(c Clock, d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.Real(time.Hour).Hours())
}

// Sleep waits for d of c's time, or until ctx ends, and then returns its cause.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(c.Real(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
