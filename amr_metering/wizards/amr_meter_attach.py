from odoo import api, fields, models
from odoo.exceptions import UserError


class AmrMeterAttach(models.TransientModel):
    """Put several meters into a box or on a line at once (KTAMR manual 3.2.5)."""

    _name = "amr.meter.attach"
    _inherit = "amr.evidence.mixin"
    _description = "Attach meters"

    meter_ids = fields.Many2many("amr.meter", required=True)
    community_id = fields.Many2one("amr.community", compute="_compute_community_id")
    box_id = fields.Many2one(
        "amr.box", "Meter box", domain="[('community_id', '=', community_id)]"
    )
    line_id = fields.Many2one(
        "amr.line", domain="[('community_id', '=', community_id)]"
    )

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        context = self.env.context
        if context.get("active_model") == "amr.meter":
            values["meter_ids"] = [fields.Command.set(context.get("active_ids", []))]
        return values

    @api.depends("meter_ids")
    def _compute_community_id(self):
        for wizard in self:
            wizard.community_id = wizard.meter_ids.community_id[:1]

    def _get_values(self):
        """Return what is written to the meters (hook)."""
        self.ensure_one()
        values = {"box_id": self.box_id.id} if self.box_id else {}
        line = self.line_id or self.box_id.line_id
        return {**values, "line_id": line.id} if line else values

    def action_attach(self):
        self.ensure_one()
        values = self._get_values()
        if not values:
            raise UserError(self.env._("Choose what the meters are to be attached to."))
        if len(self.meter_ids.community_id) > 1:
            raise UserError(
                self.env._(
                    "These meters are in several communities: attach those of one "
                    "community at a time."
                )
            )
        self.meter_ids.write(values)
        return {"type": "ir.actions.act_window_close"}
