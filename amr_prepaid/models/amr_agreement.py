from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec


class AmrAgreement(models.Model):
    _inherit = "amr.agreement"

    def _get_prepaid_unit_price(self):
        """Return the price of one unit today, tax and surcharges per unit included.

        Energy that is sold in advance has no time and no step of use yet, so only flat
        prices can be.

        :rtype: Decimal
        :raises UserError: no version today, or not a flat price
        """
        self.ensure_one()
        today = self.community_id._local_date(fields.Datetime.now())
        version = self.tariff_id._version_at(today)
        if not version:
            raise UserError(
                self.env._("Tariff %s has no price today.", self.tariff_id.name)
            )
        if version.method != "flat":
            raise UserError(
                self.env._(
                    "Tariff %s is not flat: energy of it cannot be sold in advance.",
                    self.tariff_id.name,
                )
            )
        per_unit = version.surcharge_ids.filtered(lambda s: s.kind == "per_unit")
        return dec(version.price, 6) + sum(
            (dec(surcharge.amount, 6) for surcharge in per_unit), dec(0, 6)
        )

    def _filter_used(self):
        sold = self.env["amr.vend"]._read_group(
            [
                ("agreement_id", "in", self.ids),
                ("state", "not in", ("draft", "cancelled")),
            ],
            ["agreement_id"],
        )
        return super()._filter_used().union(*(agreement for (agreement,) in sold))

    def action_sell(self):
        """Open the counter with this agreement."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_sell_action"
        )
        action["context"] = {"default_agreement_id": self[:1].id}
        return action
