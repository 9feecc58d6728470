from odoo import api, fields, models

REGISTERS = [
    ("total", "Total"),
    ("t1", "T1 peak"),
    ("t2", "T2 high"),
    ("t3", "T3 flat"),
    ("t4", "T4 valley"),
    ("t5", "T5 deep valley"),
]


class AmrTariffLine(models.Model):
    """One price of a version: of a register (time of use) or from a quantity (step)."""

    _name = "amr.tariff.line"
    _inherit = "amr.priced.mixin"
    _description = "Tariff price"
    _order = "version_id, register, quantity_from"

    version_id = fields.Many2one(
        "amr.tariff.version", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="version_id.company_id", store=True)
    register = fields.Selection(REGISTERS, required=True, default="total")
    quantity_from = fields.Float(
        "From", digits="AMR Consumption", help="The step holds from this consumption."
    )
    price = fields.Float("Unit price", digits="AMR Unit Price", required=True)

    _price_positive = models.Constraint(
        "CHECK (price >= 0 AND quantity_from >= 0)",
        "A price or a step's beginning may not be negative.",
    )
    _step_unique = models.Constraint(
        "UNIQUE (version_id, register, quantity_from)",
        "A register or step may be priced once in a version.",
    )

    @api.constrains("register", "quantity_from")
    def _check_version(self):
        # a version that changes several lines at once checks them when all are written
        if not self.env.context.get("amr_lines_follow"):
            self.version_id._check_lines()
