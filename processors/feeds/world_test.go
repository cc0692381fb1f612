package feeds

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const testAccount = "acme-eu"

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func newMachine(t testing.TB) *Machine {
	t.Helper()
	accounts := []account.Account{{ID: testAccount, SellerID: "A1", Region: model.Europe}}
	for i := range 20 {
		accounts = append(accounts, account.Account{ID: fmt.Sprint("shop-", i), SellerID: fmt.Sprint("S", i), Region: model.Europe})
	}
	return New(Config{Accounts: machinetest.Directory(t, accounts...)})
}

type runtime struct {
	*machinetest.Runtime[*Machine]
	results  []ended // of feed-results, in order
	alerts   []*schemas.Alert
	resolved []*schemas.Alert // the records that end one
}

// ended is a FeedResult with the issues that stood before it in its transaction.
type ended struct {
	*schemas.FeedResult
	issues []schemas.FeedIssue
	shown  []schemas.ShownQuantity
}

func newRuntime(t testing.TB) *runtime {
	r := &runtime{}
	r.Runtime = machinetest.New(t, machinetest.Config[*Machine]{
		Processor: Processor, Operations: Operations(), Now: testStart, Committed: r.committed, Check: r.check,
		Build: func() *Machine { return newMachine(t) },
	})
	return r
}

func (r *runtime) committed(tx *machine.Tx) {
	r.T.Helper()
	var parts []*schemas.FeedIssues
	for _, out := range tx.Outputs {
		if size := len(out.Value.(schemas.Value).AppendAvro(nil)); size > schemas.MaxRecordBytes*9/10 {
			r.T.Fatalf("a %T of %d bytes", out.Value, size)
		}
		switch value := out.Value.(type) {
		case *schemas.Alert:
			if value.Resolves != "" {
				r.resolved = append(r.resolved, value)
				break
			}
			r.alerts = append(r.alerts, value)
		case *schemas.FeedIssues:
			parts = append(parts, value)
		case *schemas.FeedResult:
			r.results = append(r.results, r.whole(value, parts))
			parts = nil
		}
	}
	if len(parts) > 0 {
		r.T.Fatalf("rule 4: %d parts without a result behind them", len(parts))
	}
}

// whole puts a report together again, and checks that it can be.
func (r *runtime) whole(result *schemas.FeedResult, parts []*schemas.FeedIssues) ended {
	r.T.Helper()
	e := ended{FeedResult: result}
	if int(result.IssueParts) != len(parts) {
		r.T.Fatalf("rule 4: %d parts stand before a result of %d", len(parts), result.IssueParts)
	}
	for i, part := range parts {
		if part.FeedID != result.FeedID || part.Account != result.Account || int(part.Part) != i || len(part.Issues)+len(part.Shown) == 0 || len(part.Issues) > 0 && len(part.Shown) > 0 {
			r.T.Fatalf("rule 4: part %d is %+v", i, part)
		}
		e.issues = append(e.issues, part.Issues...)
		e.shown = append(e.shown, part.Shown...)
		if len(part.Shown) > 0 && !part.ShownTime.Equal(result.ProcessingEndTime) {
			r.T.Fatalf("part %d shows quantities of %v", i, part.ShownTime)
		}
	}
	return e
}

// check holds a call to rule 1 of the package.
func (r *runtime) check(call machine.Call) {
	r.T.Helper()
	state, ok := r.State(call.Key).(*schemas.FeedState)
	if !ok {
		r.T.Fatalf("rule 1: call for %s started without a committed wish", call.Key)
	}
	switch request := call.Request.(type) {
	case *model.GetFeedRequest:
		ok = state.Phase == running && call.Operation == model.GetFeed && request.FeedID == state.FeedID
	case *model.ReadFeedReportRequest:
		ok = state.Phase == report && call.Operation == model.GetFeedDocument && request.FeedDocumentID == state.ResultFeedDocumentID
	}
	if !ok {
		r.T.Fatalf("rule 1: %s called for %+v", call.Operation, state)
	}
}

// asked is how many getFeed calls a feed has cost.
func (r *runtime) asked(id string) (calls int) {
	for _, call := range r.Started {
		if call.Operation == model.GetFeed && call.Key == feedKey(testAccount, id) {
			calls++
		}
	}
	return calls
}

func (r *runtime) feed(id string) *schemas.FeedState {
	state, _ := r.State(feedKey(testAccount, id)).(*schemas.FeedState)
	return state
}

// amazon is the processing of feeds that the machine must follow.
type amazon struct {
	*machinetest.Door
	feeds map[string]*amazonFeed // by account/id
}

type amazonFeed struct {
	account, id string
	created     time.Time
	started     time.Time
	end         time.Time
	status      string        // at its end
	document    string        // its report; "" if there is none
	documentLag time.Duration // how much later than the end getFeed shows it
	lag         time.Duration // how much later getFeed shows what is so
	lost        bool          // getFeed never shows it
	broken      bool          // the report can never be downloaded
	report      model.FeedReport
}

func newAmazon() *amazon {
	return &amazon{feeds: map[string]*amazonFeed{}, Door: machinetest.NewDoor(map[string]quota.Limit{
		model.GetFeed: {Rate: 2, Burst: 15}, model.GetFeedDocument: {Rate: 0.0222, Burst: 10},
	})}
}

