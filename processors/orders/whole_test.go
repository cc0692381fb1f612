package orders

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// secret begins what is about a person.
const secret = "hush"

// leaf is a value in an order that one field of the model holds.
type leaf struct {
	path  string
	value reflect.Value
}

// filled gives an order whose every field has a value, and those values.
func filled() (*model.Order, []leaf) {
	order := new(model.Order)
	var leaves []leaf
	fill(reflect.ValueOf(order).Elem(), "", &leaves)
	order.OrderID = orderID(1)
	order.Fulfillment.Status = "UNSHIPPED" // a finished order gets no buyer data
	return order, leaves
}

func fill(v reflect.Value, path string, leaves *[]leaf) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, leaves)
		return
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path+"[]", leaves)
		return
	case reflect.Struct:
		if _, ok := v.Interface().(time.Time); ok {
			v.Set(reflect.ValueOf(testStart))
			break
		}
		for f, field := range v.Fields() {
			if f.Tag.Get("json") == "-" && f.Name != "Extra" {
				continue
			}
			fill(field, path+"."+f.Name, leaves)
		}
		return
	default:
		if v.Type() == reflect.TypeFor[model.Private]() && !strings.HasPrefix(path, ".Extra") {
			v.SetString(secret)
		}
		change(v)
	}
	*leaves = append(*leaves, leaf{path, v})
}

// change gives a leaf another value.
func change(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Hour)))
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "1")
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanFloat():
		v.SetFloat(v.Float() + 0.5)
	default:
		panic(v.Type().String())
	}
}

// copied is an order of its own; JSON would lose what is private.
func copied(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(copied(v.Elem()))
		}
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(copied(v.Index(i)))
		}
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				out.Field(i).Set(copied(v.Field(i)))
			}
		}
	}
	return out
}

// guarded is how orders come to the machine: with buyer data sealed with one key.
type guarded struct {
	t    *testing.T
	keys buyerdata.Keys
	own  buyerdata.Owner
	key  *schemas.BuyerKey
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	file, err := buyerdata.ParseKeyFile(buyerdata.GenerateKey(), "")
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{t: t, keys: buyerdata.NewKeys(file), own: buyerdata.Owner{Account: testAccount, OrderID: orderID(1)}}
	if _, g.key, err = g.keys.New(t.Context(), g.own); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guarded) sealer() *buyerdata.Sealer {
	return buyerdata.NewSealer(g.keys, new(blame.Tally), time.Now, slog.New(slog.DiscardHandler))
}

// event is that of an order, for an account with buyer data or without.
func (g *guarded) event(order *model.Order, with bool) *schemas.Order {
	g.t.Helper()
	own := copied(reflect.ValueOf(*order)).Interface().(model.Order)
	guard := g.sealer().Guard(
		func(context.Context, machine.Call) machine.Result {
			return machine.Result{Outcome: machine.Done{Response: &model.GetOrderResponse{Order: own}}}
		})
	var request any = &model.GetOrderRequest{}
	if with {
		request = &buyerdata.Request{Read: request, Order: g.own, Key: g.key}
	}
	done, ok := guard(g.t.Context(), machine.Call{Request: request}).Outcome.(machine.Done)
	if !ok {
		g.t.Fatal("no answer")
	}
	answer, sealed := done.Response.(*buyerdata.Answer)
	if !sealed {
		return newEvent(testAccount, &done.Response.(*model.GetOrderResponse).Order, nil)
	}
	event := newEvent(testAccount, &answer.Response.(*model.GetOrderResponse).Order, nil)
	event.BuyerData = answer.Data
	return event
}

