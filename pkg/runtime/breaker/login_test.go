package breaker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// token asks for an account's token, and returns how long that is held back for.
func (b *bench) token(account string, err error) time.Duration {
	done, wait, held := b.Login(account)
	if held == nil {
		done(err)
	}
	return wait
}

func loginFailure(account string) *model.Error {
	return &model.Error{
		Class: model.Unavailable, Operation: "LWA token", Account: account, Status: http.StatusServiceUnavailable, TokenMissing: true,
	}
}

// TestTokenRequestsComeBackSpread, while the probe is not due and while it is under way.
func TestTokenRequestsComeBackSpread(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for i := range 5 {
			account := fmt.Sprint("failing-", i)
			b.token(account, loginFailure(account))
		}
		spread := func(when string) {
			t.Helper()
			waits := make(map[time.Duration]bool)
			for i := range 100 {
				wait := b.token(fmt.Sprint("account-", i), nil)
				if wait < 5*time.Second || wait > 8*time.Second {
					t.Errorf("%s: held back for %v, want 5 s and a little", when, wait)
				}
				waits[wait] = true
			}
			if len(waits) < 90 {
				t.Errorf("%s: 100 accounts come back at %d times", when, len(waits))
			}
		}
		spread("open")
		time.Sleep(5 * time.Second)
		probe, _, err := b.Login("first")
		if err != nil {
			t.Fatal(err)
		}
		spread("half-open")
		probe(nil)
		if wait := b.token("another", nil); wait != 0 {
			t.Errorf("held back for %v after a token was given", wait)
		}
	})
}

// TestOneAccountWithoutTokensOpensItForNobody: those of the others live an hour, so that
// none was given for minutes.
func TestOneAccountWithoutTokensOpensItForNobody(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.token("well", nil)
		time.Sleep(10 * time.Minute)
		for range 40 { // the hour is not over
			b.token("failing", loginFailure("failing"))
			if got := b.position(Login); got != Closed {
				t.Fatalf("the breaker is %s", got)
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestAllDoNotWaitForWhatOneWasAsked, and none of them is told its name.
func TestAllDoNotWaitForWhatOneWasAsked(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for i := range 5 {
			account := fmt.Sprint("failing-", i)
			failure := loginFailure(account)
			failure.RetryAfter = time.Hour
			b.token(account, failure)
		}
		_, wait, err := b.Login("another")
		if err == nil || wait < 30*time.Second || wait > 40*time.Second {
			t.Fatalf("held back for %v, want half a minute and a little: %v", wait, err)
		}
		if strings.Contains(err.Error()+b.log.String(), "failing-") {
			t.Errorf("it names an account: %v; %s", err, b.log.String())
		}
	})
}
