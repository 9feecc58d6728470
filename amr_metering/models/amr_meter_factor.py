from odoo import models

RATIOS = {"ratio_percent", "voltage_ratio", "current_ratio"}


class AmrMeter(models.Model):
    """Ratios that change: what was measured before keeps its factor (decision 0020)."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        ratios = RATIOS & vals.keys()
        before = {meter: meter.factor for meter in self} if ratios else {}
        result = super().write(vals)
        changed = self.filtered(
            lambda meter: meter in before and meter.factor != before[meter]
        )
        changed.sudo().installation_ids.filtered(
            lambda one: not one.date_to
        )._take_factor()
        return result
