from odoo import models


class AccountPaymentRegister(models.TransientModel):
    _inherit = "account.payment.register"

    def _create_payment_vals_from_wizard(self, batch_result):
        vals = super()._create_payment_vals_from_wizard(batch_result)
        return vals | self._prepare_amr_account(batch_result)

    def _create_payment_vals_from_batch(self, batch_result):
        vals = super()._create_payment_vals_from_batch(batch_result)
        return vals | self._prepare_amr_account(batch_result)

    def _prepare_amr_account(self, batch_result):
        """Return the customer account of the bills paid, when it is but one."""
        accounts = batch_result["lines"].move_id.amr_account_id
        return {"amr_account_id": accounts.id} if len(accounts) == 1 else {}
