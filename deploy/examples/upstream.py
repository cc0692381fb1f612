#!/usr/bin/env python3
"""An upstream service in Python: sends quantities to Sellerstream and waits for
what becomes of them.

Reads lines "sku,quantity" from standard input, or "sku,quantity,seenOrders" with the time
until which orders are in the quantity (2026-11-24T07:00:00Z), produces one record for each to
inventory-updates, and prints each outcome from inventory-results as JSON. ACCEPTED is
printed too; the final outcome follows when Amazon shows the quantity, minutes later. Its exit
status is 1 if a final outcome is missing when the time is up.

    printf 'SKU-00100,7\\n' | python upstream.py --account seller-1-de \\
        --brokers localhost:9092 --registry http://localhost:8081
"""

import argparse
import base64
import csv
import io
import json
import os
import pathlib
import struct
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

import fastavro
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition


# The files of the repository's schemas/avro that the topics' values are written with.
SCHEMAS = {"inventory-updates": "inventory_update.avsc", "shipments": "shipment.avsc", "cancellations": "cancellation.avsc"}


class Registry:
    """The few questions that Avro in Confluent's wire format has for a schema
    registry: a zero byte, the schema's id in four, then the value."""

    def __init__(self, url, user=None, password=None):
        self.url = url.rstrip("/")
        kind = "application/vnd.schemaregistry.v1+json"
        self.headers = {"Accept": kind, "Content-Type": kind}
        if user:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {pair}"
        self.by_id = {}

    def get(self, path, body=None):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.url + path, data, self.headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def ours(self, subject, text):
        """The id of Sellerstream's own schema, which it has registered, and the schema. The
        latest version of the subject may be another producer's, with fewer fields."""
        try:
            found = self.get(f"/subjects/{subject}", {"schema": text})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            sys.exit(f"the registry does not have the schema of --schemas under {subject} ({error}): "
                     "take the folder of the version that runs")
        return found["id"], fastavro.parse_schema(json.loads(text))

    def encode(self, schema_id, schema, record):
        out = io.BytesIO()
        out.write(struct.pack(">bI", 0, schema_id))
        fastavro.schemaless_writer(out, schema, record)
        return out.getvalue()

    def decode(self, value):
        """Reads with the schema that the writer used, which may be newer."""
        magic, schema_id = struct.unpack(">bI", value[:5])
        if magic != 0:
            raise ValueError("the value is not in Confluent's wire format")
        if schema_id not in self.by_id:
            schema = json.loads(self.get(f"/schemas/ids/{schema_id}")["schema"])
            self.by_id[schema_id] = fastavro.parse_schema(schema)
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self.by_id[schema_id])


def consumer_at_the_end(brokers, topic):
    """Reads what is written to a topic from now on. It needs no group: an upstream
    service that must miss nothing across restarts would subscribe with one."""
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": f"upstream-{uuid.uuid4()}",  # required by the library; nothing is committed
        "enable.auto.commit": False,
        "isolation.level": "read_committed",  # or an outcome could be one that was taken back
    })
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    if found.error:
        raise KafkaException(found.error)
    start = []
    for partition in found.partitions:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        start.append(TopicPartition(topic, partition, end))
    consumer.assign(start)
    return consumer


def produce(args, registry, topic, id_field, records):
    """Sends records, each keyed by the account, and returns their ids."""
    file = args.schemas / SCHEMAS[topic.removeprefix(args.prefix)]
    if not file.is_file():
        sys.exit(f"there is no {file}: name the folder schemas/avro of Sellerstream by --schemas")
    text = file.read_text(encoding="utf-8")
    schema_id, schema = registry.ours(topic + "-value", text)
    producer = Producer({
        "bootstrap.servers": args.brokers,
        # Sellerstream's accounts live where Java's default partitioner puts them.
        # librdkafka's own default is another one.
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
    })
    refused = []
    waiting = set()
    for record in records:
        record[id_field] = str(uuid.uuid4())
        record["account"] = args.account
        producer.produce(
            topic,
            key=args.account,
            value=registry.encode(schema_id, schema, record),
            on_delivery=lambda error, _: error and refused.append(error),
        )
        producer.poll(0)
        waiting.add(record[id_field])
    if producer.flush(30) > 0 or refused:
        sys.exit(f"Kafka did not take all records: {refused or 'no answer within 30 s'}")
    return waiting


def await_outcomes(args, registry, results, id_field, waiting, follows=frozenset()):
    """Prints the outcomes of records until none or no time is left. Behind an outcome
    in follows another comes."""
    deadline = time.monotonic() + args.wait
    while waiting and time.monotonic() < deadline:
        message = results.poll(1)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        outcome = registry.decode(message.value())
        if outcome[id_field] in waiting:
            if outcome["outcome"] not in follows:
                waiting.remove(outcome[id_field])
            print(json.dumps(outcome, default=str), flush=True)
            if outcome["outcome"] in follows:
                print(f"{outcome['outcome']} is not the end: waiting for Amazon to show it", file=sys.stderr)


def send(args, topic, outcomes, id_field, records, follows=frozenset()):
    """Sends records to a topic and prints what becomes of each."""
    registry = Registry(args.registry, args.registry_user, os.environ.get("REGISTRY_PASSWORD"))
    results = consumer_at_the_end(args.brokers, args.prefix + outcomes)
    try:
        waiting = produce(args, registry, args.prefix + topic, id_field, records)
        if args.wait:
            print(f"sent {len(waiting)} records to {args.prefix}{topic}; waiting up to {args.wait:.0f} s "
                  f"for the final outcome of each on {args.prefix}{outcomes}", file=sys.stderr)
        await_outcomes(args, registry, results, id_field, waiting, follows)
    finally:
        results.close()
    if waiting and args.wait:
        sys.exit(f"{len(waiting)} of {len(records)} records have no outcome yet; "
                 "look for them in dead-letters if none comes: " + ", ".join(sorted(waiting)))


def arguments(description):
    flags = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--account", required=True, help="our name of the seller account, such as seller-1-de")
    flags.add_argument("--brokers", default="localhost:9092")
    flags.add_argument("--registry", default="http://localhost:8081", help="the schema registry's URL")
    flags.add_argument("--registry-user", help="the password comes from REGISTRY_PASSWORD")
    flags.add_argument("--prefix", default="sellerstream.", help="begins the names of the topics")
    flags.add_argument("--schemas", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent.parent / "schemas" / "avro",
                       help="the folder of Sellerstream's Avro schemas")
    flags.add_argument("--wait", type=float, default=1800, help="seconds to wait for outcomes; 0 waits for none")
    return flags.parse_args()


def updates(rows):
    for sku, quantity, *seen in rows:
        yield {"sku": sku, "quantity": int(quantity), "eventTime": datetime.now(timezone.utc), "source": "upstream.py",
               "seenOrders": datetime.fromisoformat(seen[0]) if seen else None}


if __name__ == "__main__":
    send(arguments(__doc__), "inventory-updates", "inventory-results", "updateId",
         list(updates(row for row in csv.reader(sys.stdin) if row)), follows={"ACCEPTED"})
