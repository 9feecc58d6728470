from odoo import fields, models


class AmrAccount(models.Model):
    _inherit = "amr.account"

    agreement_ids = fields.One2many("amr.agreement", "account_id")
    agreement_count = fields.Integer(compute="_compute_agreement_count")

    def _compute_agreement_count(self):
        counts = dict(
            self.env["amr.agreement"]._read_group(
                [("account_id", "in", self.ids)], ["account_id"], ["__count"]
            )
        )
        for account in self:
            account.agreement_count = counts.get(account, 0)

    def _get_closing_obstacles(self):
        obstacles = super()._get_closing_obstacles()
        running = self.agreement_ids.filtered(lambda a: a.state != "ended")
        if running:
            obstacles.append(
                self.env._(
                    "Account %(account)s still has agreements in force (%(names)s): "
                    "end them at a reading first.",
                    account=self.display_name,
                    names=", ".join(running.mapped("name")),
                )
            )
        return obstacles

    def action_open_agreements(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_agreement_action"
        )
        action["domain"] = [("account_id", "=", self.id)]
        action["context"] = {"default_account_id": self.id}
        return action
