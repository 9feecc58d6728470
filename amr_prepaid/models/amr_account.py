from odoo import fields, models

from .amr_wallet import RESERVING_STATES


class AmrAccount(models.Model):
    _inherit = "amr.account"

    wallet_ids = fields.One2many("amr.wallet", "account_id", "Wallets")
    wallet_balance = fields.Monetary(
        "Wallet",
        compute="_compute_wallet_balance",
        compute_sudo=True,
        groups="amr_base.group_clerk",
        help="What the customer has paid in advance and not used.",
    )
    vend_count = fields.Integer(
        "Prepaid orders", compute="_compute_vend_count", compute_sudo=True
    )
    has_prepaid = fields.Boolean("Buys in advance", compute="_compute_has_prepaid")

    def _compute_wallet_balance(self):
        for account in self:
            account.wallet_balance = account.wallet_ids.balance

    def _compute_vend_count(self):
        counts = dict(
            self.env["amr.vend"]._read_group(
                [("account_id", "in", self.ids)], ["account_id"], ["__count"]
            )
        )
        for account in self:
            account.vend_count = counts.get(account, 0)

    def _compute_has_prepaid(self):
        agreements = self.env["amr.agreement"]._read_group(
            [
                ("account_id", "in", self.ids),
                ("payment_mode", "=", "prepaid"),
                ("state", "=", "active"),
            ],
            ["account_id"],
        )
        prepaid = {account for (account,) in agreements}
        for account in self:
            account.has_prepaid = account in prepaid

    def _get_closing_obstacles(self):
        """Override of `amr_base`: prepaid money and open orders come first."""
        obstacles = super()._get_closing_obstacles()
        wallet = self.sudo().wallet_ids
        open_orders = wallet.vend_ids.filtered(lambda v: v.state in RESERVING_STATES)
        if open_orders:
            obstacles.append(
                self.env._("Order %s is still on its way.", open_orders[0].name)
            )
        if wallet.balance:
            obstacles.append(
                self.env._(
                    "The wallet still holds %s.",
                    self.currency_id.format(wallet.balance),
                )
            )
        return obstacles

    def action_sell(self):
        """Open the counter for this account."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_sell_action"
        )
        action["context"] = {"default_account_id": self.id}
        return action

    def action_open_wallet(self):
        self.ensure_one()
        self.check_access("read")
        wallet = self.env["amr.wallet"].sudo()._for_account(self)
        return wallet.with_env(self.env)._get_records_action()

    def action_open_vends(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_action"
        )
        action["domain"] = [("account_id", "=", self.id)]
        action["context"] = {}
        return action
