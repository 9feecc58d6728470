"""Route book, text profile 1: what a handheld is given and what it gives back.

UTF-8 text, one record a line, fields parted by tabs; docs/handheld.md describes it. The
last record counts the others and carries the CRC-32 of all bytes before it, so that a
file that was cut short or altered is never taken.
"""

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

VERSION = 1
TIME = "%Y-%m-%dT%H:%M:%SZ"
MAX_SIZE = 8 * 1024 * 1024  # bytes; some fifty thousand meters
#: What a reader can say of a meter instead of an index.
FLAGS = ("", "no_access", "unreadable", "not_found", "other_meter", "damaged")


class BookError(ValueError):
    """The file is no route book, or not a whole one; the text says why.

    :ivar str code: the same for machines: ``size``, ``cut``, ``damaged``, ``checksum``,
        ``kind`` or ``version``
    """

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Header:
    """Which book this is: the keys of the KTAMR manual 4.2.5, and our own number."""

    number: str
    district: str
    community: str
    line: str
    made_at: datetime
    title: str = ""


@dataclass(frozen=True)
class Meter:
    """One meter to go to, in walking order."""

    sequence: int
    key: str  # what the record of the office is found by
    address: str
    number: str
    place: str
    customer: str
    unit: str
    digits: int
    decimals: int
    previous: Decimal
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True)
class Result:
    """What became of one meter; one that is not in the book has no ``key``."""

    key: str
    address: str
    index: Decimal | None
    read_at: datetime
    flag: str = ""
    note: str = ""


@dataclass(frozen=True)
class Book:
    """A whole book; without results it is one that was not walked yet."""

    header: Header
    meters: tuple = ()
    results: tuple = ()

    def with_results(self, results):
        return replace(self, results=tuple(results))


@dataclass
class Parsed:
    """A book, and the records in it that could not be understood."""

    book: Book
    faults: list = field(default_factory=list)  # (line number, text, why)


# === Writing === #


def dump(book):
    """Return a book as bytes."""
    head = book.header
    records = [
        (
            "AMRBOOK",
            str(VERSION),
            head.number,
            head.district,
            head.community,
            head.line,
            head.made_at.strftime(TIME),
            head.title,
        )
    ]
    records += [_meter_record(meter) for meter in book.meters]
    records += [_result_record(result) for result in book.results]
    body = "".join("\t".join(_clean(one) for one in row) + "\n" for row in records)
    data = body.encode()
    return data + f"END\t{len(records)}\t{zlib.crc32(data):08X}\n".encode()


def _clean(text):
    """Tabs and line ends part records, so no field may hold one."""
    return " ".join(str(text).split())


def _meter_record(meter):
    return (
        "M",
        meter.sequence,
        meter.key,
        meter.address,
        meter.number,
        meter.place,
        meter.customer,
        meter.unit,
        meter.digits,
        meter.decimals,
        f"{meter.previous:f}",
        "" if meter.low is None else f"{meter.low:f}",
        "" if meter.high is None else f"{meter.high:f}",
    )


def _result_record(result):
    return (
        "R",
        result.key,
        result.address,
        "" if result.index is None else f"{result.index:f}",
        result.read_at.strftime(TIME),
        result.flag,
        result.note,
    )


# === Reading === #


def parse(data):
    """Return a :class:`Parsed` book.

    A whole file with single bad records is taken, and says which; the rest of a
    reader's day must not be lost for one of them.

    :param bytes data: the file
    :raises BookError: it is no book, of another version, cut short or altered
    """
    if len(data) > MAX_SIZE:
        raise BookError("size", "The file is larger than any route book.")
    lines = _checked_lines(data)
    header = _header(lines[0])
    meters, results, faults = [], [], []
    readers = {"M": (meters, _meter), "R": (results, _result)}
    for number, line in enumerate(lines[1:], start=2):
        kind, *values = line.split("\t")
        if kind not in readers:
            faults.append((number, line, "unknown kind of record"))
            continue
        records, read = readers[kind]
        try:
            records.append(read(values))
        except ValueError as error:
            faults.append((number, line, str(error)))
    return Parsed(Book(header, tuple(meters), tuple(results)), faults)


def _checked_lines(data):
    """Return the records' lines without the last, after comparing with it."""
    head, sep, tail = data.rstrip(b"\r\n\x1a\0 ").rpartition(b"END\t")
    if not sep:
        raise BookError("cut", "The file has no last record: it was cut short.")
    try:
        count, check = tail.decode("ascii").split("\t")
        count, check = int(count), int(check, 16)
    except ValueError as error:
        raise BookError("damaged", "The last record of the file is damaged.") from error
    if zlib.crc32(head) != check:
        raise BookError(
            "checksum", "The checksum of the file is wrong: it was altered."
        )
    try:
        lines = head.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BookError("damaged", "The file is not UTF-8 text.") from error
    if len(lines) != count or not lines:
        raise BookError("damaged", f"The file has {len(lines)} records, not {count}.")
    return lines


def _header(line):
    values = line.split("\t")
    if values[0] != "AMRBOOK":
        raise BookError("kind", "The file is no route book.")
    if len(values) < 8 or values[1] != str(VERSION):
        raise BookError(
            "version", f"Route books of version {VERSION} are understood only."
        )
    number, district, community, code, made, title = values[2:8]
    try:
        made_at = datetime.strptime(made, TIME)
    except ValueError as error:
        raise BookError(
            "damaged", "The first record of the file is damaged."
        ) from error
    return Header(number, district, community, code, made_at, title)


def _meter(values):
    sequence, key, address, number, place, customer, unit = values[:7]
    digits, decimals, previous, low, high = values[7:12]
    return Meter(
        int(sequence),
        key,
        address,
        number,
        place,
        customer,
        unit,
        int(digits),
        int(decimals),
        _number(previous),
        _number(low) if low else None,
        _number(high) if high else None,
    )


def _result(values):
    key, address, index, read_at, flag, note = values[:6]
    if flag not in FLAGS:
        raise ValueError(f"unknown flag {flag}")
    if not index and not flag:
        raise ValueError("neither an index nor a flag")
    moment = datetime.strptime(read_at, TIME)
    return Result(key, address, _number(index) if index else None, moment, flag, note)


def _number(text):
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text} is not a number") from error
    if not value.is_finite() or not 0 <= value < 10**12:
        raise ValueError(f"{text} is no index")
    if value != round(value, 3):
        raise ValueError(f"{text} has more than three decimals")
    return value
