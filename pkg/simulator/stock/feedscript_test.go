package stock_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// script makes the next feed of the German seller go so.
func (s *seller) script(o simulator.FeedOutcome) {
	s.T.Helper()
	s.Fault(simulator.Rule{Part: simulator.Processing, Account: simulatortest.German, Times: 1, Action: simulator.Action{Feed: &o}})
}

// ten is a document that sets SKU-00001 to SKU-00010 to a quantity.
func (s *seller) ten(quantity int) string {
	var pairs []any
	for i := range 10 {
		pairs = append(pairs, fmt.Sprintf("SKU-%05d", i+1), quantity)
	}
	return s.quantities(pairs...)
}

// applied counts how many of the ten have the quantity.
func (s *seller) applied(quantity int) (n int) {
	for i := range 10 {
		if s.quantity(fmt.Sprintf("SKU-%05d", i+1)) == quantity {
			n++
		}
	}
	return n
}

// Each way in which a feed can end: its status, what was applied, and whether
// there is a report and what it counts.
func TestFeedOutcomes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome                     simulator.FeedOutcome
		status                      string
		applied                     int
		report                      bool
		processed, errors, warnings int
	}{
		"FATAL, all applied":       {simulator.FeedOutcome{Status: "FATAL"}, "FATAL", 10, true, 10, 0, 0},
		"FATAL, some applied":      {simulator.FeedOutcome{Status: "FATAL", Skipped: 0.6}, "FATAL", 4, true, 4, 0, 0},
		"FATAL, none, no report":   {simulator.FeedOutcome{Status: "FATAL", Skipped: 1, NoReport: true}, "FATAL", 0, false, 0, 0, 0},
		"DONE without a report":    {simulator.FeedOutcome{NoReport: true}, "DONE", 10, false, 0, 0, 0},
		"cancelled by Amazon":      {simulator.FeedOutcome{Status: "CANCELLED"}, "CANCELLED", 0, false, 0, 0, 0},
		"all refused":              {simulator.FeedOutcome{Rejected: 1}, "DONE", 0, true, 10, 10, 0},
		"all warned of":            {simulator.FeedOutcome{Warned: 1}, "DONE", 10, true, 10, 0, 10},
		"accepted but not applied": {simulator.FeedOutcome{Unapplied: 1, Uncompressed: true}, "DONE", 0, true, 10, 0, 0},
	} {
		s := sell(t, nil)
		s.script(test.outcome)
		id := s.create(s.upload(s.ten(77)))
		s.Clock.Advance(time.Minute)
		f := s.feed(id)
		if f.ProcessingStatus != test.status || s.applied(77) != test.applied || (f.ResultFeedDocumentID != "") != test.report {
			t.Errorf("%s: %+v, %d applied", name, f, s.applied(77))
			continue
		}
		if !test.report {
			continue
		}
		if sum := s.report(f.ResultFeedDocumentID).Summary; sum.MessagesProcessed != test.processed || sum.Errors != test.errors || sum.Warnings != test.warnings {
			t.Errorf("%s: %+v", name, sum)
		}
	}
}

func TestFeedXMLReport(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	s.script(simulator.FeedOutcome{XMLReport: true})
	id := s.create(s.upload(s.ten(1)))
	s.Clock.Advance(time.Minute)
	if body := s.download(s.feed(id).ResultFeedDocumentID); !bytes.Contains(body, []byte("<MessagesProcessed>10<")) {
		t.Errorf("%s", body)
	}
}

// A document that cannot be read reports zeros and one error.
func TestFeedUnreadableDocument(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	for document, code := range map[string]string{
		`{"header":`: "4002001",
		strings.Replace(s.ten(1), s.ID, "ASOMEBODYELSE", 1): "BAD_REQUEST",
	} {
		id := s.create(s.upload(document))
		s.Clock.Advance(time.Minute)
		f := s.feed(id)
		report := s.report(f.ResultFeedDocumentID)
		if f.ProcessingStatus != "FATAL" || report.Summary.Errors != 1 || report.Summary.MessagesProcessed != 0 ||
			len(report.Issues) != 1 || report.Issues[0].Code != code || report.Issues[0].MessageID != 0 {
			t.Errorf("%+v %+v", f, report)
		}
	}
}

// A stuck feed lets later ones pass; what it sets in the end is older.
func TestFeedsOutOfOrder(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	s.script(simulator.FeedOutcome{Queued: 40 * time.Minute})
	stuck := s.create(s.upload(s.quantities("SKU-00001", 50)))
	s.Clock.Advance(time.Minute)
	s.create(s.upload(s.quantities("SKU-00001", 51)))
	s.Clock.Advance(2 * time.Minute)
	if f := s.feed(stuck); f.ProcessingStatus != "IN_QUEUE" || s.quantity("SKU-00001") != 51 {
		t.Errorf("%+v, quantity %d", f, s.quantity("SKU-00001"))
	}
	s.Clock.Advance(40 * time.Minute)
	if got := s.quantity("SKU-00001"); got != 50 {
		t.Errorf("quantity %d, not the stuck feed's", got)
	}
	if truth := s.InventoryCounts(); truth.Overlapping != 1 || truth.FeedsDouble != 0 {
		t.Errorf("%+v", truth)
	}
}

