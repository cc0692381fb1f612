package main

import (
	"fmt"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
)

// notifications makes ORDER_CHANGE notifications of about 2 KB as Amazon
// writes them, for orders of three items.
func notifications(n int, accounts []account.Account) []string {
	bodies := make([]string, n)
	for i := range bodies {
		a := accounts[i%len(accounts)]
		items := make([]string, 3)
		for j := range items {
			items[j] = fmt.Sprintf(`{"OrderItemId":"%014d","SellerSKU":"SKU-%08d","SupplySourceId":"d7679e14-031b-4ab3-a81b-%012d",`+
				`"OrderItemStatus":"Unshipped","Quantity":%d,"QuantityShipped":0,"IsBuyerRequestedCancel":false,`+
				`"ItemEarliestDeliveryDate":"2026-11-25T08:00:00.000Z","ItemLatestDeliveryDate":"2026-11-27T22:59:59.000Z"}`, i*7+j, i*13+j, i+j, 1+j)
		}
		bodies[i] = fmt.Sprintf(`{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0","EventTime":"2026-11-23T10:00:00.123Z",`+
			`"Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel","SellerId":%q,"AmazonOrderId":"903-%07d-%07d","OrderChangeType":"OrderStatusChange",`+
			`"OrderChangeTrigger":{"TimeOfOrderChange":"2026-11-23T09:59:59.001Z","ChangeReason":"Order status changed"},`+
			`"Summary":{"MarketplaceId":%q,"OrderStatus":"Unshipped","PurchaseDate":"2026-11-23T09:00:00.000Z","DestinationPostalCode":"48110","FulfillmentType":"MFN",`+
			`"OrderType":"StandardOrder","NumberOfItemsShipped":0,"NumberOfItemsUnshipped":6,"EarliestDeliveryDate":"2026-11-25T08:00:00.000Z",`+
			`"LatestDeliveryDate":"2026-11-27T22:59:59.000Z","EarliestShipDate":"2026-11-24T08:00:00.000Z","LatestShipDate":"2026-11-24T22:59:59.000Z",`+
			`"CancelNotifyDate":null,"OrderPrograms":["Prime"],"ShippingPrograms":[],"OrderItems":[%s]}}},`+
			`"NotificationMetadata":{"ApplicationId":"amzn1.sellerapps.app.aacccfff-44aa-4b7c-b42b-ed4ec98dd746",`+
			`"SubscriptionId":"5a1b9d53-4d5c-4f6a-9a38-2d7a9b0f3c11","PublishTime":"2026-11-23T10:00:01.456Z","NotificationId":"d0e9e693-c3ad-4373-979f-%012d"}}`,
			a.SellerID, i/1000, i, a.Marketplaces[0], strings.Join(items, ","), i)
	}
	return bodies
}
