from odoo import models
from odoo.exceptions import AccessError, UserError

from odoo.addons.amr_base.tools import dec


class AmrVend(models.Model):
    """What a person decides about an order that stopped."""

    _inherit = "amr.vend"  # pylint: disable=consider-merging-classes-inherited

    def action_retry(self):
        """Go on with an order that stopped: book it, or ask the meter and send again.

        The command reads the meter's purchase number before it sends, so this never
        credits twice; it only asks where the supply is the buyer's no more.
        """
        self._check_desk()
        for vend in self.sudo():
            vend._lock()
            if vend.state != "exception":
                raise UserError(self.env._("Order %s is not an exception.", vend.name))
            if vend.credited_at:
                vend._on_credited()
            elif vend._may_still_be_credited() or (
                vend.purchase_no and not vend._get_supply_obstacle()
            ):
                vend.write({"state": "crediting", "reason": False})
                vend._send_command()
            else:
                vend._free_number()
                vend._retry_sale()

    def _retry_sale(self):
        """Sell what could not be sold when the money came in."""
        in_force = self.agreement_id.point_id.agreement_id
        if in_force.account_id == self.account_id:
            self.agreement_id = in_force  # another tariff, say
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
        self._check_reason(reason)
        meter = self.meter_id
        if meter._is_credit_fresh() and meter.purchase_no < self.purchase_no:
            raise UserError(
                self.env._(
                    "Meter %(meter)s says that it is at purchase number %(number)s: it "
                    "has not got this credit. Go on with the order, or read its credit "
                    "again.",
                    meter=meter.number,
                    number=meter.purchase_no,
                )
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

    def _check_reason(self, reason):
        """Check that a decision by hand says how its maker knows.

        :raises UserError: it does not
        """
        if not (reason or "").strip():
            raise UserError(self.env._("Say how you know, or why."))

    def _free_number(self):
        """Let an order that no meter can have heard of start anew, without a number.

        :raises UserError: a frame left for its meter
        """
        if not self.purchase_no:
            return
        if self._may_still_be_credited():
            raise UserError(self._get_doubt_message())
        number = self.purchase_no
        self._settle_doubts()
        self.purchase_no = 0
        self.meter_id._give_back_purchase_no(number)

    def _cancel(self, reason):
        """Give up an order; its money goes back to the wallet.

        A purchase number whose frame has left is bound to this order's bytes for ever:
        the frame may arrive late, and then the meter has the energy. So such an order
        is given up only when the frame can do nothing any more (decision 0030), and
        nobody else gets its number.

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
        if self._may_still_be_credited() and not self._is_out_of_reach():
            raise UserError(self._get_doubt_message())
        self._settle_doubts()
        self.message_post(body=self.env._("Cancelled: %s", reason))
        if not self._may_still_be_credited():
            self._free_number()
        self.write({"state": "cancelled", "reason": reason})
        self._resolve_exceptions()
        self._start_waiting()

    def _may_still_be_credited(self):
        """Return whether a frame of this order may be on its way, or has arrived.

        Frames that the meter itself refused are not. That it was read back since, and
        showed the number before, proves nothing: a frame may wait in a concentrator
        until a meter has power again.
        """
        return any(
            command.state in ("queued", "sent")
            or command.tries > command._get_refusals()
            for command in self.command_ids
        )

    def _is_out_of_reach(self):
        """Return whether what was sent can credit nobody any more.

        The meter was taken down; or it was opened anew, counts from an earlier number
        and refuses this one.
        """
        if any(command.state in ("queued", "sent") for command in self.command_ids):
            return False
        meter = self.meter_id
        return not meter.point_id or (
            meter._is_credit_fresh() and meter.purchase_no < self.purchase_no - 1
        )

    def _get_doubt_message(self):
        if any(command._was_refused_unread() for command in self.command_ids):
            return self.env._(
                "Meter %(meter)s refused order %(order)s: read its credit now. If it "
                "is still at purchase number %(number)s, the order can be given up.",
                meter=self.meter_id.number,
                order=self.name,
                number=self.purchase_no - 1,
            )
        return self.env._(
            "Nobody knows yet whether meter %(meter)s took the credit of order "
            "%(order)s: what was sent may still arrive. Go on with the order; the "
            "meter takes purchase number %(number)s once only.",
            meter=self.meter_id.number,
            order=self.name,
            number=self.purchase_no,
        )

    def _get_unsettled_message(self):
        """Return why a supply cannot end now, and what to do."""
        values = {
            "order": self.name,
            "agreement": self.agreement_id.display_name,
            "meter": self.meter_id.number,
        }
        if self.state != "exception":
            return self.env._(
                "Order %(order)s is on its way to meter %(meter)s: wait until it is "
                "credited, then end %(agreement)s.",
                **values,
            )
        return self.env._(
            "Order %(order)s is not settled: go on with it or give it up, then end "
            "%(agreement)s. If meter %(meter)s never answers again, replace it first; "
            "then the order can be given up.",
            **values,
        )

    def _get_doubtful_commands(self):
        return self.command_ids.filtered(
            lambda command: command.outcome in ("unknown", "pending")
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
