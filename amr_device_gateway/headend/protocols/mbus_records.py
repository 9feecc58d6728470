"""Records of an M-Bus answer as named values.

The telegram is cut into records, and units and powers of ten are looked up, by
pyMeterBus. The numbers are made here, in decimal and strictly: it multiplies binary
floats, reads digits that are none, and leaves out the corrections of VIFE 70…7D.
Source: EN 13757-3, 6 (data header, VIF and VIFE).
"""

import struct
from decimal import Decimal

from meterbus import DataEncoding, MeasureUnit, TelegramLong, VIFTable, VIFUnit
from meterbus.core_objects import FunctionType, VIFUnitExt
from meterbus.exceptions import MBusError

from . import bcd
from .base import Fault, Value
from .floats import decimal32

#: What pyMeterBus raises at bytes it does not expect.
PARSE_ERRORS = (
    MBusError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)

NAMES = {
    VIFUnit.ENERGY_WH: "energy",
    VIFUnit.ENERGY_J: "energy",
    "Energy": "energy",
    VIFUnit.VOLUME: "volume",
    "Volume": "volume",
    VIFUnit.MASS: "mass",
    VIFUnit.ON_TIME: "on_time",
    VIFUnit.OPERATING_TIME: "operating_time",
    VIFUnit.POWER_W: "power",
    VIFUnit.POWER_J_H: "power",
    VIFUnit.VOLUME_FLOW: "flow",
    VIFUnit.VOLUME_FLOW_EXT: "flow",
    VIFUnit.VOLUME_FLOW_EXT_S: "flow",
    VIFUnit.MASS_FLOW: "mass_flow",
    VIFUnit.FLOW_TEMPERATURE: "flow_temperature",
    VIFUnit.RETURN_TEMPERATURE: "return_temperature",
    VIFUnit.TEMPERATURE_DIFFERENCE: "temperature_difference",
    VIFUnit.EXTERNAL_TEMPERATURE: "external_temperature",
    VIFUnit.PRESSURE: "pressure",
    VIFUnit.DATE: "date",
    VIFUnit.DATE_TIME: "clock",
    VIFUnit.FABRICATION_NO: "fabrication_no",
    VIFUnitExt.VOLTS: "voltage",
    VIFUnitExt.AMPERE: "current",
}
#: pyMeterBus' unit: ours, and the factor towards it.
UNITS = {
    MeasureUnit.WH: ("kWh", Decimal("0.001")),
    MeasureUnit.J: ("GJ", Decimal("1e-9")),
    MeasureUnit.M3: ("m³", Decimal(1)),
    MeasureUnit.KG: ("kg", Decimal(1)),
    MeasureUnit.W: ("kW", Decimal("0.001")),
    MeasureUnit.J_H: ("GJ/h", Decimal("1e-9")),
    MeasureUnit.M3_H: ("m³/h", Decimal(1)),
    MeasureUnit.M3_MIN: ("m³/h", Decimal(60)),
    MeasureUnit.M3_S: ("m³/h", Decimal(3600)),
    MeasureUnit.KG_H: ("kg/h", Decimal(1)),
    MeasureUnit.C: ("°C", Decimal(1)),
    MeasureUnit.K: ("K", Decimal(1)),
    MeasureUnit.BAR: ("bar", Decimal(1)),
    MeasureUnit.SECONDS: ("s", Decimal(1)),
    MeasureUnit.V: ("V", Decimal(1)),
    MeasureUnit.A: ("A", Decimal(1)),
    MeasureUnit.NONE: ("", Decimal(1)),
}
FIRST_TABLE, SECOND_TABLE = 0xFB, 0xFD
#: Energy in GJ, which pyMeterBus' first extension table calls reserved.
GIGAJOULES = {0x208: Decimal("0.1"), 0x209: Decimal(1)}
FUNCTIONS = {
    FunctionType.MAXIMUM_VALUE: ".max",
    FunctionType.MINIMUM_VALUE: ".min",
    FunctionType.ERROR_STATE_VALUE: ".error",
}
#: VIFE that qualify a value without changing its unit.
QUALIFIERS = {0x00: "", 0x3A: ".uncorrected", 0x3B: "", 0x3C: ".reverse"}
EXTENSION = 0x80


class BadRecord(ValueError):
    """A record that holds no number; the message is a sentence."""


def read(raw):
    """(values, fault) of the records of a long frame with variable data."""
    try:
        records = TelegramLong(list(raw)).records
    except PARSE_ERRORS:
        return [], Fault("length", "The telegram does not end where its records do.")
    values, error = [], None
    for record in records:
        if record.more_records_follow:
            values.append(Value("more_records", "yes"))
            continue
        if record.dib.function_type == FunctionType.SPECIAL_FUNCTION:
            text = bytes(record.dataField.parts).hex().upper()
            values.append(Value("manufacturer_data", text))
            continue
        try:
            values.append(value_of(record))
        except BadRecord as fault:
            error = error or Fault("bcd", str(fault))
        except PARSE_ERRORS:
            error = error or Fault("length", "A record of the telegram is cut short.")
    return values, error


