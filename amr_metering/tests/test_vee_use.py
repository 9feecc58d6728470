from collections import namedtuple
from datetime import date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extras import execute_values

from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon

# Clocks go forward on 29 March there.
ZONE, FIRST, DAY = "Europe/Berlin", date(2026, 2, 20), date(2026, 3, 31)
DIGITS, FACTOR = 3, Decimal("1.5")
SUBS = 3

Freeze = namedtuple("Freeze", "day index quality hours")

freezes = st.lists(
    st.tuples(
        # units since the freeze before; the register turns over at 1000
        st.one_of(st.integers(0, 9), st.just(120)),
        st.sampled_from(["ok"] * 6 + ["estimated", "both", None]),
        st.sampled_from([0] * 5 + [-11, 3, 10]),
    ),
    min_size=(DAY - FIRST).days + 2,
    max_size=(DAY - FIRST).days + 2,
)


def course(steps):
    """Return the freezes of one meter, some of them missing or estimated."""
    total = 990
    for number, (step, quality, hours) in enumerate(steps):
        total += step
        day = FIRST + timedelta(days=number)
        if quality == "both":
            yield Freeze(day, (total + 7) % 1000, "estimated", hours)
        if quality:
            yield Freeze(
                day, total % 1000, "ok" if quality == "both" else quality, hours
            )


def use_by_day(course):
    """Return ``{day: use}`` of the days that have a freeze at both ends."""
    index = {}
    for freeze in course:
        if freeze.quality == "ok" or freeze.day not in index:
            index[freeze.day] = freeze.index
    return {
        day: FACTOR * ((index[day + timedelta(days=1)] - value) % 1000)
        for day, value in index.items()
        if day + timedelta(days=1) in index
    }


def last(use, days, day=DAY):
    """Return what is known of the use of the days up to and with ``day``."""
    return [use[d] for n in range(days) if (d := day - timedelta(days=n)) in use]


@tagged("post_install", "-at_install")
class TestVeeUse(MeteringCommon):
    """The set-based rules find what a loop over meters and days finds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.community.tz = ZONE
        cls.meter_model.digits = DIGITS
        cls.tariff.version_ids.write({"normal_min": 150, "normal_max": 400})
        master_point, cls.master = cls._install("990000000070", cls._room("0170"))
        master_point.kind = "master"
        cls.subs = cls.meter
        for number in range(1, SUBS):
            point, meter = cls._install(
                f"99000000007{number}", cls._room(f"017{number}")
            )
            cls._agree(point)
            cls.subs |= meter
        cls.subs.point_id.parent_id = master_point
        cls.meters = cls.master | cls.subs
        cls.meters.current_ratio = FACTOR
        cls.env["amr.vee.rule"].search([("kind", "=", "static")]).active = False

    def _write(self, courses):
        """Put the freezes where the door would, whatever it may think of them."""
        rows = [
            (
                meter.id,
                "total",
                self.community._local_midnight(freeze.day)
                + timedelta(hours=freeze.hours),
                "daily",
                "remote",
                freeze.index,
                freeze.quality,
                self.env.company.id,
                datetime(2026, 4, 1),
            )
            for meter, freezes_ in zip(self.meters, courses, strict=True)
            for freeze in freezes_
        ]
        execute_values(
            self.env.cr._obj,
            "INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index,"
            " quality, company_id, received_at) VALUES %s ON CONFLICT DO NOTHING",
            rows,
        )

    def _expect(self, uses):
        """Yield (kind, meter, use, compared with) of what the rules are to find."""
        for meter, use in zip(self.meters, uses, strict=True):
            past = last(use, 28, DAY - timedelta(days=1))
            average = sum(past) / len(past) if past else 0
            today = use.get(DAY, 0)
            if len(past) >= 7 and today > 5 * average and today - average >= 5:
                yield "spike", meter, today, average
            month = last(use, DAY.day)
            if meter in self.subs and sum(month) > 400:
                yield "high", meter, sum(month), 400
            if meter in self.subs and len(month) == DAY.day and sum(month) < 150:
                yield "low", meter, sum(month), 150
        own, *subs = (last(use, 7) for use in uses)
        measured = sum(map(sum, subs))
        if all(len(use) == 7 for use in (own, *subs)) and (
            abs(sum(own) - measured) > max(Decimal("0.05") * sum(own), 5)
        ):
            yield "sum", self.master, sum(own), measured

    @settings(max_examples=10, deadline=None)
    @given(st.lists(freezes, min_size=SUBS + 1, max_size=SUBS + 1))
    def test_use_of_days_months_and_subs(self, drawn):
        courses = [list(course(steps)) for steps in drawn]
        expected = {
            (kind, meter): (dec(use), dec(limit))
            for kind, meter, use, limit in self._expect(list(map(use_by_day, courses)))
        }
        with self.env.cr.savepoint() as savepoint:
            self._write(courses)
            found = {
                (verdict.kind, verdict.meter_id): (
                    dec(verdict.usage),
                    dec(verdict.limit_value),
                )
                for verdict in self.community._validate_day(DAY)
            }
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        self.assertEqual(found, expected)
