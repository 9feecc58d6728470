from odoo import models
from odoo.exceptions import UserError


class AmrMeter(models.Model):
    _inherit = "amr.meter"

    def _check_ratios_free(self):
        """Check that no bill stands that a new factor would not agree with.

        It counts from the last reading on; a bill that reaches further, on an estimate
        or a reading near its end, was made with the earlier factor.

        :raises UserError: when one does
        """
        for meter in self:
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
        return super()._check_ratios_free()
