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

        It counts from the last reading on; a bill that reaches further, on an estimate
        or a reading near its end, was made with the earlier factor.

        :raises UserError: when one does
        """
        names = [name for name in RATIOS if name in vals]
        for meter in self.filtered(
            lambda meter: any(meter[name] != vals[name] for name in names)
        ):
            domain = [("meter_id", "=", meter.id), ("released", "=", False)]
            if meter.latest_at:
                domain.append(("end_at", ">", meter.latest_at))
            if self.env["amr.charge"].sudo().search_count(domain, limit=1):
                raise UserError(
                    self.env._(
                        "Meter %s was billed with its ratio beyond its last reading. "
                        "Read it first: a new ratio counts from the last reading on.",
                        meter.number,
                    )
                )
