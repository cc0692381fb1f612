package roles

import (
	"reflect"
	"slices"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestNewReadersOfFeedResultsBeginWithRecentOnes: their first shipment or cancellation waits for
// no month of other roles' feeds. Inventory had feeds before positions were kept at once.
func TestNewReadersOfFeedResultsBeginWithRecentOnes(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		for _, in := range r.Inputs {
			if in.Topic == schemas.FeedResults && len(r.State) > 0 && r.Name != "inventory" && in.Recent == 0 {
				t.Errorf("role %s reads all feed results there are", r.Name)
			}
		}
	}
}

// TestTheTableOfTopicsAgrees: who reads and writes a topic stands in the table of
// topics too, from which the permissions come.
func TestTheTableOfTopicsAgrees(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		var reads, writes, state []string
		for _, s := range r.State {
			state = append(state, s.Topic)
		}
		for _, topic := range schemas.Topics() {
			ofState := slices.Contains(state, topic.Name)
			if slices.Contains(topic.Readers, r.Name) && !ofState && topic.Name != schemas.Switches {
				reads = append(reads, topic.Name)
			}
			if slices.Contains(topic.Writers, r.Name) && !ofState {
				writes = append(writes, topic.Name)
			}
			if ofState && (!slices.Contains(topic.Readers, r.Name) || !slices.Contains(topic.Writers, r.Name)) {
				t.Errorf("role %s does not read and write its state %s in schemas.Topics", r.Name, topic.Name)
			}
		}
		inputs, outputs := r.Topics(func(role.Input) bool { return true }), slices.Clone(r.Outputs)
		if len(r.Topics(func(in role.Input) bool { return in.Replayed })) > 0 {
			inputs = append(inputs, schemas.Replays)
		}
		if len(r.Reasons) > 0 {
			outputs = append(outputs, schemas.DeadLetters)
		}
		if !same(reads, inputs) || !same(writes, outputs) {
			t.Errorf("role %s reads %v and writes %v in schemas.Topics; it says %v and %v", r.Name, reads, writes, inputs, outputs)
		}
	}
}

// TestDescriptionsAreWhole: what accounts reads is described, each section of settings that a role names is
// there, and each that is named after a role is that role's.
func TestDescriptionsAreWhole(t *testing.T) {
	t.Parallel()
	var sections []string
	for field := range reflect.TypeFor[config.Config]().Fields() {
		sections = append(sections, field.Tag.Get("yaml"))
	}
	for _, r := range All() {
		if (r.Read != nil) != (len(r.State) > 0) {
			t.Errorf("role %s has %d topics of state, and a way to read it: %t", r.Name, len(r.State), r.Read != nil)
		}
		for _, section := range r.Sections {
			if !slices.Contains(sections, section) {
				t.Errorf("role %s is configured under %s:, which the configuration does not have", r.Name, section)
			}
		}
		if slices.Contains(sections, r.Name) && !slices.Contains(r.Sections, r.Name) {
			t.Errorf("role %s does not name the section %s: of the configuration", r.Name, r.Name)
		}
	}
}

// TestReplaysTakeWhatCanBeReplayed: the topic of copies has the records of the inputs
// that can be copied, and no others.
func TestReplaysTakeWhatCanBeReplayed(t *testing.T) {
	t.Parallel()
	var records []string
	for _, r := range All() {
		for _, name := range r.Topics(func(in role.Input) bool { return in.Replayed }) {
			topic, _ := schemas.TopicOf(name)
			records = append(records, topic.Records...)
		}
	}
	if replays, _ := schemas.TopicOf(schemas.Replays); !same(records, replays.Records) {
		t.Errorf("the inputs that can be replayed have %v, the topic %v", records, replays.Records)
	}
}

// owners is the table "who calls what": a role owns the quota of its operations, so no
// other may call them.
func owners() map[string][]string {
	return map[string][]string{
		"orders": {model.GetOrder, model.SearchOrders, model.GetOrderV0, model.GetOrderItemsV0},
		"inventory": {model.CreateFeedDocument, model.CreateFeed, model.GetFeeds, model.CancelFeed,
			model.PatchListingsItem, model.GetListingsItem, model.SearchListingsItems,
			model.CreateReport, model.GetReport, model.GetReportDocument},
		"feeds":         {model.GetFeed, model.GetFeedDocument},
		"shipments":     append([]string{model.ConfirmShipment}, model.Shares(model.OrderFulfillmentFeed)...),
		"cancellations": model.Shares(model.OrderAcknowledgementFeed),
		"subscriptions": {model.CreateDestination, model.GetDestination, model.GetDestinations, model.DeleteDestination,
			model.CreateSubscription, model.GetSubscription, model.GetSubscriptions,
			model.GetSubscriptionByID, model.DeleteSubscriptionByID},
		"": {
			model.CreateRestrictedDataToken, // the client's, for orders of v0
			model.CreateListingsFeed,        // createFeed's second throttle
		},
	}
}

// TestEachOperationHasOneOwner holds the rule that makes the consumer group the lock
// of every quota. What roles share of the limit of a Feeds operation has names of its own
// (model.ShareOf), whose sum is the limit (quota.Limits.Shared).
func TestEachOperationHasOneOwner(t *testing.T) {
	t.Parallel()
	owner := map[string]string{}
	for name, operations := range owners() {
		r, known := Of(name)
		if known && !same(r.Operations, operations) {
			t.Errorf("role %s calls %v, want %v", name, r.Operations, operations)
		}
		for _, operation := range operations {
			if _, known := model.Describe(operation); !known { // as an operation, or as a role's share of one
				t.Errorf("%s of %q is unknown", operation, name)
			}
			if other, taken := owner[operation]; taken {
				t.Errorf("%s is called by %q and by %q", operation, other, name)
			}
			owner[operation] = name
		}
	}
	for _, r := range All() {
		if _, known := owners()[r.Name]; !known && len(r.Operations) > 0 {
			t.Errorf("role %s calls %v, which are not its own", r.Name, r.Operations)
		}
	}
	for _, operation := range model.OperationNames() {
		if _, called := owner[operation]; !called {
			t.Errorf("no role calls %s", operation)
		}
	}
}

// TestEachReasonHasARemedy: a letter says what to do about it.
func TestEachReasonHasARemedy(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		for _, reason := range r.Reasons {
			if reason.Remedy == "" {
				t.Errorf("role %s, reason %s: what is to be done?", r.Name, reason.Code)
			}
		}
	}
}

func same(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}
