"""CJ/T 188-2004: water, heat and gas meters.

``68 T A0..A6 C L DATA CS 16``: T the kind of meter, address in BCD lowest byte first,
data without offset, beginning with data identification (2) and serial number (1).
Makers differ; the differences are options of the protocol object, given one by one
(``registry.get("cjt188", meter_type=0x11)``) or as a model's file in
``cjt188_models`` (``registry.get("cjt188", **cjt188.options("kingtop"))``).
Sources: CJ/T 188-2004, 901F reply and control codes as many public decoders agree on
them; valve control is A017 (55 opens, 99 closes).

Of CJ/T 188-2018 this reads what did not change: frame, address, 901F, D120…D12B and
the valve. Its security (SM4) is not public, and some meters sold as "2018" have a
length of two bytes; their frames are told as what they are not: a wrong checksum.
"""

import contextlib
import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from . import cjt188_items, models
from .base import Decoded, EncodeError, Fault, Framer, Protocol, Value, clean_address
from .cjt188_items import (
    CLOCK,
    HISTORY,
    INDEX_UNITS,
    METER_DATA,
    VALVE,
)
from .layout import direction, said

WAKE_UP = b"\xfe" * 3
WILDCARD = "A" * 14
ANY_TYPE = 0xAA

METER_TYPES = {
    "cold_water": 0x10,
    "hot_water": 0x11,
    "purified_water": 0x12,
    "reclaimed_water": 0x13,
    "heat": 0x20,
    "cooling": 0x21,
    "gas": 0x30,
    "electricity": 0x40,
}

READ, READ_ADDRESS, WRITE, WRITE_ADDRESS = 0x01, 0x03, 0x04, 0x15
REPLY, ERROR, FUNCTION = 0x80, 0x40, 0x3F
VALVE_OPEN, VALVE_CLOSE = 0x55, 0x99
MAX_DATA = 0x64
MODELS = "cjt188_models"


class Frame(NamedTuple):
    """The fields of a sound frame."""

    meter_type: int
    address: str
    control: int
    data: bytes


class Cjt188Framer(Framer):
    """Finds ``68 T A×7 C L … CS 16``; T and L must be plausible."""

    def measure(self, buffer, start):
        have = len(buffer) - start
        if have > 1 and not is_meter_type(buffer[start + 1]):
            return -1
        if have < 11:
            return 0
        if buffer[start + 10] > MAX_DATA:
            return -1
        length = buffer[start + 10] + 13
        if have >= length and buffer[start + length - 1] != 0x16:
            return -1
        return length

    def check(self, frame):
        return frame[-1] == 0x16 and sum(frame[:-2]) % 256 == frame[-2]


def is_meter_type(value):
    return 0x10 <= value <= 0x4F or value == ANY_TYPE


def pack_address(address, high_first=False):
    """Seven bytes, lowest first; 14 digits, of which the first 4 name the maker.

    :raises AddressError: letters or too long
    """
    digits = bytes.fromhex(clean_address(address, 14, (WILDCARD,)))
    return digits if high_first else bytes(reversed(digits))


def build(meter_type, address, control, data=b"", high_first=False):
    """A frame ready to send, with three bytes to wake the line up."""
    if len(data) > MAX_DATA:
        raise EncodeError(f"{len(data)} bytes of data do not fit into one frame.")
    body = bytes([0x68, meter_type]) + pack_address(address, high_first)
    body += bytes([control, len(data)]) + data
    return WAKE_UP + body + bytes([sum(body) % 256, 0x16])


def parse(raw):
    """:class:`Frame` from the bytes of one frame, or a :class:`Fault`."""
    start = raw.find(b"\x68")
    if start < 0:
        return Fault("frame", "There is no frame in these bytes (no start byte 68).")
    raw = raw[start:]
    if len(raw) < 13:
        return Fault("truncated", f"The frame is truncated: {len(raw)} bytes only.")
    if not is_meter_type(raw[1]):
        return Fault("frame", f"This is no CJ/T 188 frame: meter type {raw[1]:02X}.")
    length = raw[10] + 13
    if len(raw) < length:
        return Fault(
            "truncated", f"The frame is truncated: {len(raw)} of {length} bytes."
        )
    raw = raw[:length]
    if raw[-1] != 0x16:
        return Fault("frame", f"The frame ends with {raw[-1]:02X} instead of 16.")
    checksum = sum(raw[:-2]) % 256
    if checksum != raw[-2]:
        return Fault(
            "checksum",
            f"The checksum is wrong: {raw[-2]:02X} received, {checksum:02X} computed.",
        )
    address = bytes(reversed(raw[2:9])).hex().upper()
    return Frame(raw[1], address, raw[9], raw[11:-2])


