from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.http import request

from odoo.addons.account_payment.controllers.payment import PaymentPortal
from odoo.addons.amr_base.tools import dec
from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

TOO_MUCH = 1e12  # more than any bill; also what is infinite, or no number
OPEN_KEYS = (
    "provider_id",
    "payment_method_id",
    "flow",
    "tokenization_requested",
    "partner_id",
)


class PortalPayment(PaymentPortal):
    """Payments of bills and recharges: one way to charge, once for what is owed."""

    def _create_amr_transaction(self, *, flow, **kwargs):
        """Return a new payment; a saved payment method is charged by a job.

        Core asks the provider in the request; were it rolled back after the provider
        said yes, the money would be taken and nobody here would know.

        :raises AccessError: a visitor who has a link, and no login, wants to charge
            what somebody else has saved
        """
        if flow == "token" and request.env.user._is_public():
            raise AccessError(
                request.env._("Log in to pay with a saved payment method.")
            )
        request.update_context(delay_token_charge=True)
        tx_sudo = self._create_transaction(flow=flow, **kwargs)
        request.update_context(delay_token_charge=False)
        if flow == "token":
            tx_sudo._enqueue_amr_charge()
        return tx_sudo

    def _process_transaction(
        self, partner_id, currency_id, invoice_ids, payment_reference, **kwargs
    ):
        """Override of `account_payment`: pay what is owed, once, before asking anybody.

        Invoices of which none is a customer account's are paid as core does.

        :raises ValidationError: paid or being paid already, or another amount
        """
        bills_sudo = request.env["account.move"].sudo().browse(invoice_ids)
        if not bills_sudo.amr_account_id:
            return super()._process_transaction(
                partner_id, currency_id, invoice_ids, payment_reference, **kwargs
            )
        currency = request.env["res.currency"].browse(currency_id)
        amount = self._get_amount(kwargs, currency.decimal_places)
        bills_sudo._claim_amr_payment(amount)
        kwargs.update(
            {
                "amount": float(amount),
                "currency_id": currency_id,
                "partner_id": partner_id,
                "reference_prefix": payment_reference,
                "landing_route": self._get_local_route(kwargs.get("landing_route")),
                "is_validation": False,
            }
        )
        tx_sudo = bills_sudo.transaction_ids.filtered(
            lambda tx: tx.invoice_ids == bills_sudo
        )._find_amr_open(
            *(kwargs.get(key) for key in OPEN_KEYS), amount=kwargs["amount"]
        )
        if tx_sudo:
            PaymentPostProcessing.monitor_transaction(tx_sudo)
        else:
            bills_sudo._check_amr_turn(partner_id)
            tx_sudo = self._create_amr_transaction(
                custom_create_values={"invoice_ids": [Command.set(invoice_ids)]},
                **kwargs,
            )
        # from here on the provider may be asked: nothing is locked any more, and what
        # he is told of exists
        request.env.cr.commit()  # pylint: disable=invalid-commit
        return tx_sudo._get_processing_values()

    def _get_amount(self, kwargs, places=2):
        """Return the amount (Decimal) that the browser shows; 0 when it is none."""
        amount = self._cast_as_float(kwargs.get("amount")) or 0
        return dec(amount if 0 < amount < TOO_MUCH else 0, places)

    def _get_local_route(self, route):
        """Return a landing page of this site, whatever the browser asks for."""
        route = str(route or "")
        local = route.startswith("/") and not route.startswith("//")
        # browsers drop tabs and line ends, and take a backslash for a slash
        clean = route.isprintable() and "\\" not in route
        return route if local and clean else "/my/invoices"
