from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from ..estimation import Mark, between, daily_use, onward, unrolled
from .estimate_sql import FACTOR_SQL, MARKS_SQL, SIMILAR_SQL, USED_SQL

# Own average: of at most so many days before the last reading, and of at least these.
HISTORY_DAYS, LEAST_DAYS = 90, 7
SIMILAR_DAYS = 35

METHODS = [
    ("between", "Between two readings"),
    ("average", "Own average"),
    ("last_year", "Same time last year"),
    ("similar", "Similar metering points"),
]

PACES = ("average", "last_year", "similar")


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
        estimates, open_ended = {}, {}
        for meter in self:
            before, after = marks[meter.id, at]
            if before and after and method in (None, "between"):
                estimates[meter.id] = meter._estimate_between(before, after, at)
            elif before:
                open_ended[meter] = before
        for name in PACES:
            if open_ended and method in (None, name):
                paces = getattr(self, f"_get_paces_{name}")(open_ended, at, register)
                for meter, (pace, reason) in paces.items():
                    before = open_ended.pop(meter)
                    index = onward(before, at, pace, meter._get_capacity())
                    estimates[meter.id] = Estimate(index, name, reason)
        return {key: estimates[key] for key in self.ids if key in estimates}

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

    def _get_capacity(self):
        """Return the number at which the register goes through zero."""
        return Decimal(10) ** self.model_id.digits

    def _estimate_between(self, before, after, at):
        return Estimate(
            between(before, after, at, self._get_capacity()),
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

    # Each finds the units of the register a day for those meters that its way works
    # for, and the basis in words: ``{meter: (pace, reason)}``. ``befores`` is the last
    # mark of each meter before ``at``. The number of queries is that for one meter.

    @api.model
    def _get_paces_average(self, befores, at, register):
        starts = {
            meter: before.at - timedelta(days=HISTORY_DAYS)
            for meter, before in befores.items()
        }
        marks = self._get_marks(
            [(meter.id, start) for meter, start in starts.items()], register
        )
        paces, spans = {}, {}
        for meter, before in befores.items():
            first = marks[meter.id, starts[meter]][1]
            if first and before.at - first.at >= timedelta(days=LEAST_DAYS):
                spans[meter] = first, before
        for meter, (first, before) in self._rebase(spans, befores, register).items():
            pace = daily_use(first, before, meter._get_capacity())
            reason = self.env._(
                "From %(before)s (%(before_at)s) on at its own average of %(pace)s "
                "a day since %(since)s",
                before=before.index,
                before_at=meter._format_moment(before.at),
                pace=dec(pace),
                since=meter._format_moment(first.at),
            )
            paces[meter] = pace, reason
        return paces

    @api.model
    def _get_paces_last_year(self, befores, at, register):
        year = relativedelta(years=1)
        spans = {
            meter: (before.at - year, at - year) for meter, before in befores.items()
        }
        marks = self._get_marks(
            [(meter.id, end) for meter, span in spans.items() for end in span], register
        )
        paces, known = {}, {}
        for meter, (start, end) in spans.items():
            around = marks[meter.id, start], marks[meter.id, end]
            if start >= end or not all(map(all, around)):
                continue
            capacity = meter._get_capacity()
            known[meter] = (
                Mark(start, between(*around[0], start, capacity)),
                Mark(end, between(*around[1], end, capacity)),
            )
        for meter, (first, last) in self._rebase(known, befores, register).items():
            before = befores[meter]
            days = Decimal((last.at - first.at).total_seconds()) / 86400
            pace = unrolled(first, last, meter._get_capacity()) / days
            reason = self.env._(
                "From %(before)s (%(before_at)s) on as at the same time last year, "
                "%(pace)s a day",
                before=before.index,
                before_at=meter._format_moment(before.at),
                pace=dec(pace),
            )
            paces[meter] = pace, reason
        return paces

    @api.model
    def _get_paces_similar(self, befores, at, register):
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                SIMILAR_SQL,
                meters=[meter.id for meter in befores],
                at=at,
                since=at - timedelta(days=SIMILAR_DAYS),
                register=register,
            )
        )
        paces, factors = {}, self._get_factors_at(befores)
        for meter_id, similar, count in rows:
            meter = self.browse(meter_id).with_prefetch(self._prefetch_ids)
            before = befores[meter]
            pace = Decimal(similar) / factors[meter_id]
            reason = self.env._(
                "From %(before)s (%(before_at)s) on as %(count)s similar metering "
                "points of the community, %(pace)s a day",
                before=before.index,
                before_at=meter._format_moment(before.at),
                count=count,
                pace=dec(pace),
            )
            paces[meter] = pace, reason
        return paces

    @api.model
    def _rebase(self, spans, befores, register):
        """Give the first mark of spans the index it would have with the present factor.

        A register that now stands for thirty units moves thirty times slower.

        :param dict spans: ``{meter: (first, last)}``, marks
        :param dict befores: the last mark of each meter, whose factor is the present
        :return: ``spans``, without those whose use is not known
        """
        if not spans:
            return spans
        rows = self.env.execute_query(
            SQL(
                USED_SQL,
                register=register,
                meters=[meter.id for meter in spans],
                at=[befores[meter].at for meter in spans],
                from_at=[first.at for first, _last in spans.values()],
                to_at=[last.at for _first, last in spans.values()],
                from_index=[first.index for first, _last in spans.values()],
                to_index=[last.index for _first, last in spans.values()],
            )
        )
        used = {meter_id: units and Decimal(units) for meter_id, units in rows}
        return {
            meter: (first._replace(index=last.index - used[meter.id]), last)
            if meter.id in used
            else (first, last)
            for meter, (first, last) in spans.items()
            if used.get(meter.id, 0) is not None
        }

    @api.model
    def _get_factors_at(self, befores):
        """Return the factor in force from each meter's mark on: ``{id: Decimal}``."""
        rows = self.env.execute_query(
            SQL(
                FACTOR_SQL,
                meters=[meter.id for meter in befores],
                at=[before.at for before in befores.values()],
            )
        )
        return {meter_id: Decimal(factor) for meter_id, factor in rows}

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
