package pipeline

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestEachPieceOfWorkIsShownOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newShadow(slog.New(slog.DiscardHandler), &out)
	patch := func(sku string, quantity int) *model.PatchQuantityRequest {
		return &model.PatchQuantityRequest{SellerID: "A", MarketplaceID: "M", SKU: sku, Quantity: quantity}
	}
	for range 3 { // as often as it is tried
		s.show("a", model.PatchListingsItem, patch("s", 1))
		s.show("b", model.PatchListingsItem, patch("s", 1))
	}
	s.show("a", model.PatchListingsItem, patch("s", 2))
	want := "a\tpatchListingsItem\tSKU s to quantity 1 in marketplace M\n" +
		"b\tpatchListingsItem\tSKU s to quantity 1 in marketplace M\n" +
		"a\tpatchListingsItem\tSKU s to quantity 2 in marketplace M\n"
	if out.String() != want {
		t.Errorf("shown:\n%swant\n%s", out.String(), want)
	}
}

func TestWhatAWritingCallWouldDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		request any
		want    string
	}{
		{&model.UploadFeedRequest{Feed: &model.ListingsFeed{Messages: make([]model.QuantityMessage, 1)}}, "a document with 1 quantity, for a feed of the next call"},
		{&model.UploadFeedRequest{Feed: &model.ListingsFeed{Messages: make([]model.QuantityMessage, 25_000)}}, "a document with 25000 quantities, for a feed of the next call"},
		{&model.UploadFeedRequest{Feed: &model.OrderFeed{Type: model.OrderAcknowledgementFeed, Messages: make([]model.OrderMessage, 2)}}, "a document with 2 messages of POST_ORDER_ACKNOWLEDGEMENT_DATA, for a feed of the next call"},
		{&model.CreateFeedRequest{FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"M"}, InputFeedDocumentID: "d"}, "JSON_LISTINGS_FEED of document d for marketplace [M]"},
		{&model.CancelFeedRequest{FeedID: "7"}, "feed 7"},
		{&model.ConfirmShipmentRequest{OrderID: "o", Package: model.ShipmentPackage{
			PackageReferenceID: "1", CarrierCode: "DHL", TrackingNumber: "t", Items: make([]model.ShipmentItem, 2),
		}}, "order o, package 1 with 2 items, tracking number t of DHL"},
		{"ORDER_CHANGE", "ORDER_CHANGE"},
		{&model.GetFeedRequest{}, "*model.GetFeedRequest"},
	} {
		if got := describe(test.request); got != test.want {
			t.Errorf("%T: %q, want %q", test.request, got, test.want)
		}
	}
}

func TestAShadowForgetsInTime(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newShadow(slog.New(slog.DiscardHandler), &out)
	for i := range maxShown {
		s.once("a", "op", "x", []byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	out.Reset()
	s.once("a", "op", "more", []byte("more"))
	if len(s.shown) != 1 || strings.Count(out.String(), "more") != 1 {
		t.Errorf("%d are remembered, shown %q", len(s.shown), out.String())
	}
}
