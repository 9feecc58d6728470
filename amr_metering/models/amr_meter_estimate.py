from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from ..estimation import Mark, between, daily_use, onward, unrolled

# Own average: of at most so many days before the last reading, and of at least these.
HISTORY_DAYS, LEAST_DAYS = 90, 7
SIMILAR_DAYS = 35

METHODS = [
    ("between", "Between two readings"),
    ("average", "Own average"),
    ("last_year", "Same time last year"),
    ("similar", "Similar metering points"),
]

# The marks next to given times: what was read, and the ends of installations.
MARKS_SQL = """
    SELECT w.meter_id, w.moment, b.at, b.index::text, a.at, a.index::text
      FROM unnest(%(meters)s::int[], %(moments)s::timestamp[]) w(meter_id, moment)
      LEFT JOIN LATERAL (
        SELECT k.at, k.index FROM (
            (SELECT r.read_at AS at, r.index FROM amr_reading r
              WHERE r.meter_id = w.meter_id AND r.register = %(register)s
                AND r.quality = 'ok' AND r.superseded_by_id IS NULL
                AND r.read_at <= w.moment
              ORDER BY r.read_at DESC, r.kind IN ('daily', 'monthly') DESC LIMIT 1)
            UNION ALL
            (SELECT i.date_from, i.start_index FROM amr_installation i
              WHERE i.meter_id = w.meter_id AND %(register)s = 'total'
                AND i.date_from <= w.moment
              ORDER BY i.date_from DESC LIMIT 1)) k
         ORDER BY k.at DESC LIMIT 1) b ON true
      LEFT JOIN LATERAL (
        SELECT k.at, k.index FROM (
            (SELECT r.read_at AS at, r.index FROM amr_reading r
              WHERE r.meter_id = w.meter_id AND r.register = %(register)s
                AND r.quality = 'ok' AND r.superseded_by_id IS NULL
                AND r.read_at >= w.moment
              ORDER BY r.read_at, r.kind IN ('daily', 'monthly') DESC LIMIT 1)
            UNION ALL
            (SELECT i.date_to, i.end_index FROM amr_installation i
              WHERE i.meter_id = w.meter_id AND %(register)s = 'total'
                AND i.date_to >= w.moment AND i.end_index IS NOT NULL
              ORDER BY i.date_to LIMIT 1)
            UNION ALL
            (SELECT i.date_from, i.start_index FROM amr_installation i
              WHERE i.meter_id = w.meter_id AND %(register)s = 'total'
                AND i.date_from >= w.moment
              ORDER BY i.date_from LIMIT 1)) k
         ORDER BY k.at LIMIT 1) a ON true
"""

# Average use a day of the meters under the same tariff in the same community.
SIMILAR_SQL = """
    WITH peers AS (
        SELECT m.id, m.factor, mm.digits
          FROM amr_meter own
          JOIN amr_agreement g ON g.point_id = own.point_id AND g.date_from <= %(at)s
               AND (g.date_to IS NULL OR g.date_to > %(at)s)
          JOIN amr_agreement o ON o.tariff_id = g.tariff_id
               AND o.community_id = own.community_id AND o.date_from <= %(at)s
               AND (o.date_to IS NULL OR o.date_to > %(at)s)
          JOIN amr_meter m ON m.point_id = o.point_id AND m.id <> own.id
               AND m.utility_id = own.utility_id
          JOIN amr_meter_model mm ON mm.id = m.model_id
         WHERE own.id = %(meter)s
    ), ends AS (
        SELECT p.id, p.factor, p.digits, min(r.read_at) AS first_at,
               max(r.read_at) AS last_at,
               (array_agg(r.index ORDER BY r.read_at))[1] AS first_index,
               (array_agg(r.index ORDER BY r.read_at DESC))[1] AS last_index
          FROM peers p
          JOIN amr_reading r ON r.meter_id = p.id AND r.register = %(register)s
               AND r.quality = 'ok' AND r.superseded_by_id IS NULL
               AND r.read_at BETWEEN %(since)s AND %(at)s
         GROUP BY p.id, p.factor, p.digits
    )
    SELECT avg((last_index - first_index
                + CASE WHEN last_index < first_index THEN 10 ^ digits ELSE 0 END)
               * factor / EXTRACT(epoch FROM last_at - first_at) * 86400)::text,
           count(*)
      FROM ends WHERE last_at - first_at >= interval '1 day'
"""


class Estimate(NamedTuple):
    """An index nobody read, and how it was found."""

    index: Decimal
    method: str
    reason: str


