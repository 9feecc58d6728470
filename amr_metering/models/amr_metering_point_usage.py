from odoo import fields, models
from odoo.tools import SQL

from .installed_sql import INSTALLED_SQL


class AmrMeteringPoint(models.Model):
    """What the list of rooms and meters shows beside each (KTAMR manual 3.2)."""

    _inherit = "amr.metering.point"  # pylint: disable=consider-merging-classes-inherited

    account_number = fields.Char("Customer no.", compute="_compute_customer")
    partner_id = fields.Many2one("res.partner", "Owner", compute="_compute_customer")
    tariff_id = fields.Many2one("amr.tariff", compute="_compute_customer")
    meter_address = fields.Char(related="meter_id.address")
    meter_state = fields.Selection(related="meter_id.state", string="Meter state")
    line_id = fields.Many2one(related="meter_id.line_id")
    latest_at = fields.Datetime(related="meter_id.latest_at")
    latest_index = fields.Float(related="meter_id.latest_index", aggregator=None)
    uom_name = fields.Char(related="utility_id.uom_name")
    installed_at = fields.Datetime("Installed", compute="_compute_period")
    previous_index = fields.Float(
        digits="AMR Index",
        compute="_compute_period",
        aggregator=None,
        help="The last usable reading up to the beginning of this month, or the "
        "opening index.",
    )
    period_usage = fields.Float(
        "Usage this month",
        digits="AMR Consumption",
        compute="_compute_period",
        help="From the previous to the latest index, times the factor in force. "
        "Negative: the index fell, look into it.",
    )

    def _compute_customer(self):
        for point in self:
            point.account_number = point.account_id.number
            point.partner_id = point.account_id.partner_id
            point.tariff_id = point.agreement_id.tariff_id

    def _compute_period(self):
        self.env["amr.meter"].flush_model()
        self.env["amr.installation"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, i.date_from, s.index,
                       CASE WHEN m.latest_at > s.at THEN amr_measured(
                            m.id, 'total', s.at, m.latest_at, s.index, m.latest_index,
                            k.digits)
                       -- not read since: what it shows, if that was typed
                       ELSE amr_index_step(s.index, m.latest_index, k.digits)
                            * m.factor END
                  FROM amr_metering_point p
                  JOIN amr_meter m ON m.id = p.meter_id
                  JOIN amr_meter_model k ON k.id = m.model_id
                  JOIN amr_community c ON c.id = p.community_id
                 CROSS JOIN LATERAL (%(installed)s) i
                  LEFT JOIN LATERAL (
                    SELECT index, read_at FROM amr_reading
                     WHERE meter_id = m.id AND register = 'total'
                       AND quality <> 'suspect' AND superseded_by_id IS NULL
                       AND read_at >= i.date_from
                       AND read_at <= date_trunc('month',
                           now() AT TIME ZONE c.tz) AT TIME ZONE c.tz
                           AT TIME ZONE 'UTC'
                     ORDER BY read_at DESC, id DESC LIMIT 1) r ON true
                 CROSS JOIN LATERAL (
                    SELECT coalesce(r.read_at, i.date_from) AS at,
                           coalesce(r.index, i.start_index) AS index) s
                 WHERE p.id = ANY(%(points)s)
                """,
                points=list(self.ids),
                installed=SQL(INSTALLED_SQL),
            )
        )
        found = {row[0]: row[1:] for row in rows}
        for point in self:
            values = found.get(point.id, (False, 0, 0))
            point.installed_at, point.previous_index, point.period_usage = values
