from odoo import fields, models
from odoo.fields import Domain


class ResCompany(models.Model):
    _inherit = "res.company"

    amr_closing_tolerance = fields.Integer(
        "Closing reading tolerance",
        default=48,
        help="Hours around the end of the period in which a reading may stand for the "
        "closing reading when no daily freeze of that very day exists.",
    )

    _amr_closing_tolerance_positive = models.Constraint(
        "CHECK (amr_closing_tolerance >= 0)",
        "The tolerance of the closing reading may not be negative.",
    )

    def _amr_price_included(self, taxes):
        """Return the taxes of a tariff price, which is always tax included.

        The Chinese chart of accounts brings price-excluded taxes only, so the
        price-included twin of such a tax is made when it is first needed.

        :param taxes: sale taxes of this company
        :return: as many account.tax, all of them price included
        """
        self.ensure_one()
        included = self.env["account.tax"]
        for tax in taxes:
            included |= tax if tax.price_include else self._amr_included_twin(tax)
        return included

    def _amr_included_twin(self, tax):
        twin = self.env["account.tax"].search(
            Domain.AND(
                [
                    self.env["account.tax"]._check_company_domain(self),
                    [
                        ("type_tax_use", "=", "sale"),
                        ("price_include_override", "=", "tax_included"),
                        ("amount_type", "=", tax.amount_type),
                        ("amount", "=", tax.amount),
                        ("tax_group_id", "=", tax.tax_group_id.id),
                    ],
                ]
            ),
            limit=1,
        )
        return twin or tax.copy(
            {
                "name": self.env._("%(tax)s included", tax=tax.name),
                "price_include_override": "tax_included",
            }
        )
