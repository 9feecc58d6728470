from odoo import fields, models
from odoo.tools import SQL

from ..tools import KnownFloat
from .usage_sql import (
    ACCOUNT,
    BOUNDS,
    INSTALLED,
    INSTALLED_THEN,
    MONTHS,
    PLACE,
    USABLE,
    last_index,
)

DAYS = tuple(f"d{day:02}" for day in range(1, 32))

# The daily freezes of an installation in a month, the last one before it if the month
# does not begin with one, and its opening and closing index.
CHAIN = SQL(
    """
    SELECT r.read_at AS at, r.id, r.index FROM amr_reading r
     WHERE r.meter_id = i.meter_id AND r.register = 'total' AND %(usable)s
       AND r.kind = 'daily' AND r.read_at > GREATEST(b.begin_at, i.date_from)
       AND r.read_at <= LEAST(b.end_at, i.date_to)
    UNION ALL
    SELECT COALESCE(r0.read_at, i.date_from), 0, COALESCE(r0.index, i.start_index)
    UNION ALL
    SELECT i.date_to, NULL, i.end_index WHERE i.date_to <= b.end_at AND i.end_index > 0
    """,
    usable=USABLE,
)


class AmrUsageMatrix(models.Model):
    """Month matrix (月用量矩阵, S4 2.2): a row a meter, a column a day of the month.

    A cell is filled when the meter was frozen at both ends of the day. What was used
    over several days without a freeze between is in the total only.
    """

    _name = "amr.usage.matrix"
    _inherit = "amr.usage.mixin"
    _description = "Month matrix"
    _auto = False
    _report_columns = (
        "month",
        "community_id",
        "building_id",
        "room_id",
        "account_id",
        "meter_id",
        "utility_id",
        "usage",
        "uom_name",
        "day_count",
        *DAYS,
    )
    _report_sums = ("usage", *DAYS)
    _report_groups = ("utility_id", "community_id", "building_id")

    month = fields.Date(readonly=True)
    day_count = fields.Integer(
        "Days read", readonly=True, aggregator=None, help="Days with a known number."
    )
    for day, name in enumerate(DAYS, start=1):
        vars()[name] = KnownFloat(str(day), digits="AMR Consumption", readonly=True)
    del day, name

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT i.id::bigint * 100000 + (d.first - DATE '2000-01-01') AS id,
                   d.first AS month, %(place)s, %(account)s, u.*
              FROM %(installed)s CROSS JOIN %(months)s %(bounds)s
              LEFT JOIN LATERAL (%(before)s) r0 ON true
              LEFT JOIN LATERAL (
                SELECT sum(used) AS usage,
                       count(DISTINCT day)::integer AS day_count, %(days)s
                  FROM (
                    SELECT used * m.factor AS used,
                           CASE WHEN begin_day = end_day
                                 AND begin_day >= d.first
                                THEN begin_day - d.first + 1 END AS day
                      FROM (
                        SELECT amr_index_step(
                                   index, LEAD(index) OVER w, mm.digits) AS used,
                               (at AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date
                                   AS begin_day,
                               ((LEAD(at) OVER w - INTERVAL '1 microsecond')
                                   AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date
                                   AS end_day
                          FROM (%(chain)s) chain
                        WINDOW w AS (ORDER BY at, id)) step
                     WHERE used IS NOT NULL) cell) u ON true
             WHERE %(installed_then)s
            """,
            place=PLACE,
            account=ACCOUNT,
            days=SQL(", ").join(
                SQL(
                    "sum(used) FILTER (WHERE day = %s) AS %s", day, SQL.identifier(name)
                )
                for day, name in enumerate(DAYS, start=1)
            ),
            installed=INSTALLED,
            months=MONTHS,
            bounds=BOUNDS,
            before=last_index(SQL("b.begin_at"), SQL("r.kind = 'daily'")),
            chain=CHAIN,
            installed_then=INSTALLED_THEN,
        )
