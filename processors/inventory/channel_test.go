package inventory

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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
	equal(t, "entries", r.keys(), []string{"sku/acme-eu//A/B", "sku/acme-eu/channel=MLI%2F1%25/A/B", "sku/acme-eu/channel=MLI/1%/A/B"})
	r.Restart()
	var sent []string
	calls := r.Pass(r.Machine.cfg.Linger)
	for feed := range 2 {
		upload := r.only(calls, model.CreateFeedDocument)
		messages := upload.Request.(*model.UploadFeedRequest).Feed.Messages
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
