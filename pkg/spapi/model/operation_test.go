package model_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/executor"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The tests of this file fail for an operation that is half made. CONTRIBUTING.md,
// "Add an operation", has the steps.

// TestEveryConstantHasARow reads the names out of operation.go.
func TestEveryConstantHasARow(t *testing.T) {
	t.Parallel()
	var names []string
	file, err := parser.ParseFile(token.NewFileSet(), "operation.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type != nil { // a typed constant is no name
			return true
		}
		for _, value := range spec.Values {
			if text, ok := value.(*ast.BasicLit); ok && text.Kind == token.STRING {
				name, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
		return true
	})
	rows := model.OperationNames()
	for _, name := range names {
		if !slices.Contains(rows, name) {
			t.Errorf("the constant %q has no row", name)
		}
	}
	for i, name := range rows {
		if !slices.Contains(names, name) {
			t.Errorf("row %d, %q, has no constant", i, name)
		}
		if slices.Contains(rows[:i], name) {
			t.Errorf("%s has two rows", name)
		}
	}
	if len(names) == 0 {
		t.Error("operation.go has no names")
	}
}

// TestRowsAreWhole looks at each row alone.
func TestRowsAreWhole(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile(`^/[a-z]+(/[A-Za-z0-9-]+|/\{[a-zA-Z]+\})+$`)
	routes := make(map[string]string)
	for _, o := range model.Operations() {
		if !(o.Rate > 0) || o.Burst < 1 {
			t.Errorf("%s has no quota: %g a second, burst %d", o.Name, o.Rate, o.Burst)
		}
		if limit, ok := quota.Default(o.Name); !ok || limit != (quota.Limit{Rate: o.Rate, Burst: o.Burst}) {
			t.Errorf("%s: package quota says %+v, %v", o.Name, limit, ok)
		}
		if o.Section == "" {
			t.Errorf("%s has no section", o.Name)
		}
		if o.Throttle() {
			base, _, _ := strings.Cut(o.Name, "/")
			if of, ok := model.Describe(base); !ok || of.Section != o.Section || o.Method+o.Path != "" {
				t.Errorf("%s is no throttle of an operation", o.Name)
			}
			continue
		}
		if !path.MatchString(o.Path) || !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, o.Method) {
			t.Errorf("%s has no method or no path: %q %q", o.Name, o.Method, o.Path)
		}
		if other, taken := routes[o.Method+" "+o.Path]; taken {
			t.Errorf("%s and %s are the same call", o.Name, other)
		}
		routes[o.Method+" "+o.Path] = o.Name
		if o.Method == "GET" && o.Writes || o.Method != "GET" && o.Method != "POST" && !o.Writes {
			t.Errorf("%s: %s does not go with Writes %v", o.Name, o.Method, o.Writes)
		}
		if !o.Writes && (o.Repeat != 0 || o.Once) {
			t.Errorf("%s reads: any repeat is harmless", o.Name)
		}
		if o.OneItem && !strings.Contains(o.Path, "{") {
			t.Errorf("%s is about one item, which its path does not name", o.Name)
		}
		if o.Restricted && o.Scope != "" {
			t.Errorf("%s cannot take a grantless token and a seller's", o.Name)
		}
	}
}

// TestUnknownOperationsAreDangerous: what is not in the table counts as the worst.
func TestUnknownOperationsAreDangerous(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "somethingNew"} {
		o, ok := model.Describe(name)
		if ok || o.Name != name || !o.Writes || !o.InDoubt() || o.Repeatable() || o.Section != "" || o.OneItem || o.Rate != 0 {
			t.Errorf("%q: %+v, %v", name, o, ok)
		}
	}
}

// TestDescribeIsTheTable finds each row by its name, and allocates nothing.
func TestDescribeIsTheTable(t *testing.T) {
	rows := model.Operations()
	for _, row := range rows {
		if got, ok := model.Describe(row.Name); !ok || got != row {
			t.Errorf("%s: %+v, %v", row.Name, got, ok)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = model.Describe(rows[len(rows)-1].Name) }); n != 0 {
		t.Errorf("a lookup makes %g allocations", n)
	}
}

