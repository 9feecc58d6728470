from odoo import models

from odoo.addons.amr_base.tools import dec


class AmrCharge(models.Model):
    """What the resident sees of the charges behind a bill."""

    _inherit = "amr.charge"

    def _get_portal_meters(self):
        """Return these charges by meter, as plain values that explain a bill.

        To be called in sudo mode with the charges of a bill the visitor may see.

        :rtype: list of dict
        """
        meters = []
        for (agreement, meter), charges in self.grouped(
            lambda charge: (charge.agreement_id, charge.meter_id)
        ).items():
            meters.append(
                {
                    "utility": agreement.utility_id.name,
                    "utility_code": agreement.utility_id.code,
                    "icon": agreement.utility_id.icon or "fa-tachometer",
                    "uom": agreement.utility_id.uom_name,
                    "place": agreement._get_place(),
                    "meter": meter.number,
                    "estimated": any(charges.mapped("estimated")),
                    "lines": [charge._get_portal_line() for charge in charges],
                    "amount": sum(dec(charge.amount, 2) for charge in charges),
                }
            )
        return meters

    def _get_portal_line(self):
        """Return one charge as plain values: indexes, consumption, price, amount."""
        self.ensure_one()
        return {
            "title": self._get_part() if self.kind == "energy" else self._get_title(),
            "period": self._get_period(),
            "measured": self.kind == "energy",
            "fixed": self._is_fixed(),
            "start_index": dec(self.start_index),
            "end_index": dec(self.end_index),
            "factor": dec(self.factor, 6),
            "quantity": dec(self.quantity),
            "price": dec(self.unit_price, 6),
            "amount": dec(self.amount, 2),
        }
