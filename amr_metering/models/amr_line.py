from odoo import api, fields, models


class AmrLine(models.Model):
    _inherit = "amr.line"

    meter_ids = fields.One2many("amr.meter", "line_id", "Meters")
    meter_count = fields.Integer("Number of meters", compute="_compute_meter_count")

    @api.depends("meter_ids")
    def _compute_meter_count(self):
        counts = dict(
            self.env["amr.meter"]._read_group(
                [("line_id", "in", self.ids)], ["line_id"], ["__count"]
            )
        )
        for line in self:
            line.meter_count = counts.get(line, 0)

    def _get_blocking_children(self):
        return [
            *super()._get_blocking_children(),
            (self.env._("meters"), self.meter_ids),
        ]