// TestEveryFieldOfAnOrderShows changes each field of the model: with buyer data that is
// another event, and without it just where the field is not about a person.
func TestEveryFieldOfAnOrderShows(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	order, leaves := filled()
	if len(leaves) < 160 {
		t.Errorf("only %d fields", len(leaves))
	}
	for _, entity := range []string{"BUYER", "MERCHANT"} {
		order.Tax.Registrations[0].EntityType = entity
		with, without := contentID(g.event(order, true)), contentID(g.event(order, false))
		for _, l := range leaves {
			before := reflect.New(l.value.Type()).Elem()
			before.Set(l.value)
			change(l.value)
			text := l.value.Type() == reflect.TypeFor[model.Private]() || strings.HasSuffix(l.path, "Attributes[].Key") // a part of the text's name
			private := text && !strings.HasPrefix(l.path, ".Extra") &&
				(entity == "BUYER" || !strings.HasPrefix(l.path, ".Tax.Registrations"))
			if contentID(g.event(order, true)) == with {
				t.Errorf("%s: another %s is the same event", entity, l.path)
			}
			if (contentID(g.event(order, false)) == without) != private {
				t.Errorf("%s: without buyer data another %s is the same event: %v", entity, l.path, !private)
			}
			l.value.Set(before)
		}
	}
}

// TestPresenceShows takes each thing away whose content is about a person: the record shows
// that, with buyer data and without, and neither the content.
func TestPresenceShows(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, with := range []bool{false, true} {
		order, _ := filled()
		event := g.event(order, with)
		text, err := schemas.AppendJSON(nil, event)
		if err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%s, %v", text, err)
		}
		line, yes := &event.Items[0], func(flag *bool) bool { return flag != nil && *flag }
		if !yes(line.HasGiftMessage) || !yes(line.HasCustomization) || !yes(event.Payments[0].HasAuthorizationCode) || !yes(event.TaxRegistrations[0].HasPrivate) {
			t.Errorf("with %v: %s", with, text)
		}
		order.Items[0].Fulfillment.Packing.Gift.Message, order.Items[0].Product.Customization.URL = "", ""
		order.Payment.Executions[0].AuthorizationCode = ""
		order.Tax.Registrations[0] = model.TaxRegistration{EntityType: "BUYER", Address: &model.CustomerAddress{}}
		event = g.event(order, with)
		line = &event.Items[0]
		if line.HasGiftMessage != nil || line.HasCustomization != nil || event.Payments[0].HasAuthorizationCode != nil || event.TaxRegistrations[0].HasPrivate != nil {
			t.Errorf("with %v, of nothing: %+v", with, line)
		}
	}
}

// TestNamesOfBuyerData: consumers read them, and pkg/runtime/buyerdata/README.md lists them.
func TestNamesOfBuyerData(t *testing.T) {
	t.Parallel()
	order, _ := filled()
	order.Items[0].OrderItemID = "7"
	order.Extra = []model.Unknown{{Path: "buyer.nick", Value: `"x"`}, {Path: "color", Value: `"RED"`}}
	g := newGuarded(t)
	event := g.event(order, true)
	address := []string{
		"addressLine1", "addressLine2", "addressLine3", "addressType", "city", "companyName", "complement", "countryCode", "districtOrCounty",
		"municipality", "name", "neighborhood", "phone", "postalCode", "stateOrRegion", "streetName", "streetNumber",
	}
	want := []string{
		"buyer.companyName", "buyer.email", "buyer.name", "buyer.purchaseOrderNumber", "extra", "items.7.customizedUrl", "items.7.giftMessage",
		"payments.0.authorizationCode", "recipient.addressInstruction", "recipient.deliveryCapabilities", "recipient.deliveryTime",
		"recipient.dropOffLocation", "taxRegistrations.0.attributes.1", "taxRegistrations.0.legalName", "taxRegistrations.0.number",
	}
	for _, part := range address {
		want = append(want, "recipient."+part, "taxRegistrations.0.address."+part)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(event.BuyerData.Fields)); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	if event.Extra != `{"color":"RED"}` || len(event.Incomplete) > 0 {
		t.Errorf("%s, incomplete %v", event.Extra, event.Incomplete)
	}
	if bare := g.event(order, false); bare.Extra != `{"color":"RED"}` || !slices.Equal(bare.Incomplete, []string{"buyer.nick"}) {
		t.Errorf("without buyer data %s, incomplete %v", bare.Extra, bare.Incomplete)
	}
}

