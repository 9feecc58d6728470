from odoo import models
from odoo.exceptions import ValidationError

from odoo.addons.amr_base.tools import claim_rows, dec


class AccountMove(models.Model):
    _inherit = "account.move"

    def _claim_amr_payment(self, amount):
        """Check that these bills are owed and nobody is paying them, and keep it so.

        :param Decimal amount: what is to be paid for them
        :raises ValidationError: one sentence that says why not
        """
        claim_rows(self)
        for bill in self:
            if not bill._is_amr_payable():
                raise ValidationError(
                    self.env._(
                        "%s is paid, or its payment is under way. Look at it before "
                        "you pay again.",
                        bill.name,
                    )
                )
        owed = sum(
            dec(bill.amount_residual, bill.currency_id.decimal_places) for bill in self
        )
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
            tx._is_amr_under_way() for tx in self.transaction_ids
        )
