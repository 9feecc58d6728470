from odoo import fields, models


class AmrRoomBatch(models.Model):
    _inherit = "amr.room.batch"

    utility_ids = fields.Many2many(
        "amr.utility",
        string="Metering points for",
        domain="['|', ('date_end', '=', False), ('date_end', '>', 'today')]",
        help="Each new room gets a metering point for each of these.",
    )

    def _furnish(self, rooms):
        result = super()._furnish(rooms)
        self.env["amr.metering.point"].create(
            [
                {"room_id": room.id, "utility_id": utility.id}
                for room in rooms
                for utility in self.utility_ids
            ]
        )
        return result

    def _get_used_rooms(self):
        points = self.room_ids.point_ids
        return super()._get_used_rooms() | (
            points.filtered(lambda p: p.installation_ids or p.agreement_ids).room_id
        )

    def _strip(self):
        self.room_ids.point_ids.unlink()
        return super()._strip()
