from odoo import api, fields, models
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

PAGE = 500
DAYS = tuple(f"d{day:02}" for day in range(1, 32))

FROZEN = SQL("r.kind = 'daily'")
BEFORE = last_index(SQL("b.begin_at"), FROZEN)

# The freeze that a month of an installation begins with, or its opening index.
START = SQL(
    """
    SELECT COALESCE(r0.read_at, i.date_from) AS at,
           COALESCE(r0.index, i.start_index) AS index
      FROM (VALUES (1)) one LEFT JOIN LATERAL (%s) r0 ON true
    """,
    BEFORE,
)

# The daily freezes of an installation in a month, the last one before it if the month
# does not begin with one, and its opening and closing index.
CHAIN = SQL(
    """
    SELECT r.read_at AS at, r.id, r.index FROM amr_reading r
     WHERE r.meter_id = i.meter_id AND r.register = 'total' AND %(usable)s
       AND r.kind = 'daily' AND r.read_at > GREATEST(b.begin_at, i.date_from)
       AND r.read_at <= LEAST(b.end_at, i.date_to)
    UNION ALL
    SELECT s.at, 0, s.index FROM (%(start)s) s
    UNION ALL
    SELECT i.date_to, NULL, i.end_index WHERE i.date_to <= b.end_at
    """,
    usable=USABLE,
    start=START,
)

# What a month comes to: from its first index to its last. Only where the register fell
# in between it is looked at step by step, whether it went through zero.
USAGE = SQL(
    """
    SELECT CASE
           WHEN e.at > s.at AND e.index >= s.index THEN (e.index - s.index) * i.factor
           WHEN e.at > s.at THEN i.factor * (
                SELECT sum(amr_index_step(before, index, mm.digits)) FROM (
                    SELECT index, LAG(index) OVER (ORDER BY at, id) AS before
                      FROM (%(chain)s) chain) step) END
      FROM (%(start)s) s
      LEFT JOIN LATERAL (%(last)s) r1 ON true
     CROSS JOIN LATERAL (
        SELECT CASE WHEN closed THEN i.date_to ELSE r1.read_at END AS at,
               CASE WHEN closed THEN i.end_index ELSE r1.index END AS index
          FROM (SELECT i.date_to <= b.end_at AS closed) x) e
    """,
    chain=CHAIN,
    start=START,
    last=last_index(SQL("LEAST(b.end_at, i.date_to)"), FROZEN),
)

# The local midnights of the month as UTC, the next month's first one at the end.
MIDNIGHTS = SQL(
    """
    SELECT array_agg(
               day AT TIME ZONE c.tz AT TIME ZONE 'UTC' ORDER BY day) AS midnights
      FROM generate_series(d.first::timestamp, d.after::timestamp, '1 day') day
    """
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

    @api.model
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Find a page's rows first, then add up the days of those only."""
        if not limit or limit > PAGE:
            return super().search_fetch(domain, field_names, offset, limit, order)
        page = super().search_fetch(domain, [], offset, limit, order)
        page.fetch(field_names)
        return page

    @api.model
    @api.readonly
    def get_matrix_summary(self, domain):
        """Return what a matrix is about, and the sums of all its meters by utility.

        :param list domain: what is searched for
        :return: the first and last month as "YYYY-MM", the names of the communities
            (the first three) and their number, and for each utility its name, unit,
            number of meters and ``sums`` by column (False: nothing is known)
        """
        sums = [f"{name}:sum" for name in self._report_sums]
        groups = self._read_group(
            domain,
            ["utility_id"],
            [
                "month:min",
                "month:max",
                "community_id:recordset",
                "meter_id:count_distinct",
                *sums,
            ],
        )
        communities = self.env["amr.community"].union(*(row[3] for row in groups))
        return {
            "months": [
                f"{month:%Y-%m}"
                for month in (
                    min((row[1] for row in groups), default=None),
                    max((row[2] for row in groups), default=None),
                )
                if month
            ],
            "communities": communities[:3].mapped("name"),
            "community_count": len(communities),
            "utilities": [
                {
                    "id": utility.id,
                    "name": utility.name,
                    "unit": utility.uom_name,
                    "meters": meters,
                    "sums": {
                        name: False if value is None else value
                        for name, value in zip(self._report_sums, values, strict=True)
                    },
                }
                for utility, _first, _last, _places, meters, *values in groups
            ],
        }

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT i.id::bigint * 100000 + (d.first - DATE '2000-01-01') AS id,
                   d.first AS month, %(place)s, %(account)s,
                   (%(usage)s) AS usage, u.*
              FROM %(installed)s CROSS JOIN %(months)s %(bounds)s
             CROSS JOIN LATERAL (%(midnights)s) n
              LEFT JOIN LATERAL (
                SELECT count(DISTINCT day)::integer AS day_count, %(days)s
                  FROM (
                    SELECT used * i.factor AS used,
                           CASE WHEN next_at <= n.midnights[day + 1] AND day > 0
                                THEN day END AS day
                      FROM (
                        SELECT amr_index_step(
                                   index, LEAD(index) OVER w, mm.digits) AS used,
                               LEAD(at) OVER w AS next_at,
                               width_bucket(at, n.midnights) AS day
                          FROM (%(chain)s) chain
                        WINDOW w AS (ORDER BY at, id)) step
                     WHERE used IS NOT NULL
                    OFFSET 0  -- the day is found once, not once a column
                    ) cell) u ON true
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
            midnights=MIDNIGHTS,
            chain=CHAIN,
            usage=USAGE,
            installed_then=INSTALLED_THEN,
        )
