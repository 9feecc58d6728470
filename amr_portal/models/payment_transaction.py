from odoo import fields, models

from odoo.addons.amr_base.tools import dec

# How long a payment that was begun is offered to another window.
OPEN_MINUTES = 30


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _find_amr_open(self, provider_id, payment_method_id, flow, tokenize, *, amount):
        """Return the payment among these that another window began in the same way.

        Two windows then pay one and the same: the provider takes the money once.
        """
        since = fields.Datetime.subtract(fields.Datetime.now(), minutes=OPEN_MINUTES)
        return self.sudo().filtered(
            lambda tx: (
                tx.state == "draft"
                and tx.operation == f"online_{flow}" != "online_token"
                and tx.provider_id.id == provider_id
                and tx.payment_method_id.id == payment_method_id
                and tx.tokenize <= bool(tokenize)
                and dec(tx.amount, 2) == dec(amount, 2)
                and tx.create_date > since
            )
        )[:1]
