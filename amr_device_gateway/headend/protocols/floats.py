"""Floating point numbers of meters as the decimals they were meant to be."""

import math
import struct
from decimal import Decimal


def decimal32(number):
    """Shortest decimal that is this 32-bit float; None for "not a number".

    :raises OverflowError: infinite
    """
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise OverflowError("infinite")
    wanted = struct.pack(">f", number)
    for digits in range(6, 9):
        text = f"{number:.{digits}g}"
        if _packed(text) == wanted:
            return Decimal(text)
    return Decimal(f"{number:.9g}")


def _packed(text):
    """32-bit form of a decimal; None when rounding made it too large for one."""
    try:
        return struct.pack(">f", float(text))
    except OverflowError:
        return None
