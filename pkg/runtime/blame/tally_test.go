package blame

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/property"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func refused(status int) error {
	class := map[int]model.Class{
		0: model.Unavailable, 200: model.Malformed, 400: model.Invalid, 401: model.Unauthorized, 403: model.Forbidden,
		404: model.NotFound, 409: model.Conflict, 429: model.Throttled, 503: model.Unavailable,
	}[status]
	return &model.Error{Class: class, Status: status, Code: "Code"}
}

func callOf(application, account, operation, key string) Call {
	return Call{Host: "host", Application: application, Account: account, Operation: operation, Key: key}
}

// TestItemsThatFailAlikeAreBlamedOnWhatTheyShare, after so many of them and no sooner.
func TestItemsThatFailAlikeAreBlamedOnWhatTheyShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		items  int // that it takes; 0 for never
		want   Party
	}{
		{403, needRefused, Account}, {401, needRefused, Account}, {400, needGarbled, Operation}, {200, needGarbled, Operation},
		{404, 0, Item}, {409, 0, Item},
	} {
		for _, operation := range []string{model.GetOrder, model.PatchListingsItem, model.GetFeed} {
			var tally Tally
			for i := range 100 {
				found := tally.Ended(callOf("app", "a", operation, fmt.Sprint(i)), refused(test.status), start.Add(time.Duration(i)*10*time.Second))
				want := Item
				if test.items > 0 && i+1 >= test.items {
					want = test.want
				}
				if found.Party != want || (found.Shared != nil) != (want != Item) {
					t.Fatalf("%s %d: item %d is blamed on %q, want %q", operation, test.status, i, found.Party, want)
				}
			}
			if tally.Ended(callOf("app", "a", operation, "good"), nil, start.Add(time.Hour)); len(tally.items)+len(tally.groups) > 0 {
				t.Errorf("a success left %v, %v", tally.items, tally.groups)
			}
		}
	}
}

// TestWhatStillFailsSpeaksOnWhereTheSpeakerRecovers: the speaker's alert ends then.
func TestWhatStillFailsSpeaksOnWhereTheSpeakerRecovers(t *testing.T) {
	t.Parallel()
	var tally Tally
	fail := func(i int, operation string) *Shared {
		return tally.Ended(callOf("app", string("abc"[i%3]), operation, fmt.Sprint(i)), refused(503), start.Add(time.Duration(i)*time.Second)).Shared
	}
	for i := range 20 {
		first, second := fail(i, model.GetOrder), fail(i, model.GetFeed)
		if second != nil && second.Speaks || i == 17 && !first.Speaks {
			t.Fatalf("at %d: %+v, %+v", i, first, second)
		}
	}
	if of := fail(20, model.GetFeed); of.Status != " (503)" || len(of.Operations) != 2 {
		t.Errorf("%+v", of)
	}
	tally.Ended(callOf("app", "c", model.GetOrder, "good"), nil, start.Add(time.Minute))
	if of := fail(61, model.GetFeed); of == nil || !of.Speaks || of.Told != 0 {
		t.Errorf("nobody speaks for what still fails: %+v", of)
	}
	// By then it was reported, and that alert ends: the next is another.
	for i := range 20 {
		fail(400+i, model.GetOrder)
	}
	tally.Ended(callOf("app", string("abc"[61%3]), model.GetFeed, "good"), nil, start.Add(500*time.Second))
	if of := fail(501, model.GetOrder); of == nil || !of.Speaks || of.Told != 1 {
		t.Errorf("the alert that speaks on: %+v", of)
	}
}

// TestTheSpeakerIsOfItsApplication: what ends for one application leaves the speaker of
// another in its place, and where it ends for the speaker's, the other speaks.
func TestTheSpeakerIsOfItsApplication(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"a host": refused(503), "login": &model.Error{Class: model.Unavailable, Status: 503, TokenMissing: true},
	} {
		var tally Tally
		now := start
		fail := func(applications ...string) (speaker string) {
			for i := range 40 * 3 {
				now = now.Add(time.Second)
				for _, app := range applications {
					found := tally.Ended(callOf(app, app+fmt.Sprint(i%3), model.GetOrder, fmt.Sprint(i)), err, now)
					if i >= 60 && found.Shared != nil && found.Shared.Speaks {
						speaker = app
					}
				}
			}
			return speaker
		}
		good := func(app string) {
			call := callOf(app, app+"0", model.GetOrder, "good")
			call.TokenIssued = now
			tally.Ended(call, nil, now)
		}
		speaker := fail("a", "b")
		other := map[string]string{"a": "b", "b": "a"}[speaker]
		good(other)
		if got := fail(speaker, other); got != speaker {
			t.Errorf("%s: %q speaks, want still %q", name, got, speaker)
		}
		good(speaker)
		if got := fail(other); got != other {
			t.Errorf("%s: %q speaks, want %q, which still fails", name, got, other)
		}
	}
}

