from odoo import fields, models

from odoo.addons.amr_base.tools import lock_rows


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    amr_vend_id = fields.Many2one(
        "amr.vend",
        "Prepaid order",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    def _post_process(self):
        """Override of `account_payment` to run it once, and to pay the prepaid order.

        The cron that post-processes transactions reads their flag once, then commits
        after each of them: a transaction that the customer's page has dealt with
        meanwhile would get a second payment. So the row is locked and read anew here;
        the unique keys on order and wallet entry are the second net.
        """
        lock_rows(self)
        fresh = self.filtered(lambda tx: not tx.is_post_processed)
        if not fresh:
            return
        booking = fresh.with_context(amr_payment_posted=True)
        super(PaymentTransaction, booking)._post_process()
        for tx in fresh.filtered("amr_vend_id"):
            tx._pay_amr_vend()

    def _refund(self, amount_to_refund=None):
        """Override of `payment`: money in a wallet is not paid back behind it.

        :raises UserError: the payment was put into a wallet; its energy may be used
        """
        self.payment_id._check_not_in_wallet()
        return super()._refund(amount_to_refund=amount_to_refund)

    def _pay_amr_vend(self):
        """Book the confirmed payment of a prepaid order; ensure_one from the caller."""
        vend = self.amr_vend_id.sudo()
        if self.state == "done" and self.payment_id and self.operation != "refund":
            vend._register_payment(self.payment_id, transaction=self)

    def _create_payment(self, **extra_create_values):
        """Override of `account_payment`: say whose money it is."""
        if self.amr_vend_id:
            extra_create_values["amr_account_id"] = (
                self.amr_vend_id.sudo().account_id.id
            )
        return super()._create_payment(**extra_create_values)
