"""CJ/T 188-2004: water, heat and gas meters.

``68 T A0..A6 C L DATA CS 16``: T the kind of meter, address in BCD lowest byte first,
data without offset, beginning with data identification (2) and serial number (1).
Makers differ; the differences are options of the protocol object:
``registry.get("cjt188", meter_type=0x11)``.
Sources: CJ/T 188-2004, 901F reply and control codes as many public decoders agree on
them; valve control is A017 (55 opens, 99 closes).
"""

from dataclasses import dataclass
from typing import NamedTuple

from . import bcd
from .base import Decoded, EncodeError, Fault, Framer, Protocol, Value, clean_address

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
HEAT_TYPES = range(0x20, 0x30)

READ, READ_ADDRESS, WRITE, WRITE_ADDRESS = 0x01, 0x03, 0x04, 0x15
REPLY, ERROR, FUNCTION = 0x80, 0x40, 0x3F
METER_DATA, VALVE, HISTORY = 0x901F, 0xA017, range(0xD120, 0xD12C)
VALVE_OPEN, VALVE_CLOSE = 0x55, 0x99
MAX_DATA = 0x64

#: Unit byte: name and the factor's power of ten towards that unit.
UNITS = {
    0x2C: ("m³", 0),
    0x29: ("L", 0),
    0x35: ("m³/h", 0),
    0x32: ("L/h", 0),
    0x02: ("Wh", 0),
    0x05: ("kWh", 0),
    0x08: ("MWh", 0),
    0x0A: ("MWh", 2),
    0x01: ("J", 0),
    0x0B: ("kJ", 0),
    0x0E: ("MJ", 0),
    0x11: ("GJ", 0),
    0x13: ("GJ", 2),
    0x14: ("W", 0),
    0x17: ("kW", 0),
    0x1A: ("MW", 0),
}
#: Units an index is brought to: unit found → (unit wanted, power of ten).
INDEX_UNITS = {"m³": 0, "L": -3, "kWh": 0, "MWh": 3, "Wh": -3, "GJ": 0, "MJ": -3}

BATTERY_BIT = 1 << 2


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


def pack_address(address):
    """Seven bytes, lowest first; 14 digits, of which the first 4 name the maker.

    :raises AddressError: letters or too long
    """
    return bytes(reversed(bytes.fromhex(clean_address(address, 14, (WILDCARD,)))))


def build(meter_type, address, control, data=b""):
    """A frame ready to send, with three bytes to wake the line up."""
    if len(data) > MAX_DATA:
        raise EncodeError(f"{len(data)} bytes of data do not fit into one frame.")
    body = bytes([0x68, meter_type]) + pack_address(address)
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
    :param valve_control: control code of valve commands (04, some makers 2A)
    :param closed_bit: bit of the status byte that is set while the valve is shut
    """

    meter_type: int = 0x10
    low_first: bool = False
    valve_control: int = WRITE
    closed_bit: int = 0

    name = "cjt188"
    framing_rank = 20

    def Framer(self):
        return Cjt188Framer()

    # === REQUESTS === #

    def read_item(self, address, di, serial=0):
        """Request for data identification ``di``."""
        data = self._item(di) + bytes([serial])
        return build(self.meter_type, address, READ, data)

    def read_index(self, address):
        return [self.read_item(address, METER_DATA)]

    def relay(self, address, close, *, now=None, password=None, operator=None):
        """Open the valve (``close=True``: supply on) or shut it.

        "Close" is meant as of a relay: the supply is restored. A valve then opens.
        """
        data = self._item(VALVE) + bytes([0, VALVE_OPEN if close else VALVE_CLOSE])
        return build(self.meter_type, address, self.valve_control, data)

    def relay_state(self, address):
        return self.read_item(address, METER_DATA)

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
        """``total`` in m³ (kWh or GJ for heat)."""
        if decoded.error:
            return {}
        for item in decoded.values:
            if item.name == "total" and item.value is not None:
                return {"total": item.value.scaleb(INDEX_UNITS.get(item.unit, 0))}
        return {}

    def relay_from(self, decoded):
        """'open' when the supply is cut (the valve is shut), see the base class."""
        valve = decoded.value("valve")
        if decoded.error or valve not in ("open", "closed"):
            return None
        return "open" if valve == "closed" else "closed"


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
        self.error = None
        self.values = []

    def decoded(self):
        control = self.frame.control
        if control & REPLY and control & ERROR:
            status = self.frame.data[1:3].hex().upper()
            self.error = Fault("meter", f"The meter refused; status {status}.")
        elif control & FUNCTION == READ_ADDRESS:
            if control & REPLY:
                self.values.append(Value("address", self.frame.address))
        elif len(self.frame.data) >= 2:
            self._item()
        return Decoded(
            self.protocol.name,
            self.frame.address,
            f"{control:02X}",
            self.data_id,
            self.error,
            self.values,
            self.frame.data,
        )

    def _item(self):
        di, data = known_item(self.frame.data[:2]), self.frame.data[3:]
        self.data_id = f"{di:04X}"
        if not self.frame.control & REPLY:
            if di == VALVE and data:
                command = {VALVE_OPEN: "open", VALVE_CLOSE: "close"}
                text = command.get(data[0], f"{data[0]:02X}")
                self.values.append(Value("valve_command", text))
        elif di == METER_DATA and self.frame.meter_type not in HEAT_TYPES:
            self._meter_data(data)
        elif di in HISTORY:
            self._quantity(f"history.{di - HISTORY.start + 1}", data)
        elif di == VALVE:
            self._status(data)
        elif data:
            self.values.append(Value("data", data.hex().upper()))

    def _meter_data(self, data):
        """Total, settlement-day total, clock (7), status (2)."""
        self._quantity("total", data[:5])
        self._quantity("settlement_total", data[5:10])
        clock = data[10:17]
        if len(clock) == 7 and not bcd.is_filler(clock):
            self.values.append(Value("clock", _clock(clock)))
        self._status(data[17:19])

    def _quantity(self, name, data):
        if len(data) < 5:
            self.error = self.error or Fault(
                "length", f"The value of {name} is too short: {len(data)} bytes."
            )
            return
        unit, power = UNITS.get(data[4], (f"unit {data[4]:02X}", 0))
        try:
            value = bcd.number(data[:4], decimals=2)
        except bcd.NotDecimal:
            raw = bytes(reversed(data[:4])).hex().upper()
            self.error = self.error or Fault(
                "bcd", f"The value of {name} is no decimal number: {raw}."
            )
            return
        if value is not None and power:
            value = value.scaleb(power)
        self.values.append(Value(name, value, unit))

    def _status(self, data):
        """Two status bytes: the valve in the lowest bits, battery in bit 2."""
        if not data:
            return
        self.values.append(Value("status", data.hex().upper()))
        bits = data[0] & 0b11
        state = "fault" if bits == 0b11 else None
        closed = bits >> self.protocol.closed_bit & 1
        self.values.append(Value("valve", state or ("closed" if closed else "open")))
        battery = "low" if data[0] & BATTERY_BIT else "good"
        self.values.append(Value("battery", battery))


def _clock(data):
    """``YYYY-MM-DD hh:mm:ss`` from seven bytes, seconds or year first."""
    text = data.hex()
    pairs = [text[n : n + 2] for n in range(0, 14, 2)]
    if pairs[0] in ("19", "20") and pairs[6] not in ("19", "20"):
        pairs.reverse()
    second, minute, hour, day, month, year, century = pairs
    return f"{century}{year}-{month}-{day} {hour}:{minute}:{second}"


PROTOCOL = Cjt188()