// TestTheLastStatusIsOfTheCause: a group that shares a cause may be answered otherwise too.
func TestTheLastStatusIsOfTheCause(t *testing.T) {
	t.Parallel()
	var tally Tally
	var shared *Shared
	for i := range 80 {
		status := 503
		if i > 20 && i%2 == 1 {
			status = 403
		}
		found := tally.Ended(callOf("app", fmt.Sprint("a", i%5), model.GetOrder, fmt.Sprint(i)), refused(status), start.Add(time.Duration(i)*time.Second))
		if found.Party.Shared() {
			shared = found.Shared
		}
	}
	if shared == nil || shared.Cause != unavailable || shared.Status != " (503)" {
		t.Errorf("%+v", shared)
	}
}

// TestAnAccountThatEachOperationRefusesIsToBlame, with one item of each: an order, a
// quantity. It is not when another operation has answered it since.
func TestAnAccountThatEachOperationRefusesIsToBlame(t *testing.T) {
	t.Parallel()
	ended := func(tally *Tally, operation string, err error) Party {
		return tally.Ended(callOf("app", "a", operation, "one"), err, start).Party
	}
	var tally Tally
	if got := ended(&tally, model.PatchListingsItem, refused(403)); got != Item {
		t.Errorf("the first is blamed on %q", got)
	}
	if got := ended(&tally, model.SearchOrders, refused(403)); got != Account {
		t.Errorf("a search is blamed on %q", got)
	}
	for _, operation := range []string{model.PatchListingsItem, model.GetOrder, model.ConfirmShipment} {
		if got := ended(&tally, operation, refused(403)); got != Account {
			t.Errorf("%s of an account that is refused is blamed on %q", operation, got)
		}
	}
	if got := tally.Ended(callOf("app", "b", model.GetOrder, "one"), refused(403), start).Party; got != Item {
		t.Errorf("another account's order is blamed on %q", got)
	}
	if got := ended(&tally, model.GetOrder, refused(400)); got != Item {
		t.Errorf("an order that Amazon finds invalid is blamed on %q", got)
	}
	ended(&tally, model.GetFeed, nil)
	if got := ended(&tally, model.GetOrder, refused(403)); got != Item {
		t.Errorf("after an answer, an order is blamed on %q", got)
	}
}

// TestOneItemAloneStaysToBlame, however often it is tried, and whoever else is well.
func TestOneItemAloneStaysToBlame(t *testing.T) {
	t.Parallel()
	var tally Tally
	for i := range 10_000 {
		now := start.Add(time.Duration(i) * time.Minute)
		for _, status := range []int{400, 403} {
			account := fmt.Sprint("a", status)
			if found := tally.Ended(callOf("app", account, model.GetOrder, "odd"), refused(status), now); found != (Finding{Party: Item}) {
				t.Fatalf("%d, try %d: %+v", status, i, found)
			}
		}
	}
}

// TestABurstShowsNoMoreThanItsFirst: calls that were sent before the first answer.
func TestABurstShowsNoMoreThanItsFirst(t *testing.T) {
	t.Parallel()
	var tally Tally
	for i := range 100 {
		if found := tally.Ended(callOf("app", fmt.Sprint("a", i%10), model.PatchListingsItem, fmt.Sprint(i)), refused(403), start); found.Party != Item {
			t.Fatalf("call %d: %+v", i, found)
		}
	}
	if found := tally.Ended(callOf("app", "a1", model.PatchListingsItem, "x"), refused(403), start.Add(inShort)); found.Party != Application || found.Shared.Count != 10 {
		t.Errorf("%+v", found)
	}
}

