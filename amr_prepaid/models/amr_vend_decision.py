from odoo import models
from odoo.exceptions import AccessError, UserError

from odoo.addons.amr_base.tools import dec


class AmrVend(models.Model):
    """What a person decides about an order that stopped."""

    _inherit = "amr.vend"  # pylint: disable=consider-merging-classes-inherited

    def action_retry(self):
        """Go on with an order that stopped: book it, or ask the meter and send again.

        The command reads the meter's purchase number before it sends, so this never
        credits twice.
        """
        self._check_desk()
        for vend in self.sudo():
            vend._lock()
            if vend.state != "exception":
                raise UserError(self.env._("Order %s is not an exception.", vend.name))
            if vend.credited_at:
                vend._on_credited()
            elif vend.purchase_no:
                vend.write({"state": "crediting", "reason": False})
                vend._send_command()
            else:
                vend._retry_sale()

    def _retry_sale(self):
        """Sell what could not be sold when the money came in."""
        self._check_agreement(self.agreement_id)
        if self.agreement_id.meter_id != self.meter_id:
            self.meter_id = self.agreement_id.meter_id
        self.wallet_id._lock()
        before = dec(self.wallet_id.available, 2) + dec(self.charged, 2)
        before -= dec(self.amount, 2)
        sale = self._compute_sale(self.agreement_id, dec(self.amount, 2), before)
        self.write(
            {
                **{field: float(value) for field, value in sale.items()},
                "state": "paid",
                "reason": False,
            }
        )
        self._start_crediting()

    def _mark_credited(self, reason):
        """Take a person's word that the meter has the credit.

        :param str reason: how he knows
        """
        self.ensure_one()
        self._lock()
        if self.state != "exception" or not self.purchase_no:
            raise UserError(
                self.env._("Order %s was not sent to its meter.", self.name)
            )
        self.message_post(body=self.env._("Marked as credited: %s", reason))
        self._on_credited()

    def _accept_meter_number(self, reason):
        """Take the meter's own number for the right one, and send the order after it.

        :param str reason: why the meter is not where we left it
        """
        self.ensure_one()
        if self.state != "exception" or not self.purchase_no:
            raise UserError(
                self.env._(
                    "Order %s does not wait for a decision about its purchase number.",
                    self.name,
                )
            )
        number = self.meter_id.purchase_no
        self.meter_id._begin_series(reason)
        self.message_post(
            body=self.env._(
                "Purchase number %(number)s of the meter accepted: %(reason)s",
                number=number,
                reason=reason,
            )
        )

    def _cancel(self, reason):
        """Give up an order; its money stays in the wallet and the number is free.

        :param str reason: why
        """
        self.ensure_one()
        self._lock()
        if self.state not in ("draft", "paid", "exception") or self.credited_at:
            raise UserError(
                self.env._(
                    "Order %s cannot be cancelled: its credit is on the way or on the "
                    "meter.",
                    self.name,
                )
            )
        if not self._is_proven_uncredited():
            raise UserError(
                self.env._(
                    "Nobody knows yet whether meter %s took the credit. Read its "
                    "credit first.",
                    self.meter_id.number,
                )
            )
        self._settle_doubts()
        self.message_post(body=self.env._("Cancelled: %s", reason))
        number = self.purchase_no
        self.write({"state": "cancelled", "purchase_no": 0, "reason": reason})
        if number:
            self.meter_id._give_back_purchase_no(number)
        self._resolve_exceptions()
        self._start_waiting()

    def _is_proven_uncredited(self):
        """Return whether the meter cannot have the credit of this order.

        Either no command left a doubt, or the meter was read after the last one was
        sent and showed an earlier purchase number.
        """
        doubtful = self._get_doubtful_commands()
        if not doubtful:
            return True
        meter, sent_at = self.meter_id, self.command_ids.filtered("sent_at")[:1].sent_at
        if any(command.state in ("queued", "sent") for command in doubtful):
            return False
        if not sent_at:
            return True
        return bool(
            meter.credit_read_at
            and meter.credit_read_at > sent_at
            and meter.purchase_no < self.purchase_no
        )

    def _get_doubtful_commands(self):
        return self.command_ids.filtered(
            lambda command: command.outcome in ("unknown", "pending")
        )

    def _filter_sent(self):
        """Return those of these orders whose credit a meter may have heard of.

        A frame may come late: a command that was read back as not done counts, too,
        once the meter has come to its number.
        """
        return self.filtered(
            lambda vend: (
                any(vend._get_doubtful_commands().mapped("tries"))
                or (
                    vend.meter_id.purchase_no >= vend.purchase_no
                    and any(vend.command_ids.mapped("tries"))
                )
            )
        )

    def _take_number_back(self):
        """Make orders that never reached their meter wait for another number."""
        for vend in self:
            vend._settle_doubts()
            vend.write({"state": "paid", "purchase_no": 0, "reason": False})

    def _settle_doubts(self):
        """Write down the proof that the meter did not take the credit.

        The number goes to the next order; a command still in doubt would be read back
        later and take that order's credit for its own.
        """
        self._get_doubtful_commands().outcome = "not_done"

    def _check_desk(self):
        """Check that the user may work on these orders at the front desk."""
        if not self.env.user.has_group("amr_base.group_clerk"):
            raise AccessError(self.env._("Only the front desk works on orders."))
        self.check_access("read")
