from odoo import models

from odoo.addons.amr_base.tools import dec

from ..rating import Price, Step, Surcharge


class AmrTariffVersion(models.Model):
    _inherit = "amr.tariff.version"

    def _get_rating_price(self, community):
        """Return this version as the rating engine takes it.

        :param community: whose local midnights begin and end the version
        :rtype: Price
        """
        self.ensure_one()
        return Price(
            key=self.id,
            method=self.method,
            start=community._local_midnight(self.date_from),
            end=self.date_to and community._local_midnight(self.date_to) or None,
            price=dec(self.price, 6),
            registers={line.register: dec(line.price, 6) for line in self.line_ids}
            if self.method == "tou"
            else {},
            steps=tuple(
                Step(dec(line.quantity_from), dec(line.price, 6))
                for line in self.line_ids.sorted("quantity_from")
            )
            if self.method == "step"
            else (),
            surcharges=tuple(
                Surcharge(surcharge.id, surcharge.kind, dec(surcharge.amount, 6))
                for surcharge in self.surcharge_ids
            ),
            minimum=dec(self.min_charge, self.currency_id.decimal_places),
        )
