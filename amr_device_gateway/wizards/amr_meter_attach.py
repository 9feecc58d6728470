from odoo import fields, models


class AmrMeterAttach(models.TransientModel):
    _inherit = "amr.meter.attach"

    link_id = fields.Many2one(
        "amr.link",
        "Device link",
        domain="[('community_id', '=', community_id)]",
        help="DTU, concentrator or port behind which the meters are reached.",
    )
    concentrator_id = fields.Many2one(
        "amr.concentrator", domain="[('community_id', '=', community_id)]"
    )
    collector_id = fields.Many2one(
        "amr.collector",
        domain="[('community_id', '=', community_id), "
        "'|', ('concentrator_id', '=', concentrator_id), "
        "(not concentrator_id, '=', 1)]",
        help="The meters get the first free places in its concentrator's list.",
    )

    def _get_values(self):
        """Collector, concentrator or link: the one nearest to the meters tells all."""
        values = super()._get_values()
        for name in ("collector_id", "concentrator_id", "link_id"):
            if self[name]:
                return {**values, name: self[name].id}
        return values
