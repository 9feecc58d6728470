from odoo import fields, models

from .agreement_book import AgreementBook


class AmrAgreement(models.Model):
    _inherit = "amr.agreement"

    charge_ids = fields.One2many("amr.charge", "agreement_id")
    billed_until = fields.Datetime(
        compute="_compute_billed_until", help="End of the last charge that stands."
    )

    def _compute_billed_until(self):
        ends = dict(
            self.env["amr.charge"]._read_group(
                [
                    ("agreement_id", "in", self.ids),
                    ("kind", "=", "energy"),
                    ("released", "=", False),
                ],
                ["agreement_id"],
                ["end_at:max"],
            )
        )
        for agreement in self:
            agreement.billed_until = ends.get(agreement)

    def _get_agreement_book(self, date_to):
        """Return what is needed to bill these agreements up to a local day."""
        return AgreementBook(self, date_to)

    def action_open_charges(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_charge_action"
        )
        action["domain"] = [("agreement_id", "=", self.id)]
        action["context"] = {}
        return action
