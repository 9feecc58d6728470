"""Frames of DL/T 645 (both editions).

``68 A0..A5 68 C L DATA CS 16``: address in BCD, lowest byte first; data bytes each
+33H; CS the sum of everything from the first 68. Up to four FE wake the line up.
Source: DL/T 645-2007, 5.2 (frame format) and 5.3 (control codes).
"""

import functools
from typing import NamedTuple

from .base import EncodeError, Fault, Framer, clean_address
from .layout import direction, said

WAKE_UP = b"\xfe" * 4
WILDCARD = "A" * 12
BROADCAST = "9" * 12
_TO_ALL = bytes.fromhex(BROADCAST)
OFFSET = 0x33
#: Longest data field of a read reply is 200 bytes; vendors' frames go further.
MAX_DATA = 255

#: Tables that put the offset of data bytes on, and take it off.
_ADD = bytes((value + OFFSET) % 256 for value in range(256))
SUBTRACT = bytes((value - OFFSET) % 256 for value in range(256))


class Frame(NamedTuple):
    """The fields of a sound frame; ``data`` is without the 33H offset."""

    address: str
    control: int
    data: bytes


def address_digits(address):
    """``address`` as 12 digits.

    :raises AddressError: letters or too long
    """
    return clean_address(address, 12, wildcards=(WILDCARD,))


@functools.lru_cache(maxsize=4096)
def pack_address(address):
    return bytes.fromhex(address_digits(address))[::-1]


def build(address, control, data=b"", wake_up=True):
    """A frame ready to send.

    :raises AddressError: letters or too long
    :raises EncodeError: more data than a frame holds
    """
    if len(data) > MAX_DATA:
        raise EncodeError(f"{len(data)} bytes of data do not fit into one frame.")
    body = b"\x68%b\x68%c%c%b" % (
        *(pack_address(address), control, len(data)),
        data.translate(_ADD),
    )
    return b"%b%b%c\x16" % (WAKE_UP if wake_up else b"", body, sum(body) % 256)


class Dlt645Framer(Framer):
    """Finds ``68 … 68 C L … CS 16``; everything else is noise."""

    def measure(self, buffer, start):
        have = len(buffer) - start
        if have > 7 and buffer[start + 7] != 0x68:
            return -1
        if have < 10:
            return 0
        length = buffer[start + 9] + 12
        if have >= length and buffer[start + length - 1] != 0x16:
            return -1
        return length

    def check(self, frame):
        return not isinstance(parse(frame), Fault)  # whoever takes it has it parsed


@functools.lru_cache(maxsize=4096)
def parse(raw):
    """:class:`Frame` from the bytes of one frame, or a :class:`Fault`.

    Kept, since a frame is looked at several times on its way.
    """
    start = raw.find(b"\x68")
    if start < 0:
        return Fault("frame", "There is no frame in these bytes (no start byte 68).")
    raw = raw[start:]
    if len(raw) < 12:
        return Fault("truncated", f"The frame is truncated: {len(raw)} bytes only.")
    if raw[7] != 0x68:
        return Fault("frame", "This is no DL/T 645 frame: the second 68 is missing.")
    length = raw[9] + 12
    if len(raw) < length:
        return Fault(
            "truncated",
            f"The frame is truncated: {len(raw)} of {length} bytes.",
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
    address = raw[6:0:-1].hex().upper()
    return Frame(address, raw[8], raw[10:-2].translate(SUBTRACT))


def layout(frame, decoded, item_size):
    """Pieces of a frame, see :mod:`.layout`.

    :param decoded: the same frame, decoded
    :param int item_size: bytes of a data identification
    """
    parsed = parse(frame)
    if isinstance(parsed, Fault):
        return [(len(frame), "frame", str(parsed))]
    item = item_size if decoded.data_id else 0
    return [
        (frame.find(b"\x68"), "wake_up", ""),
        (1, "start", ""),
        (6, "address", parsed.address),
        (1, "start", ""),
        (1, "control", direction(parsed.control)),
        (1, "length", str(len(parsed.data))),
        (item, "item", decoded.data_id or ""),
        (len(parsed.data) - item, "data", said(decoded)),
        (1, "checksum", ""),
        (1, "end", ""),
    ]


def redact(frame, secret):
    """Hex of a request with the secret part of its data, and the checksum, starred out.

    :param secret: ``{control: (start, end)}`` of the places within the data
    """
    raw = bytes(frame)
    parsed, text = parse(raw), raw.hex()
    if isinstance(parsed, Fault) or parsed.control not in secret:
        return text
    first = raw.find(b"\x68") + 10
    checksum = first + len(parsed.data)
    start, end = (min(first + place, checksum) for place in secret[parsed.control])
    stars = "*" * 2 * (end - start)
    text = text[: 2 * start] + stars + text[2 * end :]
    return text[: 2 * checksum] + "**" + text[2 * checksum + 2 :]


def is_broadcast_clock(request, function):
    """Whether ``request`` sets all clocks on the line, which nobody answers."""
    if _TO_ALL not in request:
        return False
    frame = parse(request)
    if isinstance(frame, Fault):
        return False
    return (frame.address, frame.control) == (BROADCAST, function)


def same_meter(asked, answered):
    """Whether a reply from ``answered`` may answer a request to ``asked``.

    A request may go to a wildcard or to the low digits of an address with ``AA`` in
    the high bytes (shortened address), or to the broadcast address, which some real
    meters answer; the reply always carries the true address.
    """
    if asked in (WILDCARD, BROADCAST, answered):
        return True
    short = asked.lstrip("A")
    return len(short) < 12 and len(short) % 2 == 0 and answered.endswith(short)
