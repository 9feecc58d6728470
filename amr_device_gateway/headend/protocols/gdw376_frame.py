"""Frames of Q/GDW 376.1: concentrators and other terminals.

``68 L L 68 C A1 A1 A2 A2 A3 AFN SEQ DATA CS 16``: L is the number of bytes from C to
the last of DATA, times four, plus the protocol's number (2; 1 in the older
Q/GDW 130-2005, see :class:`Edition`); CS the sum of these bytes.
Source: Q/GDW 376.1-2009, 4.3 (frame, control field, address) and 5 (sequence, DA, DT).
"""

import string
from typing import NamedTuple

from .base import AddressError, EncodeError, Fault, Framer

HEAD, TAIL = 6, 2
#: Control, address, AFN and SEQ.
FIXED = 8
#: Longest L taken. The standard lets a network carry 16383 bytes, but terminals cut
#: long answers into frames below 1 KB; a larger L on a line is noise, and waiting for
#: its end would hide what follows.
MAX_LENGTH = 2048


class Edition(NamedTuple):
    """What the editions of the standard write differently.

    :param number: of the protocol, in the lowest bits of the length
    :param group_bits: DA2 is a bit for each of eight groups of points, not the number
        of one of 255 groups: 4 is the third group, not the fourth
    :param code_size: bytes of a message authentication code (PW)
    """

    number: int
    group_bits: bool
    code_size: int

    @property
    def max_point(self):
        return 8 * (8 if self.group_bits else 255)


GDW376, GDW130 = Edition(2, False, 16), Edition(1, True, 2)

#: Bits of the control field: up (D7), from the side that starts (D6), event waiting
#: (D5, up only).
UP, PRIMARY, EVENTS = 0x80, 0x40, 0x20
#: Functions (D3–D0) of the side that starts, and of the side that answers.
RESET, SEND, LINK_TEST, READ_1, READ_2 = 1, 4, 9, 10, 11
ACCEPTED, DATA, NO_DATA, LINK_STATE = 0, 8, 9, 11
#: Bits of SEQ: time tag, first frame, last frame, wants a confirmation.
TAGGED, FIRST, LAST, CONFIRM = 0x80, 0x40, 0x20, 0x10

#: DA of a read that means every metering point.
ALL_POINTS = b"\xff\x00"
MAX_FN = 248


class Frame(NamedTuple):
    """The fields of a sound frame; ``data`` is what follows SEQ."""

    address: str
    station: int
    control: int
    afn: int
    seq: int
    data: bytes
    edition: Edition = GDW376

    @property
    def is_up(self):
        return bool(self.control & UP)

    @property
    def function(self):
        return self.control & 0x0F

    @property
    def number(self):
        """PSEQ of a request, RSEQ of an answer."""
        return self.seq & 0x0F


class Gdw376Framer(Framer):
    """Finds ``68 L L 68 … CS 16``; both L must agree."""

    edition = GDW376

    def measure(self, buffer, start):
        have = len(buffer) - start
        if have > 1 and buffer[start + 1] & 3 != self.edition.number:
            return -1
        if have < HEAD:
            return 0
        if buffer[start + 5] != 0x68:
            return -1
        if buffer[start + 1 : start + 3] != buffer[start + 3 : start + 5]:
            return -1
        size = (buffer[start + 2] << 8 | buffer[start + 1]) >> 2
        if not FIXED <= size <= MAX_LENGTH:
            return -1
        length = size + HEAD + TAIL
        if have >= length and buffer[start + length - 1] != 0x16:
            return -1
        return length

    def check(self, frame):
        return frame[-1] == 0x16 and sum(frame[HEAD:-TAIL]) % 256 == frame[-TAIL]


class Gdw130Framer(Gdw376Framer):
    edition = GDW130


def pack_address(address):
    """A1 and A2 of a terminal: 4 digits of the region, 4 hex digits of the number.

    Both go low byte first. A2 is binary: terminal 4660 of region 0200 is 02001234.

    :raises AddressError: it has another form
    """
    text = str(address or "").strip().upper()
    if len(text) != 8 or set(text[:4]) - set(string.digits):
        text = ""
    if not text or set(text) - set(string.hexdigits):
        raise AddressError(
            f"The terminal address “{address}” is not valid: it must have 8 places, "
            "4 digits of the region and 4 hex digits of the terminal."
        )
    raw = bytes.fromhex(text)
    return raw[1::-1] + raw[:1:-1]


