package stock

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
)

// How feeds go, on the simulator's clock: IN_QUEUE, IN_PROGRESS, and an end.

// submit lets a feed come into being; call it with the feeds' lock held.
// getFeeds shows it so much later.
func (s *Stock) submit(f *feed, now time.Time, hidden time.Duration) {
	f.Created = now.Truncate(time.Millisecond)
	f.listed, f.Status = f.Created.Add(hidden), inQueue
	f.outcome = s.outcomeOf(f, now)
	own := s.feeds.of(f.account.Key())
	f.judge(own.list)
	for _, old := range own.add(f) {
		s.documents.Drop(documents.Key{Seller: f.account.Key(), ID: old.result})
	}
	s.agenda.Schedule(now.Add(f.outcome.Queued), func() { s.startFeed(f, now.Add(f.outcome.Queued)) })
}

// outcomeOf is what the first rule that fires says of a feed, completed by what
// feeds take on average.
func (s *Stock) outcomeOf(f *feed, now time.Time) fault.FeedOutcome {
	var outcome fault.FeedOutcome
	rule := s.faults.Meet(&ledger.Call{Part: ledger.Processing, Operation: f.FeedType, Account: f.account.ID, Time: now})
	if rule != nil && rule.Action.Feed != nil {
		outcome = *rule.Action.Feed
		s.logger.Info("feed scripted", "fault", rule.Name, "account", f.account.ID, "feed", f.FeedID)
	}
	random, times := s.feeds.random, s.config.Times
	total := times.Least + time.Duration(random.Int64N(int64(times.Most-times.Least)+1))
	if outcome.Queued == 0 {
		outcome.Queued = total / 3
	}
	if outcome.Processing == 0 {
		outcome.Processing = total - total/3
	}
	chances := &s.config.Notifications
	if outcome.Notifications == 0 {
		outcome.Notifications = 1
		if chance.Happens(random, chances.Duplicated) {
			outcome.Notifications += 1 + random.IntN(9)
		}
	}
	outcome.Unnotified = outcome.Unnotified || chance.Happens(random, chances.Lost)
	if outcome.ShownLate == 0 && chance.Happens(random, chances.Early) {
		outcome.ShownLate = time.Second + time.Duration(random.Int64N(int64(10*time.Second)))
	}
	return outcome
}

func (s *Stock) startFeed(f *feed, now time.Time) {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if f.Status != inQueue {
		return // it was cancelled
	}
	f.Status, f.started = inProgress, now
	at := now.Add(f.outcome.Processing)
	s.agenda.Schedule(at, func() {
		s.feeds.mu.Lock()
		defer s.feeds.mu.Unlock()
		s.endFeed(f, at)
	})
}

// endFeed applies a feed and ends it with the status that it has coming; call
// it with the feeds' lock held.
func (s *Stock) endFeed(f *feed, now time.Time) {
	status := f.outcome.Status
	if status == "" {
		status = f.deserved()
	}
	if status == cancelled || oldListingsFeed(f.FeedType) {
		s.finish(f, now, status)
		return
	}
	report := newReport(f.FeedID)
	if f.content.broken == nil && f.content.seller != f.account.SellerID {
		f.content.broken = &Issue{Code: "BAD_REQUEST", Severity: "ERROR", Message: "The provided payload is invalid."}
	}
	if f.content.broken != nil {
		report.add(feedMessage{}, *f.content.broken)
	} else {
		report.Header.Seller = f.content.seller
		s.applyFeed(f, report, now)
		s.carryOut(f, report)
	}
	if !f.outcome.NoReport {
		f.result = s.storeReport(f, report)
	}
	s.finish(f, now, status)
}

// deserved is how a feed ends when nothing else goes wrong. Since 2025-07-31
// listings feeds of all other types end FATAL (Amazon's Feeds API best
// practices); so does a document that cannot be read.
func (f *feed) deserved() string {
	if oldListingsFeed(f.FeedType) || f.content.broken != nil || f.content.seller != f.account.SellerID {
		return fatal
	}
	return done
}

// finish ends a feed and reports it; call it with the feeds' lock held.
func (s *Stock) finish(f *feed, now time.Time, status string) {
	f.Status, f.Ended, f.shownEnd = status, now, now.Add(f.outcome.ShownLate)
	f.content = nil
	if f.outcome.Unnotified {
		return
	}
	finished := notify.Finished{
		SellerID: f.account.SellerID, AccountID: cmp.Or(f.account.AmazonAccountID, "amzn1.merchant.o."+f.account.SellerID),
		FeedID: f.FeedID, FeedType: f.FeedType, Status: status, Report: f.result,
	}
	if f.account.AmazonAccountID != "" && chance.Happens(s.feeds.random, s.config.Notifications.AccountOnly) {
		finished.SellerID = "" // only where the account can be told by its other id
	}
	s.notifier.FeedFinished(f.account, finished, now, f.outcome.Notifications)
}

// applyFeed takes the good messages of a feed over, in their order.
func (s *Stock) applyFeed(f *feed, report *feedReport, now time.Time) {
	messages := reached(f, f.content.messages)
	random, marketplace := s.feeds.random, f.Marketplaces[0]
	for i := range messages {
		m := messages[i]
		known := s.listings.has(f.account, m.sku, marketplace)
		switch {
		case m.fault != nil:
		case !known && !s.config.AcceptUnknown:
			m.fault = unknownSKU()
		case chance.Happens(random, f.outcome.Rejected):
			m.fault = f.rejection()
		}
		report.Summary.Processed++
		if m.fault != nil {
			report.Summary.Invalid++
			report.add(m, IssueOf(m.fault))
			continue
		}
		report.Summary.Accepted++
		if chance.Happens(random, f.outcome.Warned) {
			// The code and wording of Amazon's example report.
			report.add(m, Issue{Code: "18448", Severity: "WARNING", Message: "Attributes tagged as relevant_attributes are incomplete."})
		}
		if !chance.Happens(random, f.outcome.Unapplied) && known &&
			s.set(f.account, marketplace, m.sku, m.change, AppliedQuantity{Time: now, Feed: f.FeedID}) {
			f.Applied++
		}
		if item, ok := s.Item(f.account, m.sku, marketplace, now); f.content.shows && ok && item.Merchants {
			report.Items = append(report.Items, reportItem{m.sku, []shownAvailability{{MerchantChannel, item.Offered}}})
		}
	}
	f.Invalid = report.Summary.Invalid
}

// reached are the messages that a feed gets to.
func reached[M any](f *feed, messages []M) []M {
	if f.outcome.Status != fatal {
		return messages
	}
	return messages[:len(messages)-int(float64(len(messages))*f.outcome.Skipped+0.5)]
}

// rejection is why a feed refuses a message that is good.
func (f *feed) rejection() error {
	return refuse(cmp.Or(f.outcome.RejectCode, "InternalError"), "The message could not be processed. Try it again later.", "", "")
}

// oldListingsFeed reports whether a type is one of those whose feeds end FATAL since 2025-07-31.
func oldListingsFeed(kind string) bool {
	return strings.HasPrefix(kind, "POST_FLAT_FILE_") || slices.Contains([]string{
		"POST_PRODUCT_DATA", "POST_INVENTORY_AVAILABILITY_DATA", "POST_PRODUCT_OVERRIDES_DATA", "POST_PRODUCT_PRICING_DATA",
		"POST_PRODUCT_IMAGE_DATA", "POST_PRODUCT_RELATIONSHIP_DATA", "POST_UIEE_BOOKLOADER_DATA",
	}, kind)
}
