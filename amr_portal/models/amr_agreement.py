from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from babel.dates import format_skeleton
from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.tools import SQL, format_date, get_lang
from odoo.tools.misc import babel_locale_parse

from odoo.addons.amr_base.tools import dec

from ..tools import bar_chart

DAYS = 30
MONTHS = 12


class AmrAgreement(models.Model):
    """What the resident sees of one agreement: its meter, index, price and usage."""

    _inherit = "amr.agreement"

    def _get_portal_values(self):
        """Return what a resident sees of this agreement, as plain values.

        To be called in sudo mode once access to the agreement is checked. A meter
        outlives an agreement: what it showed before and after is somebody else's.

        :rtype: dict
        """
        self.ensure_one()
        active = self.state == "active"
        meter = self.meter_id if active else self.env["amr.meter"]
        has_index = meter.latest_at and meter.latest_at >= self.date_from
        credit_at = meter.credit_read_at
        has_credit = credit_at and credit_at >= self.date_from
        return {
            "id": self.id,
            "tz": self.community_id.tz,
            "utility": self.utility_id.name,
            "utility_code": self.utility_id.code,
            "icon": self.utility_id.icon or "fa-tachometer",
            "uom": self.utility_id.uom_name,
            "place": self._get_place(),
            "meter": meter.number,
            "index": dec(meter.latest_index) if has_index else None,
            "index_at": meter.latest_at if has_index else None,
            "credit": self._get_credit_left(meter) if has_credit else None,
            "credit_at": credit_at if has_credit else None,
            "cut": meter.relay_state == "open",
            "prepaid": self.payment_mode == "prepaid",
            "can_recharge": self._can_be_recharged(),
            "tariff": self.tariff_id.name,
            "price": self._get_portal_price(),
            "ended": self._local_day(self.date_to) if self.state == "ended" else None,
        }

    def _get_credit_left(self, meter):
        """Return the prepaid energy left on the meter, which counts without factor."""
        return dec(dec(meter.credit_balance, 2) * dec(meter.factor, 6))

    def _get_place(self):
        """Return building and room; the community is the title of the page."""
        self.ensure_one()
        room = self.room_id
        return f"{room.building_id.name} {room.name}" if room else self.point_id.name

    def _can_be_recharged(self):
        """Return whether the resident can buy energy for this meter now."""
        self.ensure_one()
        return self.payment_mode == "prepaid" and not any(
            self.env["amr.vend"]._get_obstacles(self)
        )

    def _get_portal_price(self):
        """Return today's price of one unit, or None where there is not just one.

        Surcharges on every unit are part of what a resident pays for it.

        :rtype: Decimal
        """
        today = self._local_day(fields.Datetime.now())
        version = self.tariff_id._version_at(today)
        if version.method != "flat":
            return None
        surcharges = version.surcharge_ids.filtered(lambda s: s.kind == "per_unit")
        return dec(version.price, 6) + sum(
            (dec(surcharge.amount, 6) for surcharge in surcharges), Decimal(0)
        )

    def _local_day(self, moment):
        return self.community_id._local_date(moment)

    # === USAGE === #

    def _get_usage_charts(self):
        """Return the charts of the last days and months of every agreement.

        :return: ``{agreement_id: {"days": Chart, "months": Chart}}``
        """
        charts = {}
        for community, agreements in self.grouped("community_id").items():
            today = community._local_date(fields.Datetime.now())
            first_day = today - timedelta(days=DAYS)
            first_month = today.replace(day=1) - relativedelta(months=MONTHS - 1)
            pieces = agreements._get_usage_pieces(
                min(first_day, first_month), today + timedelta(days=1)
            )
            for agreement in agreements:
                charts[agreement.id] = {
                    "days": self._get_day_chart(pieces[agreement.id], first_day, today),
                    "months": self._get_month_chart(
                        pieces[agreement.id], first_month, today
                    ),
                }
        return charts

    def _get_usage_this_month(self):
        """Return what was used since the month began, as far as it is read.

        :return: ``{agreement_id: Decimal}``, without agreements that were not read
        """
        usage = {}
        for community, agreements in self.grouped("community_id").items():
            today = community._local_date(fields.Datetime.now())
            first = today.replace(day=1)
            pieces = agreements._get_usage_pieces(first, today + timedelta(days=1))
            for agreement_id, parts in pieces.items():
                usage[agreement_id] = sum(
                    (part for day, _next_day, part in parts if day >= first), Decimal(0)
                )
        return usage

    def _get_usage_pieces(self, first, last):
        """Return consumption between consecutive index readings at midnight.

        Only what lies within both the agreement and the time of its meter at this point
        is seen, so neither a former nor a later resident's usage is. A meter whose
        ratios changed goes on as the same meter, each part with its own factor.

        :param date first: first local day
        :param date last: local day after the last
        :return: ``{agreement_id: [(day, next_day, Decimal consumption), …]}``
        """
        pieces = defaultdict(list)
        if not self:
            return pieces
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                WITH piece AS (
                    SELECT a.id AS agreement_id, i.meter_id, i.factor, c.tz,
                           a.date_from AS agreed_from, a.date_to AS agreed_to,
                           i.date_from, i.date_to,
                           COALESCE(i.date_from = LAG(i.date_to) OVER w
                                    AND i.meter_id = LAG(i.meter_id) OVER w, false)
                               AS goes_on
                      FROM amr_agreement a
                      JOIN amr_community c ON c.id = a.community_id
                      JOIN amr_installation i ON i.point_id = a.point_id
                       AND tsrange(i.date_from, i.date_to)
                           && tsrange(a.date_from, a.date_to)
                     WHERE a.id = ANY(%(ids)s)
                    WINDOW w AS (PARTITION BY a.id ORDER BY i.date_from)
                ), numbered AS (
                    SELECT *, count(*) FILTER (WHERE NOT goes_on)
                                  OVER (PARTITION BY agreement_id ORDER BY date_from)
                                  AS stay
                      FROM piece
                ), span AS (
                    SELECT agreement_id, stay, meter_id, tz, min(factor) AS factor,
                           count(*) > 1 AS seam,
                           GREATEST(agreed_from, min(date_from)) AS since,
                           LEAST(COALESCE(agreed_to, 'infinity'),
                                 max(COALESCE(date_to, 'infinity'))) AS till
                      FROM numbered
                     GROUP BY agreement_id, stay, meter_id, tz, agreed_from, agreed_to
                ), midnight AS (
                    SELECT DISTINCT ON (s.agreement_id, s.stay, day)
                           s.agreement_id, s.stay, s.meter_id, s.factor, s.seam,
                           r.index, r.read_at, mm.digits,
                           (r.read_at AT TIME ZONE 'UTC' AT TIME ZONE s.tz)::date AS day
                      FROM span s
                      JOIN amr_meter m ON m.id = s.meter_id
                      JOIN amr_meter_model mm ON mm.id = m.model_id
                      JOIN amr_reading r ON r.meter_id = s.meter_id
                       AND r.read_at BETWEEN s.since AND s.till
                     WHERE r.kind IN ('daily', 'monthly') AND r.register = 'total'
                       AND r.superseded_by_id IS NULL AND r.quality <> 'suspect'
                       AND r.read_at >= %(first)s::date - INTERVAL '1 day'
                       AND r.read_at < %(last)s::date + INTERVAL '1 day'
                     ORDER BY s.agreement_id, s.stay, day, r.kind
                ), pair AS (
                    SELECT *, LEAD(day) OVER w AS next_day,
                           LEAD(read_at) OVER w AS next_at,
                           LEAD(index) OVER w AS next_index
                      FROM midnight
                    WINDOW w AS (PARTITION BY agreement_id, stay ORDER BY day)
                ), used AS (
                    SELECT agreement_id, day, next_day,
                           CASE WHEN seam
                                THEN amr_measured(meter_id, 'total', read_at, next_at,
                                                  index, next_index, digits)
                                ELSE amr_index_step(index, next_index, digits) * factor
                           END AS consumption
                      FROM pair
                )
                SELECT agreement_id, day, next_day, consumption::text
                  FROM used
                 WHERE consumption >= 0 AND next_day > %(first)s AND day < %(last)s
                 ORDER BY agreement_id, day
                """,
                ids=list(self.ids),
                first=first,
                last=last,
            )
        )
        for agreement_id, day, next_day, consumption in rows:
            pieces[agreement_id].append((day, next_day, dec(consumption)))
        return pieces

    def _get_day_chart(self, pieces, first, today):
        """Return the chart of single days; a day not read at both ends is unknown."""
        by_day = defaultdict(Decimal)
        for day, next_day, consumption in pieces:
            if (next_day - day).days == 1:
                by_day[day] += consumption
        days = [first + timedelta(days=offset) for offset in range(DAYS)]
        return bar_chart(
            [
                (f"{day.month}/{day.day}", format_date(self.env, day), by_day.get(day))
                for day in days
                if day < today
            ]
        )

    def _get_month_chart(self, pieces, first, today):
        """Return the chart of months; days not read share their piece evenly."""
        by_month = defaultdict(Decimal)
        for day, next_day, consumption in pieces:
            length = (next_day - day).days
            for offset in range(length):
                month = (day + timedelta(days=offset)).replace(day=1)
                by_month[month] += consumption / length
        months = [first + relativedelta(months=offset) for offset in range(MONTHS)]
        points = []
        for month in months:
            value = by_month.get(month)
            points.append(
                (
                    format_date(self.env, month, date_format="MMM"),
                    self._format_month(month),
                    None if value is None else dec(value),
                )
            )
        return bar_chart(points)

    def _format_month(self, month):
        """Return month and year as they are written where the resident reads them."""
        locale = babel_locale_parse(get_lang(self.env).code)
        return format_skeleton("yMMMM", month, locale=locale)
