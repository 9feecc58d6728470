from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError, ValidationError
from odoo.http import request

from odoo.addons.amr_base.tools import dec
from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from ..tools import AmountError, parse_amount, plain_number
from .payment import OPEN_KEYS, PortalPayment
from .portal import EnergyPortal

PRESETS = (50, 100, 200, 500)


class EnergyRecharge(EnergyPortal, PortalPayment):
    """Recharge of a prepaid meter: amount, payment, and what became of it."""

    def _get_rechargeable(self, agreement_id):
        agreement_sudo = self._get_energy_record("amr.agreement", agreement_id)
        if agreement_sudo.payment_mode != "prepaid":
            raise NotFound()
        return agreement_sudo

    def _get_quote(self, agreement_sudo, text):
        """Return what an amount buys, as plain values.

        :param str text: the amount as typed
        :raise UserError: the amount cannot be paid; the message says why
        """
        try:
            amount = parse_amount(
                text, agreement_sudo.company_id.currency_id.decimal_places
            )
        except AmountError as error:
            raise UserError(self._get_amount_sentence(error.code)) from error
        return request.env["amr.vend"].sudo()._quote(agreement_sudo, amount)

    def _get_amount_sentence(self, code):
        env = request.env
        return {
            "empty": env._("Choose an amount, or type one."),
            "letters": env._(
                "This is not an amount: type digits only, for example 80."
            ),
            "decimals": env._("An amount has two decimals at most, for example 80.50."),
        }[code]

    @http.route(
        "/my/energy/recharge/<int:agreement_id>",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_recharge(self, agreement_id, preset=None, amount=None, **_kwargs):
        """Choose an amount; a good one leads to its payment."""
        agreement_sudo = self._get_rechargeable(agreement_id)
        values = {
            "page_name": "energy_recharge",
            "agreement": agreement_sudo._get_portal_values(),
            "account": agreement_sudo.account_id._get_portal_values(),
            "presets": PRESETS,
            "preset": preset,
            "amount": amount,
        }
        if request.httprequest.method == "POST":
            try:
                quote = self._get_quote(agreement_sudo, amount or preset)
                vend = self._prepare_vend(agreement_sudo, quote)
                return request.redirect(f"/my/energy/vend/{vend.id}")
            except (UserError, ValidationError) as error:
                values["error"] = error.args[0]
        return self._render_energy("portal_recharge", values)

    def _prepare_vend(self, agreement_sudo, quote):
        vends = request.env["amr.vend"].sudo()
        vend = vends._get_reusable_draft(agreement_sudo)
        if vend:
            vend.amount = float(quote["amount"])
            return vend
        return vends.create(
            {"agreement_id": agreement_sudo.id, "amount": float(quote["amount"])}
        )

    @http.route(
        "/my/energy/recharge/<int:agreement_id>/quote",
        type="jsonrpc",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_recharge_quote(self, agreement_id, amount=None):
        """Tell what an amount buys, or why it cannot be paid.

        :return: dict with ``html``, and ``ok`` telling whether it can be paid
        """
        agreement_sudo = self._get_rechargeable(agreement_id)
        values = {
            "currency": agreement_sudo.company_id.currency_id,
            "uom": agreement_sudo.utility_id.uom_name,
            "plain": plain_number,
        }
        try:
            values["quote"] = self._get_quote(agreement_sudo, amount)
        except (UserError, ValidationError) as error:
            values["error"] = error.args[0]
        html = request.env["ir.ui.view"]._render_template(
            "amr_portal.recharge_quote", values
        )
        return {"ok": "quote" in values, "html": html}

    @http.route("/my/energy/vend/<int:vend_id>", type="http", auth="user", website=True)
    def portal_vend(self, vend_id, **_kwargs):
        """Payment of a recharge, then its progress, then its receipt."""
        vend_sudo = self._get_energy_record("amr.vend", vend_id)
        values = {
            "page_name": "energy_vend",
            "vend": vend_sudo._get_portal_values(),
            "page_title": vend_sudo.name,
        }
        if values["vend"]["payable"]:
            values.update(self._get_vend_payment_values(vend_sudo))
        return self._render_energy("portal_vend", values)

    def _get_vend_payment_values(self, vend_sudo):
        """Return the context of core's payment form for a recharge."""
        partner_sudo = vend_sudo.account_id.partner_id
        company = vend_sudo.company_id
        currency = company.currency_id
        report = {}
        providers_sudo = (
            request.env["payment.provider"]
            .sudo()
            ._get_compatible_providers(
                company.id,
                partner_sudo.id,
                vend_sudo.amount,
                currency_id=currency.id,
                report=report,
            )
        )
        methods_sudo = (
            request.env["payment.method"]
            .sudo()
            ._get_compatible_payment_methods(
                providers_sudo.ids,
                partner_sudo.id,
                currency_id=currency.id,
                report=report,
            )
        )
        tokens_sudo = (
            request.env["payment.token"]
            .sudo()
            ._get_available_tokens(providers_sudo.ids, partner_sudo.id)
        )
        return {
            "payment_form": True,
            "last_error": vend_sudo._get_last_payment_error(),
            "company_mismatch": not self._can_partner_pay_in_company(
                partner_sudo, company
            ),
            "expected_company": company,
            "show_tokenize_input_mapping": self._compute_show_tokenize_input_mapping(
                providers_sudo
            ),
            "reference_prefix": vend_sudo.name,
            "amount": vend_sudo.amount,
            "currency": currency,
            "partner_id": partner_sudo.id,
            "providers_sudo": providers_sudo,
            "payment_methods_sudo": methods_sudo,
            "tokens_sudo": tokens_sudo,
            "availability_report": report,
            "transaction_route": f"/my/energy/vend/{vend_sudo.id}/transaction",
            "landing_route": f"/my/energy/vend/{vend_sudo.id}",
        }

    @http.route(
        "/my/energy/vend/<int:vend_id>/transaction", type="jsonrpc", auth="user"
    )
    def portal_vend_transaction(self, vend_id, access_token=None, **kwargs):
        """Create the payment of a recharge and return what its provider needs.

        Amount, currency, customer and landing page come from the recharge, whatever
        the browser sends; but nobody pays another amount than the one he looks at.

        :return: processing values of the transaction
        :rtype: dict
        :raise NotFound: somebody else's recharge, or none
        :raise UserError: paid or being paid already, or no longer for sale
        """
        vend_sudo = self._get_energy_record("amr.vend", vend_id)
        self._validate_transaction_kwargs(kwargs)
        vend_sudo._claim()
        if not vend_sudo._is_payable():
            raise ValidationError(
                request.env._(
                    "This recharge is paid, or its payment is under way. Look at the "
                    "recharge before you pay again."
                )
            )
        vend_sudo._quote(vend_sudo.agreement_id, dec(vend_sudo.amount, 2))
        if self._get_amount(kwargs) != dec(vend_sudo.amount, 2):
            raise ValidationError(
                request.env._(
                    "The amount of this recharge was changed in another window. Load "
                    "the page again, then pay."
                )
            )
        kwargs.update(
            {
                "amount": vend_sudo.amount,
                "currency_id": vend_sudo.company_id.currency_id.id,
                "partner_id": vend_sudo.account_id.partner_id.id,
                "landing_route": f"/my/energy/vend/{vend_sudo.id}",
                "is_validation": False,
                "reference_prefix": vend_sudo.name,
            }
        )
        tx_sudo = self._begin_transaction(vend_sudo, **kwargs)
        # from here on the provider may be asked: nothing is locked any more, and what
        # he is told of exists
        request.env.cr.commit()  # pylint: disable=invalid-commit
        return tx_sudo._get_processing_values()

    def _begin_transaction(self, vend_sudo, **kwargs):
        """Return the payment of a recharge that the caller has claimed."""
        tx_sudo = vend_sudo.transaction_ids._find_amr_open(
            *(kwargs[key] for key in OPEN_KEYS), amount=vend_sudo.amount
        )
        if tx_sudo:
            PaymentPostProcessing.monitor_transaction(tx_sudo)
            return tx_sudo
        return self._create_amr_transaction(
            custom_create_values={"amr_vend_id": vend_sudo.id}, **kwargs
        )

    @http.route(
        "/my/energy/vend/<int:vend_id>/status",
        type="jsonrpc",
        auth="user",
        website=True,
    )
    def portal_vend_status(self, vend_id):
        """Tell where a recharge stands, for the page that is watching it.

        :return: dict with ``state``, ``waiting`` and the progress as ``html``
        """
        vend_sudo = self._get_energy_record("amr.vend", vend_id)
        vend = vend_sudo._get_portal_values()
        html = request.env["ir.ui.view"]._render_template(
            "amr_portal.vend_progress", {"vend": vend}
        )
        return {"state": vend["state"], "waiting": vend["waiting"], "html": html}
