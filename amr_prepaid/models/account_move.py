from odoo import fields, models
from odoo.exceptions import UserError


class AccountMove(models.Model):
    _inherit = "account.move"

    amr_wallet_id = fields.Many2one(
        "amr.wallet",
        "Wallet",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    amr_vend_id = fields.Many2one(
        "amr.vend",
        "Prepaid order",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )

    def _post(self, soft=True):
        """Override of `account` to keep the wallets' account for wallets (I1)."""
        for move in self.filtered(lambda m: not m.amr_wallet_id):
            account = move.company_id.amr_prepaid_account_id
            if account and account in move.line_ids.account_id:
                raise UserError(
                    self.env._(
                        "Account %(account)s holds the customers' wallets: only "
                        "deposits and sales of prepaid energy post to it.",
                        account=account.display_name,
                    )
                )
        return super()._post(soft=soft)

    def button_draft(self):
        """Override of `account`: what a wallet was moved by stays as it is."""
        self._check_no_wallet_entry()
        return super().button_draft()

    def _check_no_wallet_entry(self):
        """Check that no wallet depends on these entries.

        :raises UserError: when one does
        """
        bound = self.filtered(
            lambda move: (
                move.state == "posted" and (move.amr_wallet_id or move.amr_vend_id)
            )
        )
        if bound:
            raise UserError(
                self.env._(
                    "%(move)s belongs to the wallet of %(account)s and cannot be "
                    "reset to draft. Book a correction instead.",
                    move=bound[0].display_name,
                    account=(bound[0].amr_wallet_id or bound[0].amr_vend_id.wallet_id)
                    .sudo()
                    .account_id.display_name,
                )
            )