// TestAccountsOfSeveralApplicationsAreTheHosts.
func TestAccountsOfSeveralApplicationsAreTheHosts(t *testing.T) {
	t.Parallel()
	var tally Tally
	var last Finding
	for i := range 40 {
		call := callOf(fmt.Sprint("app", i%2), fmt.Sprint("a", i%10), model.GetOrder, fmt.Sprint(i))
		last = tally.Ended(call, refused(403), start.Add(time.Duration(i)*time.Second))
	}
	if last.Party != Host || last.Shared.Count != 10 || last.Shared.Application != "" {
		t.Errorf("%+v, %+v", last, last.Shared)
	}
}

// TestTwoOperationsOfOneCauseHaveOneSpeaker: all that Amazon refuses at once is reported
// once.
func TestTwoOperationsOfOneCauseHaveOneSpeaker(t *testing.T) {
	t.Parallel()
	var tally Tally
	speakers := map[pair]bool{}
	for i := range 2000 {
		operation := []string{model.GetOrder, model.PatchListingsItem, model.ConfirmShipment, model.CreateFeedDocument}[i%4]
		call := callOf("app", fmt.Sprint("a", i%7), operation, fmt.Sprint(i))
		if found := tally.Ended(call, refused(403), start.Add(time.Duration(i)*time.Second)); found.Shared != nil && found.Party.Shared() && found.Shared.Speaks {
			speakers[pair{call.Account, call.Operation}] = true
		}
	}
	if len(speakers) != 1 {
		t.Errorf("the speakers are %v", speakers)
	}
}

func login(code string) error {
	return &model.Error{Class: model.Unauthorized, Status: 400, Code: code, TokenMissing: true}
}

// TestASecretThatLoginRefusesIsTheApplications at the first account.
func TestASecretThatLoginRefusesIsTheApplications(t *testing.T) {
	t.Parallel()
	var tally Tally
	if found := tally.Ended(callOf("app", "a", model.GetOrder, "1"), login("invalid_client"), start); found.Party != Application || !found.Shared.Speaks {
		t.Errorf("%+v", found)
	}
}

// TestRefreshTokensAreTheirAccountsWhileOthersGetTokens, however many are refused;
// else they are the application's, from the third account on.
func TestRefreshTokensAreTheirAccountsWhileOthersGetTokens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		issued  time.Duration // before the first is refused; 0 for no token at all
		renewed bool          // and again while they are refused
		want    Party
	}{
		{0, false, Application}, {10 * time.Minute, false, Application}, {10 * time.Minute, true, Account}, {10 * time.Second, false, Account},
	} {
		var tally Tally
		good := callOf("app", "good", model.GetOrder, "g")
		if test.issued > 0 {
			good.TokenIssued = start.Add(-test.issued)
		}
		tally.Ended(good, nil, start)
		var last Finding
		for i := range 100 {
			now := start.Add(time.Duration(i) * time.Minute / 2)
			if test.renewed && i == 1 {
				good.TokenIssued = now
				tally.Ended(good, nil, now)
			}
			if last = tally.Ended(callOf("app", fmt.Sprint("b", i%4), model.GetOrder, "k"), login("invalid_grant"), now); i < needAccounts-1 && last.Party != Account {
				t.Fatalf("%+v: account %d is blamed on %q", test, i, last.Party)
			}
		}
		if last.Party != test.want {
			t.Errorf("%+v: blamed on %q", test, last.Party)
		}
	}
}

// TestACauseThatReturnsSoonIsTheSame: an outage with gaps is one alert.
func TestACauseThatReturnsSoonIsTheSame(t *testing.T) {
	t.Parallel()
	var tally Tally
	fail := func(from time.Time) *Shared {
		var shared *Shared
		for i := range 30 {
			shared = tally.Ended(callOf("app", fmt.Sprint("a", i%5), model.GetOrder, fmt.Sprint(i)), refused(403), from.Add(time.Duration(i)*time.Second)).Shared
		}
		return shared
	}
	first := fail(start)
	tally.Ended(callOf("app", "a1", model.GetOrder, "good"), nil, start.Add(time.Minute))
	if again := fail(start.Add(2 * time.Minute)); !again.Since.Equal(first.Since) {
		t.Errorf("since %v, want %v", again.Since, first.Since)
	}
	tally.Ended(callOf("app", "a1", model.GetOrder, "good"), nil, start.Add(3*time.Minute))
	if later := fail(start.Add(time.Hour)); !later.Since.After(first.Since) {
		t.Error("an hour later it is the same cause")
	}
}

