from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import HTTPError, Timeout

from odoo import models
from odoo.exceptions import ValidationError


class ChargeInDoubt(Exception):
    """The provider was asked for money, and did not say whether it took it."""


class PaymentProvider(models.Model):
    """A charge that got no answer is not taken for refused."""

    _inherit = "payment.provider"

    def _send_api_request(self, *args, **kwargs):
        """Override: tell a call without an answer from a refusal.

        Both are a ``ValidationError`` in Odoo, which ends the payment; the customer
        would pay again what may have been taken already.

        :raises ChargeInDoubt: no answer, or the provider failed (HTTP 5xx), while a
            saved payment method is charged
        """
        try:
            return super()._send_api_request(*args, **kwargs)
        except ValidationError as error:
            if self.env.context.get("amr_charge") and _leaves_doubt(error.__context__):
                raise ChargeInDoubt(str(error)) from error
            raise


def _leaves_doubt(cause):
    """Return whether the money may have been taken in spite of this error."""
    if isinstance(cause, HTTPError):
        return cause.response is None or cause.response.status_code >= 500
    return isinstance(cause, (NoConnection, Timeout))
