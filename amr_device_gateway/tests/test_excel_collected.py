import base64
from datetime import datetime
from decimal import Decimal

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.amr_metering.estate_book import read_book, write_book
from odoo.addons.amr_metering.importers.export import ArchiveRows

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestExcelCollected(GatewayCommon):
    """Row 181: how meters report comes and goes with the archive's workbook."""

    def _import(self, **rows):
        data = base64.b64encode(write_book(rows))
        record = self.env["amr.excel.import"].create({"file": data})
        record.action_check()
        record.action_import()
        return record

    def test_collector_port_and_item_come_and_go_with_the_workbook(self):
        self._room("0102")
        self._room("0103")
        place = {"community": self.community.name, "building": self.building.name}
        common = {
            **place,
            "model": self.meter_model.name,
            "date_from": datetime(2026, 1, 5),
            "start_index": Decimal(0),
        }
        collected = {
            "nb_collector": "yes",
            "collector_no": "10000138541",
            "collector_port": "1",
            "read_item": "正向有功总电能",
        }
        rows = [
            {**common, "number": "880000000001", "room": "0102", **collected},
            {
                **common,
                "number": "880000000002",
                "room": "0103",
                "radio_id": "8637-0303 0668235",
            },
        ]
        record = self._import(meters=rows)
        self.assertFalse(record.problem_ids.mapped("reason"))
        both = self.env["amr.meter"].search([("number", "like", "88000000000%")])
        first, second = both.sorted("number")
        self.assertTrue(first.nb_collector)
        self.assertEqual(
            (first.collector_no, first.collector_port, first.read_item),
            ("10000138541", "1", "正向有功总电能"),
        )
        self.assertEqual(second.radio_id, "863703030668235")
        self.assertFalse(self._import(meters=rows).good_count)

        book = write_book(ArchiveRows(self.community).sheets())
        found = {
            str(row.values["number"]): row.values
            for row in read_book(book, 1000)[0]["meters"]
        }
        self.assertLessEqual(collected.items(), found[first.number].items())
        self.assertEqual(found[second.number]["radio_id"], second.radio_id)
        self.assertNotIn("nb_collector", found[second.number])

        rows = [{**rows[0], "number": "880000000003", "room": "0103", "ordinal": 2}]
        with mute_logger("odoo.sql_db"):
            problem = self._import(meters=rows).problem_ids
        self.assertIn("this port of the collector", problem.reason)
