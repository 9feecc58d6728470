from odoo import api, fields, models


class AccountPayment(models.Model):
    """Whose money it is: operators see the payments of their communities only."""

    _inherit = "account.payment"

    amr_account_id = fields.Many2one(
        "amr.account",
        "Customer account",
        index="btree_not_null",
        readonly=True,
        ondelete="restrict",
    )
    amr_community_id = fields.Many2one(
        related="amr_account_id.community_id", store=True, index="btree_not_null"
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if "amr_account_id" not in vals:
                vals["amr_account_id"] = self._get_amr_account(vals).id
        return super().create(vals_list)

    @api.model
    def _get_amr_account(self, vals):
        """Return the customer account that a payment is for, as far as it is certain.

        :param vals: values of a new payment
        :return: the account of its bills, else the payer's if he has but one
        """
        bills = self.new({"invoice_ids": vals.get("invoice_ids")}).invoice_ids._origin
        accounts = bills.sudo().amr_account_id
        if not accounts and vals.get("partner_id"):
            company = vals.get("company_id") or self.env.company.id
            accounts = (
                self.env["amr.account"]
                .sudo()
                .search(
                    [
                        ("partner_id", "child_of", vals["partner_id"]),
                        ("company_id", "=", company),
                    ],
                    limit=2,
                )
            )
        return accounts if len(accounts) == 1 else self.env["amr.account"]

    def _generate_move_vals(
        self, write_off_line_vals=None, force_balance=None, line_ids=None
    ):
        vals = super()._generate_move_vals(write_off_line_vals, force_balance, line_ids)
        return {**vals, "amr_community_id": self.amr_community_id.id}
