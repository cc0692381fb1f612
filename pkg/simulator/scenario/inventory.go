package scenario

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
)

// InventoryScenario is a stretch of what upstream services say about stock. It
// only decides: whoever asked produces the updates. Shares are between 0 and 1.
type InventoryScenario struct {
	Accounts []string      `json:"accounts"` // names of the sellers that take part; default all
	Updates  int           `json:"updates"`  // of all accounts, dealt to them in turn
	SKUs     int           `json:"skus"`     // how many SKUs of each account change; all that exist when 0
	Over     time.Duration `json:"over"`     // the time over which the updates happen; 0 means at once
	Waves    int           `json:"waves"`    // in how many bursts, the first at once; 0 means evenly

	Unknown   int     `json:"unknown"`   // of those SKUs, how many does the seller not list at all
	Excluded  int     `json:"excluded"`  // of those SKUs, how many does another service manage
	Reordered float64 `json:"reordered"` // share of updates that come after a newer one of the same SKU
	Urgent    float64 `json:"urgent"`    // share of updates that are urgent
	SoldOut   float64 `json:"soldOut"`   // share of updates that set 0
}

// InventoryUpdate is what an upstream service says about one SKU.
type InventoryUpdate struct {
	Account  string    `json:"account"`
	SKU      string    `json:"sku"`
	Quantity int       `json:"quantity"`
	Time     time.Time `json:"time"` // when it happened upstream; unique within an account
	Urgent   bool      `json:"urgent,omitempty"`
	Unknown  bool      `json:"unknown,omitempty"`  // Amazon knows no such SKU
	Excluded bool      `json:"excluded,omitempty"` // another service manages the SKU
}

// InventoryPlan is what an InventoryScenario decided.
type InventoryPlan struct {
	Start   time.Time
	Updates []InventoryUpdate // in the order in which they are to be produced
	// Excluded are the SKUs that another service manages, by account.
	Excluded map[string][]string
}

// PlanInventory decides what upstream services will say from now on. Except for 0,
// the quantities of a SKU never repeat within a plan, so that the same feed
// content twice is the same feed twice.
func (p *Player) PlanInventory(sc InventoryScenario) (InventoryPlan, error) {
	if sc.Over < 0 {
		return InventoryPlan{}, fmt.Errorf("inventory scenario: it cannot take %s", sc.Over)
	}
	if err := p.check("inventory scenario", sc.Accounts, 1_000_000, []float64{sc.Reordered, sc.Urgent, sc.SoldOut},
		[]int{sc.Updates, sc.SKUs, sc.Waves, sc.Unknown, sc.Excluded}); err != nil {
		return InventoryPlan{}, err
	}
	accounts := p.participants(sc.Accounts)
	plan := InventoryPlan{Start: p.clock.Now().UTC().Truncate(time.Millisecond), Excluded: make(map[string][]string)}
	random := p.seed.Stream(chance.Updates)
	pools := make([][]InventoryUpdate, len(accounts))
	for i, account := range accounts {
		pool, err := p.pool(account, &sc)
		if err != nil {
			return InventoryPlan{}, err
		}
		pools[i] = pool
		for _, u := range pool {
			if u.Excluded {
				plan.Excluded[account] = append(plan.Excluded[account], u.SKU)
			}
		}
	}
	for i := range sc.Updates {
		pool := pools[i%len(pools)]
		u := pool[random.IntN(len(pool))]
		if i/len(pools) < len(pool) {
			u = pool[i/len(pools)] // each SKU at least once, where there are enough updates
		}
		u.Time = plan.Start.Add(sc.moment(i))
		u.Quantity, u.Urgent = i+1, chance.Happens(random, sc.Urgent)
		if chance.Happens(random, sc.SoldOut) {
			u.Quantity = 0
		}
		plan.Updates = append(plan.Updates, u)
	}
	plan.reorder(random, sc.Reordered)
	return plan, nil
}

// moment is when an update happens, after the start: a millisecond behind the
// one before it at least, since the time decides which of two is newer, and never
// in the future when all happens at once.
func (sc *InventoryScenario) moment(i int) time.Duration {
	share := float64(i) / float64(sc.Updates)
	if sc.Waves > 0 {
		share = math.Floor(share*float64(sc.Waves)) / float64(sc.Waves)
	}
	return time.Duration(share*float64(sc.Over)).Truncate(time.Millisecond) - time.Duration(sc.Updates-i)*time.Millisecond
}

