import logging

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools import lock_rows

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Payment of an order with a saved payment method.

    The provider is called by a job of its own, never in a transaction that books money
    or holds locks, however long the answer takes. That it is being called is committed
    before, so a charge is asked for once, whatever happens to the process.
    """

    _inherit = "payment.transaction"  # pylint: disable=consider-merging-classes-inherited

    amr_charged_at = fields.Datetime(
        "Charge asked for",
        readonly=True,
        copy=False,
        help="When the provider was asked to charge the saved payment method.",
    )

    def _is_amr_live(self):
        """Return whether this payment is done, or may be done without the customer."""
        self.ensure_one()
        return self.state in ("pending", "authorized", "done") or (
            self.state == "draft" and self.operation == "online_token"
        )

    def _enqueue_amr_charge(self):
        """Have the saved payment method charged once this transaction is committed."""
        self.ensure_one()
        self.with_delay(
            channel="root.amr_payment",
            identity_key=f"payment.transaction.charge.{self.id}",
            description=self.env._("Charge %s", self.reference),
        )._charge_amr_token()

    def _charge_amr_token(self):
        """Job: ask the provider for the money, once (commits by itself)."""
        self.ensure_one()
        self = self.sudo()
        lock_rows(self)
        if self.state != "draft":
            return
        if self.amr_charged_at:
            self._doubt_amr_charge(self.env._("the system stopped meanwhile"))
            return
        if self.amr_vend_id.state != "draft":
            self._set_canceled(
                state_message=self.env._("The order needs no payment any more.")
            )
            return
        self.amr_charged_at = fields.Datetime.now()
        self.env.flush_all()
        # allowed by the job function; ends the lock, too
        self.env.cr.commit()  # pylint: disable=invalid-commit
        try:
            with self.env.cr.savepoint():
                self.with_context(amr_charge=True)._charge_with_token()
        except UserError as error:
            self._set_error(str(error))
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # the provider was faster: the next try sees what it told
        except Exception as error:
            _logger.info("Charge of %s has no clear answer", self.reference)
            self._doubt_amr_charge(str(error) or type(error).__name__)

    def _doubt_amr_charge(self, why):
        """Nobody knows whether the money was taken: wait for the provider's word.

        :param str why: what happened to the call
        """
        message = self.env._(
            "Nobody knows yet whether payment %(payment)s was taken (%(why)s). Look it "
            "up at the provider; it is not asked for again.",
            payment=self.reference,
            why=why,
        )
        self._set_pending(state_message=message)
        self.amr_vend_id._raise_exception(message)
