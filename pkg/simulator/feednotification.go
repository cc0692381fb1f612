package simulator

// The FEED_PROCESSING_FINISHED notification, in Amazon's camelCase (its schema is
// FeedProcessingFinishedNotification.json).

// FeedNotifications describes how disorderly the notifications of finished feeds
// are. Shares are between 0 and 1.
type FeedNotifications struct {
	Lost        float64 // never sent
	Duplicated  float64 // sent 2 to 10 times, byte for byte
	Early       float64 // sent up to 11 s before getFeed shows the end
	AccountOnly float64 // without the sellerId, which is optional
}

// feedNotificationVersion is that of the schema's examples.
const feedNotificationVersion = "2020-09-04"

type feedNotification struct {
	NotificationVersion string                  `json:"notificationVersion"`
	NotificationType    string                  `json:"notificationType"`
	PayloadVersion      string                  `json:"payloadVersion"`
	EventTime           timestamp               `json:"eventTime"`
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
	PublishTime    timestamp `json:"publishTime"`
	NotificationID string    `json:"notificationId"`
}

// feedFinished is the JSON of a finished feed's notification; call it with the
// feeds' lock held.
func (s *Simulator) feedFinished(f *feed) []byte {
	at := timestamp(f.ended)
	finished := finishedFeed{
		SellerID: f.account.SellerID, AccountID: f.account.AmazonAccountID,
		FeedID: f.id, FeedType: f.kind, Status: f.status, Result: f.result,
	}
	if finished.AccountID == "" {
		finished.AccountID = "amzn1.merchant.o." + f.account.SellerID
	} else if chance(s.feeds.random, s.config.FeedNotifications.AccountOnly) {
		finished.SellerID = "" // only where the account can be told by its other id
	}
	return mustJSON(feedNotification{
		NotificationVersion: feedNotificationVersion, NotificationType: feedFinishedType, PayloadVersion: feedNotificationVersion,
		EventTime: at, Payload: feedNotificationPayload{finished},
		Metadata: feedMetadata{
			ApplicationID:  "amzn1.sp.solution." + f.account.Application,
			SubscriptionID: "subscription-" + f.account.SellerID,
			PublishTime:    at, NotificationID: s.newID(),
		},
	})
}
