from odoo import fields, models
from odoo.tools import SQL

from ..tools import KnownFloat
from .usage_sql import MONTHS, period_usage


class AmrLossReport(models.Model):
    """Losses (损耗): what a master meter measured against the meters behind it.

    A month's loss is known only when the master and every meter behind it were read.
    """

    _name = "amr.loss.report"
    _inherit = "amr.report.mixin"
    _description = "Losses by master meter"
    _auto = False
    _log_access = False
    _order = "month desc, community_id, building_id, point_id"
    _rec_name = "point_id"
    _depends = {"amr.usage.month": ["usage"], "amr.metering.point": ["parent_id"]}
    _report_columns = (
        "month",
        "community_id",
        "building_id",
        "point_id",
        "utility_id",
        "master_usage",
        "sub_usage",
        "loss",
        "loss_percent",
        "uom_name",
        "sub_count",
        "missing_count",
    )
    _report_sums = ("master_usage", "sub_usage", "loss")

    month = fields.Date(readonly=True)
    point_id = fields.Many2one("amr.metering.point", "Master", readonly=True)
    building_id = fields.Many2one("amr.building", readonly=True)
    community_id = fields.Many2one("amr.community", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    utility_id = fields.Many2one("amr.utility", readonly=True)
    uom_name = fields.Char(related="utility_id.uom_name", string="Unit")
    master_usage = KnownFloat(
        "Master measured", digits="AMR Consumption", readonly=True
    )
    sub_usage = KnownFloat(
        "Use of the meters behind", digits="AMR Consumption", readonly=True
    )
    loss = KnownFloat(
        digits="AMR Consumption",
        readonly=True,
        help="Master less the meters behind it; empty while one was not read.",
    )
    loss_percent = KnownFloat(
        "Loss (%)", digits=(16, 2), readonly=True, aggregator=None
    )
    sub_count = fields.Integer("Meters behind", readonly=True)
    missing_count = fields.Integer("Not read", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT s.*, p.building_id, p.community_id, p.company_id, p.utility_id,
                   round(100 * s.loss / NULLIF(s.master_usage, 0), 2) AS loss_percent
              FROM (
                SELECT g.point_id::bigint * 100000 + (u.month - DATE '2000-01-01')
                           AS id, u.month, g.point_id,
                       sum(u.usage) FILTER (WHERE g.own) AS master_usage,
                       sum(u.usage) FILTER (WHERE NOT g.own) AS sub_usage,
                       CASE WHEN bool_and(u.usage IS NOT NULL)
                            THEN sum(CASE WHEN g.own THEN u.usage ELSE -u.usage END)
                            END AS loss,
                       count(*) FILTER (WHERE NOT g.own)::integer AS sub_count,
                       count(*) FILTER (WHERE u.usage IS NULL)::integer
                           AS missing_count
                  FROM (
                    -- one meter is one, however often its factor changed
                    SELECT month, point_id, meter_id, sum(usage) AS usage
                      FROM (%(usage)s) part
                     GROUP BY month, point_id, meter_id) u
                  JOIN amr_metering_point q ON q.id = u.point_id
                 CROSS JOIN LATERAL (
                    SELECT q.id AS point_id, true AS own WHERE q.kind = 'master'
                    UNION ALL
                    SELECT q.parent_id, false WHERE q.parent_id IS NOT NULL) g
                 GROUP BY u.month, g.point_id
                HAVING bool_or(g.own) AND NOT bool_and(g.own)) s
              JOIN amr_metering_point p ON p.id = s.point_id
            """,
            usage=period_usage(MONTHS),
        )
