from odoo.http import request

from odoo.addons.account.controllers.portal import PortalAccount

from ..tools import plain_number


class EnergyBill(PortalAccount):
    """Bills tell how each amount came about."""

    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        # core's payment needs the token even of a visitor who needs none to see it
        access_token = access_token or invoice._portal_ensure_token()
        values = super()._invoice_get_page_view_values(invoice, access_token, **kwargs)
        # access to the invoice is checked, and its charges are the invoice itemised
        charges = (
            request.env["amr.charge"]
            .sudo()
            .search([("move_id", "=", invoice.id)], order="agreement_id, start_at, id")
        )
        values["amr_meters"] = charges._get_portal_meters()
        values["plain"] = plain_number
        return values
