from odoo import fields, models

from ..models.amr_meter_rates import RATES
from ..tools import KnownFloat
from .usage_sql import MONTHS, period_usage


class AmrUsageMonth(models.Model):
    """Month and year report (月报表, 年报表): consumption by meter and calendar month.

    The ground of statistics, too: year and number of the month are columns, so a
    pivot sets years side by side.
    """

    _name = "amr.usage.month"
    _inherit = ["amr.usage.mixin", "amr.usage.rates.mixin"]
    _description = "Monthly consumption"
    _auto = False
    _order = "month desc, community_id, building_id, room_id, utility_id, id"
    _report_columns = (
        "month",
        "community_id",
        "building_id",
        "room_id",
        "account_id",
        "meter_id",
        "utility_id",
        "factor",
        "start_at",
        "start_index",
        "end_at",
        "end_index",
        "usage",
        *RATES,
        "uom_name",
        "coverage",
    )
    _report_sums = ("usage", *RATES)

    month = fields.Date(readonly=True)
    year = fields.Char(readonly=True)
    month_number = fields.Char("Month of the year", readonly=True)
    start_index = KnownFloat(
        "Index at the start", digits="AMR Index", readonly=True, aggregator=None
    )
    start_at = fields.Datetime("Read at the start", readonly=True)
    end_index = KnownFloat(
        "Index at the end", digits="AMR Index", readonly=True, aggregator=None
    )
    end_at = fields.Datetime("Read at the end", readonly=True)
    coverage = fields.Selection(
        [
            ("exact", "Read at both ends"),
            ("near", "Read near the ends"),
            ("none", "Not read"),
        ],
        readonly=True,
        help="An index at a boundary is the last one read at or before it; its time is "
        "shown.",
    )

    @property
    def _table_query(self):
        return period_usage(MONTHS)
