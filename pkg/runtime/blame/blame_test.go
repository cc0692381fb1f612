package blame

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheTable goes through every operation, status and class. Want has the party
// of an operation that names an item and of one that does not.
func TestTheTable(t *testing.T) {
	t.Parallel()
	type want struct{ item, other Party }
	for _, row := range []struct {
		class    model.Class
		statuses []int
		want     want
	}{
		{model.Throttled, []int{429}, want{Operation, Operation}},
		{model.Unauthorized, []int{401}, want{Item, Account}},
		{model.Forbidden, []int{403}, want{Item, Account}},
		{model.NotFound, []int{404}, want{Item, Operation}},
		{model.Conflict, []int{409}, want{Item, Operation}},
		{model.Invalid, []int{0, 400, 405, 406, 410, 412, 413, 415, 422, 451, 499}, want{Item, Operation}},
		{model.Malformed, []int{200, 201, 202, 204}, want{Item, Operation}},
		{model.Unavailable, []int{0, 201, 204, 206, 301, 302, 307, 408, 500, 502, 503, 504, 599}, want{Host, Host}},
		{model.Ambiguous, []int{0, 201, 204, 206, 301, 302, 307, 408, 500, 502, 503, 504, 599}, want{Host, Host}},
	} {
		for _, status := range row.statuses {
			for _, operation := range append(model.OperationNames(), "unknown") {
				err := fmt.Errorf("wrapped: %w", &model.Error{Class: row.class, Status: status, Operation: operation})
				party := row.want.other
				if called, _ := model.Describe(operation); called.OneItem {
					party = row.want.item
				}
				if got := Of(operation, err); got != party {
					t.Errorf("%s: %s (%d) is blamed on %q, want %q", operation, row.class, status, got, party)
				}
			}
		}
	}
}

func TestALimitOfTheApplicationIsTheApplications(t *testing.T) {
	t.Parallel()
	if got := Of(model.GetListingsItem, &model.Error{Class: model.Throttled, Status: 429, OfApplication: true}); got != Application {
		t.Errorf("blamed on %q", got)
	}
}

// TestTheTableWithoutAnAnswerOfTheOperation has what no status tells.
func TestTheTableWithoutAnAnswerOfTheOperation(t *testing.T) {
	t.Parallel()
	missing := func(class model.Class, status int, code string) *model.Error {
		return &model.Error{Class: class, Status: status, Code: code, TokenMissing: true}
	}
	for _, test := range []struct {
		name string
		err  error
		want Party
	}{
		{"success", nil, Nobody},
		{"an error that package spapi does not know", errors.New("?"), Host},
		{"stopped by us", context.Canceled, Ourselves},
		{"stopped by us on its way", &model.Error{Class: model.Unavailable, Err: context.Canceled}, Ourselves},
		{"a writing call stopped by us", &model.Error{Class: model.Ambiguous, Err: context.Canceled}, Ourselves},
		{"out of time", &model.Error{Class: model.Unavailable, Err: context.DeadlineExceeded}, Host},
		{"no connection", &model.Error{Class: model.Unavailable, NotSent: true}, Host},
		{"LWA is down", missing(model.Unavailable, 503, ""), Host},
		{"LWA throttles", missing(model.Unavailable, 429, ""), Host},
		{"the refresh token is refused", missing(model.Unauthorized, 400, "invalid_grant"), Account},
		{"the client secret is refused", missing(model.Unauthorized, 401, "invalid_client"), Application},
		{"the application may not", missing(model.Unauthorized, 400, "unauthorized_client"), Application},
		{"the application lacks the scope", missing(model.Unauthorized, 400, "invalid_scope"), Application},
		{"the account's role is refused", missing(model.Unauthorized, 403, "AccessDenied"), Account},
		{"LWA or STS refuses without a code", missing(model.Unauthorized, 403, ""), Host},
		{"LWA or STS refuses with an unknown code", missing(model.Unauthorized, 403, model.UnknownCode), Host},
		{"the refresh token cannot be read", missing(model.Unauthorized, 0, model.RefreshTokenUnreadable), Account},
		{"the client secret cannot be read", missing(model.Unauthorized, 0, model.ClientSecretUnreadable), Application},
		{"the secrets' place is down", missing(model.Unavailable, 0, ""), Host},
		{"a token that was not fresh", &model.Error{Class: model.Forbidden, Status: 403, StaleToken: true}, Ourselves},
		{"a document's host that is not allowed", &model.Error{Class: model.Invalid, Setting: "spapi.document_hosts"}, Ourselves},
	} {
		for _, operation := range append(model.OperationNames(), "unknown") {
			if got := Of(operation, test.err); got != test.want {
				t.Errorf("%s, %s: blamed on %q, want %q", operation, test.name, got, test.want)
			}
		}
	}
}

// TestVague: of refusals only a 4xx whose code says nothing of the item may pass.
func TestVague(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}, true},
		{&model.Error{Class: model.Invalid, Status: 400, Code: "BAD_REQUEST"}, true},
		{&model.Error{Class: model.Invalid, Status: 415}, true},
		{fmt.Errorf("wrapped: %w", &model.Error{Class: model.Invalid, Status: 400}), true},
		{&model.Error{Class: model.Invalid, Message: "refused before it was sent"}, false},
		{&model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput", Message: "errorMetric=PackageToUpdateNotFound"}, false},
		{&model.Error{Class: model.Conflict, Status: 409}, false},
		{&model.Error{Class: model.NotFound, Status: 404}, false},
		{errors.New("?"), false},
	} {
		if got := Vague(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}

// TestADocumentThatItsHostRefuses is that document's fault: its URL has expired.
func TestADocumentThatItsHostRefuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Party{400: Item, 403: Item, 410: Item, 408: Host, 429: Host, 500: Host, 503: Host, 302: Host} {
		for _, operation := range []string{model.CreateFeedDocument, model.GetFeedDocument} {
			if got := Of(operation, &model.Error{Class: model.Unavailable, Status: status}); got != want {
				t.Errorf("%s, %d: blamed on %q, want %q", operation, status, got, want)
			}
		}
	}
}
