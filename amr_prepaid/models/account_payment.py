from odoo import models
from odoo.exceptions import UserError

# States in which the money is, or is about to be, there.
MONEY = ("in_process", "paid")
BOUND = {"amount", "currency_id", "partner_id", "payment_type", "journal_id", "date"}
CHARGED = BOUND | {
    "destination_account_id",
    "payment_method_line_id",
    "payment_token_id",
    "payment_transaction_id",
}


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def write(self, vals):
        """Override of `account`: money in a wallet stays what it was, over RPC too.

        So does a payment whose saved method is being charged: what the provider takes
        is what is booked.
        """
        if CHARGED & vals.keys():
            self._check_not_charging(vals)
        if BOUND & vals.keys() or vals.get("state", "paid") not in MONEY:
            self._check_not_in_wallet()
        return super().write(vals)

    def _check_not_charging(self, vals):
        """Check that these values change nothing of a payment that is being charged.

        Refused and cancelled counts, too: the provider may still say yes.

        :raises UserError: one does
        """
        if self.env.su:
            return
        for payment in self:
            tx = payment.payment_transaction_id.sudo()
            if not tx.amr_by_job or payment.state not in ("draft", "canceled"):
                continue
            if any(
                payment._is_amr_change(name, vals[name])
                for name in CHARGED & vals.keys()
            ):
                raise UserError(
                    self.env._(
                        "Payment %(payment)s is being charged, or was: it stays as it "
                        "is. Begin another one.",
                        payment=payment.display_name,
                    )
                )

    def _is_amr_change(self, name, value):
        field = self._fields[name]
        new, old = (
            field.convert_to_cache(one, self, validate=False)
            for one in (value, self[name])
        )
        return new != old

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
