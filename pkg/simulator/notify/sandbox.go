package notify

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// What Amazon's sandbox sends is about nothing that happened.
const (
	testOrder = "902-3159896-1390916"
	testFeed  = "53347018456"
)

// Test sends a notification about nothing to an owner's destination.
func (n *Notifier) Test(o Owner, kind, destinationID string) error {
	n.mu.Lock()
	d, err := n.own(o, destinationID)
	n.mu.Unlock()
	accounts := n.world.Accounts()
	seller := slices.IndexFunc(accounts, func(a world.Account) bool { return o == Owner{a.Application, a.Region} })
	switch {
	case err != nil:
		return err
	case seller < 0:
		return ErrNotFound
	case OnEventBridge(kind) || d.Resource.SQS == nil:
		return ErrKind
	}
	a := &accounts[seller]
	var body []byte
	if kind == OrderChange {
		body = n.Notification(n.world.Forge(a, testOrder))
	} else {
		body = n.feedNotification(a, Finished{
			SellerID: a.SellerID, AccountID: a.AmazonAccountID, FeedID: testFeed, FeedType: "JSON_LISTINGS_FEED", Status: "DONE",
		}, n.clock.Now())
	}
	return n.queues.Send(d.queue(a), string(body))
}
