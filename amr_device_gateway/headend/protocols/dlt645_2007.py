"""DL/T 645-2007: electricity meters.

Source: DL/T 645-2007 for frame, reading and items; relay (1C), daily freezes (0506) and
prepaid commands (03) come from the supplement for State Grid smart meters. The codes of
credit commands are a vendor profile: see :mod:`.authenticator`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from . import bcd, dlt645, dlt645_items
from .base import (
    Decoded,
    EncodeError,
    Fault,
    Protocol,
    ProtocolError,
    PurchaseState,
    Value,
)

SECURITY, READ, READ_NEXT, READ_ADDRESS, WRITE, CLOCK, RELAY = (
    0x03,
    0x11,
    0x12,
    0x13,
    0x14,
    0x08,
    0x1C,
)
REPLY, ERROR, MORE = 0x80, 0x40, 0x20
FUNCTION = 0x1F

FORWARD_ACTIVE = 0x0001FF00
FREEZE_TIME, FREEZE_FORWARD = 0x05060000, 0x05060100
STATUS_WORD_3 = 0x04000503
REMAINING_ENERGY = 0x00900100
RECHARGE, PURCHASE_STATUS = 0x070102FF, 0x078102FF

RELAY_OPEN_BIT = 1 << 4
TRIP, ALLOW_CLOSE, CLOSE_NOW = 0x1A, 0x1B, 0x1C
RELAY_COMMANDS = {TRIP: "open", ALLOW_CLOSE: "allow_close", CLOSE_NOW: "close"}
#: A relay command is refused by the meter after this time (its own clock decides).
RELAY_VALID_FOR = timedelta(minutes=5)

MAX_DAYS_BACK = 62
MAX_RATES = 63

#: Functions whose frames begin with a data identification.
WITH_ITEM = (READ, READ_NEXT, SECURITY, WRITE)

ERROR_BITS = (
    ("other", "other error"),
    ("no_data", "no such data"),
    ("password", "wrong password or not authorised"),
    ("baud", "the baud rate cannot be changed"),
    ("year_zones", "too many year zones"),
    ("day_slots", "too many day slots"),
    ("rates", "too many rates"),
)
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

_FREEZE_REGISTERS = ("daily.forward_active.", "forward_active.")


@dataclass(frozen=True)
class Dlt645v2007(Protocol):
    """DL/T 645-2007; no options so far."""

    name = "dlt645-2007"
    framing_rank = 10

    def Framer(self):
        return dlt645.Dlt645Framer()

    # === REQUESTS === #

    def read_item(self, address, di):
        """Request for the data identification ``di``."""
        return dlt645.build(address, READ, di.to_bytes(4, "little"))

    def read_next(self, address, di, sequence):
        """Request for the following part (1…255) of a long answer."""
        data = di.to_bytes(4, "little") + bytes([sequence])
        return dlt645.build(address, READ_NEXT, data)

    def read_address(self):
        """Ask the only meter on a line for its address."""
        return dlt645.build(dlt645.WILDCARD, READ_ADDRESS)

    def read_index(self, address):
        return [self.read_item(address, FORWARD_ACTIVE)]

    def read_daily(self, address, days_back):
        """The freeze's registers, then the time it was taken.

        The meter counts freezes, not days: after a power cut over midnight the n-th
        last freeze is older than n days, so check :meth:`freeze_time_from`.

        :param days_back: 1 is the last freeze, taken at 00:00 of the current day
        """
        if not 1 <= days_back <= MAX_DAYS_BACK:
            raise EncodeError(
                f"A meter keeps {MAX_DAYS_BACK} daily freezes; "
                f"number {days_back} is not one of them."
            )
        return [
            self.read_item(address, FREEZE_FORWARD | days_back),
            self.read_item(address, FREEZE_TIME | days_back),
        ]

    def relay(
        self,
        address,
        close,
        *,
        now,
        password,
        operator,
        valid_for=RELAY_VALID_FOR,
    ):
        """Open or close at once; the reply only says that the meter accepted it.

        :param datetime now: the meter's local time (naive)
        :param str password: 8 digits: level, then the 6 of the password
        :param str operator: operator code, up to 8 digits
        """
        data = pack_password(password) + bcd.pack_digits(str(operator), 4)
        data += bytes([CLOSE_NOW if close else TRIP, 0x00])
        data += pack_time(now + valid_for)
        return dlt645.build(address, RELAY, data)

    def relay_state(self, address):
        return self.read_item(address, STATUS_WORD_3)

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

    # === REPLIES === #

    def decode(self, frame):
        parsed = dlt645.parse(bytes(frame))
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        return _Decoder(self.name, parsed).decoded()

    def matches(self, request, reply):
        asked, answer = dlt645.parse(request), dlt645.parse(reply)
        if isinstance(asked, Fault) or isinstance(answer, Fault):
            return False
        if not answer.control & REPLY or asked.control & REPLY:
            return False
        function = asked.control & FUNCTION
        if answer.control & FUNCTION != function:
            return False
        if not dlt645.same_meter(asked.address, answer.address):
            return False
        if answer.control & ERROR or function not in WITH_ITEM or not answer.data:
            return True
        if function == READ_NEXT and answer.data[-1:] != asked.data[-1:]:
            return False
        return function == WRITE or answer.data[:4] == asked.data[:4]

    def index_from(self, decoded):
        """Registers ``total``, ``t1``… of a current or daily frozen index."""
        if decoded.error:
            return {}
        registers = {}
        for item in decoded.values:
            for prefix in _FREEZE_REGISTERS:
                register = item.name.removeprefix(prefix)
                if register in _REGISTERS and item.name == prefix + register:
                    if item.value is not None:
                        registers[register] = item.value
        return registers

    def is_frozen(self, decoded):
        return (decoded.data_id or "").startswith("0506")

    def freeze_time_from(self, decoded):
        text = decoded.value("freeze_time")
        try:
            return datetime.strptime(text, "%Y-%m-%d %H:%M") if text else None
        except ValueError:
            return None

    def relay_from(self, decoded):
        relay = decoded.value("relay")
        return None if decoded.error else relay

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
        if isinstance(decoded.error, Fault) and decoded.error.code == "meter":
            return "repeat" if "repeat_recharge" in decoded.error.flags else "refused"
        return None

    def redact(self, frame):
        parsed = dlt645.parse(bytes(frame))
        text = bytes(frame).hex()
        if isinstance(parsed, Fault) or parsed.control & REPLY:
            return text
        first = bytes(frame).find(b"\x68") + 10
        secret = {RELAY: (0, 8), WRITE: (4, 12), SECURITY: (4, len(parsed.data))}
        if parsed.control not in secret:
            return text
        start, end = secret[parsed.control]
        start, end = first + start, first + min(end, len(parsed.data))
        checksum = first + len(parsed.data)
        text = text[: 2 * start] + "*" * 2 * (end - start) + text[2 * end :]
        return text[: 2 * checksum] + "**" + text[2 * checksum + 2 :]


_REGISTERS = {"total", *(f"t{rate}" for rate in range(1, MAX_RATES + 1))}


class _Decoder:
    """Reads one sound frame; keeps the faults it meets instead of raising."""

    def __init__(self, protocol, frame):
        self.protocol = protocol
        self.frame = frame
        self.function = frame.control & FUNCTION
        self.data_id = None
        self.error = None
        self.values = []

    def decoded(self):
        if self.frame.control & REPLY and self.frame.control & ERROR:
            self.error = self._meter_error()
        elif self.frame.control & REPLY:
            self._reply()
        else:
            self._request()
        return Decoded(
            self.protocol,
            self.frame.address,
            f"{self.frame.control:02X}",
            self.data_id,
            self.error,
            self.values,
            self.frame.data,
        )

    def _meter_error(self):
        bits = SECURITY_ERROR_BITS if self.function == SECURITY else ERROR_BITS
        code = int.from_bytes(self.frame.data[:2], "little")
        met = [(flag, text) for n, (flag, text) in enumerate(bits) if code >> n & 1]
        text = ", ".join(text for _flag, text in met) or f"code {code:02X}"
        flags = [flag for flag, _text in met]
        return Fault("meter", f"The meter refused: {text}.", flags)

    def _reply(self):
        data = self.frame.data
        if self.function == READ_ADDRESS:
            self._fields((dlt645_items.Field("address", 6, kind="digits"),), data)
        elif self.function in (READ, READ_NEXT, SECURITY) and len(data) >= 4:
            self._item(data)

    def _item(self, data):
        di = int.from_bytes(data[:4], "little")
        self.data_id, data = f"{di:08X}", data[4:]
        if self.function == READ_NEXT and data:
            data = data[:-1]
        item = dlt645_items.find(di)
        if not data:
            if self.function != SECURITY:
                self.error = Fault("no_data", "The meter has no record for this item.")
        elif item is None:
            self.values.append(Value("data", data.hex().upper()))
        elif item.repeat:
            self._repeated(item.fields[0], data)
        else:
            self._fields(item.fields, data)

    def _repeated(self, field, data):
        """Total and rates, as many as there are; odd bytes at the end are ignored."""
        count = min(len(data) // field.size, MAX_RATES + 1)
        if not count:
            self.error = _too_short(field.name, len(data))
        names = [f"{field.name}.{dlt645_items.RATES[rate]}" for rate in range(count)]
        self._fields([field._replace(name=name) for name in names], data)

    def _fields(self, fields, data):
        for field in fields:
            part, data = data[: field.size], data[field.size :]
            if len(part) < field.size:
                self.error = self.error or _too_short(field.name, len(part))
                return
            try:
                self.values.extend(_values(field, part))
            except bcd.NotDecimal:
                raw = bytes(reversed(part)).hex().upper()
                self.error = self.error or Fault(
                    "bcd", f"The value of {field.name} is no decimal number: {raw}."
                )

    def _request(self):
        data = self.frame.data
        if self.function in WITH_ITEM and len(data) >= 4:
            self.data_id = f"{int.from_bytes(data[:4], 'little'):08X}"
        elif self.function == RELAY and len(data) >= 16:
            action = RELAY_COMMANDS.get(data[8], f"{data[8]:02X}")
            self.values.append(Value("relay_command", action))
            self._fields(
                (dlt645_items.Field("valid_until", 6, kind="digits"),), data[10:]
            )


def _too_short(name, size):
    return Fault("length", f"The value of {name} is too short: {size} bytes.")


def _values(field, data):
    """Values of one field; a status word also tells the relay."""
    if field.kind == "bcd":
        value = bcd.number(data, field.decimals, field.signed)
        return [Value(field.name, value, field.unit)]
    if field.kind == "binary":
        value = Decimal(int.from_bytes(data, "little")).scaleb(-field.decimals)
        return [Value(field.name, value, field.unit)]
    if field.kind == "time":
        return [Value(field.name, _time(data))]
    if field.kind == "digits":
        empty = bcd.is_filler(data)
        return [Value(field.name, None if empty else bcd.digits(data))]
    values = [Value(field.name, bytes(reversed(data)).hex().upper())]
    if field.name == "status_word_3":
        is_open = int.from_bytes(data, "little") & RELAY_OPEN_BIT
        values.append(Value("relay", "open" if is_open else "closed"))
    return values


def _time(data):
    """``YYYY-MM-DD hh:mm`` of five bytes mm hh DD MM YY, None when never set."""
    if bcd.is_filler(data) or not any(data):
        return None
    text = bcd.digits(data)
    year, month, day, hour, minute = (text[n : n + 2] for n in range(0, 10, 2))
    return f"20{year}-{month}-{day} {hour}:{minute}"


def pack_time(moment):
    """ss mm hh DD MM YY."""
    return bcd.pack_digits(moment.strftime("%y%m%d%H%M%S"), 6)


def pack_password(password):
    """PA P0 P1 P2 from 8 digits: level (PA), then the password, highest digit first.

    :raises EncodeError: not 8 digits
    """
    text = str(password)
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise EncodeError(
            "The meter password must have 8 digits: 2 for the level, "
            "6 for the password."
        )
    return bytes.fromhex(text[:2]) + bcd.pack_digits(text[2:], 3)


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


PROTOCOL = Dlt645v2007()
