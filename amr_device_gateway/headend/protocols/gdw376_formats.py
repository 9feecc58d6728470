"""Data formats A.1 to A.25 of Q/GDW 376.1-2009, annex A.

Each takes its bytes, low byte first, and answers a Decimal, a text (times, numbers,
bits), or None for "no data" (every byte EE, or FF).
"""

from datetime import date, datetime, time
from decimal import Decimal
from functools import partial

from . import bcd
from .base import EncodeError


def _number(decimals, signed, data):
    return bcd.number(data, decimals, signed)


def _digits(data):
    return bcd.digits(data)


def _pairs(data):
    """Two-digit numbers, highest byte first."""
    text = bcd.digits(data)
    return [int(text[n : n + 2]) for n in range(0, len(text), 2)]


def _checked(make, *parts):
    try:
        return make(*parts)
    except ValueError:
        raise bcd.NotDecimal(" ".join(map(str, parts))) from None


def _clock(data):
    """A.1: ss mm hh DD, month (D4–D0) with weekday (D7–D5), YY."""
    data = data[:4] + bytes([data[4] & 0x1F]) + data[5:]
    year, month, day, hour, minute, second = _pairs(data)
    moment = _checked(datetime, 2000 + year, month, day, hour, minute, second)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _scaled(data):
    """A.2: three digits, D12 the sign, D15–D13 the power of ten from 4 down to -3."""
    word = int.from_bytes(data, "little")
    value = Decimal(int(bcd.digits((word & 0x0FFF).to_bytes(2, "little"))))
    value = value.scaleb(4 - (word >> 13))
    return -value if word >> 12 & 1 else value


def _energy(data):
    """A.3: seven digits in kWh, or in MWh when D30 is set; D28 the sign."""
    top = data[3]
    value = Decimal(int(bcd.digits(data[:3] + bytes([top & 0x0F]))))
    value = value.scaleb(3) if top & 0x40 else value
    return -value if top & 0x10 else value


def _moment(data):
    """A.15: mm hh DD MM YY."""
    year, month, day, hour, minute = _pairs(data)
    moment = _checked(datetime, 2000 + year, month, day, hour, minute)
    return f"{moment:%Y-%m-%d %H:%M}"


def _day(data):
    """A.20: DD MM YY."""
    year, month, day = _pairs(data)
    return _checked(date, 2000 + year, month, day).isoformat()


def _month(data):
    """A.21: MM YY."""
    year, month = _pairs(data)
    return f"{_checked(date, 2000 + year, month, 1):%Y-%m}"


def _minute(data):
    """A.19: mm hh."""
    return f"{_checked(time, *_pairs(data)):%H:%M}"


def _binary(data):
    return Decimal(int.from_bytes(data, "little"))


def _hex(data):
    return bytes(reversed(data)).hex().upper()


def _text(data):
    text = data.decode("latin-1").strip("\x00 ")
    return text if text.isprintable() else data.hex().upper()


#: Name of the format: size and reader. ``bin``, ``hex`` and ``text`` are not formats
#: of the annex but the standard's BIN, BS and ASCII.
FORMATS = {
    "A1": (6, _clock),
    "A2": (2, _scaled),
    "A3": (4, _energy),
    "A5": (2, partial(_number, 1, True)),
    "A6": (2, partial(_number, 2, True)),
    "A7": (2, partial(_number, 1, False)),
    "A8": (2, partial(_number, 0, False)),
    "A9": (3, partial(_number, 4, True)),
    "A10": (3, partial(_number, 0, False)),
    "A11": (4, partial(_number, 2, False)),
    "A12": (6, _digits),
    "A13": (4, partial(_number, 4, False)),
    "A14": (5, partial(_number, 4, False)),
    "A15": (5, _moment),
    "A19": (2, _minute),
    "A20": (3, _day),
    "A21": (2, _month),
    "A22": (1, partial(_number, 1, False)),
    "A23": (3, partial(_number, 4, False)),
    "A25": (3, partial(_number, 3, True)),
    **{f"bin{size}": (size, _binary) for size in (1, 2, 4)},
    **{f"hex{size}": (size, _hex) for size in (1, 2, 8, 14)},
    **{f"text{size}": (size, _text) for size in (4, 16)},
}


def size_of(name):
    return FORMATS[name][0]


def read(name, data):
    """Value of ``data`` in the format called ``name``, None for "no data".

    :raises NotDecimal: digits that are none, or a date that no calendar has
    """
    if name[0] == "A" and bcd.is_filler(data):
        return None
    return FORMATS[name][1](data)


def pack_clock(moment):
    """A.1 of a local time; Monday is weekday 1.

    :raises EncodeError: a year that two digits do not hold
    """
    if not 2000 <= moment.year <= 2099:
        raise EncodeError(f"The year {moment.year} does not fit into two digits.")
    raw = bcd.pack_digits(f"{moment:%y%m%d%H%M%S}", 6)
    return raw[:4] + bytes([raw[4] | moment.isoweekday() << 5]) + raw[5:]


def pack_moment(moment):
    """A.15 of a local time."""
    return bcd.pack_digits(f"{moment:%y%m%d%H%M}", 5)


def pack_day(day):
    """A.20."""
    return bcd.pack_digits(f"{day:%y%m%d}", 3)


def pack_month(day):
    """A.21 of the month that ``day`` is in."""
    return bcd.pack_digits(f"{day:%y%m}", 2)
