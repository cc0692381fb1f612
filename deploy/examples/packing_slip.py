#!/usr/bin/env python3
"""Prints a packing slip for each order that is to be shipped.

Takes what `sellerstream decode` prints of two topics, as buyer_data.py does: orders from
standard input, and the wrapped keys from --buyer-keys. An order whose buyer data cannot be
read gets a slip that says so, rather than none: its exit status is then 1. A gift goes out
with its card, and what was customized is not sent as it is.

    kcat -b localhost:9092 -C -t sellerstream.orders -X isolation.level=read_committed \\
        -e -q -f '%R%s' | sellerstream decode |
        python packing_slip.py --keys /run/secrets/buyer-keys --buyer-keys buyer-keys.jsonl
"""

import argparse
import json
import sys

from cryptography.exceptions import InvalidTag

import buyer_data

ADDRESS = (
    "name", "companyName", "addressLine1", "addressLine2", "addressLine3", "streetName", "streetNumber", "complement", "neighborhood",
    "districtOrCounty", "municipality", "postalCode", "city", "stateOrRegion", "countryCode", "phone",
)


def to_ship(order):
    """Whether we have something to pack. Lines that another service manages are not ours."""
    return order.get("fulfilledBy") == "MERCHANT" and order["status"] in ("UNSHIPPED", "PARTIALLY_SHIPPED") and bool(lines(order))


def lines(order):
    return [item for item in order["items"] if not item["managedElsewhere"] and item.get("quantityUnfulfilled", item["quantityOrdered"]) > 0]


def slip(order, fields):
    """The slip of an order, of its record and its decrypted buyer data (None where that cannot be read)."""
    yield f"Order {order['orderId']}  {order.get('serviceLevel', '')}  ship by {order.get('shipBy', {}).get('latest', '?')}"
    if fields is None:
        yield "  !! the address cannot be read: do not ship"
        fields = {}
    for part in ADDRESS:
        if value := fields.get(f"recipient.{part}"):
            yield f"  {value}"
    for wish in "dropOffLocation", "addressInstruction":
        if value := fields.get(f"recipient.{wish}"):
            yield f"  note: {value}"
    for item in lines(order):
        yield from line(item, fields)
    if order.get("incomplete"):
        yield f"  !! not shown: {', '.join(order['incomplete'])}"


def line(item, fields):
    yield f"  {item.get('quantityUnfulfilled', item['quantityOrdered'])} x {item.get('sellerSku', '?')}  {item.get('title', '')}"
    if amount := item.get("measurement"):
        yield f"      of {amount['value']} {amount['unit']} each"
    if item.get("cancelRequestedBy"):
        yield f"      !! {item['cancelRequestedBy']} asked to cancel it: ask before it ships"
    if item.get("giftWrapLevel"):
        yield f"      wrap as a gift: {item['giftWrapLevel']}"
    of = f"items.{item['orderItemId']}."
    if item.get("hasGiftMessage"):
        yield f"      card: {fields.get(of + 'giftMessage', '!! there is one, which cannot be read: see Seller Central')}"
    if item.get("hasCustomization"):
        yield f"      customize: {fields.get(of + 'customizedUrl', '!! how cannot be read: see Seller Central')}"
    for constraint, value in item.get("shippingConstraints", {}).items():
        yield f"      {constraint}: {value}"
    if item.get("serialNumberRequirement"):
        yield "      note the serial numbers"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", required=True, help="key file (buyer_data.keys)")
    parser.add_argument("--buyer-keys", required=True, help="records of the topic buyer-keys, from its start")
    args = parser.parse_args()
    with open(args.keys, encoding="utf-8") as file:
        keys = buyer_data.read_key_file(file.read())
    with open(args.buyer_keys, encoding="utf-8") as file:
        records = [record for record in map(json.loads, file) if record and "keyId" in record]
    newest = {(record["account"], record["orderId"]): record for record in records}

    orders = {}
    for order in map(json.loads, sys.stdin):
        if order:
            orders[order["account"], order["orderId"]] = order  # the newest comes last
    unread = False
    for at, order in orders.items():
        if not to_ship(order):
            continue
        fields = None
        try:
            if "buyerData" in order:
                fields = buyer_data.open_fields(order, newest.get(at), keys)
        except (buyer_data.Deleted, InvalidTag, KeyError, ValueError):
            pass  # the slip says it
        unread = unread or fields is None
        print("\n".join(slip(order, fields)), end="\n\n")
    return 1 if unread else 0


if __name__ == "__main__":
    sys.exit(main())
