from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestReadEntry(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._ingest(
            cls._row(100, "2026-01-02 00:00:00"), cls._row(160, "2026-02-01 00:00:00")
        )
        cls.point2, cls.meter2 = cls._install("990000000002", cls._room("0102"))
        cls.reader = cls._operator("amr_reader", "amr_base.group_reader")

    def _round(self):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        task.action_start()
        lines = {line.meter_id: line.with_user(self.reader) for line in task.line_ids}
        return task, lines[self.meter], lines[self.meter2]

    def _sheet(self, task=None):
        lines = self.env["amr.read.task.line"].with_user(self.reader)
        return lines.get_entry_sheet(task.id if task else None)["lines"]

    @freeze_time("2026-02-11 00:00:00")
    def test_the_sheet_tells_previous_index_and_what_is_expected(self):
        self.tariff.version_ids.normal_max = 500
        task, *_lines = self._round()
        first, second = self._sheet(task)
        self.assertEqual(first["place"], "Golden Delta Building 1 0101")
        self.assertEqual(first["previous_index"], "160.000")
        self.assertEqual(float(first["per_day"]), 2)  # 60 in 30 days
        self.assertEqual((first["days"], first["digits"]), (10, 6))
        self.assertEqual(float(first["normal_max"]), 500)
        self.assertEqual(first["customer"], "Zhang San")
        self.assertEqual((second["per_day"], second["previous_index"]), (None, "0.000"))

    def test_an_index_is_taken_at_once_and_only_once(self):
        task, line, _second = self._round()
        result = line.enter(" 200.5 ")
        self.assertEqual((result["state"], result["usage"]), ("done", 40.5))
        self.assertEqual(self.meter.latest_index, 200.5)
        self.assertEqual(line.sudo().reading_id.source, "manual")
        # the answer was lost, the phone sends again; another browser says otherwise
        self.assertEqual(line.enter("200.50")["state"], "done")
        self.assertEqual(self.meter.reading_count, 3)
        with self.assertRaisesRegex(UserError, "read already"):
            line.enter("201")
        self.assertEqual([row["meter"] for row in self._sheet(task)], ["990000000002"])

    def test_zero_is_an_index(self):
        _task, _line, second = self._round()
        self.assertEqual(second.enter("0")["state"], "done")
        self.assertTrue(second.sudo().reading_id)
        self.assertEqual(self.meter2.state, "normal")
        self.assertEqual(second.sudo().reading_id.index, 0)

    def test_what_is_no_index_is_refused_with_a_sentence(self):
        _task, line, _second = self._round()
        for text in ("NaN", "inf", "-Infinity", "", "abc", "1e", None, "1 2", "--1"):
            with self.assertRaisesRegex(UserError, "is no index"):
                line.enter(text)
        for text in ("-1", "1000000", "1e300"):
            with self.assertRaisesRegex(UserError, "6 figures"):
                line.enter(text)
        with self.assertRaisesRegex(UserError, "three decimals"):
            line.enter("1.2345")
        self.assertEqual(line.sudo().state, "manual")

    def test_an_odd_index_is_kept_as_suspect(self):
        _task, line, _second = self._round()
        result = line.enter("90")
        self.assertTrue(result["suspect"])
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "negative")]
        )
        self.assertEqual(len(exception), 1)

    def test_a_late_sending_keeps_the_time_of_reading(self):
        """The phone had no network for an hour; its own clock does not matter."""
        with freeze_time("2026-03-01 08:00:00"):
            _task, line, second = self._round()
        with freeze_time("2026-03-01 10:00:00"):
            line.enter("200", age=3600)
            second.enter("5", age=1e9)  # older than the task: it began at 08:00
        self.assertEqual(str(line.sudo().read_at), "2026-03-01 09:00:00")
        self.assertEqual(str(second.sudo().read_at), "2026-03-01 08:00:00")

    def test_a_reading_by_eye_is_no_freeze(self):
        """What somebody reads at noon is not the index of midnight."""
        task = self.env["amr.read.task"].create(
            {
                "scope": "community",
                "community_id": self.community.id,
                "kind": "daily",
            }
        )
        task.action_start()
        line = task.line_ids.filtered(lambda one: one.meter_id == self.meter)
        line.enter("200")
        self.assertEqual(line.reading_id.kind, "spot")

    def test_a_meter_that_cannot_be_read_is_an_exception(self):
        task, line, _second = self._round()
        line.report_unreadable("No access")
        self.assertEqual(
            (line.sudo().state, line.sudo().error), ("missing", "No access")
        )
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "missing")]
        )
        self.assertIn("No access", exception.reason)
        self.assertFalse(self.meter.comm_fault_since)
        with self.assertRaisesRegex(UserError, "Say why"):
            line.report_unreadable(" ")
        line.enter("170")
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(task.done_count, 1)

    def test_the_order_that_was_walked_is_kept(self):
        task, line, second = self._round()
        (second | line).remember_order()
        self.assertEqual(
            [row["meter"] for row in self._sheet(task)],
            ["990000000002", "990000000001"],
        )

    def test_the_round_shows_each_meter_once_and_only_in_scope(self):
        self._round()
        self._round()
        self.assertEqual(len(self._sheet()), 2)
        stranger = self._operator(
            "amr_stranger", "amr_base.group_reader", self.other_community
        )
        lines = self.env["amr.read.task.line"].with_user(stranger)
        self.assertFalse(lines.get_entry_sheet()["lines"])
        task = self.env["amr.read.task"].search([], limit=1)
        sheet = lines.get_entry_sheet(task.id)
        self.assertFalse(sheet["lines"])
        self.assertNotIn(task.name, sheet["title"])
        _task, line, _second = self._round()
        for call in (
            lambda: line.with_user(stranger).enter("200"),
            lambda: line.with_user(stranger).report_unreadable("x"),
            lambda: line.with_user(stranger).remember_order(),
        ):
            with self.assertRaises(AccessError):
                call()
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        with self.assertRaises(AccessError):
            line.with_user(clerk).enter("200")

    def test_a_meter_nobody_goes_to_is_not_forgotten(self):
        """Promise I10: after a month it is an exception."""
        task, line, _second = self._round()
        task.sudo().started_at = fields.Datetime.now() - timedelta(days=32)
        self.env["amr.read.task"]._give_up_forgotten(fields.Datetime.now())
        self.assertEqual(line.sudo().state, "missing")
        exceptions = self.env["amr.exception"].search(
            [("meter_id", "in", (self.meter | self.meter2).ids)]
        )
        self.assertEqual(exceptions.mapped("kind"), ["missing", "missing"])


@tagged("post_install", "-at_install")
class TestEntryTour(MeteringCommon, HttpCase):
    def test_a_building_is_typed_in_without_a_mouse(self):
        """Indexes with Enter and Tab; a wild one is held back with its reason."""
        self._ingest(
            self._row(100, "2026-01-02 00:00:00"), self._row(160, "2026-02-01 00:00:00")
        )
        meters = self.meter
        for number in (2, 3, 4):
            place = self._room(f"010{number}")
            meters |= self._install(f"99000000000{number}", place)[1]
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        task.action_start()
        reader = self._operator("amr_reader", "amr_base.group_reader")
        reader.lang = False
        self.env.flush_all()
        url = "/odoo/action-amr_metering.amr_reading_round_action"
        self.start_tour(url, "amr_metering_entry", login=reader.login)
        self.env.invalidate_all()
        self.assertEqual(meters.mapped("latest_index"), [160, 12.5, 7, 0])
        held = task.line_ids.filtered(lambda line: line.quality == "suspect")
        self.assertEqual((held.meter_id, held.reading_id.index), (self.meter, 90))
        exception = held.reading_id.verdict_ids.exception_id
        self.assertEqual((exception.kind, exception.state), ("negative", "open"))
        self.assertEqual(task.state, "done")
