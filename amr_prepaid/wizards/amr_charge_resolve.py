from odoo import fields, models


class AmrChargeResolve(models.TransientModel):
    """What an accountant found out about a payment in doubt."""

    _name = "amr.charge.resolve"
    _description = "Decide about a payment in doubt"

    transaction_id = fields.Many2one(
        "payment.transaction", "Payment", required=True, readonly=True
    )
    # not by sudo: of a payment only what its reader may see
    amount = fields.Monetary(related="transaction_id.amount", related_sudo=False)
    currency_id = fields.Many2one(
        related="transaction_id.currency_id", related_sudo=False
    )
    provider_id = fields.Many2one(
        related="transaction_id.provider_id", related_sudo=False
    )
    provider_reference = fields.Char(
        related="transaction_id.provider_reference", related_sudo=False
    )
    charged_at = fields.Datetime(
        related="transaction_id.amr_charged_at", related_sudo=False
    )
    state_message = fields.Text(
        related="transaction_id.state_message",
        string="What happened",
        related_sudo=False,
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
