from odoo import fields, models
from odoo.tools import SQL

from ..models.amr_meter_rates import RATES
from ..tools import KnownFloat
from .usage_sql import (
    ACCOUNT,
    BOUNDS,
    INSTALLED,
    INSTALLED_THEN,
    PLACE,
    RATE_COLUMNS,
    RATE_USAGE,
    USABLE,
    last_index,
)

DAYS = SQL(
    """
    (SELECT day::date AS first, day::date + 1 AS after
       FROM generate_series(
            date_trunc('day', (SELECT min(date_from) FROM amr_installation)),
            now() AT TIME ZONE 'UTC' + INTERVAL '1 day', '1 day') day) d
    """
)


class AmrUsageDay(models.Model):
    """Daily report (日用量报表, S4 2.2): every meter and day with both readings.

    The reading is the freeze that ends the day (or the closing index), the previous
    one is the freeze before it, whenever that was: the days of a month add up even
    when a freeze is missing.
    """

    _name = "amr.usage.day"
    _inherit = ["amr.usage.mixin", "amr.usage.rates.mixin"]
    _description = "Daily consumption"
    _auto = False
    _order = "day desc, community_id, building_id, room_id, utility_id, id"
    _report_columns = (
        "day",
        "community_id",
        "building_id",
        "room_id",
        "account_id",
        "meter_id",
        "utility_id",
        "item",
        "factor",
        "end_index",
        "end_at",
        "usage",
        *RATES,
        "uom_name",
        "start_index",
        "start_at",
        "day_count",
    )
    _report_sums = ("usage", *RATES)

    day = fields.Date(readonly=True)
    item = fields.Selection(
        [("total", "Total index")], readonly=True, help="What was read."
    )
    end_index = KnownFloat(
        "Reading", digits="AMR Index", readonly=True, aggregator=None
    )
    end_at = fields.Datetime("Read at", readonly=True)
    start_index = KnownFloat(
        "Previous reading", digits="AMR Index", readonly=True, aggregator=None
    )
    start_at = fields.Datetime("Previous time", readonly=True)
    day_count = fields.Integer(
        "Days",
        readonly=True,
        aggregator=None,
        help="How many days the consumption spans: more than one when freezes are "
        "missing before this day.",
    )

    @property
    def _table_query(self):
        freeze = SQL("r.kind = 'daily'")
        return SQL(
            """
            SELECT i.id::bigint * 100000 + (d.first - DATE '2000-01-01') AS id,
                   d.first AS day, 'total' AS item, %(place)s, %(account)s,
                   e.at AS end_at, e.index AS end_index,
                   CASE WHEN e.at IS NOT NULL THEN s.at END AS start_at,
                   CASE WHEN e.at IS NOT NULL THEN s.index END AS start_index,
                   amr_index_step(s.index, e.index, mm.digits) * i.factor AS usage,
                   ceil(EXTRACT(epoch FROM e.at - s.at) / 86400)::integer AS day_count,
                   %(rates)s
              FROM %(installed)s CROSS JOIN %(days)s %(bounds)s
              LEFT JOIN LATERAL (
                SELECT r.read_at, r.index FROM amr_reading r
                 WHERE r.meter_id = i.meter_id AND r.register = 'total' AND %(usable)s
                   AND %(freeze)s AND r.read_at = b.end_at
                   AND (i.date_to IS NULL OR r.read_at <= i.date_to)
                 ORDER BY r.id DESC LIMIT 1) r1 ON true
             CROSS JOIN LATERAL (
                SELECT CASE WHEN closed THEN i.date_to ELSE r1.read_at END AS at,
                       CASE WHEN closed THEN i.end_index ELSE r1.index END AS index
                  FROM (SELECT i.date_to <= b.end_at AS closed) x
                ) e
              LEFT JOIN LATERAL (%(before)s) r0 ON true
             CROSS JOIN LATERAL (
                SELECT COALESCE(r0.read_at, i.date_from) AS at,
                       COALESCE(r0.index, i.start_index) AS index) s
              %(rate_usage)s
             WHERE %(installed_then)s AND b.end_at <= now() AT TIME ZONE 'UTC'
            """,
            place=PLACE,
            rates=RATE_COLUMNS,
            rate_usage=RATE_USAGE,
            account=ACCOUNT,
            installed=INSTALLED,
            days=DAYS,
            bounds=BOUNDS,
            usable=USABLE,
            freeze=freeze,
            before=last_index(SQL("b.begin_at"), freeze),
            installed_then=INSTALLED_THEN,
        )
