"""Prepaid commands of DL/T 645-2007: function 03, from the supplement.

Source: the supplement for State Grid smart meters, as meter and tester software agree
on it. The codes of credit commands are a vendor profile: see :mod:`.authenticator`.
"""

from decimal import Decimal

from . import bcd, dlt645
from .base import EncodeError, Fault, Protocol, ProtocolError, PurchaseState
from .dlt645_reply import ERROR, REPLY

SECURITY = 0x03
REMAINING_ENERGY = 0x00900100
RECHARGE, PURCHASE_STATUS = 0x070102FF, 0x078102FF

SECURITY_ERROR_BITS = (
    ("other", "other error"),
    ("repeat_recharge", "this purchase is already booked"),
    ("esam", "verification failed"),
    ("authentication", "authentication failed"),
    ("customer_no", "wrong customer number"),
    ("purchase_no", "wrong purchase number"),
    ("hoard", "more than the meter may hold"),
    ("address", "wrong address"),
    ("suspended", "suspended"),
    ("close_failed", "the relay did not close"),
)


class Prepaid(Protocol):
    """Credit commands and purchase state, mixed into the protocol."""

    def credit(
        self,
        address,
        *,
        purchase_no,
        amount,
        customer_no,
        authenticator,
        operator="0",
    ):
        """Book ``amount`` kWh as purchase ``purchase_no``.

        The same arguments give the same bytes, so that repeating is harmless: the
        meter answers "already booked" to a number it has.

        :param Decimal amount: kWh, above zero, two decimals
        :param authenticator: callable ``(address, data) -> 4 bytes``
        :raises EncodeError: a value that does not fit
        """
        address = dlt645.address_digits(address)
        body = pack_binary(amount, 2, "amount") + pack_binary(
            purchase_no, 0, "purchase number"
        )
        customer = bcd.pack_digits(str(customer_no), 6)
        data = RECHARGE.to_bytes(4, "little") + bcd.pack_digits(str(operator), 4)
        data += body + authenticator(address, body)
        data += customer + authenticator(address, body + customer)
        return dlt645.build(address, SECURITY, data)

    def purchase_state(self, address):
        query = PURCHASE_STATUS.to_bytes(4, "little") + bytes(4)
        return [
            dlt645.build(address, SECURITY, query),
            self.read_item(address, REMAINING_ENERGY),
        ]

    def purchase_from(self, decodeds):
        number = balance = None
        for decoded in decodeds:
            if decoded.error:
                continue
            if decoded.value("purchase_no") is not None:
                number = int(decoded.value("purchase_no"))
            if decoded.value("remaining_energy") is not None:
                balance = decoded.value("remaining_energy")
        if number is None or balance is None:
            errors = [str(decoded.error) for decoded in decodeds if decoded.error]
            raise ProtocolError(
                "The meter did not tell its purchase number and remaining energy. "
                + " ".join(errors)
            )
        return PurchaseState(number, balance)

    def credit_from(self, decoded):
        """Answer to a credit command: 'booked', 'repeat', 'refused' or None.

        Only a hint: after anything but 'booked' the state of the meter is unknown
        until :meth:`purchase_state` was read.
        """
        if decoded.control == f"{REPLY | SECURITY:02X}" and not decoded.error:
            return "booked"
        denied = decoded.control == f"{REPLY | ERROR | SECURITY:02X}"
        if (
            denied
            and isinstance(decoded.error, Fault)
            and decoded.error.code == "meter"
        ):
            return "repeat" if "repeat_recharge" in decoded.error.flags else "refused"
        return None


def pack_binary(value, decimals, what):
    """Four binary bytes, lowest first, of a number above zero.

    :raises EncodeError: zero, negative, too large, or too many decimals
    """
    scaled = Decimal(value).scaleb(decimals)
    if scaled != scaled.to_integral_value() or not 0 < scaled < 1 << 32:
        raise EncodeError(
            f"The {what} {value} must be above zero, with {decimals} decimals "
            "at most, and fit into four bytes."
        )
    return int(scaled).to_bytes(4, "little")