// The oracle knows a feed that should not exist.
func TestFeedsDouble(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	document := s.upload(s.ten(5))
	pause := func() { s.Clock.Advance(2 * time.Minute) }
	s.create(document)
	pause()
	s.create(document) // the same document
	pause()
	s.create(s.upload(s.ten(5))) // the same content
	pause()
	s.create(s.upload(s.ten(6)))
	pause()
	s.create(s.upload(s.ten(5))) // the same again, after another
	pause()
	s.script(simulator.FeedOutcome{Status: "FATAL"})
	s.create(s.upload(s.ten(9)))
	pause()
	s.create(s.upload(s.ten(9))) // a FATAL feed calls for a repeat
	var why []string
	for _, f := range s.Feeds(simulatortest.German) {
		why = append(why, f.Double)
	}
	if got := fmt.Sprintf("%q", why); got != `["" "document" "content" "" "" "" ""]` {
		t.Errorf("double: %s", got)
	}
	if truth := s.InventoryCounts(); truth.Feeds != 7 || truth.FeedsDouble != 2 {
		t.Errorf("%+v", truth)
	}
}

// An answer is lost, the feed comes late, and getFeeds shows it later still.
func TestCreateFeedLate(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	s.Fault(simulator.Rule{Operation: "createFeed", Times: 1, Action: simulator.Action{
		LoseAnswer: true, ApplyLate: 5 * time.Minute, ShowLate: 4 * time.Minute,
	}})
	if got, err := s.tryCreate(s.upload(s.ten(3))); err == nil {
		t.Errorf("an answer: %+v", got)
	}
	shown := func() int {
		page := simulatortest.Read[struct{ Feeds []feedView }](t, s.Call(http.MethodGet, simulatortest.FeedsPath+"?feedTypes="+simulatortest.JSONFeed, ""), 200)
		return len(page.Feeds)
	}
	s.Clock.Advance(5*time.Minute - time.Second)
	if n := len(s.Feeds(simulatortest.German)); n != 0 || shown() != 0 {
		t.Errorf("%d feeds a second early", n)
	}
	s.Clock.Advance(time.Second)
	if n := len(s.Feeds(simulatortest.German)); n != 1 || shown() != 0 {
		t.Errorf("%d feeds, %d shown, after five minutes", n, shown())
	}
	s.Clock.Advance(4 * time.Minute)
	if shown() != 1 || s.applied(3) != 10 {
		t.Errorf("%d feeds shown, %d applied", shown(), s.applied(3))
	}
	calls := s.Ledger.Calls(simulator.Filter{Operation: "createFeed"})
	if len(calls) != 1 || !calls[0].Applied || calls[0].Answered || calls[0].Parameters["feedId"] == "" {
		t.Errorf("ledger: %+v", calls)
	}
}

// The URL of a report can be wrong in every way.
func TestReportDownloadFaults(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	id := s.create(s.upload(s.ten(1)))
	s.Clock.Advance(time.Minute)
	result := s.feed(id).ResultFeedDocumentID
	link := func() string {
		return simulatortest.Read[struct{ URL string }](t, s.Call(http.MethodGet, simulatortest.DocumentsPath+"/"+result, ""), 200).URL
	}
	fetch := func(url string) *http.Response {
		answer, err := s.Client.Transport.RoundTrip(s.Request(http.MethodGet, url, ""))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	s.Fault(simulator.Rule{Operation: "getFeedDocument", Times: 1, Action: simulator.Action{ReportURL: "http://169.254.169.254/latest/meta-data/"}})
	if got := link(); got != "http://169.254.169.254/latest/meta-data/" {
		t.Errorf("the scripted URL: %s", got)
	}
	s.Fault(simulator.Rule{Part: simulator.Documents, Times: 1, Action: simulator.Action{Status: 302, Header: map[string]string{"Location": "http://x/"}}})
	answer := fetch(link())
	answer.Body.Close()
	if answer.StatusCode != 302 || answer.Header.Get("Location") != "http://x/" {
		t.Errorf("the redirect: %d %v", answer.StatusCode, answer.Header)
	}
	s.Fault(simulator.Rule{Operation: "getDocument", Times: 1, Action: simulator.Action{Bomb: 64 << 20}})
	answer = fetch(link())
	unzip, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, unzip)
	answer.Body.Close()
	if err != nil || n != 64<<20 || answer.ContentLength > n/500 {
		t.Errorf("the bomb: %d bytes of %d: %v", n, answer.ContentLength, err)
	}
	url := link()
	s.Clock.Advance(5*time.Minute + time.Second)
	answer = fetch(url)
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("after five minutes: %d", answer.StatusCode)
	}
}

