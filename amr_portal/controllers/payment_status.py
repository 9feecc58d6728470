import logging

from odoo.http import route

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing


class AskAgain(Exception):
    """Somebody else is booking this payment: the page asks again by itself."""

    loglevel = logging.INFO


class PaymentStatus(PaymentPostProcessing):
    @route()
    def poll_status(self, **kwargs):
        """Override of `payment`: two windows at one payment are nothing to alarm about.

        Core answers "retry", which its page understands, by way of an exception that
        is logged as an error.

        :raises AskAgain: the payment changed while this request looked at it
        """
        try:
            return super().poll_status(**kwargs)
        except Exception as error:
            if str(error) == "retry":
                raise AskAgain("retry") from error
            raise
