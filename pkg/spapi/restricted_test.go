package spapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const canaryRestricted = "Atz.sprdt|canary-restricted-token"

// vault is an Orders v0 that gives buyer data to its newest restricted token.
type vault struct {
	*fake
	created atomic.Int32
	asked   sync.Map            // resources, by number of the token
	refuse  atomic.Pointer[int] // status of the answer to createRestrictedDataToken
	revoked atomic.Int32        // tokens up to this one are refused
	misused atomic.Int32        // calls that had the wrong kind of token
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{fake: newFake(t)}
	v.api = func(w http.ResponseWriter, r *http.Request) {
		held := r.Header.Get("x-amz-access-token")
		var number int32 // of a restricted token
		_, _ = fmt.Sscanf(strings.TrimPrefix(held, canaryRestricted), "-%d", &number)
		switch {
		case r.URL.Path == "/tokens/2021-03-01/restrictedDataToken":
			v.create(w, r, held)
		case !strings.HasPrefix(held, canaryRestricted):
			if held != canaryAccess {
				v.misused.Add(1)
			}
			fmt.Fprint(w, `{"payload":{"AmazonOrderId":"1","PurchaseDate":"2024-12-25T16:00:00Z","LastUpdateDate":"2024-12-25T16:30:00Z","OrderStatus":"Unshipped","ShippingAddress":{"City":"Canton"},"OrderItems":[]}}`)
		case !strings.HasPrefix(r.URL.Path, "/orders/v0/orders/1"):
			v.misused.Add(1)
		case number <= v.revoked.Load():
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"errors":[{"code":"Unauthorized","message":"token %s"}]}`, held)
		default:
			fmt.Fprint(w, `{"payload":{"AmazonOrderId":"1","PurchaseDate":"2024-12-25T16:00:00Z","LastUpdateDate":"2024-12-25T16:30:00Z","OrderStatus":"Unshipped","BuyerInfo":{"BuyerName":"Eve"},"ShippingAddress":{"City":"Canton","AddressLine1":"1 Cross St."},`+
				`"OrderItems":[{"OrderItemId":"2","QuantityOrdered":1,"BuyerInfo":{"GiftMessageText":"For you!"}}]}}`)
		}
	}
	return v
}

func (v *vault) create(w http.ResponseWriter, r *http.Request, held string) {
	if held != canaryAccess || r.Method != http.MethodPost {
		v.misused.Add(1)
	}
	n := v.created.Add(1)
	body, _ := io.ReadAll(r.Body)
	v.asked.Store(n, string(body))
	w.Header().Set("x-amzn-RateLimit-Limit", "1")
	if status := v.refuse.Load(); status != nil {
		w.WriteHeader(*status)
		fmt.Fprint(w, `{"errors":[{"code":"InvalidInput","message":"Application does not have access to one or more requested data elements"}]}`)
		return
	}
	fmt.Fprintf(w, `{"restrictedDataToken":"%s-%d","expiresIn":3600}`, canaryRestricted, n)
}

func all() []string { return []string{model.DataShippingAddress, model.DataBuyerInfo} }

func TestBuyerDataIsReadWithOneRestrictedToken(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	seller := v.seller(t, nil)
	var readers sync.WaitGroup
	for range 200 {
		readers.Go(func() {
			order, _, err := seller.GetOrderV0(t.Context(), model.GetOrderV0Request{OrderID: "1", DataElements: all()})
			if err != nil || order.Order.BuyerInfo.Name != "Eve" || order.Order.ShippingAddress.AddressLine1 == "" {
				t.Errorf("%+v, %v", order, err)
			}
			page, _, err := seller.GetOrderItemsV0(t.Context(), model.GetOrderItemsV0Request{OrderID: "1", DataElements: all()})
			if err != nil || page.Page.Items[0].BuyerInfo.GiftMessageText == "" {
				t.Errorf("%+v, %v", page, err)
			}
		})
	}
	readers.Wait()
	if v.created.Load() != 1 || v.misused.Load() != 0 {
		t.Errorf("%d restricted tokens, %d calls with a wrong token", v.created.Load(), v.misused.Load())
	}
	var got, want any
	asked, _ := v.asked.Load(int32(1))
	_ = json.Unmarshal([]byte(asked.(string)), &got)
	_ = json.Unmarshal([]byte(`{"restrictedResources":[
		{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo","shippingAddress"]},
		{"method":"GET","path":"/orders/v0/orders/{orderId}/orderItems","dataElements":["buyerInfo"]}]}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("asked for %s", asked)
	}
	// Other data is another token; the same in another order and twice is not.
	for i, elements := range []string{"buyerInfo,shippingAddress,buyerInfo", "shippingAddress"} {
		order, _, err := seller.GetOrderV0(t.Context(), model.GetOrderV0Request{OrderID: "1", DataElements: strings.Split(elements, ",")})
		if err != nil || (order.Order.BuyerInfo == nil) != (elements == "shippingAddress") || v.created.Load() != int32(i+1) {
			t.Errorf("%s: %+v, %v; %d tokens", elements, order, err, v.created.Load())
		}
	}
}

func TestBuyerDataIsLeftOutUnlessAskedFor(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	order, _, err := v.seller(t, nil).GetOrderV0(t.Context(), model.GetOrderV0Request{OrderID: "1"})
	if err != nil || order.Order.BuyerInfo != nil || order.Order.ShippingAddress != nil || v.created.Load() != 0 {
		t.Errorf("%+v, %v; %d restricted tokens", order, err, v.created.Load())
	}
}

func TestARestrictedTokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	v, clk := newVault(t), simulatortest.NewClock()
	seller := v.seller(t, clk)
	for _, step := range []struct {
		after   time.Duration
		left    int
		created int32
		rate    float64
	}{
		{0, 3600, 1, 1}, {54 * time.Minute, 360, 1, 0}, {time.Minute, 3600, 2, 1}, {time.Hour, 3600, 3, 1},
	} {
		clk.Advance(step.after)
		answer, meta, err := seller.CreateRestrictedDataToken(t.Context(), model.CreateRestrictedDataTokenRequest{DataElements: all()})
		if err != nil || answer.ExpiresIn != step.left || v.created.Load() != step.created || meta.RateLimit != step.rate {
			t.Fatalf("after %v: %+v, %+v, %v; %d tokens, want %+v", step.after, answer, meta, err, v.created.Load(), step)
		}
	}
}

