from odoo import api, fields, models
from odoo.tools import SQL

from ..models.amr_meter_rates import RATES
from ..tools import KnownFloat
from .usage_sql import period_usage


class AmrUsageRange(models.Model):
    """Usage query (用量查询, KTAMR manual 4.4): consumption between two dates.

    The dates are in the context, put there by :class:`amr.usage.query`: ``date_from``
    is the first day, ``date_to`` the last one; this month when there are none.
    """

    _name = "amr.usage.range"
    _inherit = "amr.usage.month"
    _description = "Consumption of a period"
    _auto = False
    _order = "utility_id, community_id, building_id, room_id, meter_id, id"
    _report_columns = (
        "utility_id",
        "community_id",
        "building_id",
        "room_label",
        "address_label",
        "account_id",
        "meter_id",
        "factor",
        "start_at",
        "start_index",
        "end_at",
        "end_index",
        "usage",
        *RATES,
        "uom_name",
        "suspect_usage",
        "coverage",
    )
    _report_sums = ("usage", *RATES)
    _report_groups = ("utility_id", "community_id", "building_id")
    _report_context = ("date_from", "date_to")

    room_label = fields.Char(
        "Room (H)", readonly=True, help="H before a room's number (KTAMR manual 4.4)."
    )
    address_label = fields.Char(
        "Address (A)", readonly=True, help="A before a meter's address."
    )
    suspect_usage = KnownFloat(
        "Doubtful",
        digits="AMR Consumption",
        readonly=True,
        help="What the last suspect reading of the period would make. It is no part of "
        "the consumption: somebody must look at its exception first.",
    )

    @property
    def _table_query(self):
        first, last = self._get_period()
        period = SQL(
            "(SELECT %s::date AS first, %s::date + 1 AS after) d",
            fields.Date.to_string(first),
            fields.Date.to_string(last),
        )
        return period_usage(
            period,
            SQL(
                """
                'H:' || (SELECT name FROM amr_room WHERE id = p.room_id) AS room_label,
                'A:' || m.address AS address_label,
                (SELECT (r.index - s.index) * i.factor FROM amr_reading r
                  WHERE r.meter_id = i.meter_id AND r.register = 'total'
                    AND r.quality = 'suspect' AND r.superseded_by_id IS NULL
                    AND r.read_at >= i.date_from AND r.read_at > b.begin_at
                    AND r.read_at <= LEAST(b.end_at, i.date_to)
                  ORDER BY r.read_at DESC, r.id DESC LIMIT 1) AS suspect_usage
                """
            ),
        )

    @api.model
    def _get_period(self):
        """Return the first and the last day asked for."""
        today = fields.Date.context_today(self)
        first = fields.Date.to_date(self.env.context.get("date_from"))
        last = fields.Date.to_date(self.env.context.get("date_to"))
        return first or today.replace(day=1), last or today

    @api.model
    def _get_report_title(self):
        first, last = self._get_period()
        return self.env._(
            "Consumption from %(first)s to %(last)s", first=first, last=last
        )
