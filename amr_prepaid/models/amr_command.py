from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_device_gateway.headend.protocols.authenticator import (
    SimulatorAuthenticator,
)
from odoo.addons.amr_device_gateway.headend.protocols.base import ProtocolError
from odoo.addons.amr_device_gateway.tools import gateway_settings

CREDIT_KINDS = ("credit", "credit_state")
# what meters say of an authentication code that is not made with their key
WRONG_KEY = {"esam", "authentication"}


class AmrCommand(models.Model):
    """Credit a prepaid meter, and read what it says of its credit.

    The meter's purchase number decides (design, flow 3): n, the number of the command,
    means done; n - 1 means not done, the same frame may go out again; anything else is
    for a person. It is read before the first frame, too, so that an order is never
    taken for credited because of a number that was there before.
    """

    _inherit = "amr.command"

    kind = fields.Selection(
        selection_add=[("credit", "Credit"), ("credit_state", "Read credit")],
        ondelete={"credit": "cascade", "credit_state": "cascade"},
    )
    vend_id = fields.Many2one(
        "amr.vend", "Prepaid order", readonly=True, index=True, ondelete="restrict"
    )
    refusals = fields.Integer(
        "Times refused",
        readonly=True,
        copy=False,
        help="Credit frames that the meter itself refused; they do nothing any more.",
    )

    def _conflicts(self):
        if self.kind not in CREDIT_KINDS:
            return super()._conflicts()
        return CREDIT_KINDS

    def _changes_something(self):
        return self.kind != "credit_state" and super()._changes_something()

    def _verify_first(self):
        return self.kind == "credit" or super()._verify_first()

    def _request_frames(self):
        if self.kind not in CREDIT_KINDS:
            return super()._request_frames()
        if self.kind == "credit_state":
            return []
        obstacle = self.vend_id._get_supply_obstacle()
        if obstacle:
            raise UserError(obstacle)
        frame = self._protocol().credit(
            self._address(),
            purchase_no=self.payload["purchase_no"],
            amount=Decimal(self.payload["amount"]),
            customer_no=self.payload["customer_no"],
            authenticator=self._get_credit_authenticator(),
        )
        return [frame]

    def _get_credit_authenticator(self):
        """Return the callable that authenticates credit frames; hook for key devices.

        For a meter that is keyed for it, the area code of the site that sells joins
        the key (IC-card manual 1.3).

        :raises UserError: no key is configured, or the site has no area code
        """
        key = gateway_settings().credit_key
        if not key:
            raise UserError(
                self.env._(
                    "Credit commands need a key: set credit_key in section [amr] of "
                    "the configuration file, or AMR_CREDIT_KEY in the environment."
                )
            )
        authenticator = SimulatorAuthenticator(key)
        if not self.payload.get("area"):
            return authenticator
        obstacle = self.meter_id._get_area_obstacle()
        if obstacle:
            raise UserError(obstacle)
        return authenticator.for_area(self.community_id.area_code)

    def _verify_frames(self):
        if self.kind not in CREDIT_KINDS:
            return super()._verify_frames()
        return self._protocol().purchase_state(self._address())

    def _on_refused(self, replies):
        """Count what the meter itself refused, in a frame of its own.

        A concentrator that refuses may have passed the frame on, or still do so; and a
        meter that calls it booked already has it, or had it from somebody else.
        """
        if self.kind == "credit" and all(
            item.decoded and self._protocol().credit_from(item.decoded) == "refused"
            for item in replies
        ):
            self.refusals += 1
        return super()._on_refused(replies)

    def _problem(self, exchanges):
        """Override: a meter that does not know the key says so in its own words."""
        for item in exchanges if self.kind == "credit" else ():
            if WRONG_KEY & set(getattr(item.problem, "flags", ())):
                return self._get_wrong_key_message()
        return super()._problem(exchanges)

    def _get_wrong_key_message(self):
        """Return what a person can do about a meter that is keyed for another site."""
        values = {"meter": self.meter_id.number, "site": self.community_id.name}
        if self.payload.get("area"):
            return self.env._(
                "Meter %(meter)s refused: it is not keyed for the area code of "
                "%(site)s. Nothing was credited, the money is kept. Have the meter "
                "keyed for this site, or untick “Keyed for the area code” on it, and "
                "go on with the order; or give it up.",
                **values,
            )
        return self.env._(
            "Meter %(meter)s refused: it does not know the key without area code. "
            "Nothing was credited, the money is kept. If it is keyed for %(site)s, "
            "tick “Keyed for the area code” on it, else look at the key in the "
            "configuration; then go on with the order, or give it up.",
            **values,
        )

    def _judge_conflict(self, verification):
        if self.kind != "credit":
            return super()._judge_conflict(verification)
        state = self._purchase_state_from(verification)
        if not state:
            return None
        number = self.payload["purchase_no"]
        if state.purchase_no not in (number - 1, number):
            return self.env._(
                "The meter is at purchase number %(there)s; this is number %(number)s.",
                there=state.purchase_no,
                number=number,
            )
        if state.purchase_no == number and not self._was_sent():
            return self.env._(
                "The meter had purchase number %s before this credit was sent.", number
            )
        rival = self._get_rival() if state.purchase_no == number else None
        if rival:
            return self.env._(
                "Order %(other)s, which was given up, was sent under purchase number "
                "%(number)s, too: look at the meter whose credit it has.",
                other=rival.name,
                number=number,
            )
        return None

    def _get_rival(self):
        """Return an order given up whose frame carried the same number, if any.

        Only after a meter was opened anew; see :meth:`_cancel` of ``amr.vend``.
        """
        return self.env["amr.vend"].search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("purchase_no", "=", self.payload["purchase_no"]),
                ("state", "=", "cancelled"),
                ("id", "!=", self.vend_id.id),
            ],
            limit=1,
        )

    def _judge(self, verification):
        if self.kind not in CREDIT_KINDS:
            return super()._judge(verification)
        state = self._purchase_state_from(verification)
        if not state:
            return "unknown"
        self.meter_id._record_purchase_state(state)
        if self.kind == "credit_state":
            return "done"
        number = self.payload["purchase_no"]
        verdicts = {number: "done", number - 1: "not_done"}
        return verdicts.get(state.purchase_no, "unknown")

    def _purchase_state_from(self, verification):
        """Return the ``PurchaseState`` that the replies tell, or None."""
        if not all(item.decoded and not item.problem for item in verification):
            return None
        try:
            return self._protocol().purchase_from(
                [item.decoded for item in verification]
            )
        except ProtocolError:
            return None

    def _was_sent(self):
        """Return whether a frame with this purchase number has ever left for it."""
        commands = self | self.vend_id.command_ids
        return any(commands.filtered(self._has_same_number).mapped("tries"))

    def _has_same_number(self, command):
        """Return whether a command carries this one's number of the same series."""
        mine, its = self.payload, command.payload
        return its["purchase_no"] == mine["purchase_no"] and its.get(
            "series", mine.get("series")
        ) == mine.get("series", its.get("series"))

    def _done_text(self):
        if self.kind not in CREDIT_KINDS:
            return super()._done_text()
        return self.env._(
            "The meter is at purchase number %(number)s and has %(credit)s %(unit)s.",
            number=self.meter_id.purchase_no,
            credit=f"{self.meter_id.credit_balance:.2f}",
            unit=self.meter_id.uom_name,
        )

    def _on_done(self):
        result = super()._on_done()
        if self.kind == "credit":
            self.vend_id._on_credited()
        return result

    def _on_failed(self):
        result = super()._on_failed()
        if self.kind == "credit":
            self.vend_id._on_credit_failed(self)
        return result

    def _raise_unknown(self):
        """Override: the order's own exception tells what to do, one is enough."""
        if self.kind == "credit":
            return None
        return super()._raise_unknown()
