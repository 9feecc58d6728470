from odoo import fields, models


class AmrException(models.Model):
    _inherit = "amr.exception"

    kind = fields.Selection(
        selection_add=[("credit", "Prepaid credit"), ("ledger", "Ledger")],
        ondelete={"credit": "cascade", "ledger": "cascade"},
    )
