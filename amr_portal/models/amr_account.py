from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec


class AmrAccount(models.Model):
    """What the resident sees of an account, and how the property lets him in."""

    _inherit = "amr.account"

    note = fields.Html(groups="base.group_user")
    portal_state = fields.Selection(
        [("none", "No access"), ("invited", "Invited"), ("active", "In use")],
        "Portal access",
        compute="_compute_portal_state",
        help="Invited: may log in, but has not done so yet.",
    )

    @api.depends("partner_id.user_ids.active", "partner_id.user_ids.log_ids")
    def _compute_portal_state(self):
        for account in self:
            users = account.sudo().partner_id.user_ids
            if not users:
                account.portal_state = "none"
            elif any(users.mapped("login_date")):
                account.portal_state = "active"
            else:
                account.portal_state = "invited"

    # === PORTAL ACCESS === #

    def action_invite_to_portal(self):
        """Send the customer an e-mail in which he sets his own password.

        :raise UserError: no usable e-mail address, or it is another user's log-in
        """
        self.check_access("write")
        for account in self:
            account._invite_to_portal()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Invitation sent to %(email)s.",
                    email=", ".join(self.mapped("partner_id.email")),
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _invite_to_portal(self):
        self.ensure_one()
        wizard_user = self._get_portal_wizard_user()
        if not self.partner_id.email:
            raise UserError(
                self.env._(
                    "%(name)s has no e-mail address: enter one, the invitation to "
                    "the resident portal goes there.",
                    name=self.display_name,
                )
            )
        if wizard_user.is_internal:
            raise UserError(
                self.env._(
                    "%(name)s is an employee and sees the portal already.",
                    name=self.display_name,
                )
            )
        if wizard_user.is_portal:
            wizard_user.action_invite_again()
        else:
            wizard_user.action_grant_access()
        self.message_post(body=self.env._("Invited to the resident portal."))

    def action_revoke_portal_access(self):
        """Take the customer's log-in away; his records stay as they are."""
        self.check_access("write")
        for account in self:
            account._get_portal_wizard_user().action_revoke_access()
            account.message_post(body=self.env._("Access to the portal withdrawn."))

    def _get_portal_wizard_user(self):
        """Return the line of core's portal wizard for this account's customer.

        In sudo mode, as a front desk may invite the residents of its communities but
        neither manage users nor reach the residents of others.
        """
        self.ensure_one()
        wizard = (
            self.env["portal.wizard"]
            .sudo()
            .with_company(self.company_id)
            .create({"partner_ids": self.partner_id.ids})
        )
        return wizard.user_ids

    # === RESIDENT'S VIEW === #

    def _get_unpaid_bills(self):
        """Return the posted customer invoices of these accounts with something due."""
        return self.env["account.move"].search(
            [
                ("amr_account_id", "in", self.ids),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
            ],
            order="invoice_date_due, id",
        )

    def _get_portal_values(self):
        """Return what a resident sees of this account, as plain values.

        To be called in sudo mode once access to the account is checked; nothing but
        plain values leaves, so that a page cannot reach other records by accident.

        :rtype: dict
        """
        self.ensure_one()
        agreements = self._get_portal_agreements()
        month = agreements._get_usage_this_month()
        prepaid = "prepaid" in agreements.mapped("payment_mode")
        bills = self._get_unpaid_bills()
        today = self.community_id._local_date(fields.Datetime.now())
        overdue = bills.filtered(
            lambda bill: bill.invoice_date_due and bill.invoice_date_due < today
        )
        return {
            "id": self.id,
            "number": self.number,
            "holder": self.partner_id.name,
            "community": self.community_id.name,
            "rooms": self.room_ids.mapped("display_name"),
            "closed": self.state == "closed",
            "currency": self.currency_id,
            "agreements": [
                {**agreement._get_portal_values(), "month": month.get(agreement.id)}
                for agreement in agreements
            ],
            "prepaid": prepaid,
            "wallet": self._get_portal_wallet() if prepaid else None,
            "arrears": sum((dec(bill.amount_residual, 2) for bill in bills), dec(0, 2)),
            "overdue": sum(
                (dec(bill.amount_residual, 2) for bill in overdue), dec(0, 2)
            ),
            "unpaid_count": len(bills),
            "pay_url": self._get_pay_url(bills),
        }

    def _get_portal_wallet(self):
        """Return the money that is free for the next recharge."""
        wallet = self.env["amr.wallet"].search([("account_id", "=", self.id)], limit=1)
        return dec(wallet.available, 2)

    def _get_pay_url(self, bills):
        """Return where a resident pays: the bill when there is one, else the list."""
        if len(bills) == 1:
            return f"/my/invoices/{bills.id}?payment=True"
        return "/my/invoices?filterby=invoices"

    def _get_portal_agreements(self):
        """Return the agreements a resident still wants to see, room by room."""
        self.ensure_one()
        since = fields.Datetime.subtract(fields.Datetime.now(), days=366)
        agreements = self.env["amr.agreement"].search(
            [
                ("account_id", "=", self.id),
                "|",
                ("date_to", "=", False),
                ("date_to", ">", since),
            ]
        )
        return agreements.sorted(
            lambda agreement: (
                agreement.state == "ended",
                agreement._get_place(),
                agreement.utility_id.sequence,
            )
        )
