from odoo import models
from odoo.exceptions import UserError

RATIOS = ("ratio_percent", "voltage_ratio", "current_ratio")


class AmrMeter(models.Model):
    _inherit = "amr.meter"

    def write(self, vals):
        self._check_ratios_free(vals)
        return super().write(vals)

    def _check_ratios_free(self, vals):
        """Check that no bill stands that a new factor would not agree with.

        The units since the last bill were measured with the earlier factor.

        :raises UserError: when one does
        """
        names = [name for name in RATIOS if name in vals]
        changing = self.filtered(
            lambda meter: any(meter[name] != vals[name] for name in names)
        )
        charge = changing and self.env["amr.charge"].sudo().search(
            [("meter_id", "in", changing.ids), ("released", "=", False)], limit=1
        )
        if charge:
            raise UserError(
                self.env._(
                    "Meter %s was billed with its ratio, which cannot change any more. "
                    "Take the meter out at a reading, and put it in as a new one with "
                    "the new ratio.",
                    charge.meter_id.number,
                )
            )
