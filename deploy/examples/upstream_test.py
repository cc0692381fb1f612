#!/usr/bin/env python3
"""Holds the records that the upstream services make against the schemas of their topics."""

import contextlib
import csv
import io
import json
import pathlib
import sys
import types
import unittest
from unittest import mock

# The clients of Kafka and Avro are not needed for what is tested here.
with mock.patch.dict(sys.modules, {
    "fastavro": types.ModuleType("fastavro"),
    "confluent_kafka": mock.MagicMock(),
}):
    import cancel
    import upstream
    import warehouse

SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas" / "avro"
FIRST = "202-1234567-8901234"


def rows(text):
    return [row for row in csv.reader(io.StringIO(text)) if row]


class Records(unittest.TestCase):
    def fit(self, name, records, id_field):
        """Checks the fields of records, and of the records in them, by name."""
        schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
        for record in records:
            self.compare(schema, dict(record, account="acme-eu", **{id_field: "1"}))

    def compare(self, schema, record):
        fields = {field["name"]: field for field in schema["fields"]}
        self.assertLessEqual(set(record), set(fields))
        self.assertLessEqual({name for name, field in fields.items() if "default" not in field}, set(record))
        for name, value in record.items():
            if isinstance(value, list):
                for item in value:
                    self.compare(fields[name]["type"]["items"], item)

    def test_quantities(self):
        records = list(upstream.updates(rows("ECHO-DOT,7\nECHO-SHOW,0\n")))
        self.assertEqual([(r["sku"], r["quantity"]) for r in records], [("ECHO-DOT", 7), ("ECHO-SHOW", 0)])
        self.fit("inventory_update.avsc", records, "updateId")

    def test_packages(self):
        records = list(warehouse.shipments(rows(f"{FIRST},1,11,3,DHL Paket,T-1\n{FIRST},1,12,1,DHL Paket,T-1\n{FIRST},2,13,1,BRT,T-2\n{FIRST},3,14,1,Deutsche Post,\n")))
        self.assertEqual([(r["packageId"], len(r["items"]), r["trackingNumber"]) for r in records], [("1", 2, "T-1"), ("2", 1, "T-2"), ("3", 1, "")])
        self.fit("shipment.avsc", records, "shipmentId")

    def test_cancellations(self):
        records = list(cancel.cancellations(rows(f"{FIRST},NoInventory\n202-2,BuyerCanceled,21,2\n202-2,BuyerCanceled,22,1\n202-2,NoInventory,23,0\n")))
        self.assertEqual([(r["orderId"], r["reason"], r["items"]) for r in records], [
            (FIRST, "NoInventory", []),
            ("202-2", "BuyerCanceled", [{"orderItemId": "21", "quantity": 2}, {"orderItemId": "22", "quantity": 1}]),
            ("202-2", "NoInventory", [{"orderItemId": "23", "quantity": 0}]),
        ])
        self.fit("cancellation.avsc", records, "cancellationId")


class OurSchema(unittest.TestCase):
    def test_the_files_are_there(self):
        for name in upstream.SCHEMAS.values():
            self.assertTrue((SCHEMAS / name).is_file(), name)

    def test_it_is_looked_up_by_its_text(self):
        registry = upstream.Registry("http://registry/")
        asked = []
        registry.get = lambda path, body=None: asked.append((path, body)) or {"id": 7}
        upstream.fastavro.parse_schema = lambda schema: schema
        self.assertEqual(registry.ours("s-value", '"string"'), (7, "string"))
        self.assertEqual(asked, [("/subjects/s-value", {"schema": '"string"'})])


class Outcomes(unittest.TestCase):
    def printed(self, outcomes, waiting, **how):
        """What await_outcomes prints of outcomes, and which records still wait then."""
        messages = iter([mock.Mock(error=lambda: None, value=lambda o=o: o) for o in outcomes])
        results = mock.Mock(poll=lambda _: next(messages, None))
        registry = mock.Mock(decode=lambda value: value)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            upstream.await_outcomes(mock.Mock(wait=0.2), registry, results, "id", waiting, **how)
        return [json.loads(line)["outcome"] for line in out.getvalue().splitlines()], waiting

    def test_a_quantity_has_two(self):
        one, two = {"id": "1", "outcome": "ACCEPTED"}, {"id": "1", "outcome": "APPLIED"}
        self.assertEqual(self.printed([one, two], {"1"}, follows={"ACCEPTED"}), (["ACCEPTED", "APPLIED"], set()))
        self.assertEqual(self.printed([one], {"1"}, follows={"ACCEPTED"}), (["ACCEPTED"], {"1"}))

    def test_others_have_one(self):
        self.assertEqual(self.printed([{"id": "9", "outcome": "ACCEPTED"}, {"id": "1", "outcome": "ACCEPTED"}], {"1", "2"}), (["ACCEPTED"], {"2"}))


if __name__ == "__main__":
    unittest.main()