@dataclass(frozen=True)
class Cjt188(Protocol):
    """CJ/T 188-2004 with the options of a meter model.

    :param meter_type: T of the requests (:data:`METER_TYPES`, or AA for any)
    :param low_first: send the data identification low byte first (1F 90)
    :param address_high_first: the seven address bytes go highest first
    :param clock: order of the meter's clock: ``seconds`` or ``year`` first, or ``auto``
    :param decimals: decimals of an index (and of a volume)
    :param unit: unit byte to believe instead of the meter's own
    :param index_unit: unit an index is wanted in; empty = m³, of heat and cold kWh
    :param filler: byte that fills missing fields, beside FF and EE
    :param valve_control: control code of valve commands (04, some makers 2A)
    :param valve_word: whether the answer to a valve command carries a status
    :param valve_mask: status bits that tell the valve; all of them set is a fault
    :param closed_bit: bit of the status byte that is set while the valve is shut
    :param battery_mask: status bit of a low battery
    :param alarms: further status bits, ``(("magnet", 0x40), …)``
    """

    meter_type: int = 0x10
    low_first: bool = False
    address_high_first: bool = False
    clock: str = "auto"
    decimals: int = 2
    unit: int | None = None
    index_unit: str = ""
    filler: int | None = None
    valve_control: int = WRITE
    valve_word: bool = True
    valve_mask: int = 0b11
    closed_bit: int = 0
    battery_mask: int = 1 << 2
    alarms: tuple = ()

    name = "cjt188"
    title = "CJ/T 188-2004"
    models_folder = MODELS
    framing_rank = 20

    def of_utility(self, code, unit):
        """The utility says what kind of meter is asked, and the unit of its index."""
        if unit not in INDEX_UNITS:
            raise models.ModelError(
                f"A CJ/T 188 meter counts in {', '.join(INDEX_UNITS)}, not in {unit}."
            )
        super().of_utility(code, unit)
        meter_type = METER_TYPES.get(code, self.meter_type)
        if self.meter_type in (ANY_TYPE, METER_TYPES["cooling"]):
            meter_type = self.meter_type
        return dataclasses.replace(self, index_unit=unit, meter_type=meter_type)

    def Framer(self):
        return Cjt188Framer()

    # === REQUESTS === #

    def build(self, address, control, data=b""):
        """A request to one meter of this model."""
        return build(
            self.meter_type, address, control, data, high_first=self.address_high_first
        )

    def read_item(self, address, di, serial=0):
        """Request for data identification ``di``."""
        return self.build(address, READ, self._item(di) + bytes([serial]))

    def read_address(self):
        """Ask the only meter on a line for its address."""
        return self.build(WILDCARD, READ_ADDRESS)

    def read_index(self, address):
        return [self.read_item(address, METER_DATA)]

    def read_monthly(self, address, months_back):
        """Request for the index at a past settlement, 1 is the last.

        :raises EncodeError: more than 12 months back
        """
        if not 1 <= months_back <= len(HISTORY):
            raise EncodeError(
                f"A meter keeps {len(HISTORY)} months; "
                f"number {months_back} is not one of them."
            )
        return [self.read_item(address, HISTORY[months_back - 1])]

    def relay(self, address, close, *, now=None, password=None, operator=None):
        """Open the valve (``close=True``: supply on) or shut it.

        "Close" is meant as of a relay: the supply is restored. A valve then opens.
        """
        data = self._item(VALVE) + bytes([0, VALVE_OPEN if close else VALVE_CLOSE])
        return self.build(address, self.valve_control, data)

    def relay_state(self, address):
        return self.read_item(address, METER_DATA)

    def read_clock(self, address):
        return self.read_index(address)

    def clock_from(self, decodeds):
        for decoded in decodeds:
            text = decoded.value("clock")
            if text:
                with contextlib.suppress(ValueError):
                    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
        return None

    def set_clock(self, address, moment, *, password=None, operator=None):
        """Requests that set the meter's clock to ``moment``, its local time."""
        stamp = cjt188_items.pack_clock(moment, self.clock)
        return [self.build(address, WRITE, self._item(CLOCK) + b"\x00" + stamp)]

    def _item(self, di):
        return di.to_bytes(2, "little" if self.low_first else "big")

    # === REPLIES === #

    def decode(self, frame):
        parsed = parse(bytes(frame))
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        return _Decoder(self, parsed).decoded()

    def matches(self, request, reply):
        asked, answer = parse(request), parse(reply)
        if isinstance(asked, Fault) or isinstance(answer, Fault):
            return False
        if not answer.control & REPLY or asked.control & REPLY:
            return False
        if answer.control & FUNCTION != asked.control & FUNCTION:
            return False
        if asked.address not in (WILDCARD, answer.address):
            return False
        if asked.meter_type not in (ANY_TYPE, answer.meter_type):
            return False
        if answer.control & ERROR or len(answer.data) < 2 or len(asked.data) < 2:
            return True
        return known_item(answer.data[:2]) == known_item(asked.data[:2])

    def index_from(self, decoded):
        """``total`` in ``index_unit``; nothing when the meter told another kind of unit
        (heat in GJ where kWh are wanted), since a number without its unit is wrong."""
        if decoded.error:
            return {}
        for item in decoded.values:
            if item.name != "total" and not item.name.startswith("history."):
                continue
            wanted = self.index_unit or ("kWh" if _is_energy(item.unit) else "m³")
            power = INDEX_UNITS.get(wanted, {}).get(item.unit)
            if item.value is not None and power is not None:
                return {"total": item.value.scaleb(power)}
        return {}

    def is_frozen(self, decoded):
        return any(item.name.startswith("history.") for item in decoded.values)

    def layout(self, frame):
        parsed = parse(frame)
        if isinstance(parsed, Fault):
            return [(len(frame), "frame", str(parsed))]
        decoded, size = self.decode(frame), len(parsed.data)
        item = 2 if decoded.data_id else 0
        return [
            (frame.find(b"\x68"), "wake_up", ""),
            (1, "start", ""),
            (1, "meter_type", _TYPE_NAMES.get(parsed.meter_type, "")),
            (7, "address", decoded.address),
            (1, "control", direction(parsed.control)),
            (1, "length", str(size)),
            (item, "item", decoded.data_id or ""),
            (1 if item and size > item else 0, "serial", ""),
            (size - item - (1 if item and size > item else 0), "data", said(decoded)),
            (1, "checksum", ""),
            (1, "end", ""),
        ]

    def relay_from(self, decoded):
        """'open' when the supply is cut (the valve is shut), see the base class."""
        valve = decoded.value("valve")
        if decoded.error or valve not in ("open", "closed"):
            return None
        return "open" if valve == "closed" else "closed"