class AmrMeter(models.Model):
    """Estimation (the E of VEE): the index of a register at a time without reading."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    def _estimate_index(self, at, register="total", method=None):
        """Estimate what the registers of these meters showed at one time.

        The first method that the data allow is taken, in the order of ``METHODS``.

        :param datetime at: naive UTC
        :param str method: take this one only
        :return: ``{meter_id: Estimate}``; meters that nothing is known of are left out
        """
        marks = self._get_marks([(meter.id, at) for meter in self], register)
        estimates = {}
        for meter in self:
            before, after = marks[meter.id, at]
            if before:
                estimates[meter.id] = meter._choose(before, after, at, register, method)
        return {key: value for key, value in estimates.items() if value}

    def _get_marks(self, wanted, register="total"):
        """Return the marks next to times: ``{(meter_id, moment): (before, after)}``."""
        self.env["amr.installation"].flush_model()
        self.env["amr.reading"].flush_model()
        rows = self.env.execute_query(
            SQL(
                MARKS_SQL,
                meters=[meter_id for meter_id, _moment in wanted],
                moments=[moment for _meter_id, moment in wanted],
                register=register,
            )
        )
        return {
            (meter_id, moment): (
                Mark(before_at, dec(before)) if before_at else None,
                Mark(after_at, dec(after)) if after_at else None,
            )
            for meter_id, moment, before_at, before, after_at, after in rows
        }

    def _choose(self, before, after, at, register, method):
        """Return the estimate by the first method that works here, or None."""
        self.ensure_one()
        capacity = Decimal(10) ** self.model_id.digits
        if method in (None, "between") and after:
            return Estimate(
                between(before, after, at, capacity),
                "between",
                self.env._(
                    "Between %(before)s (%(before_at)s) and %(after)s (%(after_at)s), "
                    "evenly by time",
                    before=before.index,
                    before_at=self._format_moment(before.at),
                    after=after.index,
                    after_at=self._format_moment(after.at),
                ),
            )
        for name in ("average", "last_year", "similar"):
            if method in (None, name):
                pace = getattr(self, f"_get_pace_{name}")(
                    before, at, register, capacity
                )
                if pace:
                    return Estimate(
                        onward(before, at, pace[0], capacity), name, pace[1]
                    )
        return None

    def _get_pace_average(self, before, at, register, capacity):
        """Units of the register a day, and the basis in words; None: not known."""
        start = before.at - timedelta(days=HISTORY_DAYS)
        first = self._get_marks([(self.id, start)], register)[self.id, start][1]
        if not first or before.at - first.at < timedelta(days=LEAST_DAYS):
            return None
        pace = daily_use(first, before, capacity)
        return pace, self.env._(
            "From %(before)s (%(before_at)s) on at its own average of %(pace)s a day "
            "since %(since)s",
            before=before.index,
            before_at=self._format_moment(before.at),
            pace=dec(pace),
            since=self._format_moment(first.at),
        )

    def _get_pace_last_year(self, before, at, register, capacity):
        ends = [moment - relativedelta(years=1) for moment in (before.at, at)]
        if ends[0] >= ends[1]:
            return None
        marks = self._get_marks([(self.id, moment) for moment in ends], register)
        course = []
        for moment in ends:
            around = marks[self.id, moment]
            if not all(around):
                return None
            course.append(Mark(moment, between(*around, moment, capacity)))
        days = Decimal((ends[1] - ends[0]).total_seconds()) / 86400
        pace = unrolled(*course, capacity) / days
        return pace, self.env._(
            "From %(before)s (%(before_at)s) on as at the same time last year, "
            "%(pace)s a day",
            before=before.index,
            before_at=self._format_moment(before.at),
            pace=dec(pace),
        )

    def _get_pace_similar(self, before, at, register, capacity):
        [(pace, count)] = self.env.execute_query(
            SQL(
                SIMILAR_SQL,
                meter=self.id,
                at=at,
                since=at - timedelta(days=SIMILAR_DAYS),
                register=register,
            )
        )
        if not count:
            return None
        pace = Decimal(pace) / dec(self.factor, 6)
        return pace, self.env._(
            "From %(before)s (%(before_at)s) on as %(count)s similar metering points "
            "of the community, %(pace)s a day",
            before=before.index,
            before_at=self._format_moment(before.at),
            count=count,
            pace=dec(pace),
        )

    def _format_moment(self, moment):
        """Return a UTC time as local date and time of the meter's community."""
        tz = self.community_id.tz or "UTC"
        local = fields.Datetime.context_timestamp(self.with_context(tz=tz), moment)
        return local.strftime("%Y-%m-%d %H:%M")

    def _take_estimates(self, at, kind="daily", register="total", method=None):
        """Estimate and take the estimates in, through the one door.

        A reading that comes in later for the same time, or next to it and against it,
        supersedes the estimate by itself.

        :param datetime at: naive UTC
        :return: ``{meter_id: Estimate}`` of what was taken in
        """
        estimates = self._estimate_index(at, register, method)
        self.env["amr.reading"]._ingest(
            [
                {
                    "meter_id": meter_id,
                    "register": register,
                    "read_at": at,
                    "kind": kind,
                    "source": "estimate",
                    "index": estimate.index,
                    "note": estimate.reason,
                }
                for meter_id, estimate in estimates.items()
            ]
        )
        return estimates
