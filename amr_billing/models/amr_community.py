from odoo import models


class AmrCommunity(models.Model):
    _inherit = "amr.community"

    def action_open_bills(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_bill_action"
        )
        action["domain"] = [("amr_community_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    def action_bill(self):
        """Prepare a billing run of this community."""
        self.ensure_one()
        return self.env["amr.billing.run"]._get_new_action(self)
