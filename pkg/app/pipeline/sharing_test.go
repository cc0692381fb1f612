package pipeline

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestThePartsOfAllUnitsAreTheLimit reads who shares what from a configuration, and again
// after it has changed.
func TestThePartsOfAllUnitsAreTheLimit(t *testing.T) {
	t.Parallel()
	cfg := config.Config{Applications: []config.Application{
		{Name: "main", ClientID: "one"}, {Name: "again", ClientID: "one"},
		{Name: "other", ClientID: "two", Quotas: map[string]config.Quota{model.GetListingsItem: {Rate: 3, Burst: 7}}},
	}}
	add := func(n int, application string, region model.Region) {
		for range n {
			id := fmt.Sprintf("a%d", len(cfg.Accounts))
			cfg.Accounts = append(cfg.Accounts, config.Account{ID: id, SellerID: id, Application: application, Region: region})
		}
	}
	add(15, "main", model.Europe)      // a0
	add(5, "again", model.Europe)      // a15
	add(1, "main", model.NorthAmerica) // a20
	add(2, "other", model.Europe)      // a21
	live, err := newLive(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const partitions = 5
	units := make([]*sharing, partitions)
	for i := range units {
		units[i] = live.sharing(stream.Mine(machine.Unit{Partition: int32(i), Partitions: partitions}))
	}
	check := func(account, operation, group string, rate float64, burst int, binds bool) {
		t.Helper()
		sum := 0.0
		for _, unit := range units {
			if got := unit.Of(account, operation); got != group {
				t.Fatalf("%s of %s: group %q, want %q", operation, account, got, group)
			}
			if group == "" {
				return
			}
			terms := unit.Terms(group, operation)
			if terms.Limit.Rate != rate || terms.Limit.Burst != burst || terms.Binds != binds {
				t.Fatalf("%s of %s: %+v", operation, account, terms)
			}
			sum += terms.Part
		}
		if sum < 1-1e-9 || sum > 1+1e-9 {
			t.Errorf("%s of %s: the parts are %v", operation, account, sum)
		}
	}
	check("a0", model.GetListingsItem, "eu/main", 100, 100, false) // 20 accounts at 5/s
	check("a15", model.GetListingsItem, "eu/main", 100, 100, false)
	check("a20", model.GetListingsItem, "na/main", 100, 100, false)
	check("a21", model.GetListingsItem, "eu/other", 3, 7, true)
	check("a21", model.PatchListingsItem, "eu/other", 500, 500, false)
	check("a0", model.GetOrder, "", 0, 0, false)
	check("nobody", model.GetListingsItem, "", 0, 0, false)

	add(1, "again", model.Europe)
	live.apply(cfg)
	check("a0", model.GetListingsItem, "eu/main", 100, 100, true)
}

// TestUnitsLendWhatTheyDoNotUse runs two accounts in two units whose application has a
// limit of 4 patches a second: one account alone is lent the other's half.
func TestUnitsLendWhatTheyDoNotUse(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 12, "", clock.Real{})
	one, other := twoUnits(t, e)
	e.configure(one, other)
	e.run(func(s *Settings) {
		s.Config.Applications[0].Quotas = map[string]config.Quota{model.PatchListingsItem: {Rate: 4, Burst: 8}}
	})
	const patches = 20
	e.updates(one, "urgent", patches, true)
	if _, err := e.sim.Ledger.Await(e.ctx, simulator.Filter{Operation: model.PatchListingsItem, Account: one}, patches); err != nil {
		t.Fatalf("%d of %d patches: %v", e.calls(model.PatchListingsItem, one), patches, err)
	}
	lent := 0.0
	client, codec := e.kafka()
	defer client.Close()
	for _, value := range e.values(client, codec, schemas.StateInventoryShares) {
		if told, ok := value.(*schemas.ShareState); ok && len(told.Loans) > 0 {
			lent = max(lent, told.Loans[0].Rate)
		}
	}
	if lent < 1 || lent > 2 {
		t.Errorf("the unit that wanted nothing lent %v of its 2 a second", lent)
	}
}

// twoUnits are two accounts of one region in two units.
func twoUnits(t *testing.T, e *estate) (one, other string) {
	t.Helper()
	accounts := e.sim.Accounts()
	partition := func(account string) (of int32) {
		for ; ; of++ {
			if mine := stream.Mine(machine.Unit{Partition: of, Partitions: schemas.DefaultPartitions}); mine(account) {
				return of
			}
		}
	}
	for _, a := range accounts[1:] {
		if a.Region == accounts[0].Region && partition(a.ID) != partition(accounts[0].ID) {
			return accounts[0].ID, a.ID
		}
	}
	t.Fatal("all accounts of the region are in one unit")
	return "", ""
}
