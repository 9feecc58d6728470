from odoo import models
from odoo.tools import SQL

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
            step_period=self.step_period,
            persons_included=self.household_included,
            per_person=dec(self.household_quantity),
        )

    def _get_billed_ends(self):
        """Add the local day up to which charges stand on each version."""
        ends = super()._get_billed_ends()
        charges = self.env["amr.charge"].sudo()
        charges.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT h.tariff_version_id, max(((h.end_at - INTERVAL '1 microsecond')
                           AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date + 1)
                  FROM amr_charge h JOIN amr_community c ON c.id = h.community_id
                 WHERE h.tariff_version_id = ANY(%s)
                 GROUP BY h.tariff_version_id
                """,
                list(self.ids),
            )
        )
        return {**ends, **dict(rows)}