// TestForgottenAccountsAreBlamedAnew: somebody has mended them.
func TestForgottenAccountsAreBlamedAnew(t *testing.T) {
	t.Parallel()
	var tally Tally
	for i := range 30 {
		tally.Ended(callOf("app", fmt.Sprint("a", i%3), model.GetOrder, fmt.Sprint(i)), refused(403), start.Add(time.Duration(i)*time.Second))
	}
	call := callOf("app", "a1", model.GetOrder, "x")
	tally.Hold(call, start.Add(30*time.Second)) // it finds out
	if _, _, held := tally.Hold(call, start.Add(30*time.Second)); !held {
		t.Fatal("not held")
	}
	tally.Forget([]string{"a0", "a1", "a2"})
	if _, _, held := tally.Hold(call, start.Add(30*time.Second)); held || len(tally.items)+len(tally.groups)+len(tally.voices) > 0 {
		t.Errorf("held %v, left %v %v %v", held, tally.items, tally.groups, tally.voices)
	}
}

// tallyModel checks what must hold for whatever calls there are.
type tallyModel struct {
	Tally
	now    time.Time
	failed map[pair]map[string]bool // items without an answer between
	shares map[scope]map[string]bool
	access map[string]map[string]bool // operations that have refused an account since it was answered
}

func TestTheTallyHoldsWhateverCallsThereAre(t *testing.T) {
	t.Parallel()
	property.Check(t, checkTally)
}

func FuzzTally(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkTally)) }

func checkTally(rt *rapid.T) {
	m := &tallyModel{now: start, failed: map[pair]map[string]bool{}, shares: map[scope]map[string]bool{}, access: map[string]map[string]bool{}}
	operations := []string{model.GetOrder, model.PatchListingsItem, model.CreateFeedDocument, model.SearchOrders}
	statuses := []int{0, 200, 400, 401, 403, 403, 403, 403, 404, 409, 429, 503, -1, -2, -3}
	mood := rapid.SampledFrom([][]int{statuses, {403}, {403, 403, 403, -1}, {-2}, {400, 403}, {-3, -3, -1}, {403, 503}}).Draw(rt, "mood")
	for range rapid.IntRange(1, 200).Draw(rt, "calls") {
		m.now = m.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(rt, "ms")) * time.Millisecond)
		call := callOf(fmt.Sprint("app", rapid.IntRange(0, 1).Draw(rt, "application")), fmt.Sprint("a", rapid.IntRange(0, 5).Draw(rt, "account")),
			rapid.SampledFrom(operations).Draw(rt, "operation"), fmt.Sprint(rapid.IntRange(0, 20).Draw(rt, "item")))
		call.TokenIssued = m.now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(rt, "token's age")) * time.Minute)
		var err error
		switch status := rapid.SampledFrom(mood).Draw(rt, "status"); status {
		case -1:
		case -2:
			err = &model.Error{Class: model.Unavailable, Status: 503, TokenMissing: true}
		case -3:
			err = login("invalid_grant")
		default:
			err = refused(status)
		}
		m.call(rt, call, err)
	}
}

