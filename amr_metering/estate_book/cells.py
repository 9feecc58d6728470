"""From what Excel keeps in a cell to what the column means, or a reason why not.

Excel keeps numbers as binary fractions with 15 digits, drops leading zeros of what
looks like a number, and turns 3-1 into a date; each is undone where that is certain
and refused where it is not.
"""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from .layout import LIMITS

FULL_WIDTH = {
    code: code - 0xFEE0
    for first, last in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for code in range(first, last + 1)
}
SPACES = re.compile(r"[\s\u200b\ufeff]+")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?|[+-]?\.\d+")
MOMENT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?"
)
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
MASK = re.compile(r"0+")
EXACT_DIGITS = 15
NOISE = Decimal("1e-7")
YEARS = range(1990, 2101)


class CellError(Exception):
    """A cell that cannot be understood: a reason code and what it speaks of."""

    def __init__(self, reason, **values):
        super().__init__(reason)
        self.reason = reason
        self.values = values


class Place(str):
    """Text that stood in a number cell: Excel may have dropped zeros before it."""


def convert(column, cell):
    """Return the typed value of a cell, None when it is blank.

    :param Column column: what is expected
    :param cell: object with ``value``, ``data_type`` and ``number_format``
    :raises CellError: it is something else
    """
    if cell.data_type == "f":
        raise CellError("formula")
    if cell.data_type == "e":
        raise CellError("excel_error", value=str(cell.value))
    if cell.value is None or (isinstance(cell.value, str) and not clean(cell.value)):
        return None
    return CONVERTERS[column.kind](column, cell)


def clean(value):
    """Return text without control characters and without blanks around or doubled."""
    return SPACES.sub(" ", CONTROLS.sub("", value)).strip()


def look_alike(value):
    """Return text as a cell of names is read: tidy, and without full-width digits."""
    return clean(value).translate(FULL_WIDTH)


def _text(column, cell):
    value = cell.value
    if isinstance(value, bool | datetime | date | time | timedelta):
        raise CellError("became_date" if not isinstance(value, bool) else "not_text")
    if isinstance(value, int | float):
        return _number_as_text(cell)
    return clean(value)


def _number_as_text(cell):
    number = _exact(cell.value)
    if abs(number) >= Decimal(10) ** EXACT_DIGITS:
        raise CellError("digits_lost")
    text = format(number.normalize(), "f")
    mask = MASK.fullmatch(cell.number_format or "")
    return Place(text.zfill(len(mask.group())) if mask else text)


def _label(column, cell):
    text = _text(column, cell)
    return text if isinstance(text, Place) else look_alike(text)


def _digits(column, cell):
    text = _text(column, cell)
    if isinstance(text, Place):
        text = text.zfill(column.width) if column.width else text
    else:
        text = unicodedata.normalize("NFKC", text).replace(" ", "")
    if not (text.isascii() and text.isdigit()):
        raise CellError("not_digits", value=str(text))
    if column.width and len(text) != column.width:
        raise CellError("wrong_length", value=str(text), width=column.width)
    return text


def _exact(value):
    number = Decimal(repr(value))
    if not number.is_finite():
        raise CellError("not_number", value=str(value))
    return number


def _number(cell):
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _exact(value)
    if isinstance(value, bool | datetime | date | time | timedelta):
        raise CellError("not_number", value=str(value))
    text = unicodedata.normalize("NFKC", clean(value))
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if not NUMBER.fullmatch(text):
        raise CellError("not_number", value=text)
    try:
        return Decimal(text)
    except InvalidOperation as error:  # more digits than any column holds
        raise CellError("not_number", value=text) from error


def _decimal(column, cell):
    number = _number(cell)
    if number < 0:
        raise CellError("negative", value=str(number))
    if number >= LIMITS["decimal"]:
        raise CellError("too_large", value=str(number))
    kept = number.quantize(Decimal(1).scaleb(-column.places), ROUND_HALF_UP)
    if abs(number - kept) > NOISE:
        raise CellError("too_many_places", value=str(number), places=column.places)
    return kept


def _integer(column, cell):
    number = _number(cell)
    if number != number.to_integral_value() or not 0 <= number < LIMITS["integer"]:
        raise CellError("not_integer", value=str(number))
    return int(number)


def _datetime(column, cell):
    value = cell.value
    if isinstance(value, datetime):
        moment = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    elif isinstance(value, str):
        moment = _parse_moment(unicodedata.normalize("NFKC", clean(value)))
    else:
        raise CellError("not_date", value=str(value))
    if moment.year not in YEARS:
        raise CellError("date_out_of_range", value=str(moment))
    return moment.replace(tzinfo=None)


def _parse_moment(text):
    found = MOMENT.fullmatch(text) or COMPACT.fullmatch(text)
    if not found:
        raise CellError("not_date", value=text)
    try:
        return datetime(*(int(part or 0) for part in found.groups()))
    except ValueError as error:  # 31 February, 25 o'clock
        raise CellError("not_date", value=text) from error


def _choice(column, cell):
    text = unicodedata.normalize("NFKC", _text(column, cell))
    for code, title in column.choices:
        if text in (code, title):
            return code
    raise CellError(
        "not_in_list",
        value=text,
        choices="、".join(dict.fromkeys(title for _code, title in column.choices)),
    )


CONVERTERS = {
    "text": _text,
    "label": _label,
    "digits": _digits,
    "decimal": _decimal,
    "integer": _integer,
    "datetime": _datetime,
    "choice": _choice,
}