func TestARefusedRestrictedTokenIsAskedAnew(t *testing.T) {
	t.Parallel()
	v, clk := newVault(t), simulatortest.NewClock()
	seller := v.seller(t, clk)
	for _, step := range []struct {
		after   time.Duration
		revoked int32
		created int32
		refused bool
		stale   bool
	}{
		{after: 0, created: 1},
		{after: 10 * time.Minute, revoked: 1, created: 1, refused: true, stale: true},
		{after: 0, revoked: 1, created: 2},
		{after: time.Second, revoked: 2, created: 2, refused: true}, // fresh: the account may be at fault
		{after: time.Second, revoked: 2, created: 3},
	} {
		clk.Advance(step.after)
		v.revoked.Store(step.revoked)
		_, _, err := seller.GetOrderV0(t.Context(), model.GetOrderV0Request{OrderID: "1", DataElements: all()})
		var refusal *model.Error
		if errors.As(err, &refusal) != step.refused || v.created.Load() != step.created ||
			step.refused && (refusal.Class != model.Forbidden || refusal.StaleToken != step.stale) {
			t.Fatalf("%+v: %v, %d tokens", step, err, v.created.Load())
		}
		if err != nil {
			noCanary(t, err)
		}
	}
	if n := v.tokenRequests(); n != 1 {
		t.Errorf("%d LWA tokens: that of LWA was not refused", n)
	}
}

// TestTheWantOfARestrictedTokenIsNotTheOrdersFault: the order is neither refused
// nor throttled for it.
func TestTheWantOfARestrictedTokenIsNotTheOrdersFault(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]model.Class{
		400: model.Forbidden, 403: model.Forbidden, 404: model.Forbidden, 429: model.Unavailable, 500: model.Unavailable,
	} {
		v := newVault(t)
		v.refuse.Store(&status)
		seller := v.seller(t, nil)
		_, _, err := seller.GetOrderV0(t.Context(), model.GetOrderV0Request{OrderID: "1", DataElements: all()})
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != want || !refusal.TokenMissing ||
			!strings.Contains(err.Error(), model.GetOrderV0) || !strings.Contains(err.Error(), model.CreateRestrictedDataToken) {
			t.Errorf("%d: %v", status, err)
		}
		_, meta, err := seller.CreateRestrictedDataToken(t.Context(), model.CreateRestrictedDataTokenRequest{DataElements: all()})
		if !errors.As(err, &refusal) || refusal.Status != status || refusal.Operation != model.CreateRestrictedDataToken || refusal.TokenMissing || meta.RateLimit != 1 {
			t.Errorf("%d: %+v, %v", status, meta, err)
		}
	}
	seller := newVault(t).seller(t, nil)
	for _, elements := range [][]string{nil, {"shoeSize"}} {
		if _, _, err := seller.CreateRestrictedDataToken(t.Context(), model.CreateRestrictedDataTokenRequest{DataElements: elements}); err == nil {
			t.Errorf("%q were accepted", elements)
		}
	}
}
