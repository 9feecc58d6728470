from odoo import models

CONTACT = ("name", "phone", "email", "street", "zip")


class ResPartner(models.Model):
    _inherit = "res.partner"

    def write(self, vals):
        """Log a change of a customer's contact on his accounts, whoever made it."""
        names = [name for name in CONTACT if name in vals]
        if not names or not self.ids:
            return super().write(vals)
        accounts = self._get_amr_accounts()
        kept = [account._get_contact(account, names) for account in accounts]
        result = super().write(vals)
        rule = self.env["auditlog.rule"]
        for account, old in zip(accounts, kept, strict=True):
            rule._note_changes(account, old, account._get_contact(account, names))
        return result

    def _get_amr_accounts(self):
        accounts = self.env["amr.account"].sudo().with_context(active_test=False)
        return accounts.search([("partner_id", "in", self.ids)])
