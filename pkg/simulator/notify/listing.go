package notify

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/awsjson"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// The notifications about listings, in Amazon's PascalCase (their schemas are
// ListingsItem*.json). Amazon delivers them to EventBridge only. A rule there, which is
// taken for granted here, wraps each in an envelope and sends it to the account's queue.

// The types of notifications about listings.
const (
	ListingQuantity = "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
	ListingStatus   = "LISTINGS_ITEM_STATUS_CHANGE"
	ListingIssues   = "LISTINGS_ITEM_ISSUES_CHANGE"
)

// OnEventBridge reports whether a type is delivered to EventBridge only; any other goes to
// SQS only.
func OnEventBridge(kind string) bool {
	return kind == ListingQuantity || kind == ListingStatus || kind == ListingIssues
}

// VersionOf is the only payload version of a type.
func VersionOf(kind string) string {
	if kind == ListingIssues {
		return "2023-12-13"
	}
	return PayloadVersion
}

// EventBridge is a partner event source on Amazon EventBridge.
type EventBridge struct {
	Name      string `json:"name"`
	Region    string `json:"region"`
	AccountID string `json:"accountId"`
}

// source is the name of an application's partner event source for an AWS account.
func source(accountID, application string) string {
	return "aws.partner/sellingpartnerapi.amazon.com/" + accountID + "/" + applicationID(application)
}

func applicationID(application string) string { return "amzn1.sp.solution." + application }

// Quantity is what the merchant has of a SKU at Amazon, through one channel.
type Quantity struct {
	SellerID string `json:"SellerId"`
	Channel  string `json:"FulfillmentChannelCode"`
	SKU      string `json:"Sku"`
	Quantity int    `json:"Quantity"`
}

// Status is whether a listing can be found and bought in a marketplace.
type Status struct {
	SellerID      string    `json:"SellerId"`
	MarketplaceID string    `json:"MarketplaceId"`
	SKU           string    `json:"Sku"`
	Created       wire.Time `json:"CreatedDate"`
	Status        []string  `json:"Status"`
}

// event is EventBridge's envelope.
type event struct {
	Version    string    `json:"version"`
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       wire.Time `json:"time"`
	Region     string    `json:"region"`
	Resources  []string  `json:"resources"`
	Detail     any       `json:"detail"`
}

// QuantityChanged sends the notification of a quantity.
func (n *Notifier) QuantityChanged(a *world.Account, q Quantity, at time.Time) {
	q.SellerID = a.SellerID
	n.listing(a, ListingQuantity, q, at)
}

// StatusChanged sends the notification of a listing's status.
func (n *Notifier) StatusChanged(a *world.Account, s Status, at time.Time) {
	s.SellerID = a.SellerID
	n.listing(a, ListingStatus, s, at)
}

func (n *Notifier) listing(a *world.Account, kind string, payload any, at time.Time) {
	if !n.config.SubscribedOnly && !n.config.Listings {
		return
	}
	n.send(a, kind, func(*Subscription) bool { return true }, wire.JSON(event{
		Version: "0", ID: n.ids.New(), DetailType: kind, Source: source(awsjson.Account, a.Application),
		Account: awsjson.Account, Time: wire.Time(at), Region: awsjson.Region, Resources: []string{},
		Detail: struct {
			NotificationVersion  string
			NotificationType     string
			PayloadVersion       string
			EventTime            wire.Time
			Payload              any
			NotificationMetadata notificationMetadata
		}{"1.0", kind, VersionOf(kind), wire.Time(at), payload, notificationMetadata{
			ApplicationID: applicationID(a.Application), SubscriptionID: "subscription-" + a.SellerID,
			PublishTime: wire.Time(at), NotificationID: n.ids.New(),
		}},
	}))
}
