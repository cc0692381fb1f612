package stream

import (
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// Reasons are those of the dead letters that the runtime itself writes, for every
// processor.
func Reasons(remedies Remedies) []role.Reason {
	remedies = remedies.withDefaults()
	const producer = "find who writes the topic, and have them correct it; then discard it"
	return []role.Reason{
		{Code: "no_account", Remedy: producer},
		{Code: "wrong_partition", Remedy: "have the producer use Kafka's default partitioner (murmur2) and send it again; then discard it"},
		{Code: "no_origin", Remedy: "copy the record again with " + remedies.Replay + "; then discard it"},
		{Code: "too_large", Remedy: "have the producer send less in one record; then discard it"},
		{Code: "undecodable", Remedy: producer},
		{Code: kclient.ReasonUnreadable, Remedy: "have the producer send what was in the batch again, in smaller ones; then discard it"},
	}
}
