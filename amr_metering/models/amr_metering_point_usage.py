from odoo import fields, models
from odoo.tools import SQL


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
        help="From the previous to the latest index, times the factor. Negative: the "
        "index fell, look into it.",
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
                SELECT p.id, i.date_from, coalesce(r.index, i.start_index),
                       (m.latest_index - coalesce(r.index, i.start_index)
                        + CASE WHEN amr_rolled_over(coalesce(r.index, i.start_index),
                                                    m.latest_index, k.digits)
                               THEN 10 ^ k.digits ELSE 0 END) * m.factor
                  FROM amr_metering_point p
                  JOIN amr_meter m ON m.id = p.meter_id
                  JOIN amr_meter_model k ON k.id = m.model_id
                  JOIN amr_community c ON c.id = p.community_id
                  JOIN amr_installation i ON i.meter_id = m.id AND i.date_to IS NULL
                  LEFT JOIN LATERAL (
                    SELECT index FROM amr_reading
                     WHERE meter_id = m.id AND register = 'total'
                       AND quality <> 'suspect' AND superseded_by_id IS NULL
                       AND read_at >= i.date_from
                       AND read_at <= date_trunc('month',
                           now() AT TIME ZONE c.tz) AT TIME ZONE c.tz
                           AT TIME ZONE 'UTC'
                     ORDER BY read_at DESC, id DESC LIMIT 1) r ON true
                 WHERE p.id = ANY(%s)
                """,
                list(self.ids),
            )
        )
        found = {row[0]: row[1:] for row in rows}
        for point in self:
            values = found.get(point.id, (False, 0, 0))
            point.installed_at, point.previous_index, point.period_usage = values
