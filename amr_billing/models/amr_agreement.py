from odoo import fields, models
from odoo.exceptions import UserError

from .agreement_rating import AgreementRating

# What decides who pays for which use, and how.
TERMS = ("account_id", "point_id", "date_from", "payment_mode", "tariff_id")


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

    def write(self, vals):
        self._check_terms_free(vals)
        return super().write(vals)

    def _check_terms_free(self, vals):
        """Check that nothing was billed under terms that are to change.

        Units that are not billed yet would go to another payer, or never be billed.

        :raises UserError: when something was
        """
        for agreement in self._changing(vals, TERMS).sudo()._filter_used()[:1]:
            raise UserError(
                self.env._(
                    "%s has been sold to or billed: who pays, what is measured, since "
                    "when, how it is paid and by which tariff cannot change any more. "
                    "End it at a reading and begin a new one.",
                    agreement.display_name,
                )
            )
        end = fields.Datetime.to_datetime(vals.get("date_to"))
        for agreement in self.sudo():
            billed_until = agreement.billed_until if end else False
            if billed_until and end < billed_until:
                raise UserError(
                    self.env._(
                        "%(agreement)s is billed until %(until)s and cannot end "
                        "before. Credit the bill first, to be billed again.",
                        agreement=agreement.display_name,
                        until=agreement.community_id._local_date(billed_until),
                    )
                )

    def _changing(self, vals, names):
        """Return those of these records that get another value in one of the fields."""

        def differs(record, name):
            convert = self._fields[name].convert_to_cache
            return convert(vals[name], record) != convert(record[name], record)

        names = [name for name in names if name in vals]
        return self.filtered(lambda one: any(differs(one, name) for name in names))

    def _filter_used(self):
        """Return those of these agreements under which something was billed or sold."""
        return self.filtered("charge_ids")

    def _get_agreement_book(self, date_to):
        """Return what is needed to bill these agreements up to a local day."""
        return AgreementRating(self, date_to)

    def action_open_charges(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_charge_action"
        )
        action["domain"] = [("agreement_id", "=", self.id)]
        action["context"] = {}
        return action
