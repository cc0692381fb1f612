package main

import (
	"regexp"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// troubles are what Amazon and AWS do to a pipeline.
func troubles() []scenario {
	var mend func()
	return []scenario{
		{
			name: "A section of Amazon's API answers 503",
			prepare: func(s *site) map[string]string {
				mend = s.fault(simulator.Rule{Part: simulator.SPAPI, Operation: "getOrder", Action: simulator.Action{Status: 503}})
				for range 3 { // more than are blamed each for itself
					for _, n := range []int{0, 2, 3} { // in one region
						s.order(s.account(n))
					}
				}
				s.shows("3 held up", "accounts")
				return nil
			},
			says:  [][]string{{"Amazon in eu, asked for getOrder, answers 503 since"}},
			after: func(s *site) { mend(); s.shows("0 held up", "accounts") },
		},
		{
			name: "An account is throttled, or has a backlog",
			prepare: func(s *site) map[string]string {
				a := s.account(0)
				mend = s.fault(simulator.Rule{Part: simulator.SPAPI, Operation: "getOrder", Account: a, Action: simulator.Action{Status: 429}})
				for range 20 {
					s.order(a)
				}
				s.shows("0.03125 (plan 0.5) 20 in", "accounts", a)
				return map[string]string{"A": a}
			},
			says:  [][]string{{"seller-1-de 20 0 0 0 0", "slowed down by Amazon: getOrder at"}, {"(plan 0.5) 20 in"}},
			after: func(s *site) { mend(); s.shows(": idle", "accounts", s.account(0)) },
		},
		{
			name: "EventBridge takes nothing",
			prepare: func(s *site) map[string]string {
				mend = s.fault(simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Action: simulator.Action{
					Status: 400, Body: `{"__type":"AccessDeniedException","message":"not authorized to perform: events:PutEvents"}`,
				}})
				id := s.order(s.account(0))
				s.shows(id, "tail", schemas.Orders, "--since", "1d")
				return nil
			},
			says:  [][]string{{"not authorized"}, {"events orders"}},
			after: func(s *site) { mend() },
		},
	}
}

// whereabouts follow one thing.
func whereabouts() []scenario {
	return []scenario{
		{
			name: "Where is an order?",
			prepare: func(s *site) map[string]string {
				id := s.unshipped(s.account(0)).OrderID
				s.shows(id, "tail", schemas.Orders, "--since", "1d")
				return map[string]string{"A": s.account(0), "ORDER": id}
			},
			says: [][]string{{`"changeType":"OrderStatusChange"`}, {`"status":"UNSHIPPED"`}},
		},
		{
			name: "Where is a quantity of a SKU?",
			prepare: func(s *site) map[string]string {
				a := s.account(0)
				s.update(a, "SKU-00010")
				s.shows(`"outcome":"APPLIED"`, "tail", schemas.InventoryResults, "--account", a)
				return map[string]string{"A": a, "SKU": "SKU-00010"}
			},
			says: [][]string{{`"quantity":3`}, {`"outcome":"APPLIED"`}},
		},
		{
			name: "Where is a feed?",
			prepare: func(s *site) map[string]string {
				a := s.account(0)
				said, _ := s.run("tail", schemas.FeedSubmissions, "--account", a)
				id := regexp.MustCompile(`"feedId":"(\w+)"`).FindStringSubmatch(said)
				if len(id) == 0 {
					s.t.Fatalf("no feed in %s", said)
				}
				return map[string]string{"A": a, "FEED": id[1]}
			},
			says: [][]string{{`"feedType"`}, {`"DONE"`}},
		},
		{
			name: "Where is a shipment?",
			prepare: func(s *site) map[string]string {
				a := s.account(0)
				o := s.unshipped(a)
				produced(s.t, s.file, schemas.Shipments, a, &schemas.Shipment{
					ShipmentID: "s1", Account: a, OrderID: o.OrderID, PackageID: "p1", CarrierCode: "DHL", TrackingNumber: "T1",
					Items:    []schemas.ShipmentItem{{OrderItemID: o.Items[0].OrderItemID, Quantity: 1}},
					ShipTime: time.Now(), EventTime: time.Now(),
				})
				s.shows(o.OrderID, "tail", schemas.ShipmentConfirmations, "--account", a)
				return map[string]string{"A": a, "ORDER": o.OrderID}
			},
			says: [][]string{{`"packageId":"p1"`}, {`"outcome":"CONFIRMED"`}},
		},
	}
}
