import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from odoo.addons.amr_base.tools import dec, lock_rows
from odoo.addons.queue_job.job import ENQUEUED, PENDING, STARTED, WAIT_DEPENDENCIES

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Payment of a bill or an order with a saved payment method.

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

    amr_by_job = fields.Boolean(
        "Charged by a job",
        readonly=True,
        copy=False,
        help="The saved payment method is charged by a job; a lost one is made anew.",
    )

    def _is_amr_live(self):
        """Return whether this payment is done, or may be done without the customer."""
        self.ensure_one()
        return self.state in ("pending", "authorized", "done") or (
            self.state == "draft"
            and (self.operation == "online_token" or self.amr_by_job)
        )

    def _is_amr_under_way(self):
        """Return whether it takes, or may take, money that is not booked yet."""
        self.ensure_one()
        booked = self.state == "done" and self.is_post_processed
        by_hand = self.provider_code in ("none", "custom")
        return self._is_amr_live() and not (
            booked or by_hand or self.operation == "refund"
        )

    def _enqueue_amr_charge(self):
        """Have the saved payment method charged once this transaction is committed."""
        self.ensure_one()
        self.amr_by_job = True
        self.with_delay(
            channel="root.amr_payment",
            identity_key=self._get_amr_charge_key(),
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
        obstacle = self._get_amr_needlessness()
        if obstacle:
            self._set_canceled(state_message=obstacle)
            return
        self.amr_charged_at = fields.Datetime.now()
        self.env.flush_all()
        # allowed by the job function; ends the lock, too
        self.env.cr.commit()  # pylint: disable=invalid-commit
        try:
            with self.env.cr.savepoint():
                self.with_context(amr_charge=True)._charge_with_token()
                if self.state == "draft":
                    self._set_pending()  # asked for; the answer comes by itself
        except UserError as error:
            self._set_error(str(error))
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # the provider was faster: the next try sees what it told
        except Exception as error:
            _logger.info("Charge of %s has no clear answer", self.reference)
            self._doubt_amr_charge(str(error) or type(error).__name__)

    def _get_amr_needlessness(self):
        """Return why this is not to be charged any more, or False."""
        if self.amr_vend_id and self.amr_vend_id.state != "draft":
            return self.env._("The order needs no payment any more.")
        bills, digits = self.invoice_ids, self.currency_id.decimal_places
        owed = sum(
            dec(bill.amount_residual, digits)
            for bill in bills
            if bill.state == "posted"
        )
        if bills and owed < dec(self.amount, digits):
            return self.env._("The bill needs no payment any more.")
        others = (self.amr_vend_id.transaction_ids | bills.transaction_ids) - self
        # a charge that waits, too, is none: each of the two would give way
        if any(tx.state != "draft" and tx._is_amr_under_way() for tx in others):
            return self.env._("Another payment of it is under way.")
        return False

    @api.model
    def _resume_amr_charges(self):
        """Enqueue charges whose job is gone: failed, deleted, or never written.

        A charge that was asked for is not asked for again, see
        :meth:`_charge_amr_token`; so nothing is done while its job may be at work.
        """
        waiting = self.search([("state", "=", "draft"), ("amr_by_job", "=", True)])
        keys = {tx._get_amr_charge_key(): tx for tx in waiting}
        at_work = self.env["queue.job"].search(
            [
                ("identity_key", "in", list(keys)),
                ("state", "in", (WAIT_DEPENDENCIES, PENDING, ENQUEUED, STARTED)),
            ]
        )
        for key in keys.keys() - set(at_work.mapped("identity_key")):
            keys[key]._enqueue_amr_charge()

    def _get_amr_charge_key(self):
        return f"payment.transaction.charge.{self.id}"

    def _doubt_amr_charge(self, why):
        """Nobody knows whether the money was taken: wait for the provider's word.

        :param str why: what happened to the call
        """
        message = self.env._(
            "Nobody knows yet whether payment %(payment)s was taken (%(why)s). Look it "
            "up at the provider; it is not asked for again. An accountant says on the "
            "payment what he found.",
            payment=self.reference,
            why=why,
        )
        self._set_pending(state_message=message)
        self._tell_amr(message)
