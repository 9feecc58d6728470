from odoo import fields, models

# What a bill says about a charge; posted, it stays as it is.
FROZEN_FIELDS = {
    "account_id",
    "amr_charge_ids",
    "discount",
    "name",
    "price_unit",
    "product_id",
    "product_uom_id",
    "quantity",
    "tax_ids",
}


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    amr_charge_ids = fields.One2many("amr.charge", "move_line_id", readonly=True)

    def write(self, vals):
        if FROZEN_FIELDS & vals.keys():
            self.move_id._refuse_amr_frozen()
        return super().write(vals)
