package eventbridge

import (
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// Role describes the role.
func Role() role.Role {
	described := role.Role{
		Name:     group,
		About:    "orders, feeds, refused quantities, shipments and alerts to\nEventBridge",
		Sections: []string{"events"},
		Reasons: []role.Reason{
			{Code: ReasonUndecodable, Remedy: "find who writes the topic with another schema; then discard it"},
			{Code: ReasonUnmappable, Remedy: "report it with the letter; consumers of events do not get it"},
			{Code: ReasonTooLarge, Remedy: "read the record on its topic: EventBridge takes no event of its size; then discard it"},
			{Code: ReasonRefused, Remedy: "mend what EventBridge's words in the message say, then retry it"},
			{Code: kclient.ReasonUnreadable, Remedy: "have its producer send what was in the batch again, in smaller ones; then discard it"},
			{Code: schemas.ReasonFault, Remedy: "report it with the letter; retry it with the version that mends it"},
		},
	}
	for _, topic := range schemas.EventTopics() {
		described.Inputs = append(described.Inputs, role.Input{Topic: topic})
	}
	return described
}
