from datetime import datetime, timedelta

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_metering.models.interval_sql import HOLDING_SQL

from .common import HoursCommon


@tagged("post_install", "-at_install")
class TestIntervalRules(HoursCommon):
    """What is odd about an hour is decided by the rules, as it is about a reading."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False

    def _calm(self, hours=48, start="2026-03-01 01:00:00", **kwargs):
        """Two days of one unit an hour, from 100 on."""
        self._ingest(*self._hours(*range(100, 100 + hours), start=start, **kwargs))

    def _after(self, hours=48):
        return str(datetime(2026, 3, 1, 1) + timedelta(hours=hours))

    def _raised(self, **vals):
        return self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id)]
            + [(name, "=", value) for name, value in vals.items()]
        )

    def _held(self):
        return self._stored().filtered(lambda hour: hour.quality == "suspect")

    def test_a_wild_hour_is_held_back_and_raised_once(self):
        self._calm()
        self._ingest(*self._hours(950, start=self._after()))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(950)])
        self.assertEqual(self.meter.latest_index, 147)
        self.assertNotIn(950, self._usage().mapped("index"))
        exception = self._raised()
        self.assertEqual((exception.kind, exception.state), ("hour_spike", "open"))
        self.assertIn("803 kWh", exception.reason)
        self.assertIn("2026-03-03 09:00", exception.reason)
        self.assertEqual(exception.verdict_ids.before_index, 147)

    def test_the_next_right_hour_is_not_judged_against_the_wild_one(self):
        """It answers the exception, which nobody has to close."""
        self._calm()
        self._ingest(*self._hours(950, start=self._after()))
        self._ingest(*self._hours(149, 150, start=self._after(49)))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(950)])
        self.assertEqual(self._usage()[-2].usage, 2)
        self.assertEqual(self.meter.latest_index, 150)
        self.assertEqual(self._raised().mapped("state"), ["resolved"])
        self.assertIn("149", self._raised().resolution)

    def test_a_right_hour_answers_in_the_same_delivery(self):
        self._calm()
        self._ingest(*self._hours(950, 149, 150, start=self._after()))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(950)])
        self.assertEqual(self._raised().mapped("state"), ["resolved"])

    def test_an_hour_that_went_back_is_answered_by_the_next_right_one(self):
        self._ingest(*self._hours(100, 101))
        self._ingest(*self._hours(90, start="2026-03-01 03:00:00"))
        self.assertEqual(self._raised().mapped("state"), ["open"])
        self._ingest(*self._hours(102, start="2026-03-01 04:00:00"))
        self.assertEqual(self._raised().mapped("state"), ["resolved"])

    def test_the_hours_of_a_bad_day_are_one_exception(self):
        self._calm()
        self._ingest(*self._hours(*range(950, 960), start=self._after()))
        exception = self._raised()
        self.assertEqual(len(self._held()), 10)
        self.assertEqual((len(exception), exception.suspect_count), (1, 10))
        self.assertEqual(len(exception.verdict_ids), 10)
        self.assertEqual(len(exception.reason.split("\n")), 1, exception.reason)
        self.assertIn("10 hours", exception.reason)

    def test_the_register_cannot_reach_the_seam_of_a_factor(self):
        self._calm()
        self._ingest(*self._hours(950, start=self._after()))
        self.meter.current_ratio = 30
        seam = self.meter.installation_ids.filtered(lambda one: not one.date_to)
        self.assertEqual((seam.start_index, seam.factor), (147, 30))

    def test_the_rule_is_switched_by_community(self):
        rule = self.env.ref("amr_metering.vee_rule_hour_spike")
        mine = rule.copy({"active": False, "community_id": self.community.id})
        self._calm()
        self._ingest(*self._hours(950, start=self._after()))
        self.assertFalse(self._raised())
        self.assertEqual(self.meter.latest_index, 950)
        mine.write({"active": True, "severity": "exception"})
        self._ingest(*self._hours(2950, start=self._after(49)))
        self.assertEqual(self._raised().mapped("kind"), ["hour_spike"])
        self.assertEqual(self.meter.latest_index, 2950, "used and raised")

    def test_an_hour_that_goes_back_is_switched_by_utility(self):
        rule = self.env.ref("amr_metering.vee_rule_negative")
        rule.copy({"severity": "exception", "utility_id": self.electricity.id})
        self._ingest(*self._hours(100, 90))
        self.assertFalse(self._held())
        self.assertEqual(self._raised().mapped("kind"), ["negative"])

    def test_an_hour_above_the_normal_use_of_a_month(self):
        self.tariff.version_ids.normal_max = 300
        self.env.ref("amr_metering.vee_rule_hour_spike").active = False
        self._ingest(*self._hours(100, 401, 101))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(401)])
        self.assertEqual(self._raised().kind, "high")

    def test_without_a_past_the_least_use_stands_for_the_average(self):
        self._ingest(*self._hours(0, 601, 1, 500))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(601)])

    def test_a_busy_meter_may_use_much(self):
        """A shop behind transformers: twenty times its own average is the limit."""
        self.meter.current_ratio = 60
        self._ingest(*self._hours(*range(48)))
        self._ingest(*self._hours(67, 87, 108, start=self._after()))
        self.assertFalse(self._held())

    def test_hours_after_a_gap_are_measured_by_its_length(self):
        self._calm()
        self._ingest(*self._hours(500, start=self._after(72)))
        self.assertFalse(self._held())

    def test_the_least_use_after_a_gap_is_by_the_hour(self):
        """A vacant flat used 31 units while the line was down for three days."""
        self._ingest(*self._hours(*[100] * 48))
        self._ingest(*self._hours(131, start=self._after(120)))
        self.assertFalse(self._held())
        self._ingest(*self._hours(800, start=self._after(121)))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(800)])

    def test_an_hour_needs_a_least_use_to_be_wild(self):
        """With 0 a meter without a past would be held back for ever."""
        rule = self.env.ref("amr_metering.vee_rule_hour_spike")
        for name in ("least", "limit_value"):
            with self.assertRaisesRegex(ValidationError, "above 0"):
                rule[name] = 0

    def test_the_average_is_that_of_the_days_before(self):
        """The past of another year, or of another place, says nothing."""
        self._calm(24, start="2026-02-01 01:00:00")
        self._ingest(*self._hours(*range(1000, 1480, 10)))
        self._ingest(*self._hours(1650, start=self._after()))
        self.assertFalse(self._held())
        self._ingest(*self._hours(1950, start=self._after(49)))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(1950)])

    def test_an_overhauled_meter_begins_anew_by_the_hour(self):
        self._ingest(*self._hours(5000, 5001))
        self._overhaul(0)
        self._ingest(*self._hours(1, 2, start="2026-03-01 03:00:00"))
        self.assertFalse(self._held())
        self.assertEqual(self._usage()[-2:].mapped("usage"), [1, 1])
        # late ones of before are not contradicted by what it shows since
        self._ingest(*self._hours(5000.5, start="2026-03-01 01:30:00"))
        self.assertFalse(self._held())

    def _overhaul(self, start_index):
        """Put the meter in anew at 2:30, showing ``start_index``."""
        moment = datetime(2026, 3, 1, 2, 30)
        self.meter.installation_ids.write({"date_to": moment, "end_index": 5001})
        self.env["amr.installation"].create(
            {
                "meter_id": self.meter.id,
                "point_id": self.point.id,
                "date_from": moment,
                "start_index": start_index,
            }
        )

    def _rate(self, *indexes, **kwargs):
        return [{**row, "register": "t1"} for row in self._hours(*indexes, **kwargs)]

    def test_the_rates_of_an_overhauled_meter_begin_anew_by_the_hour(self):
        self._ingest(*self._hours(5000, 5001), *self._rate(4000, 4001))
        self._overhaul(0)
        after = {"start": "2026-03-01 03:00:00"}
        self._ingest(*self._hours(1, 2, **after), *self._rate(0.5, 1, **after))
        self._ingest(*self._rate(1.5, start="2026-03-01 05:00:00"))
        self.assertFalse(self._held())

    def test_the_rates_of_a_meter_put_in_as_it_was_go_on_by_the_hour(self):
        self._ingest(*self._hours(5000, 5001), *self._rate(4000, 4001))
        self._overhaul(5001)
        self._ingest(*self._rate(1, start="2026-03-01 03:00:00"))
        self.assertEqual([dec(hour.index) for hour in self._held()], [dec(1)])

    def test_what_was_held_back_is_not_the_freeze_of_midnight(self):
        self._calm(47, start="2026-03-01 16:00:00")
        self._ingest(*self._hours(950, 147, start="2026-03-03 16:00:00"))
        freezes = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(
            [dec(freeze.index) for freeze in freezes], [dec(124), dec(100)]
        )
        self.assertEqual(self._held().read_at, datetime(2026, 3, 3, 16))

    def test_the_freeze_of_midnight_is_judged_with_the_freezes_beside_it(self):
        """However hours and freezes come in together."""
        self.tariff.version_ids.normal_max = 300
        freeze = self._row(100, "2026-02-28 16:00:00", kind="daily")
        hours = self._hours(300, 550, start="2026-03-01 15:00:00")
        result = self._ingest(freeze, *hours)
        self.assertEqual((result.inserted, result.duplicates), (3, 0))
        high = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])[0]
        self.assertEqual((high.index, high.quality), (550, "suspect"))
        again = self._ingest(freeze, *hours)
        self.assertEqual((again.inserted, again.duplicates), (0, 3))

    def test_a_midnight_told_twice_is_one_new_row(self):
        hour = self._hours(100, start="2026-03-01 16:00:00")
        result = self._ingest(*hour, *hour)
        self.assertEqual((result.inserted, result.duplicates), (1, 1))
        freeze = self._row(101, "2026-03-02 16:00:00", kind="daily")
        result = self._ingest(freeze, *self._hours(101, start="2026-03-02 16:00:00"))
        self.assertEqual((result.inserted, result.duplicates), (2, 0))

    def test_what_exceptions_hold_back_is_looked_up_hour_by_hour(self):
        """Never by a scan of all hours, whatever the planner thinks it costs."""
        for way in ("seqscan", "nestloop", "bitmapscan"):
            self.env.cr.execute(f"SET LOCAL enable_{way} = off")
        self.env.cr.execute(
            f"EXPLAIN SELECT * FROM amr_exception WHERE id IN {HOLDING_SQL}"
        )
        plan = "\n".join(row[0] for row in self.env.cr.fetchall())
        self.assertIn("Index Cond: ((meter_id = v.meter_id)", plan)

    def test_the_same_bad_delivery_again_changes_nothing(self):
        self._calm()
        rows = self._hours(950, 951, start=self._after())
        self._ingest(*rows)
        exception = self._raised()
        before = exception.reason, exception.found_count
        again = self._ingest(*rows)
        self.assertEqual((again.inserted, again.suspects), (0, 0))
        self.assertEqual((exception.reason, exception.found_count), before)
        self.assertEqual(len(self._raised()), 1)
