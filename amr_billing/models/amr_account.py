from odoo import fields, models


class AmrAccount(models.Model):
    _inherit = "amr.account"

    move_ids = fields.One2many("account.move", "amr_account_id", readonly=True)
    charge_ids = fields.One2many("amr.charge", "account_id", readonly=True)
    bill_count = fields.Integer("Bills", compute="_compute_bills")
    arrears = fields.Monetary(
        compute="_compute_bills", help="What is still to be paid on posted bills."
    )
    overdue_count = fields.Integer("Overdue bills", compute="_compute_bills")

    def _compute_bills(self):
        domain = [
            ("amr_account_id", "in", self.ids),
            ("state", "=", "posted"),
            ("move_type", "in", ("out_invoice", "out_refund")),
        ]
        Move = self.env["account.move"]
        groups = {
            account: (count, residual)
            for account, count, residual in Move._read_group(
                domain, ["amr_account_id"], ["__count", "amount_residual_signed:sum"]
            )
        }
        overdue = dict(
            Move._read_group(
                [
                    *domain,
                    ("amount_residual_signed", ">", 0),
                    ("invoice_date_due", "<", fields.Date.context_today(self)),
                ],
                ["amr_account_id"],
                ["__count"],
            )
        )
        for account in self:
            account.bill_count, account.arrears = groups.get(account, (0, 0))
            account.overdue_count = overdue.get(account, 0)

    def _get_closing_obstacles(self):
        obstacles = super()._get_closing_obstacles()
        if self.currency_id.compare_amounts(self.sudo().arrears, 0) > 0:
            obstacles.append(
                self.env._(
                    "Account %(account)s still owes %(amount)s.",
                    account=self.display_name,
                    amount=self.currency_id.format(self.sudo().arrears),
                )
            )
        return obstacles

    def action_open_bills(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_bill_action"
        )
        action["domain"] = [("amr_account_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    def action_bill(self):
        """Prepare a billing run of this account alone."""
        self.ensure_one()
        return self.env["amr.billing.run"]._get_new_action(
            self.community_id, account=self
        )

    def action_open_arrears(self):
        action = self.action_open_bills()
        action["context"] = {"create": False, "search_default_unpaid": 1}
        return action

    def action_open_charges(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_charge_action"
        )
        action["domain"] = [("account_id", "=", self.id)]
        action["context"] = {}
        return action
