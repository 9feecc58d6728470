from odoo import fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    amr_charge_ids = fields.One2many("amr.charge", "move_line_id", readonly=True)
