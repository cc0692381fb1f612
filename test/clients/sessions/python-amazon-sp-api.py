import hosts  # noqa: F401

import io
import os

from sp_api.api import Feeds, ListingsItems, Notifications, Orders
from sp_api.base import Marketplaces

env = os.environ
options = {
    "marketplace": Marketplaces.DE,
    "refresh_token": env["REFRESH_TOKEN"],
    "credentials": {"lwa_app_id": env["CLIENT_ID"], "lwa_client_secret": env["CLIENT_SECRET"]},
}
orders = Orders(**options).get_orders(CreatedAfter="2026-01-01T00:00:00")
assert orders.payload["Orders"][0]["AmazonOrderId"] == env["ORDER"], orders
patched = ListingsItems(**options).patch_listings_item(env["SELLER"], env["SKU"], marketplaceIds=[env["MARKETPLACE"]], body={
    "productType": "PRODUCT",
    "patches": [{"op": "replace", "path": "/attributes/fulfillment_availability", "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 41}]}],
})
assert patched.payload["status"] == "ACCEPTED", patched
feeds = Feeds(**options)
_, made = feeds.submit_feed("JSON_LISTINGS_FEED", io.BytesIO(env["FEED"].encode()), content_type="application/json", marketplaceIds=[env["MARKETPLACE"]])
feed = made.payload["feedId"]
assert feeds.get_feed(feed).payload["feedId"] == feed
notifications = Notifications(**options)
destination = notifications.create_destination("mine", arn=env["QUEUE"])
notifications.create_subscription("FEED_PROCESSING_FINISHED", destination_id=destination.payload["destinationId"])