func (a *amazon) answer(call machine.Call, at time.Time) machine.Outcome {
	switch request := call.Request.(type) {
	case *model.GetFeedRequest:
		f := a.feeds[call.Account+"/"+request.FeedID]
		if f == nil || f.lost || at.Before(f.created.Add(f.lag)) {
			return machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: call.Operation, Status: 404}}
		}
		return machine.Done{Response: f.shown(at)}
	case *model.ReadFeedReportRequest:
		for _, f := range a.feeds {
			if f.account != call.Account || f.document != request.FeedDocumentID {
				continue
			}
			if f.broken {
				return machine.Retry{Err: fmt.Errorf("the download of %s broke off", f.document)}
			}
			report := f.report
			return machine.Done{Response: &report}
		}
	}
	return machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: call.Operation, Status: 404}}
}

// shown is the feed as getFeed gives it.
func (f *amazonFeed) shown(at time.Time) *model.Feed {
	at = at.Add(-f.lag)
	feed := &model.Feed{
		FeedID: f.id, FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"A1PA6795UKMFR9"},
		CreatedTime: f.created, ProcessingStatus: model.FeedInQueue,
	}
	if !at.Before(f.started) {
		feed.ProcessingStatus, feed.ProcessingStartTime = model.FeedInProgress, &f.started
	}
	if !at.Before(f.end) {
		feed.ProcessingStatus, feed.ProcessingEndTime = f.status, &f.end
		if !at.Before(f.end.Add(f.documentLag)) {
			feed.ResultFeedDocumentID = f.document
		}
	}
	return feed
}

// submit creates a feed that takes d and reads well.
func (a *amazon) submit(id string, now time.Time, d time.Duration) (*amazonFeed, *schemas.FeedSubmission) {
	f := &amazonFeed{
		account: testAccount, id: id, created: now, started: now.Add(d / 2), end: now.Add(d),
		status: model.FeedDone, document: "document-" + id,
		report: model.FeedReport{FeedID: id, Summary: model.FeedReportSummary{MessagesProcessed: 3, MessagesAccepted: 3}},
	}
	a.feeds[testAccount+"/"+id] = f
	return f, f.submission()
}

func (f *amazonFeed) submission() *schemas.FeedSubmission {
	return &schemas.FeedSubmission{
		EventID: "s-" + f.id, Account: f.account, FeedID: f.id, FeedType: model.JSONListingsFeed,
		MarketplaceID: "A1PA6795UKMFR9", SubmittedTime: f.created,
	}
}

func (f *amazonFeed) notification() *schemas.FeedNotification {
	return &schemas.FeedNotification{
		NotificationID: "n-" + f.id, Account: f.account, FeedID: f.id, FeedType: model.JSONListingsFeed,
		ProcessingStatus: f.status, ResultFeedDocumentID: f.document, EventTime: f.end, ReceivedTime: f.end,
	}
}

// final checks a feed's one FeedCompleted against what Amazon knows.
func (f *amazonFeed) final(got ended) error {
	want := *got.FeedResult
	want.ProcessingStatus, want.ResultFeedDocumentID, want.Report = f.status, f.document, reportRead
	switch {
	case f.lost:
		want.ProcessingStatus, want.ResultFeedDocumentID, want.Report = statusUnknown, "", reportNone
	case f.document == "":
		want.Report = reportNone
	case f.broken || f.report.Unreadable != "":
		want.Report = reportUnreadable
	}
	if got.ProcessingStatus != want.ProcessingStatus || got.ResultFeedDocumentID != want.ResultFeedDocumentID || got.Report != want.Report {
		return fmt.Errorf("feed %s ended as %+v, want status %s, report %s of %q", f.id, got.FeedResult, want.ProcessingStatus, want.Report, want.ResultFeedDocumentID)
	}
	if !f.lost && got.DetectedTime.Before(f.end.Truncate(time.Millisecond)) {
		return fmt.Errorf("rule 3: feed %s was taken as ended at %v, before %v", f.id, got.DetectedTime, f.end)
	}
	if (got.ReportError != "") != (f.lost || want.Report == reportUnreadable) {
		return fmt.Errorf("feed %s: report error %q", f.id, got.ReportError)
	}
	if want.Report != reportRead {
		return nil
	}
	if n := *got.MessagesProcessed; int(n) != f.report.Summary.MessagesProcessed {
		return fmt.Errorf("feed %s: %d messages processed", f.id, n)
	}
	var single, whole []schemas.FeedIssue
	for i := range f.report.Issues {
		if issue := issueOf(&f.report.Issues[i]); issue.MessageID != nil || issue.SKU != "" {
			single = append(single, issue)
		} else {
			whole = append(whole, issue)
		}
	}
	if !reflect.DeepEqual(got.issues, single) || len(whole)+len(got.FeedIssues) > 0 && !reflect.DeepEqual(got.FeedIssues, whole) {
		return fmt.Errorf("feed %s: issues %+v and %+v, want %+v", f.id, got.FeedIssues, got.issues, f.report.Issues)
	}
	return nil
}
