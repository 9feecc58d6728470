from odoo import fields, models

from ..tools import lock_rows


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
        super(PaymentTransaction, fresh)._post_process()
        for tx in fresh.filtered("amr_vend_id"):
            tx._pay_amr_vend()

    def _pay_amr_vend(self):
        """Book the confirmed payment of a prepaid order; ensure_one from the caller."""
        vend = self.amr_vend_id.sudo()
        if self.state == "done" and self.payment_id and self.operation != "refund":
            vend._register_payment(self.payment_id, transaction=self)

    def _log_message_on_linked_documents(self, message):
        """Override of `account_payment` to log on the prepaid order as well."""
        result = super()._log_message_on_linked_documents(message)
        if self.amr_vend_id:
            self.amr_vend_id.sudo().message_post(body=message)
        return result
