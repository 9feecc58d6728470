from odoo import fields, models

# How long a payment that was begun is offered to another window.
OPEN_MINUTES = 30


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _find_amr_open(
        self, provider_id, payment_method_id, flow, tokenize, partner_id, *, amount
    ):
        """Return the payment among these that another window began in the same way.

        Two windows then pay one and the same: the provider takes the money once. Two
        people do not: what one of them saves while paying would be the other's.
        """
        since = fields.Datetime.subtract(fields.Datetime.now(), minutes=OPEN_MINUTES)
        return self.sudo().filtered(
            lambda tx: (
                tx.state == "draft"
                and tx.operation == f"online_{flow}" != "online_token"
                and tx.provider_id.id == provider_id
                and tx.payment_method_id.id == payment_method_id
                and tx.partner_id.id == partner_id
                and tx.tokenize <= bool(tokenize)
                and tx.currency_id.compare_amounts(tx.amount, amount) == 0
                and tx.create_date > since
            )
        )[:1]
