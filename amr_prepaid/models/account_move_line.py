from odoo import api, models
from odoo.exceptions import UserError

BOUND = {
    "move_id",
    "account_id",
    "partner_id",
    "debit",
    "credit",
    "balance",
    "amount_currency",
    "currency_id",
    "quantity",
    "price_unit",
    "discount",
    "tax_ids",
}


class AccountMoveLine(models.Model):
    """Posted lines are open to the API of `account`; those of wallets are not (I1)."""

    _inherit = "account.move.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.move_id._check_no_wallet_entry()
        return lines

    def write(self, vals):
        touched = BOUND & vals.keys()
        if touched:
            self.move_id._check_no_wallet_entry()
        result = super().write(vals)
        if touched:
            self.filtered(
                lambda line: (
                    line.parent_state == "posted" and not line.move_id.amr_wallet_id
                )
            )._check_no_wallet_account()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_of_wallet(self):
        self.move_id._check_no_wallet_entry()

    def _check_no_wallet_account(self):
        """Check that none of these lines is on the account of the wallets.

        :raises UserError: when one is
        """
        for line in self:
            account = line.company_id.amr_prepaid_account_id
            if account and line.account_id == account:
                raise UserError(
                    self.env._(
                        "Account %(account)s holds the customers' wallets: only "
                        "deposits and sales of prepaid energy post to it.",
                        account=account.display_name,
                    )
                )