// TestListsMayComeInAnyOrder turns every list of an order round.
func TestListsMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	order, _ := filled()
	double(reflect.ValueOf(order).Elem())
	order.Extra = nil // paths that are the same
	turned := copied(reflect.ValueOf(order)).Interface().(*model.Order)
	turn(reflect.ValueOf(turned).Elem())
	for _, with := range []bool{false, true} {
		if contentID(g.event(order, with)) != contentID(g.event(turned, with)) {
			t.Errorf("with %v: the order of lists is content", with)
		}
	}
}

// double gives each list a second element that differs in all leaves.
func double(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		double(v.Elem())
	case reflect.Struct:
		for f, field := range v.Fields() {
			if f.IsExported() && f.Tag.Get("json") != "-" && f.Name != "SubstitutionOptions" { // whose order says what is best
				double(field)
			}
		}
	case reflect.Slice:
		double(v.Index(0))
		second := copied(v.Index(0))
		var leaves []leaf
		fill(second, "", &leaves)
		for _, l := range leaves {
			change(l.value)
			change(l.value)
		}
		v.Set(reflect.Append(v, second))
	}
}

func turn(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			turn(v.Elem())
		}
	case reflect.Struct:
		for f, field := range v.Fields() {
			if f.IsExported() && f.Name != "SubstitutionOptions" {
				turn(field)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			turn(v.Index(i))
		}
		if v.Len() > 1 {
			reflect.Swapper(v.Interface())(0, v.Len()-1)
		}
	}
}

// TestTheWholeRecordIsSmall: Amazon's own example, which has nearly everything, sealed.
func TestTheWholeRecordIsSmall(t *testing.T) {
	t.Parallel()
	var answer model.GetOrderResponse
	if err := json.Unmarshal(examples(t)["example"], &answer); err != nil {
		t.Fatal(err)
	}
	event := newGuarded(t).event(&answer.Order, true)
	if n := size(event) - 1000; n > 4<<10 || len(event.BuyerData.Fields) < 10 {
		t.Errorf("%d bytes, %d fields of the buyer", n, len(event.BuyerData.Fields))
	}
}

// TestTodaysOrdersKeepTheirIDs: an order that has nothing of what came with the whole record
// has the id that it had before.
func TestTodaysOrdersKeepTheirIDs(t *testing.T) {
	t.Parallel()
	if got := contentID(newEvent(testAccount, ordinary(), nil)); got != "aa34be28503916568272a3d0bde6d153" {
		t.Errorf("id %s", got)
	}
}

// TestTheOrderOfListsIsNoContent gives each list of an order a second, differing element, and
// turns it round: the event stays the same.
func TestTheOrderOfListsIsNoContent(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	order, _ := filled()
	lists(reflect.ValueOf(order).Elem(), func(list reflect.Value) {
		second := copied(list.Index(0))
		last(second)
		list.Set(reflect.Append(list, second))
	})
	before := contentID(g.event(order, true))
	ordered := []reflect.Type{
		reflect.TypeFor[schemas.SubstitutionOption](), // the one that the buyer likes most may be first
		reflect.TypeFor[model.TaxAttribute](),         // these two have one name, which Amazon's have not
	}
	turned := 0
	lists(reflect.ValueOf(order).Elem(), func(list reflect.Value) {
		if slices.Contains(ordered, list.Type().Elem()) {
			return
		}
		turned++
		swap := reflect.Swapper(list.Interface())
		swap(0, 1)
		defer swap(0, 1)
		if contentID(g.event(order, true)) != before {
			t.Errorf("another order of a list of %s is another event", list.Type().Elem())
		}
	})
	if turned < 30 {
		t.Errorf("only %d lists", turned)
	}
}

// lists does something with each list within a value, the innermost first.
func lists(v reflect.Value, do func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		lists(v.Elem(), do)
	case reflect.Slice:
		for i := range v.Len() {
			lists(v.Index(i), do)
		}
		do(v)
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			for f, field := range v.Fields() {
				if f.Tag.Get("json") != "-" {
					lists(field, do)
				}
			}
		}
	}
}

// last changes the last leaf of a value that is no id.
func last(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		last(v.Elem())
	case reflect.Slice:
		last(v.Index(v.Len() - 1))
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			last(v.Field(v.NumField() - 1))
			return
		}
		change(v)
	default:
		change(v)
	}
}
