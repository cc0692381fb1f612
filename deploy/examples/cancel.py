#!/usr/bin/env python3
"""A shop in Python: tells Sellerstream which orders the merchant cannot fulfil, and waits
for what becomes of them.

Reads lines "orderId,reason" for whole orders, or "orderId,reason,orderItemId,quantity" for
lines of them, from standard input, those of an order one after the other. Reasons are
Amazon's words, such as NoInventory. It produces one record for each order to cancellations,
and prints each outcome from cancellation-results as JSON. Its exit status is 1 if an
outcome is missing when the time is up.

    printf '202-1234567-8901234,NoInventory\\n' |
        python cancel.py --account seller-1-de --brokers localhost:9092 --registry http://localhost:8081
"""

import csv
import itertools
import sys
from datetime import datetime, timezone

import upstream


def cancellations(rows):
    for (order, reason), lines in itertools.groupby(rows, key=lambda row: (row[0], row[1])):
        yield {
            "orderId": order,
            "reason": reason,
            # Without items all of the order is cancelled that is not shipped. A quantity is
            # that of all cancelled units of the line, earlier cancellations included.
            "items": [{"orderItemId": row[2], "quantity": int(row[3])} for row in lines if len(row) > 2],
            "eventTime": datetime.now(timezone.utc),
            "source": "cancel.py",
        }


if __name__ == "__main__":
    upstream.send(upstream.arguments(__doc__), "cancellations", "cancellation-results", "cancellationId",
                  list(cancellations(row for row in csv.reader(sys.stdin) if row)))
