package simulator_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

// The simulator has no passwords, so nothing of it listens where
// another machine could reach it.
func TestAllListensOnLoopbackByDefault(t *testing.T) {
	t.Parallel()
	home := map[model.Region][]string{model.NorthAmerica: {"ATVPDKIKX0DER"}, model.Europe: {"A1PA6795UKMFR9"}, model.FarEast: {"A1VC38T7YXB528"}}
	var accounts []simulator.Account
	for _, region := range []model.Region{model.NorthAmerica, model.Europe, model.FarEast} {
		accounts = append(accounts, simulator.Account{Account: account.Account{ID: string(region), SellerID: "SELLER" + string(region), Region: region, Application: "main", Marketplaces: home[region]}, RefreshToken: "Atzr|" + string(region)})
	}
	sim, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "client", ClientSecrets: []string{"secret"}}}, Accounts: accounts,
	})
	if err != nil {
		t.Fatal(err)
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	all := []string{urls.LWA, urls.SQS, urls.EventBridge, urls.Documents, urls.Admin}
	for _, at := range urls.SPAPI {
		all = append(all, at)
	}
	if len(all) != 8 {
		t.Errorf("it listens at %q", all)
	}
	for _, text := range all {
		if at, err := url.Parse(text); err != nil || at.Hostname() != "127.0.0.1" {
			t.Errorf("%s is not on loopback (%v)", text, err)
		}
	}
}

// A listener on all addresses has none that could be called: 0.0.0.0 and :: are
// names of no machine.
func TestAnAddressOfAllIsPrintedAsOneThatWorks(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "client", ClientSecrets: []string{"secret"}}}, Accounts: simulator.Sellers(1, "main"),
	})
	if err != nil {
		t.Fatal(err)
	}
	urls, err := sim.Start(simulator.Addresses{Admin: "0.0.0.0:0", LWA: "[::]:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	for _, text := range []string{urls.Admin + "/_simulator/", urls.LWA} {
		answer, err := http.Get(text)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if at, err := url.Parse(text); err != nil || at.Hostname() != "127.0.0.1" {
			t.Errorf("it prints %s (%v)", text, err)
		}
	}
}
