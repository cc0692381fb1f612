package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Application is an SP-API application as LWA knows it.
type Application struct {
	Name          string   // the name that accounts refer to
	ClientID      string   // LWA client id
	ClientSecrets []string // accepted secrets; two while one is being rotated
}

// Account is a seller and the authorization that it gave to its application.
type Account struct {
	account.Account
	RefreshToken string // LWA refresh token
	Queue        string // SQS queue for its notifications; default the first one; see simulator.Config.SubscribedOnly
}

// Sellers makes n accounts of one application, in Europe and North America in
// turn, with fixed ids and tokens. Every third account is in North America.
func Sellers(n int, application string) []Account {
	homes := []struct {
		region      model.Region
		marketplace string
		suffix      string
	}{
		{model.Europe, "A1PA6795UKMFR9", "de"},
		{model.NorthAmerica, "ATVPDKIKX0DER", "us"},
		{model.Europe, "A1F83G8C2ARO7P", "uk"},
	}
	accounts := make([]Account, 0, n)
	for i := range n {
		home := homes[i%len(homes)]
		seller := fmt.Sprintf("A%013d", 2_750_000_000_000+i)
		accounts = append(accounts, Account{
			Account: account.Account{
				ID:              fmt.Sprintf("seller-%d-%s", i+1, home.suffix),
				SellerID:        seller,
				AmazonAccountID: "amzn1.merchant.o." + seller,
				Region:          home.region,
				Application:     application,
				Marketplaces:    []string{home.marketplace},
			},
			RefreshToken: fmt.Sprintf("Atzr|simulated-%d", i+1),
		})
	}
	return accounts
}

// SellerKey names a seller, whichever application calls for it.
type SellerKey struct {
	Seller string // Amazon's id
	Region model.Region
}

// Key is the seller of an account.
func (a *Account) Key() SellerKey { return SellerKey{a.SellerID, a.Region} }

// Check reports what is wrong with an account, where these applications exist.
func (a *Account) Check(applications map[string]bool) error {
	switch {
	case !a.Region.Valid():
		return fmt.Errorf("account %s: region %q is not na, eu or fe", a.ID, a.Region)
	case !applications[a.Application]:
		return fmt.Errorf("account %s: application %q is not configured", a.ID, a.Application)
	case a.RefreshToken == "":
		return fmt.Errorf("account %s: no refresh token", a.ID)
	case len(a.Marketplaces) == 0:
		return fmt.Errorf("account %s: no marketplace", a.ID)
	}
	places := Marketplaces()
	for _, id := range a.Marketplaces {
		if _, ok := places[id]; !ok {
			return fmt.Errorf("account %s: the simulator has no marketplace %q; it has %s",
				a.ID, id, strings.Join(slices.Sorted(maps.Keys(places)), ", "))
		}
	}
	return nil
}
