#!/usr/bin/env python3
"""A warehouse in Python: tells Sellerstream which packages have gone to a carrier,
and waits for what becomes of them.

Reads lines "orderId,packageId,orderItemId,quantity,carrier,trackingNumber" from
standard input, one for each item of a package, those of a package one after the
other. It produces one record for each package to shipments, and prints each outcome
from shipment-confirmations as JSON. The same package again, with another tracking
number, corrects it. A letter has an empty one, where shipments.untracked is feed. Its exit status is 1 if an outcome is missing when the time is up.

    printf '202-1234567-8901234,1,20212345678901,3,DHL Paket,00340434161094021501\\n' |
        python warehouse.py --account seller-1-de --brokers localhost:9092 --registry http://localhost:8081
"""

import csv
import itertools
import sys
from datetime import datetime, timezone

import upstream


def shipments(rows):
    for (order, package), items in itertools.groupby(rows, key=lambda row: (row[0], row[1])):
        items = list(items)
        now = datetime.now(timezone.utc)
        yield {
            "orderId": order,
            "packageId": package,  # unique in its order, and the same for ever
            "items": [{"orderItemId": row[2], "quantity": int(row[3])} for row in items],
            "carrierName": items[0][4],  # Sellerstream knows Amazon's codes
            "trackingNumber": items[0][5],  # empty for a letter
            "shipTime": now,
            "eventTime": now,  # of two records of a package the one with the later time wins
            "source": "warehouse.py",
        }


if __name__ == "__main__":
    upstream.send(upstream.arguments(__doc__), "shipments", "shipment-confirmations", "shipmentId",
                  list(shipments(row for row in csv.reader(sys.stdin) if row)))
