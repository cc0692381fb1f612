"""Reads what kcat writes with -f '%R%s' and prints each value as a line of JSON, as
any Avro consumer would come to it: by the schema's id and the registry."""

import base64
import io
import json
import struct
import sys
import urllib.request
from datetime import datetime

import fastavro


def schema(schema_id, known={}):
    if schema_id not in known:
        with urllib.request.urlopen(f"{sys.argv[1]}/schemas/ids/{schema_id}", timeout=30) as answer:
            known[schema_id] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
    return known[schema_id]


def plain(value):
    """A value as sellerstream decode writes it: null left out, bytes as base64."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value


source = sys.stdin.buffer
while head := source.read(4):
    data = source.read(struct.unpack(">i", head)[0])
    magic, schema_id = struct.unpack(">bI", data[:5])
    assert magic == 0, "not Confluent's wire format"
    print(json.dumps(plain(fastavro.schemaless_reader(io.BytesIO(data[5:]), schema(schema_id)))))
