package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// inChannel is updateOf in a channel.
func inChannel(channel, sku string, quantity int) *schemas.InventoryUpdate {
	u := updateOf(sku, quantity, testStart)
	u.FulfillmentChannelCode = channel
	return u
}

// TestChannelsOfASKUHaveQuantitiesOfTheirOwn: none supersedes another's, each is sent with
// its code, and no feed names the SKU twice.
func TestChannelsOfASKUHaveQuantitiesOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	r.Take(updateOf("A/B", 1, testStart), inChannel("MLI/1%", "A/B", 5), inChannel("MLI", "1%/A/B", 6), inChannel("MLI/1%", "A/B", 4))
	equal(t, "outcomes", r.outcomes(), []string{"A/B 5 SUPERSEDED"})
	equal(t, "entries", r.keys(), []string{"sku/acme-eu//1%/A/B", "sku/acme-eu//A/B", "sku/acme-eu/channel=MLI%2F1%25/A/B"})
	r.Restart()
	var sent []string
	calls := r.Pass(r.Machine.cfg.Linger)
	for feed := range 2 {
		upload := r.only(calls, model.CreateFeedDocument)
		messages := upload.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed).Messages
		for _, message := range messages {
			sent = append(sent, fmt.Sprintf("%d %s %s %d", feed, message.FulfillmentChannelCode, message.SKU, message.Quantity))
		}
		r.Done(r.uploadDone(upload, fmt.Sprint(feed)), &model.CreateFeedResponse{FeedID: fmt.Sprint(feed)})
		r.Now = r.Now.Add(r.Machine.cfg.Linger * 10) // until createFeed has a token again
		calls = r.Take(completed(fmt.Sprint(feed), len(messages), 0))
	}
	slices.Sort(sent)
	equal(t, "messages", sent, []string{"0 DEFAULT A/B 1", "0 MLI 1%/A/B 6", "1 MLI/1% A/B 4"})
	equal(t, "outcomes", r.outcomes(), []string{"1%/A/B 6 APPLIED", "A/B 1 APPLIED", "A/B 4 APPLIED"})
}

// TestTheAccountsChannelIsOfUpdatesThatNameNone, and they are of the same quantity as those
// that name it.
func TestTheAccountsChannelIsOfUpdatesThatNameNone(t *testing.T) {
	t.Parallel()
	cfg := Config{}
	cfg.Settings = func(string) Settings { return Settings{Channel: "MINE"} }
	r := newRuntime(t, cfg)
	r.Take(inChannel("MINE", "A", 4), updateOf("A", 5, testStart))
	equal(t, "outcomes", r.outcomes(), []string{"A 4 SUPERSEDED"})
	patch := r.only(r.Pass(r.Machine.cfg.PatchLinger), model.PatchListingsItem)
	if req := patch.Request.(*model.PatchQuantityRequest); req.FulfillmentChannelCode != "MINE" || req.Quantity != 5 {
		t.Errorf("%+v", req)
	}
}

// TestAReportMayNameAMemberByItsSKU alone, in whatever channel it is.
func TestAReportMayNameAMemberByItsSKU(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	r.Take(inChannel("MLI", "A", 1), updateOf("B", 2, testStart))
	r.runFeed("1")
	named := issue(0, "99022")
	named.MessageID, named.SKU = nil, "A"
	r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{named}}, completed("1", 2, 1))
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED 99022", "B 2 APPLIED"})
}

// readableBefore reports whether a version before reads the state. It has one entry of a SKU
// for all of its channels, and knows no other keys.
func (r *runtime) readableBefore() bool {
	return !slices.ContainsFunc(r.keys(), func(key string) bool {
		state := r.State(key).(*schemas.InventoryState)
		return key != skuPrefix+state.Account+"/"+state.MarketplaceID+"/"+state.SKU
	})
}

