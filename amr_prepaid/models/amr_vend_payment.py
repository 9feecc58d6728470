from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec, lock_rows


class AmrVend(models.Model):
    """Money of an order: taken at the counter, or confirmed by a payment provider."""

    _inherit = "amr.vend"  # pylint: disable=consider-merging-classes-inherited

    # === Front desk === #

    @api.model
    def _sell(self, agreement, amount, journal, key=None):
        """Take a payment at the counter and sell in one transaction.

        :param agreement: prepaid ``amr.agreement`` the user may read
        :param Decimal amount: payment, tax included
        :param journal: cash or bank ``account.journal``
        :param str key: external key; an order that has it is returned as it is
        :return: the ``amr.vend``
        :raises AccessError: not a front desk user, or not his community
        :raises UserError: one sentence that says why it cannot be sold
        """
        if not self.env.user.has_group("amr_base.group_clerk"):
            raise AccessError(self.env._("Only the front desk sells energy."))
        agreement.with_env(self.env).check_access("read")
        agreement, self_sudo = agreement.sudo(), self.sudo()
        company = agreement.company_id
        known = key and self_sudo.search(
            [("key", "=", key), ("company_id", "=", company.id)], limit=1
        )
        if known:
            return known.with_env(self.env)
        self_sudo._quote(agreement, amount)
        agreement.meter_id._lock_credit()
        self_sudo._check_meter_free(agreement.meter_id)
        vend = self_sudo.create(
            {"agreement_id": agreement.id, "amount": float(amount), "key": key}
        )
        vend._register_payment(vend._create_counter_payment(journal))
        return vend.with_env(self.env)

    def _create_counter_payment(self, journal):
        """Return a posted customer payment for the order."""
        self.ensure_one()
        if (
            journal.type not in ("cash", "bank")
            or journal.company_id != self.company_id
        ):
            raise UserError(
                self.env._("Choose a cash or bank journal of %s.", self.company_id.name)
            )
        payment = (
            self.env["account.payment"]
            .with_company(self.company_id)
            .create(self._prepare_counter_payment(journal))
        )
        if journal.type == "cash":
            # notes in the till: nothing is outstanding
            payment.outstanding_account_id = journal.default_account_id
        payment.action_post()
        return payment

    def _prepare_counter_payment(self, journal):
        return {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": self.partner_id.commercial_partner_id.id,
            "amr_account_id": self.account_id.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "journal_id": journal.id,
            "date": self.wallet_id._get_booking_date(),
            "memo": self.name,
        }

    # === Money === #

    def _lock(self):
        """Wait for other work on these orders and meters, then read them anew.

        Always in the order vend, meter, wallet, so that two sales never wait for each
        other.
        """
        lock_rows(self)
        self.meter_id._lock_credit()

    def _claim(self):
        """Lock these orders, and send whoever waits for them back to the start.

        A new version of the rows makes the other transaction's view stale; Odoo runs it
        again, and it sees what this one has done.
        """
        self._lock()
        self.env.cr.execute(
            SQL(
                "UPDATE amr_vend SET write_date = write_date WHERE id = ANY(%s)",
                list(self.ids),
            )
        )

    def _register_payment(self, payment, transaction=None):
        """Book a payment of the order and write down the intent to credit the meter.

        Money that arrives is always booked, once for each payment. When the order was
        paid already, or can no longer be credited, it stays in the wallet and a person
        is told.

        :param payment: posted inbound ``account.payment``
        :param transaction: the ``payment.transaction`` behind it, if any
        :return: whether the order is paid by this payment
        """
        self.ensure_one()
        self = self.sudo()
        self._lock()
        if payment == self.payment_id:
            return True
        if self.state != "draft" or dec(payment.amount, 2) != dec(self.amount, 2):
            self._keep_extra_payment(payment)
            return False
        self.wallet_id._lock()
        before = dec(self.wallet_id.available, 2)
        obstacle, sale = self._try_sale(before)
        entry = self.wallet_id._deposit(payment, self)
        self.write(
            {
                **{field: float(value) for field, value in sale.items()},
                "state": "exception" if obstacle else "paid",
                "reason": obstacle,
                "payment_id": payment.id,
                "transaction_id": transaction.id if transaction else False,
                "deposit_move_id": entry.move_id.id,
                "paid_at": fields.Datetime.now(),
            }
        )
        if obstacle:
            self._raise_exception(obstacle)
        else:
            self._start_crediting()
        return True

    def _try_sale(self, before):
        """Return (obstacle or False, figures) of the order as it can be sold now."""
        amount = dec(self.amount, 2)
        try:
            self._check_agreement(self.agreement_id)
            if self.agreement_id.meter_id != self.meter_id:
                raise UserError(self._get_meter_changed_message())
            return False, self._compute_sale(self.agreement_id, amount, before)
        except UserError as error:
            return str(error), {
                "amount": amount,
                "quantity": dec(0),
                "meter_quantity": dec(0),
                "charged": dec(0),
                "wallet_before": before,
                "wallet_after": before + amount,
            }

    def _get_meter_changed_message(self):
        return self.env._(
            "Meter %(meter)s is no longer installed at %(point)s.",
            meter=self.meter_id.number,
            point=self.agreement_id.point_id.display_name,
        )

    def _keep_extra_payment(self, payment):
        """Put a payment that the order does not need into the wallet."""
        if not self.wallet_id._deposit(payment):
            return
        message = self.env._(
            "Payment %(payment)s came in for order %(order)s, which does not need it. "
            "The money is in the wallet of %(account)s.",
            payment=payment.name,
            order=self.name,
            account=self.account_id.display_name,
        )
        self.message_post(body=message)
        self.env["amr.exception"]._raise_exception(
            "credit",
            message,
            meter=self.meter_id,
            community=self.community_id,
            origin=self.name,
        )
