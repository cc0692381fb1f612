package sqs

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// Role describes the role.
func Role() role.Role {
	const notAmazons = "find who sends to the queue; then discard it"
	return role.Role{
		Name:     "bridge",
		Sections: []string{"bridge"},
		About:    "SQS notifications to Kafka",
		Outputs:  []string{schemas.OrderChanges, schemas.FeedNotifications, schemas.ListingChanges},
		Reasons: []role.Reason{
			{Code: ReasonBodyTooLarge, Remedy: notAmazons},
			{Code: ReasonNotJSON, Remedy: notAmazons},
			{Code: ReasonNotNotification, Remedy: notAmazons},
			{Code: ReasonUnsupportedType, Remedy: "unsubscribe the type, or give it a queue of its own; then discard it"},
			{Code: ReasonWrongCasing, Remedy: "report it, since Amazon's documentation has other names; searches find what it was about"},
			{Code: ReasonInvalidField, Remedy: "report it with the letter; searches and polls find what it was about"},
			{Code: ReasonMissingField, Remedy: "report it with the letter; searches and polls find what it was about"},
			{Code: ReasonUnknownAccount, Remedy: "add the account under accounts:, then retry it; or discard it"},
			{Code: ReasonNotEncodable, Remedy: "report it with the letter; searches and polls find what it was about"},
			{Code: ReasonKafkaRefused, Remedy: "raise the topic's max.message.bytes (`sellerstream topics apply` does), then retry it"},
			{Code: ReasonSecret, Remedy: "read the secret in Seller Central, and give that notification a queue of its own; then discard it"},
			{Code: ReasonSNSEnvelope, Remedy: "turn raw message delivery on; then discard it"},
			{Code: ReasonEventBridgeEnvelope, Remedy: "have no rule send other events to this queue; then discard it"},
			{Code: schemas.ReasonFault, Remedy: "report it with the letter; retry it with the version that mends it"},
		},
	}
}
