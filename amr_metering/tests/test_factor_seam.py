from datetime import date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon

JUNE = date(2026, 6, 1)
QUICK = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# a day: how far the two registers went, and the ratio from its end on, if it changes
DAY = st.tuples(
    st.integers(0, 40), st.integers(0, 40), st.sampled_from((None, None, 1, 2, 30))
)


class SeamCommon(MeteringCommon):
    """A meter whose current transformers are exchanged."""

    def _at(self, day, hour=0):
        return self.community._local_midnight(day) + timedelta(hours=hour)

    def _read(self, at, meter=None, kind="spot", **indexes):
        """All registers at one moment."""
        return self._ingest(
            *(
                self._row(index, at.isoformat(" "), meter, kind=kind, register=register)
                for register, index in indexes.items()
            )
        )

    def _course(self, usages, meter=None, start=100, first=JUNE):
        """Daily freezes from the first day on, one more than days of use."""
        index = Decimal(start)
        self._read(self._at(first), meter, "daily", total=index)
        for number, usage in enumerate(usages, 1):
            index += Decimal(str(usage))
            day = first + timedelta(days=number)
            self._read(self._at(day), meter, "daily", total=index)
        return index

    def _judge(self, day):
        found = self.community._validate_day(day)
        return {(verdict.kind, verdict.meter_id): verdict for verdict in found}


