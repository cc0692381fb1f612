package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// TestNotificationsPassTheBreakers: whose credentials are refused asks Login with
// Amazon once for all its calls, and again as soon as they have been mended.
func TestNotificationsPassTheBreakers(t *testing.T) {
	t.Parallel()
	const british = "seller-3-uk"
	e := newEstate(t, 3, "", clock.Real{})
	e.configure(german, "bad "+british)
	settings := e.settings()
	good := settings.Config.Applications
	settings.Config.Applications = slices.Clone(good)
	settings.Config.Applications[0].ClientSecret.Value = secrets.New("wrong")
	p := &pipeline{Settings: settings}
	var err error
	if p.live, err = newLive(settings.Config, settings.Logger); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	keeper, err := p.newKeeper()
	if err != nil {
		t.Fatal(err)
	}
	asked := func() int { return len(e.sim.Ledger.Calls(simulator.Filter{Part: simulator.LWA})) }
	const held = " was not made: the breaker of its authentication is open"

	if first := keeper.List(t.Context()).Destinations[0].Error; !strings.Contains(first, "invalid_client") || strings.Contains(first, held) {
		t.Errorf("the first call: %s", first)
	}
	before := asked()
	if second := keeper.List(t.Context()).Destinations[0].Error; !strings.Contains(second, "getDestinations of application simulated"+held) || asked() != before {
		t.Errorf("the second call, with %d token requests: %s", asked()-before, second)
	}

	settings.Config.Applications = good
	p.live.apply(settings.Config)
	before = asked()
	report := keeper.List(t.Context())
	if report.Destinations[0].Error != "" {
		t.Errorf("with the right secret: %s", report.Destinations[0].Error)
	}
	states := map[string][]subscriptions.Subscription{}
	for _, s := range report.Subscriptions {
		states[s.Account] = append(states[s.Account], s)
	}
	refused := states[british]
	if len(refused) != 2 || !strings.Contains(refused[0].Error, "invalid_grant") || !strings.Contains(refused[1].Error, "getSubscriptions of "+british+held) {
		t.Errorf("the refused account: %+v", refused)
	}
	if fine := states[german]; len(fine) != 2 || fine[0].Error+fine[1].Error != "" || asked() != before+3 {
		t.Errorf("with %d token requests: %+v", asked()-before, fine)
	}

	settings.Config.Accounts = slices.Clone(settings.Config.Accounts)
	for i := range settings.Config.Accounts {
		settings.Config.Accounts[i].RefreshToken = config.Secret{Value: secrets.New(e.sim.Accounts()[2*i].RefreshToken)}
	}
	p.live.apply(settings.Config)
	for _, s := range keeper.List(t.Context()).Subscriptions {
		if s.Error != "" {
			t.Errorf("with the right token: %+v", s)
		}
	}
}