_TYPE_NAMES = {number: name for name, number in METER_TYPES.items()}


def _is_energy(unit):
    return unit not in INDEX_UNITS["m³"]


def options(model):
    """Options of a meter model, for ``registry.get("cjt188", **options(model))``.

    :raises ModelError: no such model, or an option that there is not
    """
    return models.options(MODELS, model, Cjt188, "CJ/T 188")


def known_item(data):
    """Data identification of two bytes in either order.

    Most makers send the high byte first; the high bytes in use are 81, 90, A0 and D1.
    """
    high, low = data[0], data[1]
    if high not in (0x81, 0x90, 0xA0, 0xD1) and low in (0x81, 0x90, 0xA0, 0xD1):
        high, low = low, high
    return high << 8 | low


class _Decoder:
    """Reads one sound frame; keeps the faults it meets instead of raising."""

    def __init__(self, protocol, frame):
        self.protocol = protocol
        self.frame = frame
        self.data_id = None
        self.reader = cjt188_items.Reader(protocol)

    def decoded(self):
        control, reader = self.frame.control, self.reader
        if control & REPLY and control & ERROR:
            status = self.frame.data[1:3].hex().upper()
            reader.error = Fault("meter", f"The meter refused; status {status}.")
        elif control & FUNCTION == READ_ADDRESS:
            if control & REPLY:
                reader.values.append(Value("address", self._address()))
        elif len(self.frame.data) >= 2:
            self._item()
        return Decoded(
            self.protocol.name,
            self._address(),
            f"{control:02X}",
            self.data_id,
            reader.error,
            reader.values,
            self.frame.data,
        )

    def _address(self):
        address = self.frame.address
        if self.protocol.address_high_first:
            return bytes(reversed(bytes.fromhex(address))).hex().upper()
        return address

    def _item(self):
        di, data = known_item(self.frame.data[:2]), self.frame.data[3:]
        self.data_id = f"{di:04X}"
        if not self.frame.control & REPLY:
            if di == VALVE and data:
                command = {VALVE_OPEN: "open", VALVE_CLOSE: "close"}
                text = command.get(data[0], f"{data[0]:02X}")
                self.reader.values.append(Value("valve_command", text))
            return
        if di == VALVE and not self.protocol.valve_word:
            return
        known = cjt188_items.fields(di, self.frame.meter_type)
        if known:
            self.reader.take(known, data)
        elif data:
            self.reader.values.append(Value("data", data.hex().upper()))


PROTOCOL = Cjt188()
