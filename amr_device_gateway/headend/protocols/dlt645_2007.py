"""DL/T 645-2007: electricity meters.

Source: DL/T 645-2007 for frame, reading and items; relay (1C), daily freezes (0506) and
prepaid commands (03) come from the supplement for State Grid smart meters. The codes of
credit commands are a vendor profile: see :mod:`.authenticator`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from . import bcd, dlt645, dlt645_items, dlt645_reply
from .base import Decoded, EncodeError, Fault, Value
from .dlt645_plain import PlainReplies
from .dlt645_prepaid import SECURITY, SECURITY_ERROR_BITS, Prepaid
from .dlt645_words import WORDS

CLOCK, READ, READ_NEXT, READ_ADDRESS = 0x08, 0x11, 0x12, 0x13
WRITE, WRITE_ADDRESS, FREEZE, RELAY = 0x14, 0x15, 0x16, 0x1C

FORWARD_ACTIVE = 0x0001FF00
FREEZE_TIME, FREEZE_FORWARD = 0x05060000, 0x05060100
STATUS_WORD_3 = 0x04000503
COMM_ADDRESS, METER_NUMBER = 0x04000401, 0x04000402
DATE, TIME = 0x04000101, 0x04000102
#: Neutral current, power, its factor, frequency, energy taken and given back.
MEASURED = (0x02800001, 0x02030000, 0x02060000, 0x02800002, 0x00010000, 0x00020000)

TRIP, ALLOW_CLOSE, CLOSE_NOW = 0x1A, 0x1B, 0x1C
#: N1 of a relay command. "allow_close": the user must press the key on the meter.
RELAY_COMMANDS = {
    TRIP: "open",
    ALLOW_CLOSE: "allow_close",
    CLOSE_NOW: "close",
    0x2A: "alarm",
    0x2B: "alarm_off",
    0x3A: "keep_supply",
    0x3B: "keep_supply_off",
}
#: A relay command is refused by the meter after this time (its own clock decides).
RELAY_VALID_FOR = timedelta(minutes=5)

MAX_DAYS_BACK, MAX_SETTLEMENTS = 62, 12
MAX_RATES = dlt645_reply.MAX_RATES
MAX_PARTS = 255

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
EDITION = dlt645_reply.Edition(
    name="dlt645-2007",
    item_size=4,
    find=dlt645_items.find,
    read=(READ, SECURITY),
    follow=READ_NEXT,
    sequence=True,
    error_bits=ERROR_BITS,
    words=WORDS,
)

PLAIN = PlainReplies(EDITION)

_FREEZE_REGISTERS = ("daily.forward_active.", "forward_active.")


@dataclass(frozen=True)
class Dlt645v2007(Prepaid):
    """DL/T 645-2007; no options so far."""

    name = "dlt645-2007"
    title = "DL/T 645-2007"
    address_rule = "[0-9]{1,12}"
    index_unit = "kWh"
    framing_rank = 10

    def Framer(self):
        return dlt645.Dlt645Framer()

    def speaks(self, frame):
        parsed = dlt645.parse(bytes(frame))
        if isinstance(parsed, Fault):
            return False
        return parsed.control & dlt645_reply.FUNCTION not in dlt645_reply.ONLY_1997

    # === REQUESTS === #

    def read_item(self, address, di):
        """Request for the data identification ``di``."""
        return dlt645.build(address, READ, di.to_bytes(4, "little"))

    def read_next(self, address, di, sequence):
        """Request for the following part (1…255) of a long answer."""
        data = di.to_bytes(4, "little") + bytes([sequence])
        return dlt645.build(address, READ_NEXT, data)

    def next_request(self, request, decodeds):
        if not decodeds[-1].more or len(decodeds) > MAX_PARTS:
            return None
        asked = dlt645.parse(request)
        return self.read_next(
            asked.address, int.from_bytes(asked.data[:4], "little"), len(decodeds)
        )

    def read_address(self):
        """Ask the only meter on a line for its address."""
        return dlt645.build(dlt645.WILDCARD, READ_ADDRESS)

    def read_index(self, address):
        return [self.read_item(address, FORWARD_ACTIVE)]

    def identify(self, address):
        """Communication address, meter number, status words 3 and the index."""
        items = (COMM_ADDRESS, METER_NUMBER, STATUS_WORD_3)
        requests = [self.read_item(address, di) for di in items]
        return requests + self.read_index(address)

    def read_measured(self, address, phases="a"):
        """Item by item: a block is refused as a whole for a phase a meter has not."""
        numbers = ["abc".index(phase) + 1 for phase in phases]
        items = [0x02000000 | di2 << 16 | n << 8 for di2 in (1, 2) for n in numbers]
        items += MEASURED
        return [self.read_item(address, di) for di in items]

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

    def read_settlement(self, address, number):
        """Index of all rates at the ``number``-th last settlement day (1…12)."""
        if not 1 <= number <= MAX_SETTLEMENTS:
            raise EncodeError(
                f"A meter keeps {MAX_SETTLEMENTS} settlements; "
                f"number {number} is not one of them."
            )
        return [self.read_item(address, FORWARD_ACTIVE | number)]

    def read_clock(self, address):
        return [self.read_item(address, DATE), self.read_item(address, TIME)]

    def set_clock(self, address, moment, *, password, operator):
        """Write date and time; the meter needs the password and may need its key."""
        week_day = f"{moment.isoweekday() % 7:02d}"
        parts = (
            (DATE, bcd.pack_digits(f"{moment:%y%m%d}" + week_day, 4)),
            (TIME, bcd.pack_digits(f"{moment:%H%M%S}", 3)),
        )
        return [
            self.write_item(address, di, data, password=password, operator=operator)
            for di, data in parts
        ]

    def broadcast_clock(self, moment):
        """Set the clocks of all meters on a line. None of them answers.

        A meter obeys once a day, within five minutes of its own clock, and not close
        to midnight.
        """
        return dlt645.build(dlt645.BROADCAST, CLOCK, pack_time(moment))

    def write_item(self, address, di, data, *, password, operator="0"):
        """Write ``data`` (as sent, lowest byte first) into an item."""
        head = pack_password(password) + bcd.pack_digits(str(operator), 4)
        return dlt645.build(address, WRITE, di.to_bytes(4, "little") + head + data)

    def write_address(self, new):
        """Give the only meter on a line its address (its key must be pressed)."""
        return dlt645.build(dlt645.WILDCARD, WRITE_ADDRESS, dlt645.pack_address(new))

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
        return self.relay_command(
            address,
            "close" if close else "open",
            until=now + valid_for,
            password=password,
            operator=operator,
        )

    def relay_command(self, address, command, *, until, password, operator):
        """Any command of :data:`RELAY_COMMANDS`, refused by the meter after ``until``.

        :param datetime until: the meter's local time (naive)
        :raises EncodeError: no such command
        """
        codes = {name: code for code, name in RELAY_COMMANDS.items()}
        if command not in codes:
            raise EncodeError(
                f"There is no relay command “{command}”; known are: {', '.join(codes)}."
            )
        data = pack_password(password) + bcd.pack_digits(str(operator), 4)
        data += bytes([codes[command], 0x00]) + pack_time(until)
        return dlt645.build(address, RELAY, data)

    def relay_state(self, address):
        return self.read_item(address, STATUS_WORD_3)

    # === REPLIES === #

    def decode(self, frame):
        frame = bytes(frame)
        if plain := PLAIN.decode(frame):
            return plain
        parsed = dlt645.parse(frame)
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        return _Decoder(EDITION, parsed).decoded()

    def fault_of(self, frame):
        parsed = dlt645.parse(frame)
        return parsed if isinstance(parsed, Fault) else None

    def join(self, decodeds):
        return dlt645_reply.join(EDITION, decodeds)

    def is_answered(self, request):
        return not dlt645.is_broadcast_clock(request, CLOCK)

    def matches(self, request, reply):
        asked, answer = dlt645.parse(request), dlt645.parse(reply)
        return dlt645_reply.answers(EDITION, asked, answer, WITH_ITEM, (WRITE,))

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

    def clock_from(self, decodeds):
        text = dlt645_reply.clock_of(decodeds)
        try:
            return datetime.strptime(text, "%y%m%d%H%M%S") if text else None
        except ValueError:
            return None

    def relay_from(self, decoded):
        relay = decoded.value("relay")
        return None if decoded.error else relay

    def layout(self, frame):
        return dlt645.layout(frame, self.decode(frame), EDITION.item_size)

    def redact(self, frame):
        secret = {RELAY: (0, 8), WRITE: (4, 12), SECURITY: (4, dlt645.MAX_DATA)}
        return dlt645.redact(frame, secret)


_REGISTERS = frozenset(dlt645_reply.RATES.values())


class _Decoder(dlt645_reply.Decoder):
    """Reads a frame of this edition."""

    may_be_empty = (SECURITY,)

    def error_bits(self):
        return SECURITY_ERROR_BITS if self.function == SECURITY else ERROR_BITS

    def own_reply(self):
        if self.function != READ_ADDRESS:
            return False
        self.fields((_ADDRESS,), self.frame.data)
        return True

    def own_request(self):
        data = self.frame.data
        if self.function == WRITE and len(data) >= 4:
            self.data_id = self._data_id(data)
        elif self.function == RELAY and len(data) >= 16:
            action = RELAY_COMMANDS.get(data[8], f"{data[8]:02X}")
            self.values.append(Value("relay_command", action))
            field = dlt645_items.Field("valid_until", 6, kind="digits")
            self.fields((field,), data[10:])
        elif self.function == CLOCK:
            self.fields((dlt645_items.Field("clock", 6, kind="time"),), data)
        elif self.function == WRITE_ADDRESS:
            self.fields((_ADDRESS,), data)
        else:
            return False
        return True


_ADDRESS = dlt645_items.Field("address", 6, kind="digits")


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


PROTOCOL = Dlt645v2007()
