package subscriptions

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Role describes the role.
func Role() role.Role {
	return role.Role{
		Name:  "subscriptions",
		About: "accounts' subscriptions at Amazon (by default only if a queue\nunder bridge.queues has an arn)",
		Turns: turnTopic,
		Operations: []string{
			model.CreateDestination, model.GetDestination, model.GetDestinations, model.DeleteDestination,
			model.CreateSubscription, model.GetSubscription, model.GetSubscriptions,
			model.GetSubscriptionByID, model.DeleteSubscriptionByID,
		},
	}
}