// pool is what an account's updates are about: first the excluded SKUs, then
// others that exist, then SKUs that do not.
func (p *Player) pool(account string, sc *InventoryScenario) ([]InventoryUpdate, error) {
	known, err := p.stock.SKUs(account)
	if err != nil {
		return nil, err
	}
	total := sc.SKUs
	if total == 0 {
		total = len(known) + sc.Unknown
	}
	existing := total - sc.Unknown
	if existing < sc.Excluded || existing > len(known) || total == 0 {
		return nil, fmt.Errorf("inventory scenario: %s has %d SKUs, too few for %d, where %d are unknown and %d excluded (see Config.SKUs)",
			account, len(known), total, sc.Unknown, sc.Excluded)
	}
	pool := make([]InventoryUpdate, 0, total)
	for i, sku := range known[:existing] {
		pool = append(pool, InventoryUpdate{Account: account, SKU: sku, Excluded: i < sc.Excluded})
	}
	for i := range sc.Unknown {
		pool = append(pool, InventoryUpdate{Account: account, SKU: fmt.Sprintf("GONE-%05d", i+1), Unknown: true})
	}
	return pool, nil
}

// reorder lets updates come late: right behind the next one of their SKU, so that
// nothing else waits for them.
func (p *InventoryPlan) reorder(random *rand.Rand, share float64) {
	type key struct{ account, sku string }
	last := make(map[key]int)   // SKU → where its update before this one is
	behind := make(map[int]int) // place of an update → that of the one that comes behind it
	late := make(map[int]bool)
	for i, u := range p.Updates {
		k := key{u.Account, u.SKU}
		if before, ok := last[k]; ok && chance.Happens(random, share) {
			behind[i], late[before] = before, true
		}
		last[k] = i
	}
	ordered := make([]InventoryUpdate, 0, len(p.Updates))
	for i, u := range p.Updates {
		if late[i] {
			continue
		}
		ordered = append(ordered, u)
		for next, ok := behind[i]; ok; next, ok = behind[next] {
			ordered = append(ordered, p.Updates[next])
		}
	}
	p.Updates = ordered
}

// Newest is the update of each SKU that happened last upstream, by account and
// SKU: what its listing has to show in the end, where it exists and is not excluded.
func (p *InventoryPlan) Newest() map[string]map[string]InventoryUpdate {
	newest := make(map[string]map[string]InventoryUpdate)
	for _, u := range p.Updates {
		skus := newest[u.Account]
		if skus == nil {
			skus = make(map[string]InventoryUpdate)
			newest[u.Account] = skus
		}
		if old, ok := skus[u.SKU]; !ok || u.Time.After(old.Time) {
			skus[u.SKU] = u
		}
	}
	return newest
}

// Produce hands the updates out, each when it happened on the simulator's clock
// or later, until ctx ends or produce fails.
func (p *Player) Produce(ctx context.Context, plan InventoryPlan, produce func(InventoryUpdate) error) error {
	latest := plan.Start
	for _, u := range plan.Updates {
		if u.Time.After(latest) {
			latest = u.Time
		}
		if err := clock.Sleep(ctx, p.clock, latest.Sub(p.clock.Now())); err != nil {
			return fmt.Errorf("inventory scenario: %w", err)
		}
		if err := produce(u); err != nil {
			return fmt.Errorf("inventory scenario: %w", err)
		}
	}
	return nil
}

// WrongQuantity is a SKU whose quantity is not what upstream said last.
type WrongQuantity struct {
	Account, SKU string
	Got, Want    int
}

// WrongQuantities compares the listings with a plan, once all of it is settled.
// A SKU that is excluded, or that Amazon fulfils, must have the quantity that it began with.
// What orders have taken since is counted as if it were there.
func (p *Player) WrongQuantities(plan InventoryPlan) []WrongQuantity {
	var wrong []WrongQuantity
	truth := p.stock.InventoryTruth("").SKUs
	for account, skus := range plan.Newest() {
		for sku, u := range skus {
			shown, listed := truth[account][sku]
			want := u.Quantity
			if u.Excluded || shown.Channel != "" {
				want = shown.Seeded
			}
			if listed && shown.Quantity+shown.Sold != want {
				wrong = append(wrong, WrongQuantity{account, sku, shown.Quantity, want})
			}
		}
	}
	slices.SortFunc(wrong, func(a, b WrongQuantity) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.SKU, b.SKU))
	})
	return wrong
}
