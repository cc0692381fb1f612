package pipeline

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/quota"
)

func TestParseRoles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []Role
	}{
		{"", Roles()},
		{"orders", []Role{Orders}},
		{"events, bridge,events", []Role{Events, Bridge}},
	} {
		got, err := ParseRoles(test.text)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q: got %v, %v", test.text, got, err)
		}
	}
	if _, err := ParseRoles("bridge,,orders"); err == nil || !strings.Contains(err.Error(), "the roles are") {
		t.Errorf("an empty role: got %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := newLimits([]config.Account{{ID: "a", Quotas: map[string]config.Quota{"getOrder": {Rate: 5, Burst: 100}}}})
	if got, ok := l.of("a", "getOrder"); !ok || got != (quota.Limit{Rate: 5, Burst: 100}) {
		t.Errorf("a configured quota: got %v, %v", got, ok)
	}
	if _, ok := l.of("b", "getOrder"); ok {
		t.Error("another account's default is replaced")
	}
}

func TestWorkOutlivesAStopByTheDrainTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		work, release := workContext(ctx, 20*time.Second)
		defer release()
		stop()
		time.Sleep(20 * time.Second)
		if err := context.Cause(work); err != nil {
			t.Errorf("work ended within the drain timeout: %v", err)
		}
		time.Sleep(grace)
		synctest.Wait()
		if work.Err() == nil {
			t.Error("work goes on for ever")
		}
	})
}
