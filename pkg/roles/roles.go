// Package roles owns the list of the pipeline's roles. What a role is says its own
// description (role.go of its folder); commands and the pipeline find it here.
package roles

//go:generate go run ./internal/generate -root ../..

import (
	"slices"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/processors/cancellations"
	"github.com/sellerstream/sellerstream/processors/feeds"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/processors/shipments"
)

// All are the roles, in the order in which records pass them.
func All() []role.Role {
	all := []role.Role{
		sqs.Role(), orders.Role(), inventory.Role(), feeds.Role(), shipments.Role(), cancellations.Role(), eventbridge.Role(), subscriptions.Role(),
	}
	for i := range all {
		if len(all[i].State) > 0 { // a processor
			all[i].Reasons = append(all[i].Reasons, stream.Reasons(Remedies())...)
		}
	}
	return all
}

// Of finds a role by its name.
func Of(name string) (role.Role, bool) {
	all := All()
	i := slices.IndexFunc(all, func(r role.Role) bool { return r.Name == name })
	if i < 0 {
		return role.Role{}, false
	}
	return all[i], true
}

// Processors are the roles that have state of accounts.
func Processors() []role.Role {
	return slices.DeleteFunc(All(), func(r role.Role) bool { return len(r.State) == 0 })
}

// Reader returns the role with a topic as an input that match accepts.
func Reader(topic string, match func(role.Input) bool) (role.Role, role.Input, bool) {
	for _, r := range All() {
		if in, ok := r.Input(topic); ok && match(in) {
			return r, in, true
		}
	}
	return role.Role{}, role.Input{}, false
}

// Collect returns what of gives for each role, sorted, each value once.
func Collect(of func(role.Role) []string) (all []string) {
	for _, r := range All() {
		all = append(all, of(r)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Remedy is what to do about a role's dead letter of a reason; "" for one that is
// not known.
func Remedy(name, reason string) string {
	r, _ := Of(name)
	for _, known := range r.Reasons {
		if known.Code == reason {
			return known.Remedy
		}
	}
	return ""
}
