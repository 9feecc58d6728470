from odoo import fields, models


class AmrTariffSurcharge(models.Model):
    """Amount added per unit consumed or once per bill, such as sewage or a fund."""

    _name = "amr.tariff.surcharge"
    _inherit = "amr.priced.mixin"
    _description = "Tariff surcharge"
    _order = "version_id, id"
    _free = frozenset({"name"})

    version_id = fields.Many2one(
        "amr.tariff.version", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="version_id.company_id", store=True)
    name = fields.Char(required=True, translate=True)
    kind = fields.Selection(
        [("per_unit", "Per unit"), ("per_bill", "Per bill")],
        required=True,
        default="per_unit",
    )
    amount = fields.Float(digits="AMR Unit Price", required=True)

    _amount_positive = models.Constraint(
        "CHECK (amount >= 0)", "A surcharge may not be negative."
    )
