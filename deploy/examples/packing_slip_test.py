#!/usr/bin/env python3
"""Prints a slip of an order in pkg/runtime/buyerdata/testdata/vectors.json."""

import base64
import contextlib
import copy
import io
import json
import sys
import tempfile
import unittest
from unittest import mock

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import buyer_data
import packing_slip
from buyer_data_test import VECTORS


def seal(order, field, value, data_key):
    key = HKDF(hashes.SHA256(), 32, salt=None, info=f"{buyer_data.FIELD_LABEL} encryption".encode()).derive(data_key)
    about = "\0".join([buyer_data.FIELD_LABEL, order["account"], order["orderId"], field]).encode()
    padded = value.encode() + b"\x80"
    return base64.b64encode(b"\1" + bytes(12) + AESGCM(key).encrypt(bytes(12), padded.ljust(-len(padded) % 32 + len(padded), b"\0"), about)).decode()


class Slip(unittest.TestCase):
    def setUp(self):
        self.vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
        self.key = self.vectors["buyerKey"]
        self.order = {
            "account": self.key["account"], "orderId": self.key["orderId"], "status": "UNSHIPPED", "fulfilledBy": "MERCHANT",
            "shipBy": {"latest": "2026-11-24T22:59:59.000Z"}, "buyerData": copy.deepcopy(self.vectors["buyerData"]),
            "items": [
                {"orderItemId": "7", "sellerSku": "MUG", "title": "A mug", "quantityOrdered": 3, "quantityUnfulfilled": 2, "managedElsewhere": False,
                 "measurement": {"unit": "KILOGRAMS", "value": 1.5},
                 "hasGiftMessage": True, "giftWrapLevel": "PREMIUM", "hasCustomization": True, "shippingConstraints": {"signatureConfirmation": "MANDATORY"}},
                {"orderItemId": "8", "sellerSku": "ELSEWHERE", "quantityOrdered": 1, "managedElsewhere": True},
            ],
        }
        data_key = buyer_data.unwrap(self.order, self.key, buyer_data.read_key_file(self.vectors["keys"]))
        self.order["buyerData"]["fields"]["items.7.giftMessage"] = seal(self.order, "items.7.giftMessage", "Alles Gute!", data_key)

    def print(self, orders, records):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as keys, tempfile.NamedTemporaryFile("w", encoding="utf-8") as wrapped:
            keys.write(self.vectors["keys"])
            wrapped.write("\n".join(map(json.dumps, records)))
            keys.flush()
            wrapped.flush()
            out = io.StringIO()
            given = io.StringIO("\n".join(map(json.dumps, orders)))
            with mock.patch.object(sys, "argv", ["packing_slip.py", "--keys", keys.name, "--buyer-keys", wrapped.name]), \
                    mock.patch.object(sys, "stdin", given), contextlib.redirect_stdout(out):
                return packing_slip.main(), out.getvalue()

    def test_a_slip_has_address_card_and_what_to_do(self):
        status, text = self.print([self.order], [self.key])
        self.assertEqual(status, 0)
        for part in [self.vectors["fields"]["recipient.name"], "2 x MUG", "card: Alles Gute!", "wrap as a gift: PREMIUM",
                     "customize: !!", "signatureConfirmation: MANDATORY", "of 1.5 KILOGRAMS each", "2026-11-24"]:
            self.assertIn(part, text)
        self.assertNotIn("ELSEWHERE", text)

    def test_without_its_data_a_slip_says_so(self):
        without = {name: value for name, value in self.order.items() if name != "buyerData"}
        for orders, records in [([self.order], []), ([without], [self.key])]:
            status, text = self.print(orders, records)
            self.assertEqual(status, 1)
            self.assertIn("do not ship", text)
            self.assertIn("card: !! there is one", text)

    def test_only_the_newest_state_that_is_to_be_shipped_has_one(self):
        shipped = dict(self.order, status="SHIPPED")
        self.assertEqual(self.print([self.order, shipped], [self.key]), (0, ""))


if __name__ == "__main__":
    unittest.main()
