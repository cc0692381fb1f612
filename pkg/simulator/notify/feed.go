package notify

import (
	"cmp"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// The FEED_PROCESSING_FINISHED notification, in Amazon's camelCase (its schema is
// FeedProcessingFinishedNotification.json).

// feedNotificationVersion is that of the schema's examples.
const feedNotificationVersion = "2020-09-04"

type feedNotification struct {
	NotificationVersion string                  `json:"notificationVersion"`
	NotificationType    string                  `json:"notificationType"`
	PayloadVersion      string                  `json:"payloadVersion"`
	EventTime           wire.Time               `json:"eventTime"`
	Payload             feedNotificationPayload `json:"payload"`
	Metadata            feedMetadata            `json:"notificationMetadata"`
}

type feedNotificationPayload struct {
	Finished finishedFeed `json:"feedProcessingFinishedNotification"`
}

type finishedFeed struct {
	SellerID  string `json:"sellerId,omitempty"`
	AccountID string `json:"accountId"`
	FeedID    string `json:"feedId"`
	FeedType  string `json:"feedType"`
	Status    string `json:"processingStatus"`
	Result    string `json:"resultFeedDocumentId,omitempty"`
}

type feedMetadata struct {
	ApplicationID  string    `json:"applicationId"`
	SubscriptionID string    `json:"subscriptionId"`
	PublishTime    wire.Time `json:"publishTime"`
	NotificationID string    `json:"notificationId"`
}

// Finished is a feed that has ended.
type Finished struct {
	Account        *world.Account
	ID, Type       string
	Status, Report string // Report is the id of its document; "" if there is none
	Ended          time.Time
	WithoutSeller  bool // leaves the sellerId out, which is optional
}

// FeedFinished sends a feed's notification so many times.
func (n *Notifier) FeedFinished(f Finished, times int) {
	at := wire.Time(f.Ended)
	finished := finishedFeed{
		SellerID: f.Account.SellerID, AccountID: cmp.Or(f.Account.AmazonAccountID, "amzn1.merchant.o."+f.Account.SellerID),
		FeedID: f.ID, FeedType: f.Type, Status: f.Status, Result: f.Report,
	}
	if f.WithoutSeller {
		finished.SellerID = ""
	}
	body := wire.JSON(feedNotification{
		NotificationVersion: feedNotificationVersion, NotificationType: FeedFinished, PayloadVersion: feedNotificationVersion,
		EventTime: at, Payload: feedNotificationPayload{finished},
		Metadata: feedMetadata{
			ApplicationID:  "amzn1.sp.solution." + f.Account.Application,
			SubscriptionID: "subscription-" + f.Account.SellerID,
			PublishTime:    at, NotificationID: n.ids.New(),
		},
	})
	for range times {
		n.send(f.Account, FeedFinished, func(*Subscription) bool { return true }, body)
	}
}
