package feeds

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// A seller in two regions is two accounts that both hear of each feed's end: the
// one that submitted it takes it, in whichever order they come, and the other
// forgets it without a word.
func TestAFeedOfASellerInTwoRegionsIsTakenByWhoSubmittedIt(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		owner, other, a := newRuntime(t), newRuntime(t), newAmazon()
		f, submission := a.submit("1", owner.Now, 45*time.Second)
		note := f.notification()
		note.Candidate = true
		if early {
			owner.Take(note)
			owner.Now = owner.Now.Add(50 * time.Second)
			owner.Follow(time.Minute, owner.Take(submission), answers(owner, a))
		} else {
			owner.Follow(46*time.Second, owner.Take(submission), answers(owner, a))
			owner.Follow(time.Minute, owner.Take(note), answers(owner, a))
		}
		if got := only(t, owner); got.DetectedBy != byNotification {
			t.Errorf("early %v: %+v", early, got.FeedResult)
		}
		if calls := other.Take(note); len(calls) != 0 {
			t.Errorf("the account that did not submit it asks Amazon: %+v", calls)
		}
		other.Restart()
		other.Follow(2*holdFor, nil, nil)
		if len(other.alerts) != 0 || other.Store.Len() != 0 {
			t.Errorf("alerts %+v, %d entries are left", other.alerts, other.Store.Len())
		}
	}
}

// However many feeds the other account of a seller ends, this one's own early
// notifications are held, and a foreign feed of its own is told.
func TestFeedsOfTheOtherRegionCrowdNobodyOut(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	for i := range maxHeld + 50 {
		note := (&amazonFeed{account: testAccount, id: fmt.Sprint("elsewhere-", i), status: model.FeedDone}).notification()
		note.Candidate = true
		r.Take(note)
	}
	if r.Store.Len() != maxHeld {
		t.Fatalf("%d entries are kept, want %d", r.Store.Len(), maxHeld)
	}
	f, submission := a.submit("1", r.Now, 10*time.Second)
	r.Now = r.Now.Add(20 * time.Second)
	r.Take(f.notification())
	r.Take((&amazonFeed{account: testAccount, id: "foreign", status: model.FeedDone}).notification())
	r.Restart()
	r.Follow(time.Minute, r.Take(submission), answers(r, a))
	if got := only(t, r); got.DetectedBy != byNotification {
		t.Errorf("%+v", got.FeedResult)
	}
	r.Follow(2*holdFor, nil, nil)
	if len(r.alerts) != 1 || r.alerts[0].Subject != "foreign" {
		t.Errorf("alerts %+v", r.alerts)
	}
}
