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

    def write(self, vals):
        if "payment_mode" in vals:
            self._check_payment_mode_free(vals["payment_mode"])
        return super().write(vals)

    def _check_payment_mode_free(self, mode):
        """Check that nothing was sold or billed in the mode that is given up.

        What was sold in advance would be billed again by the next run, and what was
        used since the last bill would never be.

        :raises UserError: when something was
        """
        for agreement in self.sudo().filtered(lambda a: a.payment_mode != mode):
            sold = (
                self.env["amr.vend"]
                .sudo()
                .search_count(
                    [
                        ("agreement_id", "=", agreement.id),
                        ("state", "not in", ("draft", "cancelled")),
                    ],
                    limit=1,
                )
            )
            if sold or agreement.charge_ids:
                raise UserError(
                    self.env._(
                        "%s has been sold to or billed: how it is paid cannot change "
                        "any more. End it at a reading and begin a new one.",
                        agreement.display_name,
                    )
                )

    def action_sell(self):
        """Open the counter with this agreement."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_sell_action"
        )
        action["context"] = {"default_agreement_id": self[:1].id}
        return action
