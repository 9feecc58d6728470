from odoo import models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import claim_rows


class AccountPayment(models.Model):
    """An accountant charges what a customer has saved: by a job, as the portal does.

    Core asks the provider in the request; were it rolled back after the provider said
    yes, the money would be taken and nobody here would know. The payment stays a draft
    until the provider has said yes.
    """

    _inherit = "account.payment"  # pylint: disable=consider-merging-classes-inherited

    def action_post(self):
        """Override of `account_payment`: whoever's bills they are for."""
        self._check_amr_charged()
        by_job = self.filtered(
            lambda payment: (
                payment.payment_type == "inbound"
                and payment.payment_token_id
                and not payment.payment_transaction_id
            )
        )
        by_job._charge_amr_by_job()
        return super(AccountPayment, self - by_job).action_post()

    def _check_amr_charged(self):
        """Check that none of these waits for the provider's yes.

        :raises UserError: one does, or was refused
        """
        for payment in self:
            tx = payment.payment_transaction_id.sudo()
            if tx.amr_by_job and tx.state != "done":
                raise UserError(
                    self.env._(
                        "Payment %(payment)s is posted by itself as soon as its "
                        "provider says that the money was taken.",
                        payment=payment.display_name,
                    )
                )

    def _charge_amr_by_job(self):
        """Have the saved payment methods charged once this is committed.

        :raises UserError: several at a time (core would note all bills on each of
            them), or a bill is being paid already, or somebody has
            just begun to
        """
        if len(self) > 1:
            raise UserError(
                self.env._("Charge saved payment methods one payment at a time.")
            )
        for tx in self.sudo()._create_payment_transaction():
            bills = tx.invoice_ids
            claim_rows(bills)
            for bill in bills:
                others = bill.transaction_ids - tx
                if any(other._is_amr_under_way() for other in others):
                    raise UserError(
                        self.env._(
                            "A payment of %s is under way already: wait for its end.",
                            bill.name,
                        )
                    )
            bills._check_amr_turn(tx.partner_id.id)
            tx._enqueue_amr_charge()
            tx.payment_id.state = "draft"  # core's wizard makes it "in process"
            tx.payment_id.message_post(
                body=self.env._(
                    "The saved payment method is being charged. The payment is posted "
                    "when its provider says yes, and cancelled when he says no."
                )
            )