def build(address, control, afn, seq, data=b"", *, station=0, edition=GDW376):
    """A frame ready to send.

    :param station: A3: number of the master station ×2, D0 set for a group address
    :raises AddressError: see :func:`pack_address`
    :raises EncodeError: more data than a frame holds
    """
    body = bytes([control]) + pack_address(address) + bytes([station, afn, seq]) + data
    if len(body) > MAX_LENGTH:
        raise EncodeError(f"{len(data)} bytes of data do not fit into one frame.")
    length = (len(body) << 2 | edition.number).to_bytes(2, "little")
    return b"\x68" + length * 2 + b"\x68" + body + bytes([sum(body) % 256, 0x16])


def parse(raw, edition=GDW376):
    """:class:`Frame` from the bytes of one frame, or a :class:`Fault`."""
    start = raw.find(b"\x68")
    if start < 0:
        return Fault("frame", "There is no frame in these bytes (no start byte 68).")
    raw = raw[start:]
    if len(raw) < HEAD + FIXED + TAIL:
        return Fault("truncated", f"The frame is truncated: {len(raw)} bytes only.")
    if raw[5] != 0x68:
        return Fault("frame", "This is no 376.1 frame: the second 68 is missing.")
    if raw[1:3] != raw[3:5]:
        return Fault(
            "length",
            f"The two lengths differ: {raw[1:3].hex()} and {raw[3:5].hex()}.",
        )
    word = int.from_bytes(raw[1:3], "little")
    if word & 3 != edition.number:
        return Fault("frame", f"This is no 376.1 frame: protocol number {word & 3}.")
    length = (word >> 2) + HEAD + TAIL
    if word >> 2 < FIXED:
        return Fault("length", f"The length is too small: {word >> 2} bytes.")
    if len(raw) < length:
        return Fault(
            "truncated", f"The frame is truncated: {len(raw)} of {length} bytes."
        )
    raw = raw[:length]
    if raw[-1] != 0x16:
        return Fault("frame", f"The frame ends with {raw[-1]:02X} instead of 16.")
    checksum = sum(raw[HEAD:-TAIL]) % 256
    if checksum != raw[-2]:
        return Fault(
            "checksum",
            f"The checksum is wrong: {raw[-2]:02X} received, {checksum:02X} computed.",
        )
    address = (raw[8:6:-1] + raw[10:8:-1]).hex().upper()
    return Frame(address, raw[11], raw[6], raw[12], raw[13], raw[14:-2], edition)


def pack_points(points, edition=GDW376):
    """DA pairs that name ``points``, which are put into ascending order.

    :return: list of ``(DA, points)``, one for each group of eight
    :raises EncodeError: a point that no terminal has
    """
    groups = {}
    for point in sorted(set(points)):
        if not 0 <= point <= edition.max_point:
            most = edition.max_point
            raise EncodeError(f"There is no metering point {point} (0 to {most}).")
        group = (point + 7) // 8
        groups.setdefault(group, []).append(point)
    pairs = []
    for group, members in sorted(groups.items()):
        mask = sum(1 << (point - 1) % 8 for point in members) if group else 0
        if group and edition.group_bits:
            group = 1 << group - 1
        pairs.append((bytes([mask, group]), members))
    return pairs


def unpack_points(pair, edition=GDW376):
    """Points a DA names; None for all of them; [] when it is not valid.

    A DA of several groups is not valid either: no open text says in which order the
    values of their points would follow.
    """
    mask, group = pair
    if not group:
        return [0] if not mask else None if bytes(pair) == ALL_POINTS else []
    if edition.group_bits:
        if group & group - 1:
            return []
        group = group.bit_length()
    return [group * 8 - 7 + bit for bit in range(8) if mask >> bit & 1]


def pack_fn(number):
    """DT of one kind of information F1…F248.

    :raises EncodeError: no such number
    """
    if not 1 <= number <= MAX_FN:
        raise EncodeError(f"There is no F{number} (F1 to F{MAX_FN}).")
    return bytes([1 << (number - 1) % 8, (number - 1) // 8])


def unpack_fns(pair):
    """Numbers a DT names, [] when it is not valid."""
    mask, group = pair
    if group > (MAX_FN - 1) // 8:
        return []
    return [group * 8 + bit + 1 for bit in range(8) if mask >> bit & 1]
