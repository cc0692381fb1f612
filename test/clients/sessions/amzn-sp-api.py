import os

import requests
from spapi import FeedsApi, ListingsApi, NotificationsApi, OrdersV0Api, SPAPIClient, SPAPIConfig

env = os.environ


def client(**kind):
    config = SPAPIConfig(client_id=env["CLIENT_ID"], client_secret=env["CLIENT_SECRET"], region="EU", **kind)
    return SPAPIClient(config, oauth_endpoint=env["LWA"] + "/auth/o2/token", endpoint=env["SPAPI"]).api_client


seller = client(refresh_token=env["REFRESH_TOKEN"])
orders = OrdersV0Api(seller).get_orders([env["MARKETPLACE"]], created_after="2026-01-01")
assert orders.payload.orders[0].amazon_order_id == env["ORDER"], orders
patched = ListingsApi(seller).patch_listings_item(env["SELLER"], env["SKU"], [env["MARKETPLACE"]], {
    "productType": "PRODUCT",
    "patches": [{"op": "replace", "path": "/attributes/fulfillment_availability", "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 41}]}],
})
assert patched.status == "ACCEPTED", patched
feeds = FeedsApi(seller)
document = feeds.create_feed_document({"contentType": "application/json"})
requests.put(document.url, data=env["FEED"], headers={"Content-Type": "application/json"}).raise_for_status()
made = feeds.create_feed({"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [env["MARKETPLACE"]], "inputFeedDocumentId": document.feed_document_id})
assert feeds.get_feed(made.feed_id).feed_id == made.feed_id
destination = NotificationsApi(client(scope="sellingpartnerapi::notifications")).create_destination(
    {"name": "mine", "resourceSpecification": {"sqs": {"arn": env["QUEUE"]}}})
NotificationsApi(seller).create_subscription(
    "FEED_PROCESSING_FINISHED", {"payloadVersion": "1.0", "destinationId": destination.payload.destination_id})
