package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// watch shows how far something has come until the function that it returns is
// called: each second on a terminal, else each ten.
func (j *replayJob) watch(ctx context.Context, done, things string, progress func() (done, all int64)) (stop func()) {
	every, ending, last := 10*time.Second, "\n", ""
	terminal := isTerminal(j.cmd.ErrOrStderr())
	if terminal {
		every, ending, last = time.Second, "\r", "\n"
	}
	began := time.Now()
	first, _ := progress()
	ctx, cancel := context.WithCancel(ctx)
	var shown sync.WaitGroup
	shown.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ticker.C:
				so, all := progress()
				fmt.Fprintf(j.cmd.ErrOrStderr(), "%-78s%s", progressLine(done, things, first, so, all, time.Since(began)), ending)
			case <-ctx.Done():
				if n > 0 {
					fmt.Fprint(j.cmd.ErrOrStderr(), last)
				}
				return
			}
		}
	})
	return func() {
		cancel()
		shown.Wait()
	}
}

// progressLine returns how far something has come, how fast, and when it will be through.
func progressLine(done, things string, first, so, all int64, took time.Duration) string {
	share := 100.0
	if all > 0 {
		share = 100 * float64(so) / float64(all)
	}
	line := fmt.Sprintf("%s: %d of %d %s (%.0f %%)", done, so, all, things, share)
	rate := float64(so-first) / took.Seconds()
	if rate <= 0 {
		return line + ", waiting"
	}
	return line + fmt.Sprintf(", %.0f a second, %s left", rate, rough(float64(all-so)/rate))
}
