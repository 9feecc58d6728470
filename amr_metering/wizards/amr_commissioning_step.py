from odoo import fields, models


class AmrCommissioningStep(models.TransientModel):
    """One step of the go-live guide as the facts say."""

    _name = "amr.commissioning.step"
    _description = "Step of the go-live guide"
    _order = "sequence"

    guide_id = fields.Many2one(
        "amr.commissioning", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer("Step")
    name = fields.Char(required=True)
    done = fields.Boolean()
    detail = fields.Char()
    action = fields.Char()

    def action_open(self):
        """Go to where this step is worked on, in this community."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(self.action)
        if "community_id" in self.env[action["res_model"]]._fields:
            action["domain"] = [("community_id", "=", self.guide_id.community_id.id)]
        return action
