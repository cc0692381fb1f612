package schemas

import "fmt"

// Rule is a rule that can be put on the EventBridge bus.
type Rule struct {
	Catches string // the events that it is for, in words
	Pattern string // EventBridge's event pattern
}

// Rules are event patterns for those who subscribe to events: one for each
// detail-type, then useful ones. What they name of an account, or as source, is
// an example.
func Rules() []Rule {
	var all []Rule
	for _, e := range Events() {
		if e.DetailType != "" {
			all = append(all, typeRule(e.DetailType))
		}
	}
	for _, alert := range []string{shipmentAtRisk, notificationsSilent, accountParked, accountRecovered} {
		all = append(all, typeRule(alert))
	}
	return append(all,
		Rule{"everything of one account", `{"source": ["sellerstream"], "detail": {"account": ["acme-eu"]}}`},
		Rule{"states and cancellations of orders", `{"source": ["sellerstream"], "detail-type": ["OrderChanged", "OrderCancelled"]}`},
		Rule{"orders to ship that are OURS", `{"source": ["sellerstream"], "detail-type": ["OrderChanged"], "detail": {"status": ["UNSHIPPED"], "responsibility": ["OURS"]}}`},
		Rule{"orders that are at least in part ours", `{"source": ["sellerstream"], "detail-type": [{"prefix": "Order"}], "detail": {"responsibility": [{"anything-but": ["ELSEWHERE"]}]}}`},
		Rule{"feeds with refused messages", `{"source": ["sellerstream"], "detail-type": ["FeedCompleted"], "detail": {"errors": [{"numeric": [">", 0]}]}}`},
		Rule{"shipments whose items or quantities are wrong", `{"source": ["sellerstream"], "detail-type": ["ShipmentRejected"], "detail": {"code": ["unknown_item", "quantity_too_large"]}}`},
		Rule{"every alert", `{"source": ["sellerstream"], "detail": {"severity": [{"exists": true}]}}`},
		Rule{"CRITICAL alerts alone", `{"source": ["sellerstream"], "detail": {"severity": ["CRITICAL"]}}`},
		Rule{"shipments past their latest ship date", `{"source": ["sellerstream"], "detail-type": ["ShipmentAtRisk"], "detail": {"severity": ["CRITICAL"]}}`},
		Rule{"merchant's orders that must be shipped soon and have no shipment", `{"source": ["sellerstream"], "detail-type": ["ShipmentMissing"], "detail": {"severity": ["WARNING", "CRITICAL"]}}`},
		Rule{"packages that were shipped although somebody asked to cancel", `{"source": ["sellerstream"], "detail-type": ["ShipmentConfirmed"], "detail": {"cancelRequested": [true]}}`},
		Rule{"packages of cancelled orders", `{"source": ["sellerstream"], "detail-type": ["ShipmentRejected"], "detail": {"code": ["order_cancelled"]}}`},
		Rule{"alerts that do not hold any more", `{"source": ["sellerstream"], "detail": {"severity": ["RESOLVED"]}}`},
		Rule{"order notifications that have fallen silent", `{"source": ["sellerstream"], "detail-type": ["NotificationsSilent"], "detail": {"subject": ["ORDER_CHANGE"]}}`},
	)
}

func typeRule(detailType string) Rule {
	return Rule{detailType, fmt.Sprintf(`{"source": ["sellerstream"], "detail-type": [%q]}`, detailType)}
}
