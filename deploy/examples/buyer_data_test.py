#!/usr/bin/env python3
"""Holds buyer_data.py to pkg/runtime/buyerdata/testdata/vectors.json, as Go is held to it."""

import base64
import copy
import json
import pathlib
import unittest

from cryptography.exceptions import InvalidTag

import buyer_data

VECTORS = pathlib.Path(__file__).parents[2] / "pkg" / "runtime" / "buyerdata" / "testdata" / "vectors.json"


class Client:
    """boto3's KMS, with the key of the vectors behind an alias too."""

    class exceptions:
        class IncorrectKeyException(Exception):
            pass

    alias = "arn:aws:kms:eu-west-1:123456789012:alias/buyers"

    def __init__(self, vector):
        self.vector = vector

    def decrypt(self, KeyId, CiphertextBlob, EncryptionContext):
        record = self.vector["buyerKey"]
        if KeyId not in (self.vector["arn"], self.alias):
            raise self.exceptions.IncorrectKeyException
        if (CiphertextBlob, EncryptionContext) != (base64.b64decode(record["wrapped"]), {"account": record["account"], "order": record["orderId"]}):
            raise InvalidTag
        return {"KeyId": self.vector["arn"], "Plaintext": base64.b64decode(self.vector["dataKey"])}


class Vectors(unittest.TestCase):
    def setUp(self):
        vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
        self.keys = buyer_data.read_key_file(vectors["keys"])
        self.kms_vector = vectors["kms"]
        self.all = {"first": vectors, "other": vectors["other"], "kms": vectors["kms"]}

    def open(self, asked, given, claimed, arns):
        order = {"account": asked["buyerKey"]["account"], "orderId": asked["buyerKey"]["orderId"], "buyerData": given["buyerData"]}
        record = copy.deepcopy(given["buyerKey"])
        record.update({name: claimed["buyerKey"][name] for name in ("account", "orderId")})
        return buyer_data.open_fields(order, record, self.keys, buyer_data.Kms(Client(self.kms_vector), arns))

    def test_each_order_opens_as_itself_only(self):
        for asked_name, asked in self.all.items():
            for given_name, given in self.all.items():
                for claimed_name, claimed in self.all.items():
                    with self.subTest(asked=asked_name, given=given_name, claimed=claimed_name):
                        if asked_name == given_name == claimed_name:
                            self.assertEqual(self.open(asked, given, claimed, [self.kms_vector["arn"]]), asked["fields"])
                        else:
                            with self.assertRaises((InvalidTag, ValueError)):
                                self.open(asked, given, claimed, [self.kms_vector["arn"]])

    def test_only_keys_that_are_named_unwrap(self):
        kms = self.kms_vector
        self.assertEqual(self.open(kms, kms, kms, [Client.alias]), kms["fields"])
        for arns in [], ["arn:aws:kms:eu-west-1:123456789012:key/another"], ["arn:aws:kms:eu-west-1:123456789012:alias/another"]:
            with self.subTest(arns=arns), self.assertRaises(ValueError):
                self.open(kms, kms, kms, arns)


if __name__ == "__main__":
    unittest.main()
