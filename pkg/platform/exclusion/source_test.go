package exclusion

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/test/logged"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a place whose list the test writes.
type stand struct {
	mu    sync.Mutex
	text  string
	err   error
	delay time.Duration
	loads int
}

func (s *stand) set(text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = text, err
}

func (s *stand) loaded() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

func (s *stand) Load(ctx context.Context, _ *List) (*List, error) {
	s.mu.Lock()
	text, err, delay := s.text, s.err, s.delay
	s.loads++
	s.mu.Unlock()
	if err := clock.Sleep(ctx, clock.Real{}, delay); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return Parse(strings.NewReader(text))
}

func (s *stand) String() string { return "stand" }

// run keeps a source of from, with a time to live, until the test ends. It returns what is
// logged.
func run(t *testing.T, from Loader, known func(string) bool, ttl time.Duration) (*Source, *logged.Text) {
	t.Helper()
	log := &logged.Text{}
	s := New(Options{From: from, Clock: clock.Real{}, Known: known, TTL: ttl, Logger: slog.New(slog.NewTextHandler(log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	synctest.Wait()
	return s, log
}

func skus(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strconv.Itoa(i) + "\n")
	}
	return b.String()
}

func TestListIsReadAgainWithinItsTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &stand{text: "A"}
		s, _ := run(t, from, nil, 0)
		if !s.Excluded("acme-eu", "A") || s.Excluded("acme-eu", "B") {
			t.Error("the first list does not hold")
		}
		from.set("B", nil)
		time.Sleep(DefaultTTL * 8 / 10)
		if !s.Excluded("acme-eu", "A") || from.loaded() != 1 {
			t.Error("the list was read before its time to live was over")
		}
		time.Sleep(DefaultTTL * 4 / 10)
		synctest.Wait()
		if s.Excluded("acme-eu", "A") || !s.Excluded("acme-eu", "B") {
			t.Error("the new list does not hold")
		}
	})
}

// The time to live is the configured one, whether shorter or longer than the default,
// each time anew and with a tenth of it more or less.
func TestAConfiguredTTLIsKept(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{10 * time.Second, time.Minute, DefaultTTL + time.Minute, 24 * time.Hour} {
		t.Run(ttl.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				from := &stand{text: "A"}
				run(t, from, nil, ttl)
				const readings = 50
				last, shortest, longest := time.Now(), 100*ttl, time.Duration(0)
				for n := 2; n <= readings; n++ {
					for from.loaded() < n {
						if time.Since(last) > 2*ttl {
							t.Fatalf("not read again for %v", time.Since(last))
						}
						time.Sleep(ttl / 100)
						synctest.Wait()
					}
					waited := time.Since(last)
					last, shortest, longest = time.Now(), min(shortest, waited), max(longest, waited)
				}
				if shortest < ttl*89/100 || longest > ttl*111/100 {
					t.Errorf("read again after %v to %v, want about %v", shortest, longest, ttl)
				}
				if longest-shortest < ttl/20 {
					t.Errorf("read again after %v to %v: the processes of a fleet would all ask at once", shortest, longest)
				}
			})
		})
	}
}

// A source that fails is tried sooner, but never more often than the time to live
// says, nor seldomer than every five minutes.
func TestAFailingSourceIsTriedWithinItsTTL(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[time.Duration][2]int{ // tries in an hour
		10 * time.Second: {320, 400}, DefaultTTL: {12, 30}, 24 * time.Hour: {12, 30},
	} {
		t.Run(ttl.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				from := &stand{}
				from.set("", errors.New("out of order"))
				run(t, from, nil, ttl)
				time.Sleep(time.Hour)
				if n := from.loaded(); n < want[0] || n > want[1] {
					t.Errorf("tried %d times in an hour, want %d to %d", n, want[0], want[1])
				}
			})
		})
	}
}

// One failure is tried again soon, however often the source failed before it last
// worked.
func TestEachFailureBeginsWithAShortWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &stand{}
		from.set("", errors.New("out of order"))
		run(t, from, nil, 0)
		for range 3 {
			time.Sleep(time.Hour)
			from.set("A", nil)
			time.Sleep(2 * DefaultTTL)
			synctest.Wait()
			good := from.loaded()
			from.set("", errors.New("out of order"))
			for from.loaded() == good {
				time.Sleep(time.Second)
			}
			time.Sleep(2*retryBase + time.Second)
			synctest.Wait()
			if tries := from.loaded() - good; tries < 2 {
				t.Errorf("tried %d times in the %v after it failed", tries, 2*retryBase)
			}
		}
	})
}

func TestLastListHoldsWhileTheSourceFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &stand{text: "A"}
		s, log := run(t, from, nil, 0)
		loadedAt := s.Status().LoadedAt
		from.set("", errors.New("out of order"))
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		status := s.Status()
		if !s.Excluded("acme-eu", "A") || status.Count != 1 {
			t.Error("the last list is gone")
		}
		if status.Err == nil || !status.LoadedAt.Equal(loadedAt) || status.Age(time.Now()) != 6*time.Hour || time.Since(status.FailingSince) < 5*time.Hour {
			t.Errorf("its age does not show: %+v", status)
		}
		if n := strings.Count(log.String(), "out of order"); n < 4 || n > 6 || !strings.Contains(log.String(), "age=4h") {
			t.Errorf("the failure is logged %d times in 6 hours, want about one an hour with the age:\n%s", n, log)
		}
		if n := from.loaded(); n < 6*60/6 { // every 5 minutes and a half
			t.Errorf("in 6 hours it was tried %d times", n)
		}
		from.set("A\nB", nil)
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if status := s.Status(); status.Err != nil || !status.FailingSince.IsZero() || status.Count != 2 || !s.Excluded("acme-eu", "B") {
			t.Errorf("after the failure: %+v", status)
		}
		if !strings.Contains(log.String(), "renewed again") {
			t.Errorf("its end is not logged:\n%s", log)
		}
	})
}

func TestAwaitEndsWithTheFirstGoodList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &stand{err: errors.New("not yet")}
		s, log := run(t, from, nil, 0)
		short, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.Await(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stand") {
			t.Errorf("without a list Await says %v", err)
		}
		from.set("", nil) // nothing is excluded, which is a list too
		if err := s.Await(t.Context()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "what needs it waits") {
			t.Errorf("the wait is not logged:\n%s", log)
		}
	})
}

func TestListThatShrinksToNearlyNothingIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, after int
		believed      bool
	}{{100, 0, false}, {100, 9, false}, {100, 10, true}, {20, 1, false}, {19, 0, true}, {0, 100, true}} {
		synctest.Test(t, func(t *testing.T) {
			from := &stand{text: skus(test.before)}
			s, _ := run(t, from, nil, 0)
			from.set(skus(test.after), nil)
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			status, want := s.Status(), test.after
			if !test.believed {
				want = test.before
			}
			if status.Count != want || (status.Err == nil) != test.believed {
				t.Errorf("from %d to %d entries: %+v", test.before, test.after, status)
			}
		})
	}
}

func TestReadingThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &stand{delay: time.Hour}
		s, _ := run(t, from, nil, 0)
		time.Sleep(loadTimeout + time.Second)
		if s.Excluded("acme-eu", "A") {
			t.Error("something is excluded")
		}
		if err := s.Status().Err; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestEntriesOfUnknownAccountsAreWarnedOfOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &stand{text: "acme-eu,A\nacme-ue,B\nC"}
		_, log := run(t, from, func(account string) bool { return account == "acme-eu" }, 0)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := strings.Count(log.String(), "entries=1 one_of_them=acme-ue"); n != 1 {
			t.Errorf("they are warned of %d times:\n%s", n, log)
		}
	})
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "skus.csv")
	if _, err := File(path).Load(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]string{"A\nB": "", "A\nacme-eu,": path + ": line 2: "} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := File(path).Load(t.Context(), nil)
		switch {
		case want == "" && (err != nil || list.Len() != 2):
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLookupsDoNotAllocate keeps them fit for each item of each order.
func TestLookupsDoNotAllocate(t *testing.T) {
	s := New(Options{From: File("x"), Clock: clock.Real{}})
	list, err := Parse(strings.NewReader(skus(1000)))
	if err != nil {
		t.Fatal(err)
	}
	s.list.Store(list)
	if n := testing.AllocsPerRun(100, func() { s.Excluded("acme-eu", "999") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
