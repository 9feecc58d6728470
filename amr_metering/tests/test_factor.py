from datetime import date, datetime

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_metering.tools import span_usage_sql

from .common import MeteringCommon

MONTH = {
    "month": (SQL("date_trunc('month', now)"), SQL("now"), "2 days", "31 days"),
    "last": (
        SQL("date_trunc('month', now) - INTERVAL '1 month'"),
        SQL("date_trunc('month', now)"),
        "2 days",
        "2 days",
    ),
}


@tagged("post_install", "-at_install")
class TestFactor(MeteringCommon):
    """A new ratio makes no figure of the past another (decision 0020)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # February 60, March 30 up to the 16th
        cls._daily({(2, 1): 10, (3, 1): 70, (3, 15): 98, (3, 16): 100})

    @classmethod
    def _daily(cls, indexes):
        cls._ingest(
            *(
                cls._row(
                    index,
                    str(cls.community._local_midnight(date(2026, *day))),
                    kind="daily",
                )
                for day, index in indexes.items()
            )
        )

    def _sum(self, model, month):
        rows = self.env[model].search(
            [("meter_id", "=", self.meter.id), ("month", "=", month)]
        )
        return sum(dec(row.usage) for row in rows)

    def _spans(self):
        rows = self.env.execute_query(
            span_usage_sql(
                SQL("(SELECT %s)", self.meter.id), MONTH, datetime(2026, 3, 20)
            )
        )
        return {name: usage for __, __, name, usage in rows}

    def _days(self):
        usage = self.meter._daily_usage(date(2026, 2, 1), date(2026, 4, 1))
        return [(day.day, str(value)) for day, value in usage[self.meter.id]]

    def _assert_past(self):
        for model in ("amr.usage.month", "amr.usage.matrix"):
            self.assertEqual(self._sum(model, "2026-02-01"), 60, model)
        self.assertEqual(self._spans()["last"], 60)
        self.assertEqual(self._days()[0], (15, "2.000"))

    def test_a_past_month_stays_when_the_ratio_changes(self):
        self._assert_past()
        self.meter.current_ratio = 30
        self._assert_past()
        self._daily({(3, 17): 103, (4, 1): 110})
        self._assert_past()
        for model in ("amr.usage.month", "amr.usage.matrix"):
            # 30 with the factor of then, 10 × 30 from the reading on
            self.assertEqual(self._sum(model, "2026-03-01"), 330, model)
        self.assertEqual(self._days(), [(15, "2.000"), (16, "90.000")])
        day = self.env["amr.usage.day"].search(
            [("meter_id", "=", self.meter.id), ("day", "=", "2026-03-16")]
        )
        self.assertEqual((day.factor, day.usage), (30, 90))

    def test_the_meter_goes_on_where_it_was_read(self):
        self.meter.current_ratio = 30
        old, new = self.meter.installation_ids.sorted("date_from")
        self.assertEqual((old.factor, new.factor), (1, 30))
        self.assertEqual((old.end_index, new.start_index), (100, 100))
        self.assertEqual(old.date_to, new.date_from)
        self.assertEqual((self.meter.point_id, new.point_id), (self.point, self.point))
        # twice without a reading between: there is nothing the 30 was in force for
        self.meter.current_ratio = 40
        self.assertEqual(new.factor, 40)
        self.assertEqual(len(self.meter.installation_ids), 2)

    def test_a_day_with_two_factors_is_measured_in_two_parts(self):
        self._ingest(self._row(104, "2026-03-16 04:00:00"))
        self.meter.current_ratio = 30
        self._daily({(3, 17): 105})
        self.assertEqual(self._days()[-1], (16, "34.000"))

    def test_an_hour_with_two_factors_is_measured_in_two_parts(self):
        def hour(index, at):
            return self._row(index, at, kind="hourly")

        self._ingest(hour(101, "2026-03-16 01:00:00"), hour(102, "2026-03-16 02:00:00"))
        self._ingest(self._row(104, "2026-03-16 02:30:00"))
        self.meter.current_ratio = 30
        self._ingest(hour(105, "2026-03-16 03:00:00"), hour(106, "2026-03-16 04:00:00"))
        rows = self.env["amr.interval.usage"].search(
            [("meter_id", "=", self.meter.id)], order="read_at"
        )
        self.assertEqual([row.usage for row in rows], [False, 1, 32, 30])
        self.assertEqual([row.factor for row in rows], [1, 1, 30, 30])

    def test_a_meter_that_was_not_read_takes_the_ratio_at_once(self):
        __, fresh = self._install("990000000002", self._room("0102"))
        fresh.current_ratio = 30
        self.assertEqual(fresh.installation_ids.factor, 30)

    def test_nobody_moves_the_seam(self):
        self.meter.current_ratio = 30
        __, new = self.meter.installation_ids.sorted("date_from")
        with self.assertRaises(UserError):
            new.start_index = 90
        with self.assertRaises(UserError):
            new.unlink()
        admin = self._operator("factor_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            new.with_user(admin).factor = 1
        self.meter.with_user(admin).current_ratio = 50
        self.assertEqual(new.factor, 50)

    def test_the_reading_at_the_seam_is_not_put_aside(self):
        seam = self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("index", "=", 100)]
        )
        seam.action_put_aside()
        seam.action_accept()
        self.meter.current_ratio = 30
        with self.assertRaisesRegex(UserError, "replace the meter"):
            seam.action_put_aside()
        self.assertEqual(seam.quality, "ok")

    def test_no_other_hour_is_accepted_at_the_seam(self):
        at = "2026-03-20 03:00:00"
        self._ingest(self._row(120, at, kind="hourly"))
        self.meter.current_ratio = 30
        self._ingest(self._row(119, at, kind="hourly"))
        held = self.env["amr.interval"].search(
            [("meter_id", "=", self.meter.id), ("quality", "=", "suspect")]
        )
        self.assertEqual(held.index, 119)
        with self.assertRaisesRegex(UserError, "replace the meter"):
            held.action_accept()

    def test_no_other_index_is_accepted_at_the_seam(self):
        self.meter.current_ratio = 30
        self._daily({(3, 16): 99})
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("state", "=", "open")]
        )
        rival = exception._get_suspects()
        self.assertEqual(rival.index, 99)
        for held in (rival, exception):
            with self.assertRaisesRegex(UserError, "replace the meter"):
                held.action_accept()
        self.assertFalse(rival.quality == "ok")
        exception.action_put_aside()
