from odoo import fields, models


class AmrUtility(models.Model):
    _inherit = "amr.utility"

    product_id = fields.Many2one(
        "product.product",
        help="What bills sell; its income account and taxes apply. Without taxes on "
        "it, the company's default sales tax is used, included in the price.",
    )

    def _get_billing_taxes(self, company, product):
        """Return the (price included) taxes of a product of bills in a company."""
        taxes = product.sudo().taxes_id._filter_taxes_by_company(company)
        return company._amr_price_included(taxes or company.account_sale_tax_id)
