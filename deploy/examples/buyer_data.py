#!/usr/bin/env python3
"""Decrypts buyer data of orders, as a warehouse needs it to print a label.

Takes what `sellerstream decode` prints of two topics, a record a line: orders from
standard input, and the wrapped keys from --buyer-keys. Prints for each order that
has buyer data its id and the fields. Its exit status is 1 if some could not be read.

    kcat -b localhost:9092 -C -t sellerstream.buyer-keys -X isolation.level=read_committed \\
        -e -q -f '%R%s' | sellerstream decode > buyer-keys.jsonl
    kcat -b localhost:9092 -C -t sellerstream.orders -X isolation.level=read_committed \\
        -e -q -f '%R%s' | sellerstream decode |
        python buyer_data.py --keys /run/secrets/buyer-keys --buyer-keys buyer-keys.jsonl

pkg/runtime/buyerdata/README.md describes the form. A service of its own would read both
topics with a Kafka client, as upstream.py does, and call open_fields.
"""

import argparse
import base64
import json
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FIELD_LABEL = "sellerstream buyer data 1"
WRAP_LABEL = "sellerstream buyer key 1"


class Deleted(Exception):
    """The order's key was deleted: nobody can read its buyer data any more."""


def read_key_file(text):
    """The keys of a key file by their ids."""
    lines = (line.split() for line in text.splitlines())
    return {line[0]: base64.b64decode(line[1]) for line in lines if len(line) == 2 and not line[0].startswith("#")}


def unwrap(order, record, keys, kms=None):
    """The data key of an order, out of its BuyerKey record. keys are those of
    read_key_file, kms is a Kms for what was wrapped by AWS KMS. What the record says
    of its order is not believed: the order that is asked for is authenticated."""
    if (record["account"], record["orderId"]) != (order["account"], order["orderId"]):
        raise ValueError(f"the key is of order {record['orderId']} of account {record['account']}")
    if not record.get("wrapped"):
        raise Deleted(record["orderId"])
    wrapped = base64.b64decode(record["wrapped"])
    scheme, _, name = record["wrappedBy"].partition(":")
    if scheme == "kms":
        if kms is None:
            raise ValueError("it was wrapped by AWS KMS: name the key with --kms")
        return kms.decrypt(name, wrapped, {"account": order["account"], "order": order["orderId"]})
    about = "\0".join([WRAP_LABEL, order["account"], order["orderId"], record["keyId"]])
    return AESGCM(keys[name]).decrypt(wrapped[:12], wrapped[12:], about.encode())


class Kms:
    """AWS KMS, with the keys (ARNs, of aliases too) that may unwrap. A record does not
    choose: who can write one could name a key of their own in it."""

    def __init__(self, client, arns):
        self.client, self.arns = client, arns

    def decrypt(self, named, wrapped, context):
        candidates = [named] if named in self.arns else [arn for arn in self.arns if ":alias/" in arn]
        for arn in candidates:
            try:
                answer = self.client.decrypt(KeyId=arn, CiphertextBlob=wrapped, EncryptionContext=context)
            except self.client.exceptions.IncorrectKeyException:  # an alias that stands for another key now
                continue
            if ":alias/" not in arn and answer["KeyId"] != arn:
                raise ValueError(f"KMS decrypted it with {answer['KeyId']}")
            return answer["Plaintext"]
        raise ValueError(f"it was wrapped with {named}: if that key is yours, name it with --kms")


def open_field(order, field, sealed, data_key):
    """The value of one encrypted field (bytes)."""
    if sealed[0] != 1:
        raise ValueError(f"{field} is in a form that this version does not know")
    encryption = HKDF(hashes.SHA256(), 32, salt=None, info=f"{FIELD_LABEL} encryption".encode()).derive(data_key)
    about = "\0".join([FIELD_LABEL, order["account"], order["orderId"], field])
    padded = AESGCM(encryption).decrypt(sealed[1:13], sealed[13:], about.encode())
    return padded.rstrip(b"\0")[:-1].decode()  # ends with 0x80 and zeros


def open_fields(order, record, keys, kms=None):
    """All fields of an Order record by their names, with its BuyerKey record."""
    data = order["buyerData"]
    if record is None:
        raise Deleted(order["orderId"])
    data_key = unwrap(order, record, keys, kms)
    if record["keyId"] != data["keyId"]:
        raise ValueError(f"the order has the key {record['keyId']} now: read a newer record of it")
    return {field: open_field(order, field, base64.b64decode(sealed), data_key) for field, sealed in data["fields"].items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", help="key file (buyer_data.keys)")
    parser.add_argument("--kms", action="append", default=[], metavar="ARN", help="key of AWS KMS that may unwrap (needs boto3); repeat for more")
    parser.add_argument("--buyer-keys", required=True, help="records of the topic buyer-keys, from its start")
    args = parser.parse_args()
    kms = None
    if args.kms:
        import boto3

        kms = Kms(boto3.client("kms"), args.kms)
    keys = {}
    if args.keys:
        with open(args.keys, encoding="utf-8") as file:
            keys = read_key_file(file.read())
    with open(args.buyer_keys, encoding="utf-8") as file:
        records = [record for record in map(json.loads, file) if record and "keyId" in record]
    newest = {(record["account"], record["orderId"]): record for record in records}

    failed = False
    for order in map(json.loads, sys.stdin):
        if not order or "buyerData" not in order:
            continue
        shown = {"account": order["account"], "orderId": order["orderId"]}
        try:
            shown["fields"] = open_fields(order, newest.get((order["account"], order["orderId"])), keys, kms)
        except Deleted:
            shown["deleted"] = True
        except (InvalidTag, KeyError, ValueError) as error:
            shown["error"], failed = f"{type(error).__name__}: {error}", True
        print(json.dumps(shown, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
