package simulation

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestAnOutageForManyAccountsIsOneThing: one line in the log, one breaker and one alert
// name it, `accounts` has one line of it until it is over, only probes reach Amazon, and all
// accounts drain afterwards.
func TestAnOutageForManyAccountsIsOneThing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		part              simulator.Filter
		accounts          int
		reconcile         orders.Reconcile
		from, held, until time.Duration // when it begins, all are held up, and it ends
		line              string        // of accounts, which names who does not answer
		most              int           // calls from held to until
		look              time.Duration // how often accounts is asked
	}{
		"a section of the API": {
			simulator.Filter{Part: simulator.SPAPI}, 200, orders.Reconcile{}, 2 * time.Minute, 3 * time.Minute, 12 * time.Minute,
			"Amazon in eu, asked for getOrder,", 12, 50 * time.Second,
		},
		"Login with Amazon": {
			simulator.Filter{Part: simulator.LWA}, 200, orders.Reconcile{}, 2 * time.Minute, 3 * time.Minute, 12 * time.Minute,
			"Login with Amazon", 50, 50 * time.Second,
		},
		"Login with Amazon past the tokens' end, and nothing but searches": {
			simulator.Filter{Part: simulator.LWA}, 4, orders.Reconcile{Every: 5 * time.Minute, Lookback: time.Hour}, 50 * time.Minute, 67 * time.Minute, 80 * time.Minute,
			"Login with Amazon", 60, 3 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var accounts []string
			for i := range test.accounts {
				accounts = append(accounts, fmt.Sprint("a", i))
			}
			inBubble(t, setup{accounts: accounts, reconcile: test.reconcile}, func(t *testing.T, w *world) {
				w.fault(simulator.Rule{Part: test.part.Part, From: w.begun.Add(test.from), Until: w.begun.Add(test.until), Action: simulator.Action{Status: 503}})
				time.Sleep(time.Until(w.begun.Add(test.from)))
				if test.reconcile.Every == 0 {
					for _, account := range accounts {
						w.place(account)
					}
				}
				for at := test.held; at < test.until; at += test.look {
					time.Sleep(time.Until(w.begun.Add(at)))
					shown, line := w.shown(accounts), fmt.Sprintf("\n%d accounts: %s answers 503 since ", len(accounts), test.line)
					if !strings.Contains(shown, line) || strings.Count(shown, "\n") > 3 {
						t.Fatalf("after %v accounts does not say %q alone:\n%s", at, line, shown)
					}
				}
				if got := w.read(schemas.Orders, max(1, w.sent), 20*time.Minute); len(got) != w.sent {
					t.Errorf("%d orders came out of %d", len(got), w.sent)
				}
				if calls := len(w.calls(test.part, test.held, test.until)); calls == 0 || calls > test.most {
					t.Errorf("%d calls while nothing answers, want probes only, %d at most", calls, test.most)
				}
				w.toldOnce(accounts[0])
			})
		})
	}
}

// toldOnce fails where an outage is told in more than one line of the log and one alert, or
// their ends are not told.
func (w *world) toldOnce(account string) {
	w.t.Helper()
	w.place(account) // whoever raised the alert has had a call by then
	time.Sleep(5 * time.Minute)
	w.noDeadLetters()
	log := w.log.String()
	for text, times := range map[string]int{"level=WARN": 1, "level=ERROR": 0, "breaker opened: calls wait": 1, "breaker closed: calls go on": 1} {
		if got := strings.Count(log, text); got != times {
			w.t.Errorf("the log says %q %d times, want %d\n%s", text, got, times, log)
		}
	}
	alerts := w.read(schemas.Alerts, 3, time.Second)
	if len(alerts) != 2 {
		w.t.Fatalf("%d alerts", len(alerts))
	}
	raised, ended := decoded[schemas.Alert](w.t, alerts[0]), decoded[schemas.Alert](w.t, alerts[1])
	if raised.EventType != "SharedFailure" || ended.EventType != "SharedFailure" || ended.Resolves != raised.EventID {
		w.t.Errorf("the alerts are %+v and %+v", raised, ended)
	}
}

// shown is what `accounts` says of accounts in Europe.
func (w *world) shown(accounts []string) string {
	w.t.Helper()
	fold := accountstatus.NewFold(accountstatus.Settings{
		Now: time.Now(), Accounts: accounts, MaxMessages: 1, PatchBelow: 1,
		Place: func(string) (application, region string) { return application, string(model.Europe) },
	})
	newest := map[string][]byte{}
	for _, rec := range w.read(schemas.StateOrders, 1<<30, time.Second) {
		newest[string(rec.Key)] = rec.Value
	}
	for _, entry := range newest {
		if value, err := codec().Decode(w.t.Context(), "", entry); err == nil { // else it is deleted, or the runtime's
			fold.Take(value)
		}
	}
	var out bytes.Buffer
	if err := fold.WriteTable(&out, fold.Standings(), false); err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}