def value_of(record):
    """:class:`Value` of one record.

    :raises BadRecord: an index or another counter that holds no number
    """
    storage, tariff, device = record.dib.parse_dife()
    kind, unit, factor, qualifier = _meaning(record.vib)
    name = f"{kind}{qualifier}"
    name += f".t{tariff}" if tariff else ""
    name += f".u{device}" if device else ""
    name += f".s{storage}" if storage else ""
    name += FUNCTIONS.get(record.dib.function_type, "")
    length, encoding = record.dib.length_encoding
    data = bytes(record.dataField.parts)
    if encoding == DataEncoding.ENCODING_VARIABLE_LENGTH:
        text = data[::-1].decode("latin-1")
        return Value(name, text if text.isprintable() else data.hex().upper())
    if len(data) != length:
        raise IndexError(name)
    if kind in ("date", "clock"):
        return Value(name, _time(record.dataField, data))
    number = _number(name, encoding, data)
    if number and factor is not None:
        number = Decimal(format(number * factor, "f"))
    return Value(name, number, unit)


def _meaning(vib):
    """(name, unit, factor towards it, qualifier) of a value information block."""
    parts = list(vib.parts)
    first, rest = parts[0], parts[1:]
    if first & ~EXTENSION == 0x7C:
        return "other", vib.customVIF.decodeASCII, *_corrected(Decimal(1), rest)
    code = first & ~EXTENSION
    if first in (FIRST_TABLE, SECOND_TABLE):
        table = 0x200 if first == FIRST_TABLE else 0x100
        code, rest = rest[0] & ~EXTENSION | table, rest[1:]
    if code in GIGAJOULES:
        return "energy", "GJ", *_corrected(GIGAJOULES[code], rest)
    multiplier, unit, kind = VIFTable.lut.get(code, (1, None, None))
    if kind not in NAMES or unit not in UNITS:
        if unit not in (MeasureUnit.DATE, MeasureUnit.DATE_TIME) or kind not in NAMES:
            return f"vif_{bytes(parts).hex().upper()}", "", None, ""
        return NAMES[kind], "", *_corrected(Decimal(1), rest)
    name, factor = UNITS[unit]
    factor *= Decimal(repr(float(multiplier)))
    return NAMES[kind], name, *_corrected(factor, rest)


def _corrected(factor, extensions):
    """Factor and qualifier after the VIFE: what is not known here gets a name of its
    own, so that it is never taken for the plain value."""
    qualifier = ""
    for extension in extensions:
        code = extension & ~EXTENSION
        if 0x70 <= code <= 0x77:
            factor = factor.scaleb((code & 0b111) - 6)
        elif code == 0x7D:
            factor *= 1000
        else:
            qualifier += QUALIFIERS.get(code, f".x{code:02X}")
    return factor, qualifier


def _number(name, encoding, data):
    """Decimal of the data, None when the meter says it has no value.

    :raises BadRecord: a counter that holds something else
    """
    if encoding == DataEncoding.ENCODING_NULL or not data:
        return None
    if encoding == DataEncoding.ENCODING_BCD:
        return _bcd(name, data)
    if encoding == DataEncoding.ENCODING_REAL:
        try:
            return decimal32(struct.unpack("<f", data)[0])
        except OverflowError:
            raise BadRecord(f"The value of {name} is infinite.") from None
    number = int.from_bytes(data, "little", signed=True)
    return None if number == -(1 << 8 * len(data) - 1) else Decimal(number)


def _bcd(name, data):
    """Digits, F in front for a minus. Anything else is an error of the meter's own
    (shown as letters on its display): no value, and for a counter a fault."""
    negative = data[-1] >> 4 == 0xF
    if bcd.is_filler(data):
        return None
    plain = data[:-1] + bytes([data[-1] & 0x0F]) if negative else data
    try:
        number = Decimal(int(bcd.digits(plain)))
    except bcd.NotDecimal as error:
        if name.partition(".")[0] not in ("energy", "volume"):
            return None
        raise BadRecord(f"The value of {name} is no decimal number: {error}.") from None
    return -number if negative else number


def _time(field, data):
    """``YYYY-MM-DD`` (type G) or ``YYYY-MM-DD hh:mm`` (type F), None when not valid."""
    if len(data) not in (2, 4) or (len(data) == 4 and data[0] & 0x80):
        return None
    day, month = data[-2] & 0x1F, data[-1] & 0x0F
    if not 1 <= day <= 31 or not 1 <= month <= 12:
        return None
    text = field.decodeDate if len(data) == 2 else field.decodeDateTime
    return text.replace("T", " ")
