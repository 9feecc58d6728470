from odoo import models


class PaymentToken(models.Model):
    _inherit = "payment.token"

    def _get_available_tokens(self, *args, **kwargs):
        """Override of `payment`: whoever has only a link sees nothing that is saved.

        Core shows a visitor the saved payment methods of the invoice's customer.
        """
        if self.env.user._is_public():
            return self.browse()
        return super()._get_available_tokens(*args, **kwargs)
