from odoo import fields, models


class AmrReadTaskLine(models.Model):
    _inherit = "amr.read.task.line"

    link_id = fields.Many2one(related="meter_id.link_id", string="Device link")
    next_try_at = fields.Datetime(
        "Next try", readonly=True, help="Not asked again before this time."
    )
