from odoo import fields, models


class AmrChargeResolve(models.TransientModel):
    """What an accountant found out about a payment in doubt."""

    _name = "amr.charge.resolve"
    _description = "Decide about a payment in doubt"

    transaction_id = fields.Many2one(
        "payment.transaction", "Payment", required=True, readonly=True
    )
    amount = fields.Monetary(related="transaction_id.amount")
    currency_id = fields.Many2one(related="transaction_id.currency_id")
    provider_id = fields.Many2one(related="transaction_id.provider_id")
    provider_reference = fields.Char(related="transaction_id.provider_reference")
    charged_at = fields.Datetime(related="transaction_id.amr_charged_at")
    state_message = fields.Text(
        related="transaction_id.state_message", string="What happened"
    )
    decision = fields.Selection(
        [
            ("taken", "The provider has taken the money: book it"),
            ("not_taken", "The provider has not taken it: it may be paid again"),
        ],
        required=True,
    )
    reason = fields.Char("How you know", required=True)

    def action_apply(self):
        """Do what was decided."""
        self.ensure_one()
        self.transaction_id._settle_amr_doubt(self.decision == "taken", self.reason)
