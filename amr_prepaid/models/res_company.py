from odoo import fields, models
from odoo.exceptions import UserError

ACCOUNT_CODE = "2203"
JOURNAL_CODE = "PREP"


class ResCompany(models.Model):
    _inherit = "res.company"

    amr_prepaid_account_id = fields.Many2one(
        "account.account",
        "Prepaid liability account",
        check_company=True,
        domain=[("account_type", "=", "liability_current")],
        help="Holds what customers have paid in advance; nothing but wallets uses it.",
    )
    amr_prepaid_journal_id = fields.Many2one(
        "account.journal",
        "Prepaid journal",
        check_company=True,
        domain=[("type", "=", "general")],
        help="Journal of the entries that move money into and out of wallets.",
    )

    def _get_amr_prepaid_account(self):
        """Return the liability account of the wallets.

        :raises UserError: when the company has none
        """
        self.ensure_one()
        if not self.amr_prepaid_account_id:
            raise UserError(self._get_amr_prepaid_missing_message())
        return self.amr_prepaid_account_id

    def _get_amr_prepaid_journal(self):
        """Return the journal of the wallets' entries.

        :raises UserError: when the company has none
        """
        self.ensure_one()
        if not self.amr_prepaid_journal_id:
            raise UserError(self._get_amr_prepaid_missing_message())
        return self.amr_prepaid_journal_id

    def _get_amr_prepaid_missing_message(self):
        return self.env._(
            "%s has no account or journal for prepaid money yet. Choose or create them "
            "in Settings, Prepaid.",
            self.name,
        )

    def _setup_amr_prepaid(self):
        """Make account (below 2203 预收账款) and journal where they are missing."""
        for company in self:
            if not company.amr_prepaid_account_id:
                company.amr_prepaid_account_id = company._create_amr_prepaid_account()
            if not company.amr_prepaid_journal_id:
                company.amr_prepaid_journal_id = company._create_amr_prepaid_journal()

    def _create_amr_prepaid_account(self):
        Account = self.env["account.account"].with_company(self)
        account = Account.create(
            {
                "code": Account._search_new_account_code(f"{ACCOUNT_CODE}00"),
                "name": "Prepaid energy of customers",
                "account_type": "liability_current",
                "company_ids": [fields.Command.set(self.ids)],
            }
        )
        for lang, _name in self.env["res.lang"].get_installed():
            localized = account.with_context(lang=lang)
            localized.name = localized.env._("Prepaid energy of customers")
        return account

    def _create_amr_prepaid_journal(self):
        Journal = self.env["account.journal"].with_company(self)
        known = Journal.search(
            [
                ("code", "=", JOURNAL_CODE),
                ("type", "=", "general"),
                ("company_id", "=", self.id),
            ],
            limit=1,
        )
        if known:
            return known
        journal = Journal.create(
            {
                "name": "Prepaid energy",
                "code": JOURNAL_CODE,
                "type": "general",
                "company_id": self.id,
                "show_on_dashboard": False,
            }
        )
        for lang, _name in self.env["res.lang"].get_installed():
            localized = journal.with_context(lang=lang)
            localized.name = localized.env._("Prepaid energy")
        return journal
