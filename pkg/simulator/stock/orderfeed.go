package stock

import (
	"encoding/xml"
	"errors"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Feeds about orders, in XML as Amazon's OrderAcknowledgement.xsd and OrderFulfillment.xsd
// of 2021 define it: they cancel items, and confirm packages with or without a tracking
// number.

// orderFeeds are the types of feeds about orders, and what their messages are called.
func orderFeeds() map[string]string {
	return map[string]string{
		"POST_ORDER_ACKNOWLEDGEMENT_DATA": "OrderAcknowledgement",
		"POST_ORDER_FULFILLMENT_DATA":     "OrderFulfillment",
	}
}

type orderEnvelope struct {
	XMLName  xml.Name       `xml:"AmazonEnvelope"`
	Version  string         `xml:"Header>DocumentVersion"`
	Merchant string         `xml:"Header>MerchantIdentifier"`
	Type     string         `xml:"MessageType"`
	Messages []orderMessage `xml:"Message"`
}

type orderMessage struct {
	ID     int           `xml:"MessageID"`
	Cancel *orderRefusal `xml:"OrderAcknowledgement"`
	Ship   *orderPackage `xml:"OrderFulfillment"`
}

// orderItem is a line of an order, or units of it.
type orderItem struct {
	Code     string `xml:"AmazonOrderItemCode"`
	Reason   string `xml:"CancelReason"`
	Quantity int    `xml:"Quantity"`
}

type orderRefusal struct {
	OrderID string      `xml:"AmazonOrderID"`
	Status  string      `xml:"StatusCode"`
	Items   []orderItem `xml:"Item"`
}

type orderPackage struct {
	OrderID  string      `xml:"AmazonOrderID"`
	Shipped  time.Time   `xml:"FulfillmentDate"`
	Code     string      `xml:"FulfillmentData>CarrierCode"`
	Name     string      `xml:"FulfillmentData>CarrierName"`
	Method   string      `xml:"FulfillmentData>ShippingMethod"`
	Tracking string      `xml:"FulfillmentData>ShipperTrackingNumber"`
	Items    []orderItem `xml:"Item"`
}

// readOrders reads the document of a feed whose messages are of a kind.
func readOrders(kind string, document []byte) *feedContent {
	return readContent(document, func(c *feedContent, document []byte) error {
		var envelope orderEnvelope
		if err := xml.Unmarshal(document, &envelope); err != nil {
			return err
		}
		if envelope.Version != "1.01" || envelope.Type != kind || len(envelope.Messages) == 0 || len(envelope.Messages) > mostMessages {
			return fmt.Errorf("the envelope is of version %.20q and type %.40q with %d messages", envelope.Version, envelope.Type, len(envelope.Messages))
		}
		seen := make(map[int]bool, len(envelope.Messages))
		for i := range envelope.Messages {
			m := &envelope.Messages[i]
			if (m.Cancel != nil) != (kind == "OrderAcknowledgement") || (m.Ship != nil) == (m.Cancel != nil) || m.ID < 1 || seen[m.ID] {
				return fmt.Errorf("message %d is of another kind, or has no id of its own", i)
			}
			seen[m.ID] = true
		}
		c.seller, c.orders = envelope.Merchant, envelope.Messages
		return nil
	})
}

// carryOut does what the messages of a feed about orders say, in their order.
func (s *Stock) carryOut(f *feed, report *feedReport) {
	random := s.feeds.random
	for _, m := range reached(f, f.content.orders) {
		var err error
		switch {
		case chance.Happens(random, f.outcome.Rejected):
			err = f.rejection()
		case !chance.Happens(random, f.outcome.Unapplied):
			if err = s.apply(f.account, &m); err == nil {
				f.Applied++
			}
		}
		report.Summary.Processed++
		if err != nil {
			report.Summary.Invalid++
			report.add(feedMessage{id: m.ID}, issueOfOrder(err))
			continue
		}
		report.Summary.Accepted++
		if chance.Happens(random, f.outcome.Warned) {
			report.add(feedMessage{id: m.ID}, Issue{Code: "18000", Severity: "WARNING", Message: "The message was processed with a warning."})
		}
	}
	f.Invalid = report.Summary.Invalid
}

// apply cancels items, or confirms a package.
func (s *Stock) apply(a *world.Account, m *orderMessage) error {
	if m.Ship != nil {
		c := world.Confirmation{OrderID: m.Ship.OrderID, Parcel: world.Parcel{
			CarrierCode: m.Ship.Code, CarrierName: m.Ship.Name, ShippingMethod: m.Ship.Method,
			TrackingNumber: m.Ship.Tracking, ShipTime: m.Ship.Shipped, Items: units(m.Ship.Items),
		}}
		change, changed, err := s.world.Confirm(a.ID, &c)
		if changed {
			s.notifier.Notify(change)
		}
		return err
	}
	switch {
	case m.Cancel.Status == "Success":
		return nil // has had no use for years
	case m.Cancel.Status != "Failure" || len(m.Cancel.Items) == 0:
		return errors.New("the message does not fit OrderAcknowledgement.xsd")
	}
	change, err := s.world.Cancel(a.ID, &world.Cancellation{
		OrderID: m.Cancel.OrderID, Reason: m.Cancel.Items[0].Reason, Items: units(m.Cancel.Items),
	})
	if err == nil {
		s.notifier.Notify(change)
	}
	return err
}

func units(items []orderItem) []world.Units {
	var all []world.Units
	for _, item := range items {
		all = append(all, world.Units{OrderItemID: item.Code, Quantity: item.Quantity})
	}
	return all
}

// issueOfOrder is how a report tells a refusal. Amazon publishes no list of codes: 18028,
// "the data is incomplete or invalid", is one that sellers quote.
func issueOfOrder(err error) Issue {
	var issue *Issue
	if errors.As(err, &issue) {
		return *issue
	}
	return Issue{Code: "18028", Severity: "ERROR", Message: err.Error()}
}
