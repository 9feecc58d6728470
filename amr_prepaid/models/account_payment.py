from odoo import models
from odoo.exceptions import UserError

# States in which the money is, or is about to be, there.
MONEY = ("in_process", "paid")
BOUND = {"amount", "currency_id", "partner_id", "payment_type", "journal_id", "date"}


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def write(self, vals):
        """Override of `account`: money in a wallet stays what it was, over RPC too."""
        if BOUND & vals.keys() or vals.get("state", "paid") not in MONEY:
            self._check_not_in_wallet()
        return super().write(vals)

    def action_draft(self):
        """Override of `account`: money in a wallet cannot be taken back this way."""
        self._check_not_in_wallet()
        return super().action_draft()

    def action_cancel(self):
        """Override of `account`: money in a wallet cannot be taken back this way."""
        self._check_not_in_wallet()
        return super().action_cancel()

    def _check_not_in_wallet(self):
        """Check that none of these payments was put into a wallet.

        :raises UserError: when one was
        """
        entry = (
            self.env["amr.wallet.entry"]
            .sudo()
            .search([("payment_id", "in", self.ids)], limit=1)
        )
        if entry:
            raise UserError(
                self.env._(
                    "Payment %(payment)s is in the wallet of %(account)s: refund it "
                    "there.",
                    payment=entry.payment_id.display_name,
                    account=entry.account_id.display_name,
                )
            )
