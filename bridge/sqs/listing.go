package sqs

// What Amazon tells about listings: their quantities, statuses and issues. Amazon
// delivers these notifications to EventBridge only, and a rule there to the queue.

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Values of ListingChange.type.
const (
	listingQuantity = "QUANTITY"
	listingStatus   = "STATUS"
	listingIssues   = "ISSUES"
)

// listing is the payload, which Amazon writes without a name around it. SellerId and
// Sku are required, and Quantity where it is what has changed.
type listing struct {
	SellerID               string    `json:"SellerId"`
	MarketplaceID          string    `json:"MarketplaceId"`
	SKU                    string    `json:"Sku"`
	ASIN                   string    `json:"Asin"`
	FulfillmentChannelCode string    `json:"FulfillmentChannelCode"`
	Quantity               *int32    `json:"Quantity"`
	Statuses               []string  `json:"Status"`
	Severities             []string  `json:"Severities"`
	EnforcementActions     []string  `json:"EnforcementActions"`
	Created                timestamp `json:"CreatedDate"`
}

// listingKind is the record's type for one of Amazon's; "" for other notifications.
func listingKind(notificationType string) string {
	switch notificationType {
	case model.ListingQuantityNotification:
		return listingQuantity
	case model.ListingStatusNotification, model.ListingStatusNotification + "D": // as Amazon's schema spells it
		return listingStatus
	case model.ListingIssuesNotification:
		return listingIssues
	}
	return ""
}

// maxSKUBytes bounds a SKU; Seller Central takes 40 characters.
const maxSKUBytes = 4 * 40

func (d *decoder) listingChange(kind string, at arrival, accounts *account.Directory) (decoded, *rejection) {
	in := &d.in.Payload.Listing
	switch {
	case in.SKU == "":
		return decoded{}, reject(ReasonMissingField, "the notification has no Sku")
	case len(in.SKU) > maxSKUBytes:
		return decoded{}, reject(ReasonInvalidField, "Sku has %d bytes", len(in.SKU))
	case kind == listingQuantity && in.Quantity == nil:
		return decoded{}, reject(ReasonMissingField, "the notification has no Quantity")
	}
	owner, wrong := d.owner(in.SellerID, in.MarketplaceID, accounts)
	if wrong != nil {
		return decoded{}, wrong
	}
	d.listed = schemas.ListingChange{
		NotificationID: d.notificationID(d.in.Metadata.NotificationID, at), Type: kind,
		Account: owner.ID, SellerID: in.SellerID, MarketplaceID: in.MarketplaceID, SKU: in.SKU, ASIN: in.ASIN,
		FulfillmentChannelCode: in.FulfillmentChannelCode, Quantity: in.Quantity,
		Statuses: in.Statuses, Severities: in.Severities, EnforcementActions: in.EnforcementActions, CreatedTime: in.Created.Time,
		EventTime:   d.eventTime(d.in.EventTime, d.in.Metadata.PublishTime, at),
		PublishTime: d.in.Metadata.PublishTime.Time, ReceivedTime: at.sent,
	}
	return decoded{topic: schemas.ListingChanges, account: owner.ID, value: &d.listed}, nil
}
