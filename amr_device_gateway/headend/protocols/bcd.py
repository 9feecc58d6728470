"""Binary coded decimals, lowest byte first, as all these protocols send them."""

from decimal import Decimal

from .base import EncodeError

#: Fillers that meters send for "no such value" (protocols differ, so both count).
FILLERS = (0xFF, 0xEE)


class NotDecimal(ValueError):
    """A byte that should hold two decimal digits does not."""


def digits(data):
    """Digits of BCD ``data`` (lowest byte first), highest digit first.

    :raises NotDecimal: a nibble above 9
    """
    text = data[::-1].hex()
    if not text.isdecimal():
        raise NotDecimal(text)
    return text


def is_filler(data):
    """Whether ``data`` is the meter's way of saying that it has no value."""
    return bool(data) and data[0] in FILLERS and data.count(data[0]) == len(data)


def number(data, decimals=0, signed=False):
    """Decimal of BCD ``data``; None for a filler.

    :param signed: the top bit of the top byte is the sign
    :raises NotDecimal: a nibble above 9
    """
    if is_filler(data):
        return None
    negative = signed and bool(data[-1] & 0x80)
    if negative:
        data = data[:-1] + bytes([data[-1] & 0x7F])
    text = digits(data)
    if decimals:
        text = f"{text[:-decimals]}.{text[-decimals:]}"
    value = Decimal(text)
    return -value if negative else value


def pack_digits(text, size):
    """``size`` bytes of BCD, lowest first, from a string of at most 2·size digits.

    :raises EncodeError: not digits, or too long
    """
    width = 2 * size
    if len(text) > width or not text.isascii() or not text.isdigit():
        raise EncodeError(f"“{text}” must have 1 to {width} digits.")
    return bytes.fromhex(text.zfill(width))[::-1]


def pack_number(value, size, decimals=0):
    """BCD of a non-negative number with ``decimals`` places, lowest byte first.

    :raises EncodeError: negative, too large, or more decimal places than fit
    """
    value = Decimal(value)
    scaled = value.scaleb(decimals)
    whole = int(scaled)
    if value < 0 or scaled != whole:
        raise EncodeError(f"{value} must be positive with {decimals} decimals.")
    return pack_digits(str(whole), size)
