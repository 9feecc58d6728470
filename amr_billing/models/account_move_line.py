from odoo import api, fields, models

# What a bill says about a charge; posted, it stays as it is.
FROZEN_FIELDS = {
    "account_id",
    "amount_currency",
    "amr_charge_ids",
    "balance",
    "credit",
    "currency_id",
    "debit",
    "discount",
    "move_id",
    "name",
    "partner_id",
    "price_unit",
    "product_id",
    "product_uom_id",
    "quantity",
    "tax_ids",
}


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    amr_charge_ids = fields.One2many("amr.charge", "move_line_id", readonly=True)

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.move_id._refuse_amr_frozen()
        return lines

    def write(self, vals):
        if FROZEN_FIELDS & vals.keys():
            self.move_id._refuse_amr_frozen()
        return super().write(vals)
