from odoo import api, fields, models


class AmrRoom(models.Model):
    _inherit = "amr.room"

    point_ids = fields.One2many("amr.metering.point", "room_id", "Metering points")

    meter_numbers = fields.Char("Meters", compute="_compute_meter_numbers")

    @api.depends("point_ids.meter_id.number")
    def _compute_meter_numbers(self):
        for room in self:
            numbers = room.point_ids.meter_id.mapped("number")
            room.meter_numbers = ", ".join(numbers)

    def _get_blocking_children(self):
        meters = self.point_ids.installation_ids.meter_id
        return [
            *super()._get_blocking_children(),
            (self.env._("meters"), meters.filtered("point_id") or meters),
            (self.env._("metering points"), self.point_ids),
        ]
