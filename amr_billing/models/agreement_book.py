"""Reads all that a batch of agreements needs for rating, in a handful of queries."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from ..rating import TIME_REGISTERS, Reading, Span


class NoMeter(Exception):
    """No meter was installed at the metering point in the time to be billed."""


class AgreementBook:
    """Unbilled time, readings and prices of some agreements up to a local day.

    What was billed stays billed: an index that a charge holds is the opening index of
    what follows it. Cuts without such an index take the reading of that very moment,
    or the nearest usable one within the company's tolerance.
    """

    def __init__(self, agreements, date_to):
        self.env = agreements.env
        self.date_to = date_to
        self.agreements = agreements
        self.known = {}
        self.billed = defaultdict(list)
        self.used = defaultdict(list)
        self._prices = {}
        self._read_charges()
        installations = self.env["amr.installation"].search(
            [("point_id", "in", agreements.point_id.ids)], order="date_from"
        )
        self.installations = installations.grouped("point_id")
        self.meters = installations.grouped("meter_id")
        self._note_installations(installations)
        self.gaps = {
            agreement.id: [
                (gap, self._cut(agreement, *gap)) for gap in self._gaps(agreement)
            ]
            for agreement in agreements
        }
        self.readings = self._read_readings()

    # === What there is === #

    def _read_charges(self):
        """What was billed at these metering points, whoever paid for it."""
        self.env["amr.charge"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.agreement_id, a.point_id, c.account_id,
                       c.meter_id, split_part(c.component, '/', 1),
                       c.start_at, c.end_at, c.start_index, c.end_index, c.consumption
                  FROM amr_charge c
                  JOIN amr_agreement a ON a.id = c.agreement_id
                 WHERE a.point_id = ANY(%s) AND c.kind = 'energy'
                   AND c.released IS NOT TRUE
                 ORDER BY c.start_at
                """,
                list(self.agreements.point_id.ids),
            )
        )
        for agreement, point, account, *charge in rows:
            meter, register, start, end, opening, closing, used = charge
            self.known[meter, register, start] = Reading(start, dec(opening))
            self.known[meter, register, end] = Reading(end, dec(closing))
            self.billed[agreement].append((start, end, dec(used)))
            self.used[point, account].append((start, end, dec(used)))

    def _note_installations(self, installations):
        for one in installations:
            key = one.meter_id.id, "total", one.date_from
            self.known.setdefault(key, Reading(one.date_from, dec(one.start_index)))
            if one.date_to:
                key = one.meter_id.id, "total", one.date_to
                self.known.setdefault(key, Reading(one.date_to, dec(one.end_index)))

    def _gaps(self, agreement):
        """The times of an agreement that no standing charge covers, in order."""
        end = agreement.community_id._local_midnight(self.date_to)
        end = min(end, agreement.date_to or end)
        position, gaps = agreement.date_from, []
        for start, stop, _used in self.billed[agreement.id]:
            if position < min(start, end):
                gaps.append((position, min(start, end)))
            position = max(position, stop)
        if position < end:
            gaps.append((position, end))
        return gaps

    def _cut(self, agreement, start, end):
        """(meter, start, end) for each meter that measured in this time."""
        return [
            (one.meter_id, max(start, one.date_from), min(end, one.date_to or end))
            for one in self.installations.get(agreement.point_id, ())
            if one.date_from < end and (not one.date_to or one.date_to > start)
        ]

    def _read_readings(self):
        """Usable readings at the cuts, and exactly at the changes of price.

        Where the meter or the customer changes, what was typed for that very moment
        wins over a freeze: both sides were told that index.
        """
        wanted = set()
        for agreement in self.agreements:
            tolerance = agreement.company_id.amr_closing_tolerance * 3600
            changes = {price.start for price in self.prices(agreement)}
            seams = self._get_seams(agreement)
            for gap, parts in self.gaps[agreement.id]:
                changes |= set(self._year_starts(agreement, *gap))
                for meter, start, end in parts:
                    wanted |= {
                        (meter.id, moment, tolerance, moment in seams)
                        for moment in (start, end)
                    }
                    wanted |= {
                        (meter.id, change, 0, False)
                        for change in changes
                        if start < change < end
                    }
        self.env["amr.reading"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (w.meter_id, w.moment, r.register)
                       w.meter_id, r.register, w.moment, r.index, r.quality, r.read_at
                  FROM unnest(%(meters)s::int[], %(moments)s::timestamp[],
                              %(seconds)s::int[], %(seams)s::boolean[])
                       AS w(meter_id, moment, seconds, seam)
                  JOIN amr_reading r ON r.meter_id = w.meter_id
                   AND r.read_at BETWEEN w.moment - make_interval(secs => w.seconds)
                                     AND w.moment + make_interval(secs => w.seconds)
                 WHERE r.superseded_by_id IS NULL AND r.quality <> 'suspect'
                 ORDER BY w.meter_id, w.moment, r.register,
                       abs(EXTRACT(epoch FROM r.read_at - w.moment)),
                       (w.seam AND r.source = 'manual'
                        AND r.read_at = w.moment) DESC,
                       r.kind IN ('daily', 'monthly') DESC, r.quality = 'ok' DESC, r.id
                """,
                meters=[meter for meter, *_rest in wanted],
                moments=[moment for _meter, moment, *_rest in wanted],
                seconds=[tolerance for *_rest, tolerance, _seam in wanted],
                seams=[seam for *_rest, seam in wanted],
            )
        )
        return {
            (meter, register, moment): (
                Reading(moment, dec(index), quality == "estimated"),
                read_at,
            )
            for meter, register, moment, index, quality, read_at in rows
        }

    def _get_seams(self, agreement):
        """The moments at which the meter or the customer of an agreement changes."""
        seams = {agreement.date_from, agreement.date_to}
        for one in self.installations.get(agreement.point_id, ()):
            seams |= {one.date_from, one.date_to}
        return seams

    # === What the engine takes === #

    def prices(self, agreement):
        """The agreement's price versions, as the engine takes them."""
        key = agreement.tariff_id, agreement.community_id
        if key not in self._prices:
            tariff, community = key
            self._prices[key] = [
                version._get_rating_price(community) for version in tariff.version_ids
            ]
        return self._prices[key]

    def missing_closings(self):
        """Return what is not known at the end of the time to be billed.

        :return: ``{(moment, register): amr.meter}``
        """
        missing = defaultdict(self.env["amr.meter"].browse)
        for agreement in self.agreements:
            for _gap, parts in self.gaps[agreement.id]:
                for meter, start, end in parts:
                    inside = self._inside(self.prices(agreement), start, end)
                    for register in {
                        r for one in inside for r in one.priced_registers()
                    }:
                        if not self._at(meter, register, end, after=start):
                            missing[end, register] |= meter
        return missing

    @staticmethod
    def _inside(prices, start, end):
        return [
            price
            for price in prices
            if (price.start or start) < end and (price.end or end) > start
        ]

    def _year_starts(self, agreement, start, end):
        """When calendar years begin in a time, if the steps of a year matter."""
        if not any(price.yearly for price in self.prices(agreement)):
            return []
        community = agreement.community_id
        years = range(
            community._local_date(start).year, community._local_date(end).year + 1
        )
        starts = [community._local_midnight(date(year, 1, 1)) for year in years]
        return [moment for moment in starts if start <= moment < end]

    def _span(self, prices, years, meter, start, end):
        inside = self._inside(prices, start, end)
        priced = {name for price in inside for name in price.priced_registers()}
        changes = {price.start for price in inside if start < (price.start or start)}
        changes |= {moment for moment in years if start < moment < end}
        readings = {}
        for register in priced | set(TIME_REGISTERS):
            opening = self._at(meter, register, start, before=end)
            closing = self._at(meter, register, end, after=start)
            between = [
                self.readings[meter.id, register, change][0]
                for change in sorted(changes)
                if (meter.id, register, change) in self.readings
            ]
            if register in priced or (opening and closing):
                course = (opening, *between, closing)
                readings[register] = tuple(reading for reading in course if reading)
        return Span(
            meter=meter.id,
            start=start,
            end=end,
            readings=readings,
            factor=self._factor(meter, start),
            capacity=Decimal(10) ** meter.model_id.digits,
        )

    def _factor(self, meter, start):
        """The factor that was in force there: an installation has one for good."""
        [factor] = [
            one.factor
            for one in self.meters[meter]
            if one.date_from <= start and (not one.date_to or one.date_to > start)
        ]
        return dec(factor, 6)

    def _at(self, meter, register, moment, before=None, after=None):
        """The index that counts at a cut; it must lie inside the span's other end."""
        key = meter.id, register, moment
        if key in self.known:
            return self.known[key]
        reading, read_at = self.readings.get(key, (None, None))
        if reading and (before and read_at >= before or after and read_at <= after):
            return None
        return reading
