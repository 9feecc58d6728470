from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec


class AmrVend(models.Model):
    """What the resident sees of a recharge: paid, crediting, credited."""

    _inherit = "amr.vend"

    reason = fields.Char(groups="base.group_user")

    def _get_portal_values(self):
        """Return what a resident sees of this recharge, as plain values.

        To be called in sudo mode once access to the recharge is checked.

        :rtype: dict
        """
        self.ensure_one()
        agreement = self.agreement_id
        figures, obstacle = self._get_portal_figures()
        return {
            **figures,
            "obstacle": obstacle,
            "id": self.id,
            "tz": self.community_id.tz,
            "name": self.name,
            "state": self.state,
            "status": self._get_portal_status(),
            "waiting": self._is_waiting(),
            "payable": self._is_payable() and not obstacle,
            "steps": self._get_portal_steps(),
            "currency": self.currency_id,
            "purchase_no": self.purchase_no,
            "date": self.credited_at or self.paid_at or self.create_date,
            "uom": agreement.utility_id.uom_name,
            "utility": agreement.utility_id.name,
            "icon": agreement.utility_id.icon or "fa-tachometer",
            "place": agreement.room_id.display_name or agreement.point_id.name,
            "meter": self.meter_id.number,
            "account_id": self.account_id.id,
            "account": self.account_id.number,
            "agreement_id": agreement.id,
            "can_repeat": agreement.state == "active",
            "bill_id": self.bill_move_id.id,
            "bill": self.bill_move_id.name,
        }

    def _get_portal_figures(self):
        """Return what is paid and what it buys; before payment, what it would buy now.

        :return: (dict of Decimal, sentence that says why it cannot be bought, or "")
        """
        self.ensure_one()
        figures = {
            "amount": dec(self.amount, 2),
            "unit_price": dec(self.unit_price, 6),
            "quantity": dec(self.quantity),
            "wallet_before": dec(self.wallet_before, 2),
            "wallet_after": dec(self.wallet_after, 2),
        }
        if self.state != "draft":
            return figures, ""
        try:
            quote = self._quote(self.agreement_id, dec(self.amount, 2))
        except UserError as error:
            return figures, str(error)
        return {key: quote[key] for key in figures}, ""

    def _get_live_transaction(self):
        """Return the payment that is under way or done for this recharge, if any."""
        self.ensure_one()
        return self.sudo().transaction_ids.filtered(lambda tx: tx._is_amr_live())[:1]

    def _is_payable(self):
        """Return whether it is still to be paid, and nobody is paying it already."""
        self.ensure_one()
        return self.state == "draft" and not self._get_live_transaction()

    def _is_waiting(self):
        """Return whether the state can change while the resident looks at it."""
        self.ensure_one()
        if self.state == "draft":
            return bool(self._get_live_transaction())
        return self.state in ("paid", "crediting")

    def _get_portal_status(self):
        """Return one sentence on where the recharge stands, for the resident."""
        self.ensure_one()
        sentences = {
            "paid": self.env._("Your payment has arrived. The meter comes next."),
            "crediting": self.env._("The meter is being credited."),
            "credited": self.env._("Done: the credit is on your meter."),
            "exception": self.env._(
                "Your payment is safe. The meter could not be reached properly, so "
                "the property's staff looks after it. You need not do anything."
            ),
            "cancelled": self.env._("This recharge was cancelled."),
        }
        if self.state == "draft":
            if self._get_live_transaction():
                return self.env._("Waiting for the confirmation of your payment.")
            return self.env._("Not paid yet.")
        return sentences[self.state]

    def _get_portal_steps(self):
        """Return the three steps with the state each is in.

        :return: list of dict(label, state), state being done, current, todo or failed
        """
        self.ensure_one()
        labels = [
            self.env._("Paid"),
            self.env._("Crediting"),
            self.env._("Credited"),
        ]
        states = {
            "paid": ("done", "todo", "todo"),
            "crediting": ("done", "current", "todo"),
            "exception": ("done", "failed", "todo"),
            "credited": ("done", "done", "done"),
        }.get(self.state, ("todo", "todo", "todo"))
        return [
            {"label": label, "state": state}
            for label, state in zip(labels, states, strict=True)
        ]

    def _get_reusable_draft(self, agreement):
        """Return an unpaid recharge of this agreement that can take a new amount.

        Whoever changes his mind about the amount leaves one draft behind, not many.
        """
        return self.search(
            [
                ("agreement_id", "=", agreement.id),
                ("state", "=", "draft"),
                ("create_uid", "=", self.env.uid),
                (
                    "create_date",
                    ">",
                    fields.Datetime.subtract(fields.Datetime.now(), days=1),
                ),
            ],
            order="id desc",
        ).filtered(lambda vend: not vend._has_open_payment())[:1]

    def _has_open_payment(self):
        """Return whether a payment of the present amount may still come in."""
        return any(
            transaction.state not in ("cancel", "error")
            for transaction in self.sudo().transaction_ids
        )

    def _get_last_payment_error(self):
        """Return why the last try to pay failed, or an empty string."""
        self.ensure_one()
        transaction = self.sudo().transaction_ids.sorted("id", reverse=True)[:1]
        if transaction.state == "cancel":
            return self.env._("The payment was cancelled. Nothing was taken.")
        if transaction.state == "error":
            return transaction.state_message or self.env._("The payment failed.")
        return ""
