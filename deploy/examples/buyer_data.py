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

pkg/buyerdata/README.md describes the form. A service of its own would read both
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


def unwrap(record, keys, kms=None):
    """The data key of a BuyerKey record. keys are those of read_key_file, kms is a
    boto3 client for what was wrapped by AWS KMS."""
    if not record.get("wrapped"):
        raise Deleted(record["orderId"])
    wrapped = base64.b64decode(record["wrapped"])
    scheme, _, name = record["wrappedBy"].partition(":")
    if scheme == "kms":
        context = {"account": record["account"], "order": record["orderId"]}
        return kms.decrypt(KeyId=name, CiphertextBlob=wrapped, EncryptionContext=context)["Plaintext"]
    about = "\0".join([WRAP_LABEL, record["account"], record["orderId"], record["keyId"]])
    return AESGCM(keys[name]).decrypt(wrapped[:12], wrapped[12:], about.encode())


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
    data_key = unwrap(record, keys, kms)
    if record["keyId"] != data["keyId"]:
        raise ValueError(f"the order has the key {record['keyId']} now: read a newer record of it")
    return {field: open_field(order, field, base64.b64decode(sealed), data_key) for field, sealed in data["fields"].items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", help="key file (buyer_data.keys)")
    parser.add_argument("--kms", action="store_true", help="ask AWS KMS, where it wrapped the keys (needs boto3)")
    parser.add_argument("--buyer-keys", required=True, help="records of the topic buyer-keys, from its start")
    args = parser.parse_args()
    kms = None
    if args.kms:
        import boto3

        kms = boto3.client("kms")
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