// TestVersionsBeforeReadTheStateOfOneChannel, whichever it is and wherever it stands, with
// what such a version left, and also for those that name it only sometimes.
func TestVersionsBeforeReadTheStateOfOneChannel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ configured, named string }{
		"of nobody": {}, "of the configuration": {configured: "MINE"}, "of both": {"MINE", "MINE"}, "of updates": {named: "MLI"},
		"of the updates of another": {"MINE", "DEFAULT"},
	} {
		for _, place := range []string{"", "wanted", "sent", "patch", "settled", "marketplace", "settled in a marketplace"} {
			cfg := feedsOnly()
			cfg.Settings = func(string) Settings { return Settings{Channel: c.configured} }
			r := newRuntime(t, cfg)
			marketplace := ""
			if strings.Contains(place, "marketplace") {
				marketplace = france
			}
			key, state := left(marketplace, "A", testStart.Add(-second), 1)
			u, applied := leftUpdate(5, testStart.Add(-second), 1, c.named), int32(5)
			switch place {
			case "wanted", "marketplace":
				state.Wanted, state.WantedSince = u, u.EventTime
			case "sent":
				message := int32(1)
				state.Sent, state.MessageID, state.FeedMarketplaceID = u, &message, germany
			case "patch":
				state.Patch, state.PatchTime = u, u.EventTime
			default:
				state.AppliedQuantity = &applied
			}
			if place != "" {
				r.put(key, state)
			}
			r.Restart()
			r.Tick(nil)
			if !r.readableBefore() {
				t.Errorf("%s, %s: at the start %q", name, place, r.keys())
			}
			r.Take(inChannel(c.named, "A", 6))
			if want := []string{"sku/acme-eu//A"}; !slices.Equal(r.keys(), want) {
				t.Errorf("%s, %s: %q", name, place, r.keys())
			}
			same := cmp.Or(c.named, defaultChannel) == cmp.Or(c.configured, defaultChannel) || c.named == ""
			if got := r.sku("A").AppliedQuantity; place == "settled" && (got != nil) != same { // else it may be of another channel
				t.Errorf("%s: accepted was %v", name, got)
			}
			r.Restart()
			newer := updateOf("A", 7, testStart.Add(second))
			newer.FulfillmentChannelCode = c.named
			r.Take(newer)
			if want := []string{"sku/acme-eu//A"}; !slices.Equal(r.keys(), want) {
				t.Errorf("%s, %s: %q", name, place, r.keys())
			}
			if code := r.sku("A").FulfillmentChannelCode; code != cmp.Or(c.named, c.configured, defaultChannel) {
				t.Errorf("%s, %s: of channel %s", name, place, code)
			}
		}
	}
}

// TestTheSecondChannelOfASKUHasAKeyOfItsOwn, also where that is the default one, and both
// are found by it after a restart, and when the other is forgotten.
func TestTheSecondChannelOfASKUHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	at := func(channel string, quantity int, after time.Duration) *schemas.InventoryUpdate {
		u := updateOf("A", quantity, testStart.Add(after))
		u.FulfillmentChannelCode = channel
		return u
	}
	r.Take(at("MLI", 1, 0), at("", 2, -second), at("MLI-2", 3, -2*second))
	keys := []string{"sku/acme-eu//A", "sku/acme-eu/channel=DEFAULT/A", "sku/acme-eu/channel=MLI-2/A"}
	equal(t, "entries", r.keys(), keys)
	equal(t, "outcomes", r.outcomes(), nil)
	for n := range int32(3) {
		r.Restart()
		r.Take(at("MLI", 10+int(n), time.Duration(n+1)*second), at("DEFAULT", 20+int(n), time.Duration(n+1)*second), at("MLI-2", 30+int(n), time.Duration(n+1)*second))
		equal(t, "entries", r.keys(), keys)
		for i, key := range keys {
			if s := r.State(key).(*schemas.InventoryState); s.Wanted.Quantity != 10*int32(i+1)+n {
				t.Errorf("%s wants %d", key, s.Wanted.Quantity)
			}
		}
	}
	if first := r.Machine.skus[keys[0]]; first.channel() != "MLI" || r.Machine.skus[keys[1]].channel() != "DEFAULT" {
		t.Errorf("the first is of %s, the second of %s", first.channel(), r.Machine.skus[keys[1]].channel())
	}
}

// TestWhatAVersionBeforeLeftToDoKeepsItsChannel, and another's update supersedes nothing of it.
func TestWhatAVersionBeforeLeftToDoKeepsItsChannel(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"wanted", "sent", "sent before another's", "patch"} {
		r := newRuntime(t, feedsOnly())
		key, state := left("", "A", testStart.Add(-second), 1)
		u, message := leftUpdate(5, testStart.Add(-second), 1, "MLI"), int32(1)
		switch place {
		case "wanted":
			state.Wanted, state.WantedSince = u, u.EventTime
		case "sent":
			state.Sent, state.MessageID, state.FeedMarketplaceID = u, &message, germany
		case "patch":
			state.Patch, state.PatchTime = u, u.EventTime
		default: // whose feed runs
			r.put(feedlane.Key(testAccount, model.JSONListingsFeed, germany), &schemas.FeedLaneState{
				Account: testAccount, FeedType: model.JSONListingsFeed, MarketplaceID: germany, Phase: feedlane.PhaseRunning, IntentID: "f",
				Messages: 1, IntentTime: u.EventTime, FeedID: "f", SubmittedTime: u.EventTime, Cancel: []string{}, Known: []schemas.KnownFeed{{FeedID: "f", Time: u.EventTime}},
			})
			state.Sent, state.MessageID, state.FeedMarketplaceID = u, &message, germany
			state.Wanted, state.WantedSince = leftUpdate(4, testStart.Add(-second/2), 2, ""), u.EventTime
			state.NewestTime, state.NewestOffset = state.Wanted.EventTime, 2
		}
		r.put(key, state)
		r.Restart()
		r.Take(updateOf("A", 6, testStart))
		equal(t, place+": outcomes", r.outcomes(), nil)
		equal(t, place+": entries", r.keys(), []string{"sku/acme-eu//A", "sku/acme-eu/channel=DEFAULT/A"})
	}
}
