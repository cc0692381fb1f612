package spapi

import "github.com/sellerstream/sellerstream/pkg/spapi/model"

// The operations that other clients call and the pipeline does not, which package model's
// table therefore lacks; and those that nobody plays.
const (
	getOrders            = "v0.getOrders"
	getOrderAddress      = "v0.getOrderAddress"
	getOrderBuyerInfo    = "v0.getOrderBuyerInfo"
	putListingsItem      = "putListingsItem"
	sendTestNotification = "sendTestNotification"
)

// foreign are their rows, as Amazon's models have them (amzn/selling-partner-api-models,
// 2026-08-05).
func foreign() []model.Operation {
	return []model.Operation{
		{Name: getOrders, Method: "GET", Path: "/orders/v0/orders", Restricted: true, Rate: 0.0167, Burst: 20},
		{Name: getOrderAddress, Method: "GET", Path: "/orders/v0/orders/{orderId}/address", Restricted: true, Rate: 0.5, Burst: 30},
		{Name: getOrderBuyerInfo, Method: "GET", Path: "/orders/v0/orders/{orderId}/buyerInfo", Restricted: true, Rate: 0.5, Burst: 30},
		{Name: putListingsItem, Method: "PUT", Path: "/listings/2021-08-01/items/{sellerId}/{sku}", Rate: 5, Burst: 10},
		{
			Name: sendTestNotification, Method: "POST", Path: "/notifications/v1/subscriptions/{notificationType}/testNotification",
			Scope: model.ScopeNotifications, Rate: 1, Burst: 5,
		},
	}
}

// unplayed are the patterns of the other operations that Amazon has: each of those of an
// API that is played in part, and all below the path of an API that is not.
func unplayed() []string {
	return []string{
		"GET /orders/v0/orders/{orderId}/orderItems/buyerInfo", "POST /orders/v0/orders/{orderId}/shipment",
		"GET /orders/v0/orders/{orderId}/regulatedInfo", "PATCH /orders/v0/orders/{orderId}/regulatedInfo",
		"DELETE /listings/2021-08-01/items/{sellerId}/{sku}", "GET /listings/2021-08-01/restrictions",
		"GET /reports/2021-06-30/reports", "DELETE /reports/2021-06-30/reports/{reportId}",
		"/reports/2021-06-30/schedules", "/reports/2021-06-30/schedules/{reportScheduleId}",

		"/aplus/2020-11-01/", "/appIntegrations/2024-04-01/", "/applications/2023-11-30/", "/awd/2024-05-09/",
		"/batches/products/pricing/2022-05-01/", "/batches/products/pricing/v0/",
		"/catalog/v0/", "/catalog/2020-12-01/", "/catalog/2022-04-01/", "/catalog/2024-11-01/",
		"/customerFeedback/2024-06-01/", "/dataKiosk/2023-11-15/", "/definitions/2020-09-01/", "/delivery/2022-07-01/", "/easyShip/2022-03-23/",
		"/externalFulfillment/2024-09-11/", "/externalFulfillment/2026-07-30/", "/externalFulfillment/inventory/2024-09-11/",
		"/fba/inbound/v0/", "/fba/inbound/v1/", "/fba/inventory/v1/", "/fba/outbound/2020-07-01/", "/fba/outbound/brazil/v0/",
		"/finances/v0/", "/finances/2024-06-19/", "/finances/invoices/2026-06-25/", "/finances/remittances/2026-03-17/",
		"/finances/transfers/2024-06-01/", "/finances/transfers/wallet/2024-03-01/",
		"/fulfillment/outbound/2026-07-04/", "/inbound/fba/2024-03-20/", "/listings/2020-09-01/",
		"/messaging/v1/", "/mfn/v0/", "/products/fees/v0/", "/products/pricing/v0/", "/promotions/2025-12-01/",
		"/replenishment/2022-11-07/", "/sales/v1/", "/sellers/v1/", "/service/v1/", "/shipping/v1/", "/shipping/v2/",
		"/solicitations/v1/", "/supplySources/2020-07-01/", "/support/2025-02-01/", "/tax/invoices/2024-06-19/",
		"/tracking/2026-01-30/", "/uploads/2020-11-01/", "/vehicles/2024-11-01/",
		"/vendor/directFulfillment/inventory/v1/", "/vendor/directFulfillment/orders/v1/", "/vendor/directFulfillment/orders/2021-12-28/",
		"/vendor/directFulfillment/payments/v1/", "/vendor/directFulfillment/sandbox/2021-10-28/",
		"/vendor/directFulfillment/shipping/v1/", "/vendor/directFulfillment/shipping/2021-12-28/",
		"/vendor/directFulfillment/transactions/v1/", "/vendor/directFulfillment/transactions/2021-12-28/",
		"/vendor/orders/v1/", "/vendor/payments/v1/", "/vendor/shipping/v1/", "/vendor/transactions/v1/",
	}
}
