from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import claim_rows, dec

from .amr_wallet import RESERVING_STATES


class AmrAgreement(models.Model):
    _inherit = "amr.agreement"

    def write(self, vals):
        end = fields.Datetime.to_datetime(vals.get("date_to"))
        if end:
            self.check_access("write")
            self.filtered(
                lambda one: not one.date_to or end < one.date_to
            )._check_orders_settled()
        return super().write(vals)

    def _check_orders_settled(self):
        """Check that no order of these supplies is open: they are about to end.

        What left for the meter may arrive when somebody else lives there, and until it
        is known the meter is sold nothing else (decision 0036). Whoever sells at this
        moment is sent back, and finds the supply ended.

        :raises UserError: one sentence that names the order and what to do
        """
        prepaid = self.filtered(lambda one: one.payment_mode == "prepaid").sudo()
        if not prepaid:
            return
        claim_rows(prepaid.meter_id)
        vend = self.env["amr.vend"].search(
            [
                ("agreement_id", "in", prepaid.ids),
                ("state", "in", RESERVING_STATES),
            ],
            order="id",
            limit=1,
        )
        if vend:
            raise UserError(vend.sudo()._get_unsettled_message())

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
