"""DL/T 645-1997: electricity meters of the generation before 2007.

Same frame as the 2007 edition; data identifications of two bytes, other functions, no
number in the request for a continuation, no relay, no daily freezes.
Source: DL/T 645-1997, 5 (functions) and annex A (data identifications), checked against
a published exchange with two such meters (KTS-Intek/DLT645). What is not certain is
left out: the bits of C020, blocks of powers, and marks (AA) that some describe between
the values of a block; with such marks a block ends in an error and never in a wrong
value.
"""

from dataclasses import dataclass
from datetime import datetime

from . import bcd, dlt645, dlt645_reply
from .base import Decoded, EncodeError, Fault, Protocol
from .dlt645_2007 import pack_password, pack_time
from .dlt645_items import Field, Item
from .dlt645_reply import FUNCTION, ONLY_1997, RATES

READ, READ_NEXT, WRITE = 0x01, 0x02, 0x04
CLOCK, WRITE_ADDRESS, PASSWORD = 0x08, 0x0A, 0x0F

FORWARD_ACTIVE_TOTAL, FORWARD_ACTIVE = 0x9010, 0x901F
DATE, TIME = 0xC010, 0xC011
#: Power, its factor, energy taken and given back.
MEASURED = (0xB630, 0xB650, FORWARD_ACTIVE_TOTAL, 0x9020)
METER_NUMBER = 0xC032
MAX_SETTLEMENTS = 2

ERROR_BITS = (
    ("illegal", "illegal data"),
    ("no_data", "no such data identification"),
    ("password", "wrong password"),
    ("", ""),
    ("year_zones", "too many year zones"),
    ("day_slots", "too many day slots"),
    ("rates", "too many rates"),
)

#: High nibble of DI0 under 90 (active) and 91 (reactive): name and unit.
ENERGIES = {
    (0x90, 0): ("combined_active", "kWh"),
    (0x90, 1): ("forward_active", "kWh"),
    (0x90, 2): ("reverse_active", "kWh"),
    (0x91, 1): ("forward_reactive", "kvarh"),
    (0x91, 2): ("reverse_reactive", "kvarh"),
    (0x91, 3): ("reactive_q1", "kvarh"),
    (0x91, 4): ("reactive_q4", "kvarh"),
    (0x91, 5): ("reactive_q2", "kvarh"),
    (0x91, 6): ("reactive_q3", "kvarh"),
}
MAX_RATE = 0x0E


def _one(*args, **kwargs):
    return Item((Field(*args, **kwargs),))


def _phases(di, name, size, decimals, unit, total=False):
    parts = ([("total", 0)] if total else []) + [("a", 1), ("b", 2), ("c", 3)]
    return {
        di | number: _one(f"{name}.{part}", size, decimals, unit)
        for part, number in parts
    }


def _block(name, size, decimals, unit):
    return Item(tuple(Field(f"{name}.{part}", size, decimals, unit) for part in "abc"))


ITEMS = {
    **_phases(0xB610, "voltage", 2, 0, "V"),
    0xB61F: _block("voltage", 2, 0, "V"),
    **_phases(0xB620, "current", 2, 2, "A"),
    0xB62F: _block("current", 2, 2, "A"),
    **_phases(0xB630, "active_power", 3, 4, "kW", total=True),
    **_phases(0xB640, "reactive_power", 2, 2, "kvar", total=True),
    **_phases(0xB650, "power_factor", 2, 3, "", total=True),
    DATE: _one("date", 4, kind="digits"),
    TIME: _one("time", 3, kind="digits"),
    0xC020: _one("status_word", 1, kind="hex"),
    0xC021: _one("grid_status_word", 1, kind="hex"),
    0xC030: _one("active_constant", 3, 0, "imp/kWh"),
    0xC031: _one("reactive_constant", 3, 0, "imp/kvarh"),
    METER_NUMBER: _one("meter_number", 6, kind="digits"),
    0xC033: _one("customer_number", 6, kind="digits"),
    0xC034: _one("device_number", 6, kind="digits"),
    0xC117: _one("settlement_day", 2, kind="digits"),
}


def find(di):
    """The :class:`.dlt645_items.Item` of ``di``, None when not known.

    Energies: 90/91 now, 94/95 at the last settlement, 98/99 at the one before.
    """
    if di in ITEMS:
        return ITEMS[di]
    high, low = di >> 8, di & 0xFF
    kind, back = high & 0xF3, high >> 2 & 3
    energy = ENERGIES.get((kind, low >> 4))
    if energy is None or back > MAX_SETTLEMENTS:
        return None
    name, unit = energy
    suffix = f".{back}" if back else ""
    rate = low & 0x0F
    if rate == 0x0F and not back:
        return Item((Field(name, 4, 2, unit),), repeat=True)
    if rate == 0x0F:
        return Item((Field(f"settled.{back}.{name}", 4, 2, unit),), repeat=True)
    return _one(f"{name}.{RATES[rate]}{suffix}", 4, 2, unit)


EDITION = dlt645_reply.Edition(
    name="dlt645-1997",
    item_size=2,
    find=find,
    read=(READ,),
    follow=READ_NEXT,
    sequence=False,
    error_bits=ERROR_BITS,
    words={},
)
WITH_ITEM = (READ, READ_NEXT, WRITE)


