"""Data items of CJ/T 188-2004: what the bytes behind a data identification mean.

Sources: 901F of water and gas meters (22 bytes) and of heat and cooling meters
(46 bytes), history D120…D12B, and status bits as many public decoders agree on them;
where makers differ, the protocol object's options decide.
"""

from typing import NamedTuple

from . import bcd
from .base import Fault, Value

METER_DATA, VALVE, HISTORY = 0x901F, 0xA017, range(0xD120, 0xD12C)
SETTLEMENT_DAY, READING_DAY, CLOCK = 0x8103, 0x8104, 0xA015
PRODUCTS_OF_HEAT = range(0x20, 0x30)

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
#: What an index may be told in, and the power of ten from each unit towards it. Heat
#: in joules never becomes kWh here: 1 GJ is no whole number of them.
INDEX_UNITS = {
    "m³": {"m³": 0, "L": -3},
    "kWh": {"kWh": 0, "MWh": 3, "Wh": -3},
    "GJ": {"GJ": 0, "MJ": -3, "kJ": -6, "J": -9},
}


class Field(NamedTuple):
    """``kind``: quantity (4 bytes BCD and a unit), number (BCD), clock or status."""

    name: str
    size: int
    decimals: int = 2
    unit: str = ""
    kind: str = "number"


def _quantity(name, decimals=2):
    return Field(name, 5, decimals, kind="quantity")


CLOCK_AND_STATUS = (Field("clock", 7, kind="clock"), Field("status", 2, kind="status"))
WATER = (_quantity("total"), _quantity("settlement_total"), *CLOCK_AND_STATUS)
HEAT = (
    _quantity("settlement_total"),
    _quantity("total"),
    _quantity("power"),
    _quantity("flow", 4),
    _quantity("volume"),
    Field("flow_temperature", 3, 2, "°C"),
    Field("return_temperature", 3, 2, "°C"),
    Field("operating_hours", 3, 0, "h"),
    *CLOCK_AND_STATUS,
)
ITEMS = {
    SETTLEMENT_DAY: (Field("settlement_day", 1, 0),),
    READING_DAY: (Field("reading_day", 1, 0),),
    VALVE: (Field("status", 2, kind="status"),),
    **{di: (_quantity(f"history.{n}"),) for n, di in enumerate(HISTORY, 1)},
}
#: Without these the answer is no answer; the rest may be missing at the end.
REQUIRED = ("quantity", "number")


def fields(di, meter_type):
    """Fields of the reply for ``di``, None when the item is not known."""
    if di == METER_DATA:
        return HEAT if meter_type in PRODUCTS_OF_HEAT else WATER
    return ITEMS.get(di)


class Reader:
    """Values of one reply; keeps the first fault it meets instead of raising."""

    def __init__(self, options):
        self.options = options
        self.error = None
        self.values = []

    def take(self, fields, data):
        for field in fields:
            part, data = data[: field.size], data[field.size :]
            if len(part) < field.size and field.kind in REQUIRED:
                text = f"The value of {field.name} is too short: {len(part)} bytes."
                self._fault("length", text)
                return
            getattr(self, f"_{field.kind}")(field, part)

    def _fault(self, code, text):
        self.error = self.error or Fault(code, text)

    def _number(self, field, data):
        self.values.append(Value(field.name, self._decimal(field, data), field.unit))

    def _quantity(self, field, data):
        code = self.options.unit if self.options.unit is not None else data[4]
        if field.name in ("power", "flow"):
            code = data[4]
        unit, power = UNITS.get(code, (f"unit {code:02X}", 0))
        value = self._decimal(field, data[:4])
        if value is not None and power:
            value = value.scaleb(power)
        self.values.append(Value(field.name, value, unit))

    def _decimal(self, field, data):
        """None when the meter says it has no such value, or says nonsense."""
        if self._is_missing(field.name, data):
            return None
        decimals = field.decimals
        if field.kind == "quantity" and field.name not in ("power", "flow"):
            decimals = self.options.decimals
        try:
            return bcd.number(data, decimals)
        except bcd.NotDecimal:
            raw = bytes(reversed(data)).hex().upper()
            self._fault(
                "bcd", f"The value of {field.name} is no decimal number: {raw}."
            )
            return None

    def _is_missing(self, name, data):
        """The maker's own filler; zero is one only where it cannot be an index."""
        filler = self.options.filler
        if filler is None or (filler == 0 and name == "total"):
            return False
        return all(one == filler for one in data)

    def _clock(self, field, data):
        if len(data) == field.size and not bcd.is_filler(data):
            self.values.append(Value("clock", clock_text(data, self.options.clock)))

    def _status(self, _field, data):
        """Two status bytes; which bit says what is an option of the model."""
        if not data:
            return
        options, bits = self.options, data[0]
        self.values.append(Value("status", data.hex().upper()))
        valve = bits & options.valve_mask
        if valve == options.valve_mask and valve & (valve - 1):
            state = "fault"
        else:
            state = "closed" if bits >> options.closed_bit & 1 else "open"
        self.values.append(Value("valve", state))
        low = bits & options.battery_mask
        self.values.append(Value("battery", "low" if low else "good"))
        for name, mask in options.alarms:
            self.values.append(Value(name, "alarm" if bits & mask else "good"))


def clock_text(data, order="auto"):
    """``YYYY-MM-DD hh:mm:ss`` from seven bytes; None when they are no digits.

    :param order: ``seconds``, ``year`` (which comes first) or ``auto`` (by century)
    """
    text = data.hex()
    if not text.isdecimal():
        return None
    pairs = [text[n : n + 2] for n in range(0, 14, 2)]
    backwards = pairs[0] in ("19", "20") and pairs[6] not in ("19", "20")
    if order == "year" or (order == "auto" and backwards):
        pairs.reverse()
    second, minute, hour, day, month, year, century = pairs
    return f"{century}{year}-{month}-{day} {hour}:{minute}:{second}"


def pack_clock(moment, order="auto"):
    """Seven bytes for the meter's clock, seconds first unless the model says year."""
    data = bcd.pack_digits(f"{moment:%Y%m%d%H%M%S}", 7)
    return bytes(reversed(data)) if order == "year" else data
