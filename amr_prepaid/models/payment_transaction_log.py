from markupsafe import Markup

from odoo import models


class PaymentTransaction(models.Model):
    """What is said of a transaction in the log of a bill or an order.

    Odoo's own sentences have no Chinese translation in 19.0; these, which say the
    same, have one.
    """

    _inherit = "payment.transaction"  # pylint: disable=consider-merging-classes-inherited

    def _get_sent_message(self):
        """Override of `payment`: ours for a payment, core's for a refund."""
        message = super()._get_sent_message()
        if not message or self.operation == "refund":
            return message
        return self.env._(
            "Payment %(ref)s of %(amount)s: begun.", **self._amr_message_values()
        )

    def _get_received_message(self):
        """Override of `payment`: ours for a payment, core's for a refund."""
        message = super()._get_received_message()
        if not message or self.operation == "refund":
            return message
        values = self._amr_message_values()
        if self.state == "done":
            return self.env._("Payment %(ref)s of %(amount)s: received.", **values)
        if self.state == "pending":
            return self.env._("Payment %(ref)s of %(amount)s: pending.", **values)
        if self.state == "authorized":
            return self.env._("Payment %(ref)s of %(amount)s: authorized.", **values)
        if self.state == "cancel":
            ours = self.env._("Payment %(ref)s of %(amount)s: cancelled.", **values)
        else:
            ours = self.env._("Payment %(ref)s of %(amount)s: failed.", **values)
        if self.state_message:
            ours += Markup("<br/>") + self.state_message
        return ours

    def _log_message_on_linked_documents(self, message):
        """Override of `account_payment`: log on the prepaid order as well."""
        if self.env.context.get("amr_payment_posted") and self.payment_id:
            message = self.env._(
                "Payment %(ref)s of %(amount)s: booked as %(payment)s.",
                payment=self.payment_id._get_html_link(),
                **self._amr_message_values(),
            )
        result = super()._log_message_on_linked_documents(message)
        if self.amr_vend_id:
            self.amr_vend_id.sudo().message_post(body=message)
        return result

    def _amr_message_values(self):
        return {
            "ref": self._get_html_link(),
            "amount": self.currency_id.format(self.amount),
        }
