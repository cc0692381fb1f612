// Package processors_test checks what holds for all processors: that they are
// pure, and that each SP-API operation has one of them as its only caller.
package processors_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/feeds"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/processors/shipments"
)

const module = "github.com/sellerstream/sellerstream/"

// TestPurity reads the import lists, transitively: what a package cannot
// import it cannot do.
func TestPurity(t *testing.T) {
	t.Parallel()
	packages := append(list(t, "", "./..."), // every processor
		module+"pkg/machine", module+"pkg/lane", module+"pkg/quota", module+"pkg/spapi/model")
	banned := []string{
		"net", "net/http", "os/exec", "crypto/tls",
		"github.com/twmb/franz-go",
		module + "pkg/stream", module + "pkg/spapi", module + "pkg/executor", module + "pkg/clock", module + "pkg/secrets",
		module + "bridge", module + "cmd",
	}
	if len(packages) < 5 {
		t.Fatalf("only %v found", packages)
	}
	for _, pkg := range packages {
		for _, dependency := range list(t, "-deps", pkg) {
			for _, ban := range banned {
				if dependency == ban || strings.HasPrefix(dependency, ban+"/") && dependency != module+"pkg/spapi/model" {
					t.Errorf("%s imports %s", pkg, dependency)
				}
			}
			if other := strings.HasPrefix(dependency, module+"processors/"); other && role(dependency) != role(pkg) {
				t.Errorf("%s imports %s: topics are their only contract", pkg, dependency)
			}
		}
	}
}

// list is `go list`, without the packages that only tests have.
func list(t *testing.T, flag, pattern string) []string {
	t.Helper()
	args := []string{"list", "-f", "{{if .GoFiles}}{{.ImportPath}}{{end}}"}
	if flag != "" {
		args = append(args, flag)
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, pattern)...).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	return strings.Fields(string(out))
}

// role is the processor that a package belongs to.
func role(pkg string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pkg, module+"processors/"), "/")
	return name
}

// owners is the table "Who calls what": the processor of a role owns the quota
// of its operations, so no other role may call them. A role that is not built
// yet keeps its operations.
func owners() map[string][]string {
	return map[string][]string{
		"orders": {model.GetOrder, model.SearchOrders,
			model.GetOrderV0, model.GetOrderItemsV0, model.CreateRestrictedDataToken},
		"inventory": {model.CreateFeedDocument, model.CreateFeed, model.GetFeeds, model.CancelFeed,
			model.PatchListingsItem, model.GetListingsItem},
		"feeds":     {model.GetFeed, model.GetFeedDocument},
		"shipments": {model.ConfirmShipment},
		"subscriptions": {model.CreateDestination, model.GetDestination, model.GetDestinations, model.DeleteDestination,
			model.CreateSubscription, model.GetSubscription, model.GetSubscriptions,
			model.GetSubscriptionByID, model.DeleteSubscriptionByID},
	}
}

// TestEachOperationHasOneOwner holds the rule that makes the consumer group
// the lock of every quota.
func TestEachOperationHasOneOwner(t *testing.T) {
	t.Parallel()
	caller := map[string]string{}
	for role, operations := range owners() {
		for _, operation := range operations {
			if other, taken := caller[operation]; taken {
				t.Errorf("%s is called by %s and %s", operation, other, role)
			}
			caller[operation] = role
			if _, ok := quota.Default(operation); !ok {
				t.Errorf("%s has no usage plan in pkg/quota", operation)
			}
		}
	}
	for role, calls := range map[string][]string{
		orders.Processor:    orders.Operations(),
		feeds.Processor:     feeds.Operations(),
		inventory.Processor: inventory.Operations(),
		shipments.Processor: shipments.Operations(),
	} {
		for _, operation := range calls {
			if !slices.Contains(owners()[role], operation) {
				t.Errorf("%s calls %s, which is not its own", role, operation)
			}
		}
	}
}
