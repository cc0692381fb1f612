package main

import (
	"github.com/sellerstream/sellerstream/schemas"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// scenarios are those of the table, in its order: some go on where the one before ended.
func scenarios() []scenario {
	return slices.Concat(outages(), troubles(), letters(), switching(), whereabouts(), reading(), again(), versions(), moves())
}

func outages() []scenario {
	var mend func()
	return []scenario{
		{
			name: "Login with Amazon is down",
			prepare: func(s *site) map[string]string {
				mend = s.fault(simulator.Rule{Part: simulator.LWA, Action: simulator.Action{Status: 503}})
				s.stop = s.start("v0.1.0")
				s.awaitLog("pipeline is up")
				for n := range 4 {
					s.order(s.account(n))
				}
				s.awaitLog("breaker opened: calls wait")
				return nil
			},
			says:  [][]string{{"it is reached, and is ill or busy", "wait: it goes on by itself"}},
			after: func(s *site) { mend() },
		},
		{
			name: "Is it well?",
			prepare: func(s *site) map[string]string {
				s.shows("all 4 are well", "doctor")
				s.shows(`0 held up`, "accounts")
				return nil
			},
			says: [][]string{{`"ready":true`}, {"accounts: all 4 are well", " 0 failed"}},
		},
		{
			name: "Which alerts are open?",
			prepare: func(s *site) map[string]string {
				a := s.account(0)
				calls := s.fault(simulator.Rule{Part: simulator.SPAPI, Account: a, Action: simulator.Action{Status: 403}})
				token := s.fault(simulator.Rule{Part: simulator.LWA, Account: a, Action: simulator.Action{Status: 400, Body: `{"error":"invalid_grant","error_description":"revoked"}`}})
				mend = func() { calls(); token() }
				s.order(a)
				s.shows("AccountParked", "alerts")
				return map[string]string{"A": a}
			},
			says: [][]string{{"AccountParked"}, {"AccountParked"}},
		},
		{
			name:    "Amazon has revoked an account's token",
			prepare: func(s *site) map[string]string { return map[string]string{"A": s.account(0)} },
			says:    [][]string{{"PARKED: getOrder", "the refresh token is wrong, withdrawn or of another application"}, {"is tried now"}},
			between: func(*site) { mend() }, // authorized again
			after:   func(s *site) { s.shows(s.account(0)+": idle", "accounts", s.account(0)) },
		},
	}
}

// letters are about what is set aside, and about the account that it is for.
func letters() []scenario {
	return []scenario{
		{
			name: "What is in the dead letters?",
			prepare: func(s *site) map[string]string {
				a := s.account(4)
				produced(s.t, s.file, schemas.InventoryUpdates, a, &schemas.InventoryUpdate{UpdateID: "u1", Account: a, SKU: "SKU-00001", Quantity: 3, EventTime: time.Now().Add(-time.Minute)})
				s.shows("unknown_account", "deadletters", "list")
				produced(s.t, s.file, schemas.InventoryUpdates, s.account(0), []byte("no Avro"))
				s.shows("undecodable", "deadletters", "list")
				return map[string]string{"ID": s.letter("unknown_account")}
			},
			says: [][]string{{"2 open dead letters", "unknown_account inventory 1", "undecodable inventory 1"}, {"add the account under accounts:, then retry it"}},
		},
		{
			name: "Add an account",
			prepare: func(s *site) map[string]string {
				s.edit("bridge:\n", s.added+"bridge:\n")
				s.awaitLog(`"account added" account=` + s.account(4)) // else what is sent back for it is set aside again
				s.shows(", 0 failed", "doctor", "--account", s.account(4))
				return map[string]string{"FILE": s.file, "A": s.account(4)}
			},
			says: [][]string{{"good: 5 accounts"}, {"0 failed"}},
		},
		{
			name: "Send dead letters back, when their cause is mended",
			says: [][]string{{"retried 1 dead letter"}},
			after: func(s *site) {
				s.shows(`"sku":"SKU-00001"`, "tail", "inventory-results", "--account", s.account(4), "--since", "1d")
			},
		},
		{
			name:    "Put a dead letter away",
			prepare: func(s *site) map[string]string { return map[string]string{"ID": s.letter("undecodable")} },
			says:    [][]string{{"discarded"}, {"no open dead letter"}},
		},
	}
}

// switching is about what an operator stops.
func switching() []scenario {
	return []scenario{
		{
			name: "Stop all that writes at Amazon, at once",
			says: [][]string{{"calls that write: paused"}, {"*writes*"}},
		},
		{
			name:    "Stop one account",
			prepare: func(s *site) map[string]string { return map[string]string{"A": s.account(0)} },
			says:    [][]string{{"calls of account seller-1-de: paused"}, {"seller-1-de"}},
		},
		{
			name:    "Go on",
			prepare: func(s *site) map[string]string { return map[string]string{"A": s.account(0)} },
			says:    [][]string{{"calls that write: going on"}, {"calls of account seller-1-de: going on"}},
			after:   func(s *site) { s.shows("nothing is paused", "switches") },
		},
	}
}
