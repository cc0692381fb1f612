package notify

import (
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
	Finished Finished `json:"feedProcessingFinishedNotification"`
}

// Finished is a feed that has ended.
type Finished struct {
	SellerID  string `json:"sellerId,omitempty"` // which is optional
	AccountID string `json:"accountId"`
	FeedID    string `json:"feedId"`
	FeedType  string `json:"feedType"`
	Status    string `json:"processingStatus"`
	Report    string `json:"resultFeedDocumentId,omitempty"`
}

type feedMetadata struct {
	ApplicationID  string    `json:"applicationId"`
	SubscriptionID string    `json:"subscriptionId"`
	PublishTime    wire.Time `json:"publishTime"`
	NotificationID string    `json:"notificationId"`
}

// FeedFinished sends a seller's notification of a feed so many times.
func (n *Notifier) FeedFinished(a *world.Account, f Finished, ended time.Time, times int) {
	body := n.feedNotification(a, f, ended)
	for range times {
		n.send(a, FeedFinished, func(*Subscription) bool { return true }, body)
	}
}

func (n *Notifier) feedNotification(a *world.Account, f Finished, ended time.Time) []byte {
	at := wire.Time(ended)
	return wire.JSON(feedNotification{
		NotificationVersion: feedNotificationVersion, NotificationType: FeedFinished, PayloadVersion: feedNotificationVersion,
		EventTime: at, Payload: feedNotificationPayload{f},
		Metadata: feedMetadata{
			ApplicationID:  applicationID(a.Application),
			SubscriptionID: "subscription-" + a.SellerID,
			PublishTime:    at, NotificationID: n.ids.New(),
		},
	})
}
