from odoo import fields, models


class AmrMeterAttach(models.TransientModel):
    _inherit = "amr.meter.attach"

    link_id = fields.Many2one(
        "amr.link",
        "Device link",
        domain="[('community_id', '=', community_id)]",
        help="DTU, concentrator or port behind which the meters are reached.",
    )

    def _get_values(self):
        values = super()._get_values()
        return {**values, "link_id": self.link_id.id} if self.link_id else values
