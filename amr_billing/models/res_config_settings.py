from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    amr_closing_tolerance = fields.Integer(
        related="company_id.amr_closing_tolerance", readonly=False
    )
