from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrBox(models.Model):
    _inherit = "amr.box"

    meter_ids = fields.One2many("amr.meter", "box_id", "Meters")
    meter_count = fields.Integer("Number of meters", compute="_compute_meter_count")

    @api.depends("meter_ids")
    def _compute_meter_count(self):
        counts = dict(
            self.env["amr.meter"]._read_group(
                [("box_id", "in", self.ids)], ["box_id"], ["__count"]
            )
        )
        for box in self:
            box.meter_count = counts.get(box, 0)

    def _check_capacity(self):
        """Refuse more meters than a box has room for."""
        limited = self.sudo().filtered("capacity")
        limited.invalidate_recordset(["meter_count"])
        for box in limited:
            if box.meter_count > box.capacity:
                raise ValidationError(
                    self.env._(
                        "%(box)s has room for %(capacity)s meters; these would make "
                        "%(count)s.",
                        box=box.display_name,
                        capacity=box.capacity,
                        count=box.meter_count,
                    )
                )

    @api.constrains("capacity")
    def _constrain_capacity(self):
        self._check_capacity()

    def _get_blocking_children(self):
        return [
            *super()._get_blocking_children(),
            (self.env._("meters"), self.meter_ids),
        ]
