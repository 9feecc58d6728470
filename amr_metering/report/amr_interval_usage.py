from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.amr_base.models.amr_tariff_line import REGISTERS

from ..tools import KnownFloat


class AmrIntervalUsage(models.Model):
    """Hour detail (小时报表, S4 2.2): consumption of one meter by hour or finer.

    As in the manual it is asked for one meter at a time: without a meter there are no
    rows, and nobody waits for fifty million of them.
    """

    _name = "amr.interval.usage"
    _inherit = "amr.report.mixin"
    _description = "Hourly consumption"
    _auto = False
    _log_access = False
    _order = "read_at desc"
    _rec_name = "read_at"
    _depends = {
        "amr.meter": ["community_id", "company_id", "factor", "utility_id"],
        "amr.installation": ["date_from", "date_to", "factor", "meter_id"],
    }
    _report_columns = (
        "meter_id",
        "register",
        "start_at",
        "start_index",
        "read_at",
        "index",
        "factor",
        "usage",
        "uom_name",
        "quality",
    )
    _report_sums = ("usage",)

    meter_id = fields.Many2one("amr.meter", readonly=True)
    register = fields.Selection(REGISTERS, readonly=True)
    read_at = fields.Datetime("Read at", readonly=True)
    index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    start_at = fields.Datetime("Previous time", readonly=True)
    start_index = KnownFloat(
        "Previous reading", digits="AMR Index", readonly=True, aggregator=None
    )
    factor = fields.Float(digits=(16, 6), readonly=True, aggregator=None)
    usage = KnownFloat("Consumption", digits="AMR Consumption", readonly=True)
    quality = fields.Selection(
        [("ok", "Good"), ("estimated", "Estimated")], readonly=True
    )
    utility_id = fields.Many2one("amr.utility", readonly=True)
    uom_name = fields.Char(related="utility_id.uom_name", string="Unit")
    community_id = fields.Many2one("amr.community", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT i.*, COALESCE(g.factor, m.factor) AS factor,
                   CASE WHEN g.date_from > i.start_at
                        -- the factor changed on the way, or the meter was put in
                        THEN amr_measured(i.meter_id, i.register, i.start_at,
                                          i.read_at, i.start_index, i.index, mm.digits)
                        ELSE amr_index_step(i.start_index, i.index, mm.digits)
                             * COALESCE(g.factor, m.factor) END AS usage,
                   m.utility_id, m.community_id, m.company_id
              FROM (
                SELECT id, meter_id, register, read_at, index, quality,
                       LAG(read_at) OVER w AS start_at, LAG(index) OVER w AS start_index
                  FROM amr_interval
                 WHERE quality IN ('ok', 'estimated')
                WINDOW w AS (PARTITION BY meter_id, register ORDER BY read_at)) i
              JOIN amr_meter m ON m.id = i.meter_id
              JOIN amr_meter_model mm ON mm.id = m.model_id
              LEFT JOIN amr_installation g ON g.meter_id = i.meter_id
                   AND g.date_from < i.read_at
                   AND (g.date_to IS NULL OR g.date_to >= i.read_at)
            """
        )

    @api.model
    def _search(self, domain, *args, **kwargs):
        domain = Domain(domain)
        conditions = {
            condition.field_expr: condition.value
            for condition in domain.iter_conditions()
            if condition.operator in ("=", "in")
        }
        if "meter_id" not in conditions and "id" in conditions:
            # rows read before; PostgreSQL looks only at the meters it is told
            rows = self.env["amr.interval"].sudo().browse(conditions["id"])
            domain &= Domain("meter_id", "in", rows.meter_id.ids)
        elif "meter_id" not in conditions:
            domain = Domain.FALSE
        return super()._search(domain, *args, **kwargs)