@tagged("post_install", "-at_install")
class TestFactorSeam(SeamCommon):
    """Where a new factor begins, the meter goes on as the same one (decision 0020)."""

    # === Registers === #

    def test_every_register_is_known_where_a_new_factor_begins(self):
        self._read(self._at(JUNE), total=100, t1=40, t2=60)
        self._read(self._at(JUNE, 5), total=110)
        with self.assertRaisesRegex(UserError, "Read all registers at one time first"):
            self.meter.current_ratio = 30
        self.env.invalidate_all()
        self.assertEqual(self.meter.factor, 1)
        self.assertEqual(len(self.meter.installation_ids), 1)
        self._read(self._at(JUNE, 6), total=112, t1=48, t2=64)
        self.meter.current_ratio = 30
        parts = self.meter.installation_ids.sorted("date_from")
        self.assertEqual(parts.mapped("factor"), [1, 30])

    def test_registers_that_were_read_after_the_total_are_not_lost(self):
        self._read(self._at(JUNE, 5), t1=40)
        with self.assertRaisesRegex(UserError, "the total at never"):
            self.meter.current_ratio = 30

    def test_registers_of_an_hour_are_kept_as_readings(self):
        self._read(self._at(JUNE, 5), kind="hourly", total=100, t1=40, t2=60)
        self.meter.current_ratio = 30
        kept = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(
            {one.register: (one.index, one.kind) for one in kept},
            {"t1": (40, "spot"), "t2": (60, "spot")},
        )

    def test_the_registers_at_the_seam_stay(self):
        self._read(self._at(JUNE, 5), total=100, t1=40, t2=60)
        self.meter.current_ratio = 30
        self._read(self._at(JUNE, 5), t1=41)
        rival = self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("index", "=", 41)]
        )
        with self.assertRaisesRegex(UserError, "replace the meter"):
            rival.action_accept()
        used = self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("index", "=", 40)]
        )
        with self.assertRaisesRegex(UserError, "replace the meter"):
            used.action_put_aside()

    def test_hours_of_every_register_are_cut_at_the_seam(self):
        for hour, total in ((1, 100), (2, 102)):
            self._read(self._at(JUNE, hour), kind="hourly", total=total, t1=total / 2)
        seam = self._at(JUNE, 2) + timedelta(minutes=30)
        self._read(seam, total=104, t1=52)
        self.meter.current_ratio = 30
        self._read(self._at(JUNE, 3), kind="hourly", total=106, t1=53)
        hours = self.env["amr.interval.usage"].search(
            [("meter_id", "=", self.meter.id), ("read_at", "=", self._at(JUNE, 3))]
        )
        self.assertEqual(
            {one.register: one.usage for one in hours}, {"total": 62, "t1": 31}
        )

    def test_an_hour_that_begins_with_an_installation_is_whole(self):
        """Two ratios within one hour that begins at the first of them."""
        self._read(self._at(JUNE, 1), kind="hourly", total=100)
        self.meter.current_ratio = 10
        self._read(self._at(JUNE, 1) + timedelta(minutes=20), total=102)
        self.meter.current_ratio = 30
        self._read(self._at(JUNE, 2), kind="hourly", total=103)
        [hour] = self.env["amr.interval.usage"].search(
            [("meter_id", "=", self.meter.id), ("read_at", "=", self._at(JUNE, 2))]
        )
        self.assertEqual(hour.usage, 2 * 10 + 1 * 30)

    @QUICK
    @given(st.lists(DAY, min_size=2, max_size=5))
    def test_reports_add_up_each_difference_times_the_factor_then(self, days):
        with self.env.cr.savepoint() as savepoint:
            expected = self._live(days)
            self.assertEqual(self._reported(len(days)), expected)
            savepoint.rollback()
        self.env.invalidate_all()

    def _live(self, days):
        """Let days pass; return what reports should show: by day, in all, of T1."""
        t1, t2, factor = 0, 0, 1
        self._read(self._at(JUNE), kind="daily", total=0, t1=0, t2=0)
        self._read(self._at(JUNE), kind="hourly", total=0, t1=0, t2=0)
        by_day, peak = [], Decimal(0)
        for number, (first, second, ratio) in enumerate(days, 1):
            t1, t2 = t1 + first, t2 + second
            by_day.append(Decimal(factor * (first + second)))
            peak += factor * first
            at = self._at(JUNE + timedelta(days=number))
            self._read(at, kind="hourly", total=t1 + t2, t1=t1, t2=t2)
            if ratio:
                self.meter.current_ratio = factor = ratio
        return by_day, sum(by_day), sum(by_day), sum(by_day), peak

    def _reported(self, count):
        mine = [("meter_id", "=", self.meter.id)]
        usage = self.meter._daily_usage(JUNE, JUNE + timedelta(days=count))
        days = self.env["amr.usage.day"].search([*mine, ("day", ">=", JUNE)])
        by_day = {}
        for row in days.filtered("end_at"):
            by_day[row.day] = by_day.get(row.day, Decimal(0)) + dec(row.usage)
        self.assertEqual(
            by_day, {day: value for day, value in usage[self.meter.id]}, "two reports"
        )

        def total(model, **context):
            Model = self.env[model].with_context(**context)
            domain = [*mine, ("month", "=", "2026-06-01")]
            return sum(dec(row.usage) for row in Model.search(domain))

        hours = self.env["amr.interval.usage"].search([*mine, ("register", "=", "t1")])
        return (
            [value for _day, value in usage[self.meter.id]],
            total("amr.usage.month"),
            total("amr.usage.matrix"),
            total("amr.usage.range", date_from="2026-06-01", date_to="2026-06-30"),
            sum(dec(hour.usage) for hour in hours),
        )

    # === At the door === #

    def test_what_comes_in_late_is_judged_by_the_factor_of_then(self):
        self.tariff.version_ids.normal_max = 100
        self._read(self._at(JUNE), total=10)
        self._read(self._at(date(2026, 6, 21)), total=100)
        self.meter.current_ratio = 30
        self._read(self._at(date(2026, 6, 11)), kind="daily", total=60)
        self.assertFalse(self._get_high(), "50, not 1,500")
        self._read(self._at(date(2026, 6, 26)), total=104)
        self.assertEqual(dec(self._get_high().usage), 4 * 30)

    def _get_high(self):
        self.meter.invalidate_recordset()
        return self.meter.verdict_ids.filtered(lambda one: one.kind == "high")

    # === Rules of the night === #

    def test_the_month_of_a_change_is_not_too_high(self):
        self.tariff.version_ids.write({"normal_min": 10, "normal_max": 100})
        index = self._course([3] * 20)
        self.meter.current_ratio = 30
        self._course([0.1] * 5, start=index, first=date(2026, 6, 21))
        self.assertFalse(self._judge(date(2026, 6, 25)), "60 and 15, not 2,250")
        self._course([1], start=index + Decimal("0.5"), first=date(2026, 6, 26))
        verdict = self._judge(date(2026, 6, 26))["high", self.meter]
        self.assertEqual(dec(verdict.usage), 60 + 15 + 30)

    def test_a_day_is_compared_with_what_the_days_before_really_used(self):
        index = self._course([30] * 20)
        self.meter.current_ratio = 30
        self._course([7, 1], start=index, first=date(2026, 6, 21))
        verdict = self._judge(date(2026, 6, 21))["spike", self.meter]
        self.assertEqual((dec(verdict.usage), dec(verdict.limit_value)), (210, 30))

    def test_a_master_whose_ratio_changed_is_compared_with_its_subs(self):
        point, master = self._install("990000000040", self._room("0141"))
        point.kind = "master"
        self.point.parent_id = point
        self._course([30] * 7)
        index = self._course([30] * 4, master)
        master.current_ratio = 30
        self._course([1] * 3, master, index, date(2026, 6, 5))
        self.assertFalse(self._judge(date(2026, 6, 7)))

    def test_use_at_a_vacant_point_counts_on_over_a_new_factor(self):
        index = self._course([4] * 6)
        self.agreement.date_to = self._at(date(2026, 6, 4))
        self.meter.current_ratio = 30
        self._course([1], start=index, first=date(2026, 6, 7))
        verdict = self._judge(date(2026, 6, 7))["vacant", self.meter]
        self.assertEqual(dec(verdict.usage), 3 * 4 + 30)

    def test_tests_before_the_first_agreement_stay_known_over_a_new_factor(self):
        point, meter = self._install("990000000050", self._room("0150"), 2)
        self._course([3, 0], meter, start=2)
        meter.current_ratio = 30
        self._course([1, 0], meter, start=5, first=date(2026, 6, 3))
        self._agree(point, date_from=self._at(date(2026, 6, 4)))
        verdict = self._judge(date(2026, 6, 4))["test", meter]
        self.assertEqual(dec(verdict.usage), 3 + 30)

    # === Estimates === #

    def test_an_own_average_is_in_units_of_the_register_as_it_counts_now(self):
        self.meter.installation_ids.date_from = self._at(JUNE)
        self._read(self._at(date(2026, 6, 11)), total=300)
        self.meter.current_ratio = 30
        at = self._at(date(2026, 6, 14))
        estimate = self.meter._estimate_index(at)[self.meter.id]
        # 30 a day before; with the new transformers that is 1 of the register
        self.assertEqual((estimate.method, estimate.index), ("average", 303))
        self._read(self._at(date(2026, 6, 21)), total=310)
        at = self._at(date(2026, 6, 24))
        estimate = self.meter._estimate_index(at, method="average")[self.meter.id]
        self.assertEqual(estimate.index, 313)

    def test_last_year_is_in_units_of_the_register_as_it_counts_now(self):
        __, meter = self._install(
            "990000000081", self._room("0181"), since="2024-12-31 16:00:00"
        )
        for at, index in (("2025-07-01", 0), ("2025-07-11", 300), ("2026-07-01", 5000)):
            self._read(datetime.fromisoformat(at), meter, total=index)
        meter.current_ratio = 30
        at = datetime(2026, 7, 6)
        estimate = meter._estimate_index(at, method="last_year")[meter.id]
        self.assertEqual(estimate.index, 5005)

    def test_similar_points_count_with_the_factor_of_then(self):
        __, fresh = self._install(
            "990000000082", self._room("0182"), 7, since="2026-03-05 00:00:00"
        )
        self._agree(fresh.point_id, date_from="2026-03-05 00:00:00")
        self._read(datetime(2026, 2, 15), total=10)
        self._read(datetime(2026, 2, 25), total=40)
        self.meter.current_ratio = 30
        self._read(datetime(2026, 3, 7), total=41)
        estimate = fresh._estimate_index(datetime(2026, 3, 9))[fresh.id]
        # the neighbour used 30 and 30 in twenty days
        self.assertEqual((estimate.method, estimate.index), ("similar", 19))

    # === Lists and work === #

    def test_the_list_of_points_shows_one_meter(self):
        today = self.community._local_date(datetime.now())
        first = today.replace(day=1)
        self._read(self._at(first), kind="daily", total=100)
        self._read(self._at(first, 0) + timedelta(minutes=1), total=110)
        self.meter.current_ratio = 30
        self._read(self._at(first, 0) + timedelta(minutes=2), total=112)
        self.assertEqual(str(self.point.installed_at), "2025-12-31 16:00:00")
        self.assertEqual(self.point.previous_index, 100)
        self.assertEqual(dec(self.point.period_usage), 10 + 60)

    def test_a_read_task_counts_from_the_reading_before(self):
        today = self.community._local_date(datetime.now())
        yesterday = today - timedelta(days=1)
        self._read(self._at(yesterday - timedelta(days=1)), kind="daily", total=100)
        self._read(self._at(yesterday, 1), total=110)
        self.meter.current_ratio = 30
        line, at = self._ask(yesterday), self._at(yesterday)
        self.assertEqual(line.previous_index, 100)
        line.task_id._record_readings([self._row(108, at.isoformat(" "), kind="daily")])
        self.assertEqual(dec(line.usage), 8)
        line, at = self._ask(today), self._at(today)
        self.assertEqual(line.previous_index, 110)
        line.task_id._record_readings([self._row(112, at.isoformat(" "), kind="daily")])
        self.assertEqual(dec(line.usage), 60)

    def test_a_read_task_over_the_seam_has_both_factors(self):
        line = self._ask()
        at = self._at(self.community._local_date(datetime.now()))
        self._read(at, total=10)
        self.meter.current_ratio = 30
        row = self._row(12, (at + timedelta(minutes=1)).isoformat(" "))
        line.task_id._record_readings([row])
        self.assertEqual(dec(line.usage), 10 + 60)

    def _ask(self, freeze=None):
        task = self.env["amr.read.task"].create(
            {
                "scope": "meters",
                "meter_ids": self.meter.ids,
                "kind": "daily" if freeze else "spot",
                "freeze_date": freeze,
            }
        )
        task.action_start()
        return task.line_ids

    def test_the_entry_screen_expects_what_the_register_will_move(self):
        now = datetime.now().replace(microsecond=0)
        self._read(now - timedelta(days=20), total=100)
        self._read(now - timedelta(days=10), total=400)
        self.meter.current_ratio = 30
        self._read(now - timedelta(days=5), total=405)
        [entry] = self.env["amr.read.task.line"]._get_entries(self._ask())
        self.assertEqual(dec(entry["per_day"]), 1)

    def test_a_meter_with_a_new_factor_is_installed_all_along(self):
        today = self.community._local_date(datetime.now())
        for ago in (2, 1, 0):
            day = today - timedelta(days=ago)
            self._read(self._at(day), kind="daily", total=10 - ago)
        self.meter.current_ratio = 30
        days = self.env["amr.dashboard"]._get_read_success([("id", "=", self.meter.id)])
        self.assertEqual([day["read"] for day in days[-3:]], [1, 1, 1])

    def test_openings_are_compared_with_the_first_reading_after_them(self):
        self._read(self._at(JUNE), total=10)
        self._read(self._at(JUNE, 5), total=20)
        self.meter.current_ratio = 30
        self._read(self._at(JUNE, 6), total=90)
        [row] = self.community._fetch_openings(self.meter)
        self.assertEqual(row, (self.meter.id, Decimal(0), Decimal(10)))

    def test_losses_know_one_meter_in_the_month_of_a_change(self):
        point, master = self._install("990000000040", self._room("0141"))
        point.kind = "master"
        self.point.parent_id = point
        self._course([10] * 20, start=0)
        self._course([10] * 20, master, start=0)
        self.meter.current_ratio = 30
        report = self.env["amr.loss.report"].search(
            [("point_id", "=", point.id), ("month", "=", "2026-06-01")]
        )
        self.assertEqual((report.sub_count, report.missing_count), (1, 0))
        self.assertEqual(report.loss, 0)