func (m *tallyModel) call(rt *rapid.T, call Call, err error) {
	found, wait, held := m.Hold(call, m.now)
	login := m.shares[loginOf(call)]
	if held {
		if !m.shares[scopeOf(call)][call.Account] && !login[call.Account] {
			rt.Fatalf("%+v is held, and has not failed", call)
		}
		if wait <= 0 || wait > longestProbe || found.Shared == nil || !found.Party.Shared() {
			rt.Fatalf("held for %v by %+v", wait, found)
		}
		return
	}
	found = m.Ended(call, err, m.now)
	table, key, in := Of(call.Operation, err), pair{call.Account, call.Operation}, scopeOf(call)
	var refusal *model.Error
	answered := err == nil
	if errors.As(err, &refusal) {
		answered = refusal.Class == model.NotFound || refusal.Class == model.Conflict
		if refusal.TokenMissing {
			in = loginOf(call)
		}
	}
	if answered {
		delete(m.failed, key)
		delete(m.shares, in)
		delete(m.access, call.Account)
	}
	if refusal != nil && !refusal.TokenMissing && (refusal.Class == model.Forbidden || refusal.Class == model.Unauthorized) {
		add(m.access, call.Account, call.Operation)
	}
	if err != nil && !answered {
		add(m.failed, key, call.Key)
		add(m.shares, in, call.Account)
	}
	switch {
	case table == Nobody && found != (Finding{}):
		rt.Fatalf("a success is blamed on %+v", found)
	case table == Item && found.Party == Account && len(m.failed[key]) < needRefused && len(m.access[call.Account]) < 2:
		rt.Fatalf("%v: %d items failed, and the account is blamed", key, len(m.failed[key]))
	case table == Item && found.Party == Operation && len(m.failed[key]) < needGarbled:
		rt.Fatalf("%v: %d items failed, and the operation is blamed", key, len(m.failed[key]))
	case found.Party != table && found.Party.Shared() && len(m.shares[in]) < needAccounts:
		rt.Fatalf("%v: accounts %v failed, and %s is blamed", in, m.shares[in], found.Party)
	case found.Shared != nil && (len(found.Shared.Accounts) > maxNamed || found.Shared.Since.After(m.now)):
		rt.Fatalf("%+v", found.Shared)
	}
	if len(m.causes) > maxCauses || len(m.items) > 24 || len(m.groups) > 18 {
		rt.Fatalf("%d causes, %d items, %d accounts", len(m.causes), len(m.items), len(m.groups))
	}
}

func add[K comparable](to map[K]map[string]bool, key K, member string) {
	if to[key] == nil {
		to[key] = map[string]bool{}
	}
	to[key][member] = true
}

// TestCausesAreBounded: what names a cause comes from outside.
func TestCausesAreBounded(t *testing.T) {
	t.Parallel()
	var tally Tally
	for i := range 10 * maxCauses {
		err := &model.Error{Class: model.Invalid, Setting: "spapi.document_hosts", Message: fmt.Sprint("host ", i)}
		found := tally.Ended(callOf("app", fmt.Sprint("a", i%5000), model.GetFeedDocument, "k"), err, start.Add(time.Duration(i)*time.Second))
		if found.Party != Ourselves || !found.Shared.Speaks {
			t.Fatalf("%+v", found)
		}
	}
	if len(tally.causes) > maxCauses {
		t.Errorf("%d causes", len(tally.causes))
	}
	many := Tally{}
	var found Finding
	for i := range 3000 {
		found = many.Ended(callOf("app", fmt.Sprint("a", i), model.GetOrder, "k"), refused(403), start.Add(time.Duration(i)*time.Second/100))
	}
	if len(found.Shared.Accounts) != maxNamed || found.Shared.Count != 3000 || !slices.IsSorted(found.Shared.Accounts) {
		t.Errorf("%+v", found.Shared)
	}
}

// A call that nobody raises alerts for never speaks for others, though it fails first.
// What it shows of a shared cause counts all the same.
func TestAMuteCallDoesNotSpeak(t *testing.T) {
	t.Parallel()
	tally, now := new(Tally), time.Now()
	refusal := &model.Error{Class: model.Forbidden, Status: 403, Code: "Unauthorized"}
	call := func(account, operation string, mute bool) Finding {
		now = now.Add(2 * time.Second)
		return tally.Ended(Call{Host: "h", Application: "a", Account: account, Operation: operation, Key: account, Mute: mute}, refusal, now)
	}
	for _, account := range []string{"1", "2", "3", "4", "5", "6"} {
		if found := call(account, model.GetSubscriptions, true); found.Shared != nil && found.Shared.Speaks {
			t.Errorf("a mute call of account %s speaks", account)
		}
	}
	if found := call("1", model.SearchOrders, false); found.Shared == nil || !found.Shared.Speaks {
		t.Errorf("nobody speaks: %+v", found.Shared)
	}
	if _, _, held := tally.Hold(Call{Host: "h", Application: "a", Account: "2", Operation: model.GetSubscriptions}, now); !held {
		t.Error("what six accounts share holds none of them")
	}
}
