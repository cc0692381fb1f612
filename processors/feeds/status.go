package feeds

import (
	"errors"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Values of FeedResult.processingStatus that the machine itself looks at.
const (
	statusDone    = model.FeedDone
	statusUnknown = "UNKNOWN" // ours
)

// Values of FeedResult.detectedBy.
const (
	byNotification = "NOTIFICATION"
	byPoll         = "POLL"
	byObjective    = "OBJECTIVE"
)

const (
	// retryBase and retryLimit bound the wait after a getFeed that failed.
	retryBase  = 2 * time.Second
	retryLimit = 5 * time.Minute

	// missingBase and missingLimit bound the wait after one that was refused.
	missingBase  = 20 * time.Second
	missingLimit = 5 * time.Minute
	// missingShare is the part of Patience for which Amazon may say that there is no
	// such feed, and unansweredShare how many times Patience it may refuse otherwise, or
	// not answer, before the feed is given up: that can be a mistake of ours, which
	// somebody must have time to mend, and by then the feed's quantities have long been
	// sent by other ways.
	missingShare    = 6
	unansweredShare = 4

	// maxBare is how many answers that say a feed has ended and name no report
	// are asked again: a report was seen to show later than the end.
	maxBare   = 2
	bareBase  = 10 * time.Second
	bareLimit = time.Minute
)

// answered takes what Amazon says of a running feed.
func (m *Machine) answered(tx *machine.Tx, f *feed, answer *model.Feed) {
	f.Polls++
	f.Attempts, f.FailingSince = 0, time.Time{}
	f.ProcessingStatus = shortened(answer.ProcessingStatus, maxName)
	f.ProcessingStartTime, f.ProcessingEndTime = instant(answer.ProcessingStartTime), instant(answer.ProcessingEndTime)
	switch answer.ProcessingStatus {
	case model.FeedDone, model.FeedFatal, model.FeedCancelled:
		m.ended(tx, f, answer)
	default: // whatever else Amazon may come to say
		m.runs(tx, f)
	}
}

// runs takes an answer that a feed has not ended.
func (m *Machine) runs(tx *machine.Tx, f *feed) {
	f.BareAnswers, f.TookSeconds, f.DetectedBy, f.DetectedTime = 0, 0, "", time.Time{}
	f.quietUntil = time.Time{}
	if f.StuckTime.IsZero() && !tx.Now.Before(f.objective(m.cfg.StuckAfter)) {
		m.stuck(tx, f)
	}
	if f.Hinted {
		if f.NotBefore = f.unconfirmed(tx.Now); !f.NotBefore.IsZero() {
			return
		}
	}
	f.NotBefore = nextPoll(f, m.pace(f), tx.Now)
}

// ended takes an answer that a feed has ended.
func (m *Machine) ended(tx *machine.Tx, f *feed, answer *model.Feed) {
	if f.DetectedTime.IsZero() {
		f.DetectedTime, f.DetectedBy = tx.Now, byPoll
		if f.Hinted {
			f.DetectedBy = byNotification
		}
	}
	took := f.took(answer)
	f.TookSeconds = seconds(took)
	bare := answer.ResultFeedDocumentID == ""
	if bare && f.BareAnswers < maxBare && answer.ProcessingStatus != model.FeedCancelled {
		f.BareAnswers++
		f.NotBefore = tx.Now.Add(lane.Backoff(f.Key, int(f.BareAnswers), bareBase, bareLimit))
		return
	}
	m.learn(tx, f, took)
	f.ResultFeedDocumentID = answer.ResultFeedDocumentID
	if bare {
		m.complete(tx, f, outcome{report: reportNone})
		return
	}
	f.enter(report, tx.Now)
	f.NotBefore = earlier(f.SubmittedTime, tx.Now) // oldest first
}

// took is how long a feed took, by Amazon's clock where it says so.
func (f *feed) took(answer *model.Feed) time.Duration {
	from, to := f.SubmittedTime, f.DetectedTime
	if end := f.ProcessingEndTime; !end.IsZero() {
		to = end
		if created := instant(&answer.CreatedTime); !created.IsZero() {
			from = created
		}
	}
	return max(0, to.Sub(from))
}

// notShown takes Amazon's refusal to show a running feed, and gives the feed up
// when it lasts.
func (m *Machine) notShown(tx *machine.Tx, f *feed, err error) {
	patience := unansweredShare * m.cfg.Patience
	var refusal *model.Error
	if errors.As(err, &refusal) && refusal.Class == model.NotFound {
		patience = m.cfg.Patience / missingShare
	}
	if !f.exhausted(tx.Now, patience) {
		f.delay(tx.Now, missingBase, missingLimit)
		return
	}
	m.giveUp(tx, f, err)
}

// giveUp ends a running feed about which Amazon answers nothing: one feed costs no
// more than itself (containment rule 4).
func (m *Machine) giveUp(tx *machine.Tx, f *feed, err error) {
	if !f.DetectedTime.IsZero() { // it has said how the feed ended, and only not of what report
		m.complete(tx, f, outcome{report: reportNone})
		return
	}
	since := f.FailingSince
	f.ProcessingStatus, f.DetectedBy, f.DetectedTime = statusUnknown, byPoll, tx.Now
	tx.Alert(&schemas.Alert{
		Role: Processor, EventType: alertUnknown, Account: f.Account, Subject: f.FeedID, Severity: critical, Since: since,
		Message: fmt.Sprintf("Feed %s (%s) of account %s was submitted at %s, and Amazon does not show it: %s. "+
			"Whether any of it was applied is not known, and it is not asked after any more. Look for it in Seller Central; "+
			"its quantities are to be sent again.", f.FeedID, f.FeedType, f.Account, when(f.SubmittedTime), reason(err)),
		Attributes: f.attributes(),
	})
	m.complete(tx, f, outcome{report: reportNone, reportError: reason(err)})
}

// endUnknown resolves the alert about a feed that was given up, for the reason why.
func (f *feed) endUnknown(tx *machine.Tx, why string) {
	tx.ResolveRaised(&schemas.Alert{
		Role: Processor, EventType: alertUnknown, Account: f.Account, Subject: f.FeedID, Attributes: f.attributes(),
		Message: fmt.Sprintf("Feed %s (%s) of account %s: %s.", f.FeedID, f.FeedType, f.Account, why),
	}, f.DetectedTime)
}

// overdue follows a running feed's timer: Amazon is asked at once, and a feed
// that it still does not answer for is stuck.
func (m *Machine) overdue(tx *machine.Tx, f *feed) {
	if f.quietUntil.IsZero() {
		f.quietUntil = tx.Now.Add(silence)
		f.NotBefore = earlier(f.NotBefore, tx.Now)
	} else {
		m.stuck(tx, f)
	}
	m.save(tx, f)
}

// stuck tells once that a feed is past its objective.
func (m *Machine) stuck(tx *machine.Tx, f *feed) {
	f.StuckTime = tx.Now
	result := f.result(tx, alertStuck, reportNone)
	state := "is still " + f.ProcessingStatus
	if f.ProcessingStatus == "" {
		result.ProcessingStatus, state = statusUnknown, "has not been shown by Amazon since"
	}
	result.DetectedBy, result.DetectedTime = byObjective, tx.Now
	so := seconds(tx.Now.Sub(f.SubmittedTime))
	result.TookSeconds = &so
	tx.Emit(machine.Output{Topic: schemas.FeedResults, Account: f.Account, Value: result})

	expected := "how long such feeds take was not known"
	if f.ExpectedSeconds > 0 {
		expected = fmt.Sprintf("such feeds took %v", time.Duration(f.ExpectedSeconds)*time.Second)
	}
	tx.Alert(&schemas.Alert{
		Role: Processor, EventType: alertStuck, Account: f.Account, Subject: f.FeedID, Severity: critical, Since: f.objective(m.cfg.StuckAfter),
		Message: fmt.Sprintf("Feed %s (%s) of account %s was submitted at %s and %s (%s). "+
			"It is asked after on, and its end will be told. While it is %s the inventory processor cancels it; "+
			"else ask Amazon's support with the feed id.", f.FeedID, f.FeedType, f.Account, when(f.SubmittedTime),
			state, expected, model.FeedInQueue),
		Attributes: f.attributes(),
	})
}

func (f *feed) attributes() map[string]string {
	return map[string]string{"feedType": f.FeedType, "marketplaceId": f.MarketplaceID}
}

// earlier is the earlier one.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// seconds is d rounded to what a record holds.
func seconds(d time.Duration) int32 {
	return int32(min(max(d, 0), 365*24*time.Hour).Round(time.Second) / time.Second)
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// instant is t in UTC and milliseconds; none, or one that JSON has no form for,
// is zero.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	utc := t.UTC().Truncate(time.Millisecond)
	if utc.Year() < 1 || utc.Year() > 9999 {
		return time.Time{}
	}
	return utc
}
