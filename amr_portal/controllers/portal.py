from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..tools import plain_number

RECENT = 6


class EnergyPortal(CustomerPortal):
    """The resident's pages: accounts, meters, usage."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "energy_account_count" in counters:
            accounts = request.env["amr.account"]
            values["energy_account_count"] = (
                accounts.search_count(self._get_energy_accounts_domain())
                if accounts.has_access("read")
                else 0
            )
        return values

    def _get_energy_accounts_domain(self):
        """Return the accounts of the visitor himself, staff or not."""
        partner = request.env.user.partner_id.commercial_partner_id
        return [("partner_id", "child_of", partner.ids)]

    def _get_energy_record(self, model, record_id):
        """Return a record the visitor may see, in sudo mode for plain values only.

        :raise NotFound: it is somebody else's, or there is none; nobody learns which
        """
        try:
            return self._document_check_access(model, record_id)
        except (AccessError, MissingError) as error:
            raise NotFound() from error

    def _render_energy(self, template, values):
        return request.render(
            f"amr_portal.{template}", {"plain": plain_number, **values}
        )

    @http.route("/my/energy", type="http", auth="user", website=True, readonly=True)
    def portal_my_energy(self, **_kwargs):
        """All accounts of the resident, with their rooms, meters and balances."""
        accounts = request.env["amr.account"].search(self._get_energy_accounts_domain())
        return self._render_energy(
            "portal_my_energy",
            {
                "page_name": "energy",
                "accounts": [
                    account._get_portal_values() for account in accounts.sudo()
                ],
            },
        )

    @http.route(
        "/my/energy/account/<int:account_id>",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_energy_account(self, account_id, **_kwargs):
        """One account: usage of each meter, bills and recharges."""
        account_sudo = self._get_energy_record("amr.account", account_id)
        charts = account_sudo._get_portal_agreements()._get_usage_charts()
        vends = request.env["amr.vend"].search(
            [("account_id", "=", account_id), ("state", "!=", "draft")],
            order="id desc",
            limit=RECENT,
        )
        bills = request.env["account.move"].search(
            [
                ("amr_account_id", "=", account_id),
                ("move_type", "in", ("out_invoice", "out_refund")),
                ("state", "=", "posted"),
            ],
            order="invoice_date desc, id desc",
            limit=RECENT,
        )
        return self._render_energy(
            "portal_my_energy_account",
            {
                "page_name": "energy_account",
                "account": account_sudo._get_portal_values(),
                "charts": charts,
                "vends": [vend._get_portal_values() for vend in vends.sudo()],
                "bills": bills,
            },
        )