@dataclass(frozen=True)
class Dlt645v1997(Protocol):
    """DL/T 645-1997; no options so far."""

    name = "dlt645-1997"
    title = "DL/T 645-1997"
    address_rule = "[0-9]{1,12}"
    index_unit = "kWh"
    framing_rank = 11

    def Framer(self):
        return dlt645.Dlt645Framer()

    def speaks(self, frame):
        parsed = dlt645.parse(bytes(frame))
        return not isinstance(parsed, Fault) and parsed.control & FUNCTION in ONLY_1997

    # === REQUESTS === #

    def read_item(self, address, di):
        """Request for the data identification ``di``."""
        return dlt645.build(address, READ, di.to_bytes(2, "little"))

    def next_request(self, request, decodeds):
        """Ask for the rest: the meter knows where it stopped."""
        if not decodeds[-1].more:
            return None
        asked = dlt645.parse(request)
        return dlt645.build(asked.address, READ_NEXT, asked.data[:2])

    def read_address(self):
        """Ask the only meter on a line for its address.

        The 1997 edition has no function for it; its meters answer a read to the
        broadcast address with their own.
        """
        return self.read_item(dlt645.BROADCAST, FORWARD_ACTIVE_TOTAL)

    def read_index(self, address):
        """Total and rates in a block; one meter known answers with the total only."""
        return [self.read_item(address, FORWARD_ACTIVE)]

    def identify(self, address):
        """Meter number and index."""
        return [self.read_item(address, METER_NUMBER), *self.read_index(address)]

    def read_measured(self, address, phases="a"):
        numbers = ["abc".index(phase) + 1 for phase in phases]
        items = [di | number for di in (0xB610, 0xB620) for number in numbers]
        return [self.read_item(address, di) for di in (*items, *MEASURED)]

    def read_settlement(self, address, number):
        """Index of all rates at the last (1) or last but one (2) settlement."""
        if not 1 <= number <= MAX_SETTLEMENTS:
            raise EncodeError(
                f"A meter keeps {MAX_SETTLEMENTS} settlements; "
                f"number {number} is not one of them."
            )
        return [self.read_item(address, FORWARD_ACTIVE + 0x0400 * number)]

    def read_clock(self, address):
        return [self.read_item(address, DATE), self.read_item(address, TIME)]

    def set_clock(self, address, moment, *, password, operator=None):
        """Write date and time; older meters need their programming key pressed."""
        week_day = f"{moment.isoweekday() % 7:02d}"
        date = bcd.pack_digits(f"{moment:%y%m%d}" + week_day, 4)
        time = bcd.pack_digits(f"{moment:%H%M%S}", 3)
        return [
            self.write_item(address, DATE, date, password=password),
            self.write_item(address, TIME, time, password=password),
        ]

    def broadcast_clock(self, moment):
        """Set the clocks of all meters on a line. None of them answers."""
        return dlt645.build(dlt645.BROADCAST, CLOCK, pack_time(moment))

    def write_item(self, address, di, data, *, password):
        """Write ``data`` (as sent, lowest byte first) into an item."""
        data = di.to_bytes(2, "little") + pack_password(password) + data
        return dlt645.build(address, WRITE, data)

    def write_address(self, new):
        """Give the only meter on a line its address (its key must be pressed)."""
        return dlt645.build(dlt645.BROADCAST, WRITE_ADDRESS, dlt645.pack_address(new))

    # === REPLIES === #

    def decode(self, frame):
        parsed = dlt645.parse(bytes(frame))
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        return _Decoder(EDITION, parsed).decoded()

    def join(self, decodeds):
        return dlt645_reply.join(EDITION, decodeds)

    def is_answered(self, request):
        return not dlt645.is_broadcast_clock(request, CLOCK)

    def matches(self, request, reply):
        asked, answer = dlt645.parse(request), dlt645.parse(reply)
        return dlt645_reply.answers(EDITION, asked, answer, WITH_ITEM, (WRITE,))

    def index_from(self, decoded):
        if decoded.error:
            return {}
        registers = {}
        for item in decoded.values:
            prefix, _dot, register = item.name.partition(".")
            if prefix == "forward_active" and register in _REGISTERS:
                if item.value is not None:
                    registers[register] = item.value
        return registers

    def clock_from(self, decodeds):
        text = dlt645_reply.clock_of(decodeds)
        try:
            return datetime.strptime(text, "%y%m%d%H%M%S") if text else None
        except ValueError:
            return None

    def layout(self, frame):
        return dlt645.layout(frame, self.decode(frame), EDITION.item_size)

    def redact(self, frame):
        return dlt645.redact(frame, {WRITE: (2, 6), PASSWORD: (0, 8)})


_REGISTERS = frozenset(RATES.values())


class _Decoder(dlt645_reply.Decoder):
    """Reads a frame of this edition."""

    def own_request(self):
        data = self.frame.data
        if self.function == WRITE and len(data) >= 2:
            self.data_id = self._data_id(data)
        elif self.function == CLOCK:
            self.fields((Field("clock", 6, kind="time"),), data)
        elif self.function == WRITE_ADDRESS:
            self.fields((Field("address", 6, kind="digits"),), data)
        else:
            return False
        return True


PROTOCOL = Dlt645v1997()
