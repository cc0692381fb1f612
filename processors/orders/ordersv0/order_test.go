package ordersv0

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Pending": "PENDING", "Unshipped": "UNSHIPPED", "PartiallyShipped": "PARTIALLY_SHIPPED", "Shipped": "SHIPPED",
		"Canceled": "CANCELLED", "Unfulfillable": "UNFULFILLABLE", "InvoiceUnconfirmed": "SHIPPED",
		"PendingAvailability": "PENDING_AVAILABILITY", "": "", "SomethingNew": "SOMETHING_NEW",
	} {
		if got := status(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
	for _, test := range []struct {
		amount string
		units  int32
		want   string
	}{
		{"10.00", 1, "10.00"}, {"10.00", 4, "2.50"}, {"10.00", 3, ""}, {"1000", 2, "500"}, {"1001", 2, ""}, {"0.00", 2, "0.00"},
		{"-3.00", 2, "-1.50"}, {"", 1, ""}, {"ten", 1, ""}, {"1e9", 1, ""}, {"1/2", 1, ""}, {"10.00", 0, ""}, {"10.00", -1, ""},
	} {
		got := unitPrice(&model.MoneyV0{Amount: test.amount, CurrencyCode: "EUR"}, test.units)
		if (got == nil) != (test.want == "") || got != nil && (got.Amount != test.want || got.CurrencyCode != "EUR") {
			t.Errorf("%s for %d: %+v, want %q", test.amount, test.units, got, test.want)
		}
	}
	if unitPrice(nil, 1) != nil {
		t.Error("no price has a unit price")
	}
}