// finished empties the queue of its FEED_PROCESSING_FINISHED notifications.
func (s *seller) finished() (bodies []map[string]any) {
	s.T.Helper()
	all, malformed := s.Drain()
	for _, n := range all {
		if n.NotificationType != "FEED_PROCESSING_FINISHED" || malformed > 0 {
			s.T.Fatalf("%+v, %d malformed", n, malformed)
		}
		bodies = append(bodies, n.Payload.FeedProcessingFinishedNotification)
	}
	return bodies
}

func TestFeedNotifications(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	for want, outcome := range map[int]simulator.FeedOutcome{
		1: {}, 0: {Unnotified: true}, 3: {Notifications: 3}, 2: {Notifications: 2, Status: "CANCELLED"},
	} {
		s.script(outcome)
		id := s.create(s.upload(s.ten(want)))
		s.Clock.Advance(2 * time.Minute)
		f := s.feed(id)
		got := s.finished()
		if len(got) != want {
			t.Errorf("%d notifications, not %d", len(got), want)
		}
		for _, n := range got {
			if n["feedId"] != id || n["processingStatus"] != f.ProcessingStatus || n["sellerId"] != s.ID || n["feedType"] != simulatortest.JSONFeed ||
				f.ResultFeedDocumentID != "" && n["resultFeedDocumentId"] != f.ResultFeedDocumentID {
				t.Errorf("%+v of %+v", n, f)
			}
		}
	}
}

// A notification can come before getFeed shows the end, and without a seller.
func TestFeedNotificationEarlyAndAnonymous(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) {
		c.FeedNotifications = simulator.FeedNotifications{Early: 1, AccountOnly: 1}
	})
	s.script(simulator.FeedOutcome{Queued: time.Second, Processing: time.Second, ShownLate: 5 * time.Second})
	id := s.create(s.upload(s.ten(1)))
	s.Clock.Advance(2 * time.Second)
	s.Feeds("") // lets what is due happen
	got := s.finished()
	if len(got) != 1 || got[0]["sellerId"] != nil || got[0]["accountId"] != "amzn1.merchant.o."+s.ID {
		t.Fatalf("%+v", got)
	}
	if f := s.feed(id); f.ProcessingStatus != "IN_PROGRESS" || f.ResultFeedDocumentID != "" {
		t.Errorf("early: %+v", f)
	}
	s.Clock.Advance(5 * time.Second)
	if f := s.feed(id); f.ProcessingStatus != "DONE" || f.ResultFeedDocumentID == "" {
		t.Errorf("late: %+v", f)
	}
}

// getFeeds shows a seller's feeds newest first, in pages that go on where they
// ended although new feeds come.
func TestGetFeeds(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.ListingsFeeds = simulator.Window{Count: 100, Per: time.Minute} })
	var ids []string
	for i := range 12 {
		ids = append(ids, s.create(s.upload(s.quantities("SKU-00001", i))))
		s.Clock.Advance(time.Minute)
	}
	type page struct {
		Feeds     []feedView
		NextToken string
	}
	list := func(query string) page {
		return simulatortest.Read[page](t, s.Call(http.MethodGet, simulatortest.FeedsPath+"?"+query, ""), 200)
	}
	first := list("feedTypes=" + simulatortest.JSONFeed)
	if len(first.Feeds) != 10 || first.Feeds[0].FeedID != ids[11] || first.NextToken == "" {
		t.Fatalf("%+v", first)
	}
	s.create(s.upload(s.ten(1)))
	if rest := list("nextToken=" + first.NextToken); len(rest.Feeds) != 2 || rest.Feeds[1].FeedID != ids[0] || rest.NextToken != "" {
		t.Errorf("%+v", rest)
	}
	since := url.QueryEscape(s.Clock.Now().Add(-3 * time.Minute).Format(time.RFC3339))
	if got := list("feedTypes=" + simulatortest.JSONFeed + "&pageSize=100&createdSince=" + since); len(got.Feeds) != 4 {
		t.Errorf("since three minutes: %+v", got)
	}
	if got := list("feedTypes=" + simulatortest.JSONFeed + "&processingStatuses=IN_QUEUE,IN_PROGRESS&marketplaceIds=" + simulatortest.Germany); len(got.Feeds) != 1 {
		t.Errorf("not ended: %+v", got)
	}
	for _, query := range []string{
		"", "feedTypes=x&nextToken=" + first.NextToken, "nextToken=x", "feedTypes=x&pageSize=101",
		"feedTypes=x&processingStatuses=x", "feedTypes=x&createdSince=x",
	} {
		if got := s.Call(http.MethodGet, simulatortest.FeedsPath+"?"+query, ""); got.Status != 400 {
			t.Errorf("%s: %d", query, got.Status)
		}
		s.Clock.Advance(time.Minute)
	}
}
