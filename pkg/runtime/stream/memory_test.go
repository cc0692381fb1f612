package stream

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A unit may fill what the others leave, but not their part; one with nothing pending
// always takes something; and what one lets go another hears of.
func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	m := NewMemory(Load{Records: 1600, Bytes: 1 << 40}, slog.New(slog.DiscardHandler))
	a, b := m.share(), m.share()
	set := func(s *share, records int, want bool) {
		t.Helper()
		if got := s.set(Load{Records: records}); got != want {
			t.Fatalf("%d records: full is %v", records, got)
		}
	}
	set(a, 1500, false)
	set(a, 1501, true) // 1400 are common, 100 are its own
	set(b, 0, false)
	set(b, 100, false) // its own
	set(b, 101, true)
	set(a, 1400, true) // not to and fro
	select {
	case <-b.freed:
		t.Fatal("told too early")
	default:
	}
	set(a, 1200, false)
	<-b.freed
	set(b, 101, false)
	set(a, 1501, true)
	b.close()
	set(a, 1501, true)
	set(a, 0, false)

	m = NewMemory(Load{Records: 1 << 40, Bytes: 1000}, slog.New(slog.DiscardHandler))
	if a = m.share(); a.set(Load{Records: 1, Bytes: 1000}) || !a.set(Load{Records: 1, Bytes: 1001}) || a.set(Load{Bytes: 2000}) {
		t.Fatal("bytes have no bound, or one that stops a unit with nothing pending")
	}
	a.set(Load{})
	b = m.share() // 62 bytes are its own
	b.set(Load{Records: 1, Bytes: 875})
	if !a.set(Load{Records: 1, Bytes: 63, Queued: 100}) || a.set(Load{Records: 1, Bytes: 62, Queued: 100}) {
		t.Fatal("what is queued is not counted, or keeps a unit from its own part")
	}
}

// A few units restore at a time, of a large state one; and one that does not end holds
// up the others for a while only.
func TestTurnsAtRestoring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Load{}, slog.New(slog.DiscardHandler))
		began := make(chan *turn, 2*maxRestores)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range maxRestores + 3 {
			go func() {
				if turn, err := m.turn(ctx); err == nil {
					began <- turn
				}
			}()
		}
		synctest.Wait()
		if len(began) != maxRestores {
			t.Fatalf("%d restore at the same time", len(began))
		}
		eldest := m.turns[0]
		if err := eldest.hold(ctx, 2*maxRestored); err != nil {
			t.Fatal(err)
		}
		second, third := m.turns[1], m.turns[2]
		if err := third.hold(ctx, 1); err != nil {
			t.Fatal(err) // little is no matter
		}
		held := make(chan error, 1)
		go func() { held <- second.hold(ctx, maxRestored/maxRestores+1) }()
		synctest.Wait()
		if len(held) != 0 {
			t.Fatal("two hold more than all may")
		}
		eldest.end()
		third.end()
		synctest.Wait()
		if err := <-held; err != nil || len(began) != maxRestores+2 {
			t.Fatalf("%v, %d have begun", err, len(began))
		}
		time.Sleep(turnPatience)
		synctest.Wait()
		if len(began) != maxRestores+3 {
			t.Fatal("the last waits for ever")
		}
		now, last := time.Now(), m.turns[len(m.turns)-1]
		if err := last.hold(ctx, 2*maxRestored); err != nil || time.Since(now) != 0 {
			t.Fatalf("%v: it waits again, %v", err, time.Since(now))
		}
	})
}
