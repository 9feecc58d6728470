from datetime import datetime

from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.amr_metering.tools import span_usage_sql

from .common import MeteringCommon

SPANS = {
    "day": (
        SQL("today - INTERVAL '1 day'"),
        SQL("today"),
        "3 hours",
        "3 hours",
    )
}


@tagged("post_install", "-at_install")
class TestSpanUsage(MeteringCommon):
    """Use of 10 March, local time, when the meter was replaced at noon."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        __, cls.new = cls._install("990000000002", cls._room("0102"))
        cls.new.installation_ids.unlink()

    def _replace(self, closing=50, opening=3):
        self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": "2026-03-10 04:00:00",
                "closing_index": closing,
                "new_meter_id": self.new.id,
                "opening_index": opening,
                "reason": "broken display",
            }
        ).action_replace()

    def _usage(self):
        rows = self.env.execute_query(
            span_usage_sql(
                SQL("(SELECT %s)", self.new.id), SPANS, datetime(2026, 3, 11, 4)
            )
        )
        return [(name, usage) for __, __, name, usage in rows]

    def _end(self, index):
        self._ingest(self._row(index, "2026-03-10 16:00:00", self.new))

    def test_both_parts_were_read_at_both_ends(self):
        self._ingest(self._row(40, "2026-03-09 16:00:00"))
        self._replace()
        self._end(8)
        self.assertEqual(self._usage(), [("day", 15)])

    def test_what_was_read_in_the_span_begins_the_earlier_part(self):
        """Too late for the slack of three hours, but measured."""
        self._ingest(self._row(30, "2026-03-05 16:00:00"))
        self._ingest(self._row(46, "2026-03-10 01:00:00"))
        self._replace()
        self._end(8)
        self.assertEqual(self._usage(), [("day", 9)])

    def test_what_was_known_shortly_before_begins_the_earlier_part(self):
        self._ingest(self._row(41, "2026-03-09 15:00:00"))
        self._replace()
        self._end(8)
        self.assertEqual(self._usage(), [("day", 14)])

    def test_an_opening_index_begins_the_earlier_part(self):
        for since, used in (
            ("2026-03-09 15:00:00", 55),  # shortly before
            ("2026-03-09 16:00:00", 55),  # at midnight itself
            ("2026-03-09 18:00:00", 55),
        ):
            with self.subTest(since), self.cr.savepoint() as savepoint:
                self.meter.installation_ids.date_from = since
                self._replace()
                self._end(8)
                self.assertEqual(self._usage(), [("day", used)])
                savepoint.rollback()
                self.env.invalidate_all()

    def test_use_of_days_before_is_no_use_of_this_day(self):
        self._ingest(self._row(10, "2026-03-01 16:00:00"))
        self._replace()
        self._end(8)
        self.assertEqual(self._usage(), [("day", 5)])

    def test_an_earlier_part_counts_although_the_new_meter_was_not_read(self):
        self._ingest(self._row(40, "2026-03-09 16:00:00"))
        self._replace()
        self.assertEqual(self._usage(), [("day", 10)])
