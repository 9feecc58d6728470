from odoo import models


class AmrBuilding(models.Model):
    _inherit = "amr.building"

    def action_open_bills(self):
        """Open the bills with consumption of this building's rooms."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_bill_action"
        )
        action["domain"] = [("amr_charge_ids.room_id.building_id", "=", self.id)]
        action["context"] = {"create": False}
        return action
