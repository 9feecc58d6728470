from odoo import fields, models
from odoo.exceptions import ValidationError

from odoo.addons.amr_base.tools import claim_rows, dec

# How long somebody who has begun to pay keeps others from paying the same.
TURN_MINUTES = 10


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

    def _check_amr_turn(self, partner_id):
        """Check that nobody else has just begun to pay these claimed bills.

        Two payers would both be asked for the money by the provider, and he takes it
        from both. Whoever leaves it at that is not waited for long.

        :param int partner_id: who wants to pay
        :raises ValidationError: somebody else is paying one of them
        """
        since = fields.Datetime.subtract(fields.Datetime.now(), minutes=TURN_MINUTES)
        mine = (partner_id, self.env.uid)
        for bill in self:
            if any(
                tx.state == "draft"
                and tx.create_date > since
                and (tx.partner_id.id, tx.create_uid.id) != mine
                for tx in bill.sudo().transaction_ids
            ):
                raise ValidationError(
                    self.env._(
                        "Somebody else began to pay %(bill)s a moment ago. Wait "
                        "%(minutes)s minutes and load the page again: if it is still "
                        "owed then, pay it.",
                        bill=bill.name,
                        minutes=TURN_MINUTES,
                    )
                )

    def _is_amr_payable(self):
        """Return whether the bill is owed and no payment of it is under way."""
        self.ensure_one()
        return self._has_to_be_paid() and not any(
            tx._is_amr_under_way() for tx in self.transaction_ids
        )
