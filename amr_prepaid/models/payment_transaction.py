from odoo import fields, models

from odoo.addons.amr_base.tools import dec, lock_rows


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
        self = self.sudo()  # the system's own work, see FACTS
        lock_rows(self)
        fresh = self.filtered(lambda tx: not tx.is_post_processed)
        if not fresh:
            return
        booking = fresh.with_context(amr_payment_posted=True)
        super(PaymentTransaction, booking)._post_process()
        for tx in fresh.filtered("amr_by_job"):
            tx._finish_amr_payment()
        for tx in fresh.filtered("amr_vend_id"):
            tx._pay_amr_vend()
        for tx in fresh.filtered("invoice_ids"):
            tx._tell_extra_payment()

    def _finish_amr_payment(self):
        """Post the payment that an accountant began, or cancel it."""
        payment = self.payment_id
        if self.state == "error" and payment.state == "draft":
            payment.action_cancel()
        if self.state != "done" or payment.state not in ("draft", "canceled"):
            return
        if payment.state == "canceled":
            payment.action_draft()  # by hand, while the provider took the money
        # what was taken, and today: the day it was begun may be locked meanwhile
        payment.write(
            {
                "amount": self.amount,
                "currency_id": self.currency_id.id,
                "partner_id": self.partner_id.id,
                "date": fields.Date.context_today(self),
            }
        )
        payment.action_post()
        lines = payment.move_id.line_ids | self.invoice_ids.line_ids
        lines.filtered(
            lambda line: (
                line.account_id == payment.destination_account_id
                and line.parent_state == "posted"
                and not line.reconciled
            )
        ).reconcile()

    def _tell_extra_payment(self):
        """Open an exception when the bills did not need all the money that came in."""
        payment = self.payment_id
        if self.state != "done" or self.operation == "refund" or not payment:
            return
        left = -sum(
            dec(line.amount_residual, 2)
            for line in payment.move_id.line_ids
            if line.account_id == payment.destination_account_id
        )
        if left > 0:
            self._tell_amr(
                self.env._(
                    "Payment %(payment)s came in, and %(left)s of it were not needed: "
                    "pay them back, or leave them for the next bill.",
                    payment=self.reference,
                    left=self.currency_id.format(float(left)),
                )
            )

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