// TestTheSimulatorServesEveryRow asks for each path without a token. An operation that
// the simulator serves wants one; for any other it has Amazon's words for an unknown
// path.
func TestTheSimulatorServesEveryRow(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "client", ClientSecrets: []string{"secret"}}},
		Accounts:     simulator.Sellers(1, "main"),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := slices.DeleteFunc(model.Operations(), model.Operation.Throttle)
	for _, o := range served {
		if o.Path == "" {
			t.Fatalf("%s has no path", o.Name)
		}
	}
	handler := sim.SPAPI(model.Europe)
	for _, o := range served {
		r := httptest.NewRequestWithContext(t.Context(), o.Method, regexp.MustCompile(`\{\w+\}`).ReplaceAllString(o.Path, "x"), nil)
		r.Header.Set("User-Agent", "test")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		calls := sim.Ledger.Calls(simulator.Filter{Operation: o.Name})
		if w.Code != http.StatusForbidden || len(calls) != 1 || !strings.Contains(w.Body.String(), "Access token is missing") {
			t.Errorf("the simulator does not serve %s (%s %s): %d %s", o.Name, o.Method, o.Path, w.Code, w.Body)
		}
	}
}

// TestTheExecutorCallsEveryRow makes each of a seller's calls with an empty request,
// which the client refuses by the operation's name without sending it. The notifications
// operations are not a machine's to call: package subscriptions makes them.
func TestTheExecutorCallsEveryRow(t *testing.T) {
	t.Parallel()
	client, err := spapi.New(spapi.Config{})
	if err != nil {
		t.Fatal(err)
	}
	seller, err := client.Seller(spapi.SellerConfig{
		Account: "acme-eu", Region: model.Europe, RefreshToken: secrets.Literal(secrets.New("Atzr|x")),
		Application: spapi.Application{Name: "main", ClientID: "client", ClientSecret: secrets.Literal(secrets.New("x"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	e := executor.New(func(string) (*spapi.Seller, error) { return seller, nil }, breaker.New(clock.Real{}, logger), new(blame.Tally), clock.Real{}, logger)
	called := make(map[string]bool)
	for method := range reflect.TypeOf(seller).Methods() {
		if !takesContext(method.Type) || method.Type.NumIn() != 3 || method.Type.In(2).Kind() != reflect.Struct {
			continue
		}
		res := e.Execute(t.Context(), machine.Call{Account: "acme-eu", Request: reflect.New(method.Type.In(2)).Interface()})
		var refusal *model.Error
		reject, ok := res.Outcome.(machine.Reject)
		if !ok || !errors.As(reject.Err, &refusal) || refusal.Class != model.Invalid {
			t.Errorf("%s with an empty request: %#v", method.Name, res.Outcome)
			continue
		}
		called[refusal.Operation] = true
	}
	for _, o := range model.Operations() {
		if !o.Throttle() && o.Section != "notifications" && !called[o.Name] {
			t.Errorf("the executor cannot call %s: have spapi.Seller.Call take its request", o.Name)
		}
	}
}

// TestEveryRowHasAMethod counts: package spapi has as many methods that call as the
// table has operations.
func TestEveryRowHasAMethod(t *testing.T) {
	t.Parallel()
	sellers, grantless, methods := 0, 0, make(map[reflect.Type]int)
	for _, o := range model.Operations() {
		switch {
		case o.Throttle():
		case o.Scope != "":
			grantless++
		default:
			sellers++
		}
	}
	for _, caller := range []reflect.Type{reflect.TypeFor[*spapi.Seller](), reflect.TypeFor[*spapi.Grantless]()} {
		for method := range caller.Methods() {
			// Call makes the calls of the others, Do those that have no row.
			if takesContext(method.Type) && method.Name != "Call" && method.Name != "Do" {
				methods[caller]++
				checkShape(t, caller, method)
			}
		}
	}
	if got := methods[reflect.TypeFor[*spapi.Seller]()]; got != sellers {
		t.Errorf("spapi.Seller has %d methods that call, the table %d operations with a seller's token", got, sellers)
	}
	if got := methods[reflect.TypeFor[*spapi.Grantless]()]; got != grantless {
		t.Errorf("spapi.Grantless has %d methods that call, the table %d grantless operations", got, grantless)
	}
}

// checkShape holds that all methods that call look alike: one request comes in, and one
// answer of package model, Meta and an error go out.
func checkShape(t *testing.T, caller reflect.Type, method reflect.Method) {
	t.Helper()
	own := reflect.TypeFor[model.Operation]().PkgPath()
	is := method.Type
	if is.NumIn() != 3 || is.In(2).PkgPath() != own || !strings.HasSuffix(is.In(2).Name(), "Request") {
		t.Errorf("%v.%s: want it to take a context and a request of package model", caller, method.Name)
	}
	if is.NumOut() != 3 || is.Out(0).Kind() != reflect.Pointer || is.Out(0).Elem().PkgPath() != own ||
		is.Out(1) != reflect.TypeFor[spapi.Meta]() || is.Out(2) != reflect.TypeFor[error]() {
		t.Errorf("%v.%s: want it to return a pointer to a type of package model, a Meta and an error", caller, method.Name)
	}
}

func takesContext(method reflect.Type) bool {
	return method.NumIn() > 1 && method.In(1) == reflect.TypeFor[context.Context]()
}

// TestFlags holds the table's flags against lists of names: client, breaker, blame and
// simulator all take them from the table, so none of those would show a wrong one.
func TestFlags(t *testing.T) {
	t.Parallel()
	for name, flag := range map[string]struct {
		has  func(model.Operation) bool
		want []string
	}{
		"OneItem": {func(o model.Operation) bool { return o.OneItem }, []string{
			model.GetOrder, model.GetOrderV0, model.GetOrderItemsV0, model.ConfirmShipment,
			model.GetFeed, model.CancelFeed, model.GetFeedDocument, model.PatchListingsItem, model.GetListingsItem,
			model.GetReport, model.GetReportDocument,
		}},
		"Restricted": {func(o model.Operation) bool { return o.Restricted }, []string{model.GetOrderV0, model.GetOrderItemsV0}},
		"Scope": {func(o model.Operation) bool { return o.Scope == model.ScopeNotifications }, []string{
			model.CreateDestination, model.GetDestination, model.GetDestinations, model.DeleteDestination,
			model.GetSubscriptionByID, model.DeleteSubscriptionByID,
		}},
		"Once": {func(o model.Operation) bool { return o.Once }, []string{model.CreateFeed, model.CancelFeed}},
		"Writes": {func(o model.Operation) bool { return o.Writes }, []string{
			model.ConfirmShipment, model.CreateFeedDocument, model.CreateFeed, model.CreateListingsFeed, model.CancelFeed, model.PatchListingsItem,
			model.CreateDestination, model.DeleteDestination, model.CreateSubscription, model.DeleteSubscriptionByID, model.CreateReport,
		}},
		"InDoubt": {model.Operation.InDoubt, []string{
			model.ConfirmShipment, model.CreateFeed, model.CreateListingsFeed, model.CancelFeed, model.PatchListingsItem,
			model.CreateDestination, model.DeleteDestination, model.CreateSubscription, model.DeleteSubscriptionByID,
		}},
		"Repeatable, though it writes": {func(o model.Operation) bool { return o.Writes && o.Repeatable() }, []string{
			model.CreateFeedDocument, model.CancelFeed, model.PatchListingsItem, model.ConfirmShipment, model.CreateReport,
		}},
		"Document": {func(o model.Operation) bool { return o.Document }, []string{model.CreateFeedDocument, model.GetFeedDocument, model.GetReportDocument}},
	} {
		var got []string
		for _, o := range model.Operations() {
			if flag.has(o) {
				got = append(got, o.Name)
			}
		}
		slices.Sort(got)
		slices.Sort(flag.want)
		if !slices.Equal(got, flag.want) {
			t.Errorf("%s: %v, want %v", name, got, flag.want)
		}
	}
}
