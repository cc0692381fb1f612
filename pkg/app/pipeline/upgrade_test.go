package pipeline

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/schemas"
)

// A process shows its version in its groups. It ends where the level is raised above what
// it knows, whoever does that, and does not start any more.
func TestAVersionThatDoesNotKnowTheLevelDoesNotRun(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 1, "", clock.Real{})
	e.configure(german)
	s := e.settings()
	s.Version = "v9.9.9"
	running := make(chan error, 1)
	go func() { running <- Run(e.ctx, s) }()
	e.log.await(e.ctx, t, "unit restored")

	switches, members, stop, err := OpenLevel(e.ctx, s, true)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, role := range []string{"orders", "inventory", "feeds", "shipments", "events", "subscriptions"} {
		shown := func(m level.Member) bool { return m.Role == role && m.Version == "v9.9.9" && m.Level == level.Newest }
		for !slices.ContainsFunc(members, shown) {
			if err := e.ctx.Err(); err != nil {
				t.Fatalf("role %s is not shown in %+v: %v", role, members, err)
			}
			time.Sleep(100 * time.Millisecond) // it joins
			var again func()
			if _, members, again, err = OpenLevel(e.ctx, s, true); err != nil {
				t.Fatal(err)
			}
			again()
		}
	}

	if _, err := switches.Turn(e.ctx, schemas.Switch{Subject: schemas.FeatureLevel, Level: level.Newest + 1, Since: time.Now(), By: "a later version"}); err != nil {
		t.Fatal(err)
	}
	outdated := (*level.TooOldError)(nil)
	if err := <-running; !errors.As(err, &outdated) {
		t.Errorf("the process that ran ended with %v", err)
	}
	if err := Run(e.ctx, s); !errors.As(err, &outdated) {
		t.Errorf("a process that was started ended with %v", err)
	}
}
