from datetime import datetime, timedelta
from decimal import Decimal

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import MeteringCommon

NONSENSE = (Decimal("NaN"), Decimal("Infinity"), float("nan"), Decimal("-0.001"), None)
WILD = ("9999-12-31 23:00:00", "1999-01-01 00:00:00", "0001-01-01 00:00:00")


@tagged("post_install", "-at_install")
class TestRefused(MeteringCommon):
    """One row that cannot be a reading keeps no other out, at no door."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False
        __, cls.other = cls._install("990000000002", cls._room("0102"))

    def _exceptions(self, meter=None):
        return self.env["amr.exception"].search(
            [("meter_id", "=", (meter or self.meter).id), ("kind", "=", "refused")]
        )

    def _refused(self):
        return self.env["amr.refused.reading"].search([])

    def _partitions(self, table):
        self.env.cr.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass", (table,)
        )
        return self.env.cr.fetchone()[0]

    def test_no_index_drops_its_row_only_and_is_named(self):
        for kind in ("spot", "hourly"):
            for number, index in enumerate(NONSENSE):
                at = f"2026-01-0{number + 1} 01:00:00"
                bad = {**self._row(1, at, kind=kind), "index": index}
                good = self._row(number, at, self.other, kind=kind)
                result = self._ingest(bad, good)
                self.assertEqual((result.inserted, result.refused), (1, 1), index)
        self.assertEqual(len(self._refused()), 2 * len(NONSENSE))
        exception = self._exceptions()
        self.assertEqual(len(exception), 1)
        for text in ("990000000001: “NaN” of 2026-01-01 01:00:00", "“-0.001”"):
            self.assertIn(text, exception.reason)
        self.assertFalse(self._exceptions(self.other))
        self.assertEqual(self.meter.state, "not_enabled")

    def test_a_wild_stamp_makes_no_partitions_and_keeps_nothing_out(self):
        before = self._partitions("amr_interval")
        good = self._row(7, "2026-03-01 01:00:00", kind="hourly")
        wild = [self._row(9, at, kind="hourly") for at in WILD]
        result = self._ingest(*wild, good)
        self.assertEqual((result.inserted, result.refused), (1, len(WILD)))
        self.assertLessEqual(self._partitions("amr_interval"), before + 1)
        exception = self._exceptions()
        self.assertIn("9999-12-31 23:00:00 (UTC), which cannot be", exception.reason)
        self.assertIn("Rows left out: 3.", exception.reason)
        action = exception.action_open_refused()
        kept = self.env["amr.refused.reading"].search(action["domain"])
        self.assertEqual(set(kept.mapped("stamp")), set(WILD))
        self.assertEqual(set(kept.mapped("why")), {"time"})

    def test_partitions_are_made_for_months_that_occur(self):
        """A row of ten years ago and one of today: two months, not a hundred."""
        self._ingest(self._row(5, "2026-03-01 01:00:00", kind="hourly"))
        before = self._partitions("amr_interval")
        self._ingest(
            self._row(1, "2008-05-01 01:00:00", kind="hourly"),
            self._row(6, "2026-03-01 02:00:00", kind="hourly"),
        )
        self.assertEqual(self._partitions("amr_interval"), before + 1)

    def test_readings_obey_the_same_limits(self):
        now = fields.Datetime.now()
        result = self._ingest(
            *[self._row(9, at) for at in WILD],
            self._row(7, "2026-03-01 01:00:00"),
            self._row(8, str(now + timedelta(days=40))),
            self._row(8, str(now - timedelta(days=366 * 20))),
            self._row(9, str(now + timedelta(days=20)), self.other),
        )
        self.assertEqual((result.inserted, result.refused), (2, 5))
        self.assertEqual(self.meter.latest_index, 7)
        future = self.env["amr.exception"].search([("meter_id", "=", self.other.id)])
        self.assertEqual(future.kind, "future")

    def test_the_same_row_again_is_kept_and_raised_once(self):
        bad = {**self._row(1, "2026-01-02 00:00:00"), "index": Decimal("NaN")}
        self._ingest(bad, dict(bad))
        exception = self._exceptions()
        self.assertEqual(len(self._refused()), 1)
        exception._settle("Seen.")
        self._ingest(bad)
        self.assertEqual(len(self._refused()), 1)
        self.assertEqual(self._exceptions(), exception)
        self.assertEqual(exception.state, "resolved")
        self._ingest({**bad, "read_at": datetime(2026, 1, 3)})
        self.assertEqual(len(self._exceptions()), 2)

    def test_a_dead_clock_is_counted_not_listed_for_ever(self):
        """The first and the last stamps, how often, and when last."""
        for day in range(1, 29):
            at = f"1999-01-{day:02} 00:00:00"
            self._ingest(*(self._row(1, at), self._row(2, at))[: 1 + day % 2])
        exception = self._exceptions()
        lines = exception.reason.split("\n")
        self.assertEqual(len(lines), 9)
        for line, day in ((0, "01"), (2, "03"), (4, "24"), (8, "28")):
            self.assertIn(f"1999-01-{day}", lines[line])
        self.assertEqual((lines[3], exception.found_count), ("…", 28))
        self.assertTrue(exception.last_found_at)
        self.assertEqual(len(self._refused()), 42, "each row is kept")

    def test_many_findings_of_one_delivery_are_told_as_shortly(self):
        self._ingest(self._row(100, "2026-01-01 00:00:00"))
        self._ingest(
            *(self._row(day, f"2026-01-{day:02} 00:00:00") for day in range(2, 31))
        )
        exception = self.env["amr.exception"].search([("kind", "=", "negative")])
        self.assertEqual(len(exception.reason.split("\n")), 9)
        self.assertEqual(exception.found_count, 29)
        self.assertEqual(len(exception.verdict_ids), 29)

    def test_an_address_finds_the_meter_of_a_refused_row(self):
        bad = {**self._row(-1, "2026-01-02 00:00:00"), "meter_id": None}
        self._ingest(
            {**bad, "address": self.meter.address}, {**bad, "address": "123456789012"}
        )
        self.assertTrue(self._exceptions())
        unknown = self.env["amr.exception"].search([("origin", "=", "123456789012")])
        self.assertEqual(unknown.kind, "refused")
        self.assertIn("Meter 123456789012: “-1”", unknown.reason)

    def test_snapshots_obey_the_same_limits(self):
        before = self._partitions("amr_snapshot")
        row = {"meter_id": self.meter.id, "voltage_a": Decimal("230.1")}
        taken = self.env["amr.snapshot"]._ingest(
            [
                {**row, "read_at": datetime(9999, 1, 1)},
                {**row, "read_at": datetime(2026, 3, 1)},
                {**row, "read_at": datetime(2026, 3, 2), "power": Decimal("NaN")},
                {**row, "read_at": datetime(2026, 3, 3), "power": Decimal("Infinity")},
                {**row, "read_at": datetime(2026, 3, 4), "power": Decimal("-1.5")},
            ]
        )
        self.assertEqual(taken, 2)
        self.assertLessEqual(self._partitions("amr_snapshot"), before + 1)
        self.assertEqual(len(self._refused()), 3)
        self.assertIn("230.1", self._refused()[0].content)
        self.assertEqual(len(self._exceptions()), 1)

    def test_a_read_task_does_not_tick_off_what_was_refused(self):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        for meter in self.meter | self.other:
            self.env["amr.read.task.line"].create(
                {"task_id": task.id, "meter_id": meter.id}
            )
        task.state = "running"
        at = "2026-01-02 00:00:00"
        rows = [
            {**self._row(1, at), "index": Decimal("NaN")},
            self._row(3, at, register="t1"),
            self._row(4, at, self.other),
        ]
        result = task._record_readings(rows)
        self.assertEqual((result.inserted, result.refused), (2, 1))
        mine = task.line_ids.filtered(lambda line: line.meter_id == self.meter)
        self.assertEqual((mine.state, mine.tries), ("pending", 1))
        self.assertIn("NaN at 2026-01-02 00:00:00 (UTC) is no reading", mine.error)
        self.assertEqual((task.done_count, task.state), (1, "running"))
        task._record_readings([self._row(5, "2026-01-02 00:05:00")])
        self.assertEqual((mine.state, mine.index, task.state), ("done", 5, "done"))

    def test_a_line_is_ticked_off_by_the_value_that_was_brought(self):
        self._ingest(self._row(5, "2026-01-02 00:00:00"))
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        self.env["amr.read.task.line"].create(
            {"task_id": task.id, "meter_id": self.meter.id}
        )
        task.state = "running"
        self._ingest(self._row(6, "2026-01-02 00:00:00"))  # a conflict, and newer
        task._record_readings([self._row(5, "2026-01-02 00:00:00")])
        self.assertEqual(task.line_ids.index, 5)

    def test_what_a_person_types_is_refused_at_once(self):
        for row in (
            self._row(-1, "2026-01-02 00:00:00"),
            self._row(1, "1999-01-02 00:00:00"),
        ):
            with self.assertRaisesRegex(UserError, "is no index|Correct the date"):
                self.env["amr.reading"]._ingest_typed([row])
        self.assertFalse(self._refused())

    def test_refused_rows_are_facts_of_their_community(self):
        self._ingest(self._row(-1, "2026-01-02 00:00:00"))
        kept = self._refused()
        mine = self._operator("refused_reader", "amr_base.group_reader")
        far = self._operator(
            "refused_far", "amr_base.group_reader", self.other_community
        )
        self.assertEqual(kept.with_user(mine).search([]), kept)
        self.assertFalse(kept.with_user(far).search([]))
        with self.assertRaises(AccessError):
            kept.with_user(mine).write({"value": "1"})
