from odoo import fields, models


class AmrRoom(models.Model):
    _inherit = "amr.room"

    point_ids = fields.One2many("amr.metering.point", "room_id", "Metering points")

    def _get_blocking_children(self):
        return [
            *super()._get_blocking_children(),
            (self.env._("metering points"), self.point_ids),
        ]
