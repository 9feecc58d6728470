from odoo import models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_prepaid.tools import lock_rows


class AccountMove(models.Model):
    _inherit = "account.move"

    def _claim_amr_payment(self, amount):
        """Check that these bills are owed and nobody is paying them, and keep it so.

        The rows are locked, and get a new version: another request that waits for them
        is sent back to the start and sees what this one has done.

        :param Decimal amount: what is to be paid for them
        :raises ValidationError: one sentence that says why not
        """
        lock_rows(self)
        self.env.cr.execute(
            SQL(
                "UPDATE account_move SET write_date = write_date WHERE id = ANY(%s)",
                list(self.ids),
            )
        )
        if not self or any(not bill._is_amr_payable() for bill in self):
            raise ValidationError(
                self.env._(
                    "This bill is paid, or its payment is under way. Look at the bill "
                    "before you pay again."
                )
            )
        owed = sum(dec(bill.amount_residual, 2) for bill in self)
        if not 0 < amount <= owed:
            raise ValidationError(
                self.env._(
                    "Pay more than zero, and at most the %(owed)s that are owed. Load "
                    "the page again, then pay.",
                    owed=self.currency_id.format(float(owed)),
                )
            )

    def _is_amr_payable(self):
        """Return whether the bill is owed and no payment of it is under way."""
        self.ensure_one()
        return self._has_to_be_paid() and not any(
            tx._is_amr_live() and not tx.payment_id
            for tx in self.transaction_ids
            if tx.provider_code not in ("none", "custom")
        )
