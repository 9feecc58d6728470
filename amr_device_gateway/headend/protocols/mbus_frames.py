"""Frames of M-Bus: ``E5``, ``10 C A CS 16`` and ``68 L L 68 C A CI … CS 16``.

CS is the sum from C. Source: EN 13757-2 (link layer) and EN 13757-3 (application).
"""

from typing import NamedTuple

from .base import AddressError, EncodeError, Fault, Framer

ACK = b"\xe5"
SHORT, LONG, STOP = 0x10, 0x68, 0x16
SND_NKE, REQ_UD2, SND_UD, RSP_UD = 0x40, 0x5B, 0x53, 0x08
#: Bit of C that tells a new question from a repeated one.
FCB = 0x20
#: ACD and DFC, which a slave may set in its reply.
REPLY_MASK = 0xCF
SELECT, VARIABLE, VARIABLE_MSB, ERROR = 0x52, 0x72, 0x76, 0x70
SELECTED, TEST, BROADCAST = 253, 254, 255
HIGHEST_PRIMARY = 250
WILDCARD = "FFFFFFFF"
MAX_LENGTH = 255


class Frame(NamedTuple):
    """The fields of a sound frame; an acknowledgement has none of them."""

    control: int | None = None
    address: int | None = None
    information: int | None = None
    data: bytes = b""

    @property
    def is_ack(self):
        return self.control is None

    @property
    def is_answer(self):
        """Whether it carries data of a meter."""
        return not self.is_ack and self.control & REPLY_MASK == RSP_UD


def build_short(control, address):
    body = bytes([control, address])
    return bytes([SHORT]) + body + bytes([sum(body) % 256, STOP])


def build_long(control, address, information, data=b""):
    """:raises EncodeError: more data than a frame holds"""
    body = bytes([control, address, information]) + data
    if len(body) > MAX_LENGTH:
        raise EncodeError(f"{len(data)} bytes of data do not fit into one frame.")
    head = bytes([LONG, len(body), len(body), LONG])
    return head + body + bytes([sum(body) % 256, STOP])


def length_at(data, start=0):
    """Length of the frame at ``start``: 0 = more bytes needed, -1 = no frame there."""
    have = len(data) - start
    if have < 1:
        return 0
    if data[start] == ACK[0]:
        return 1
    if data[start] == SHORT:
        return 5
    if data[start] != LONG:
        return -1
    if have > 2 and data[start + 1] != data[start + 2]:
        return -1
    if have > 3 and data[start + 3] != LONG:
        return -1
    if have > 1 and data[start + 1] < 3:
        return -1
    return data[start + 1] + 6 if have > 3 else 0


def parse(raw):
    """:class:`Frame` from the bytes of one frame, or a :class:`Fault`."""
    length = length_at(raw)
    if length < 0 or not raw:
        return Fault("frame", "This is no M-Bus frame: no E5, 10 or 68 at its start.")
    if not length or len(raw) < length:
        return Fault("truncated", f"The frame is truncated: {len(raw)} bytes only.")
    if len(raw) > length:
        return Fault("frame", f"The frame has {len(raw)} bytes instead of {length}.")
    if raw == ACK:
        return Frame()
    if raw[-1] != STOP:
        return Fault("frame", f"The frame ends with {raw[-1]:02X} instead of 16.")
    body = raw[1:-2] if raw[0] == SHORT else raw[4:-2]
    if sum(body) % 256 != raw[-2]:
        return Fault(
            "checksum",
            f"The checksum is wrong: {raw[-2]:02X} received, "
            f"{sum(body) % 256:02X} computed.",
        )
    if raw[0] == SHORT:
        return Frame(*body)
    return Frame(*body[:3], bytes(body[3:]))


def split(raw):
    """The frames that ``raw`` consists of; the last piece may be none."""
    frames = []
    while raw:
        length = length_at(raw)
        length = len(raw) if length <= 0 else length
        frames.append(raw[:length])
        raw = raw[length:]
    return frames


class MbusFramer(Framer):
    """Finds short and long frames, and an acknowledgement when it comes alone.

    E5 is one byte without a checksum: in the midst of others it is noise.
    """

    START = b""

    def measure(self, buffer, start):
        return -1  # never on a line of several protocols, see Protocol.recognisable

    def frame_at(self, buffer, start):
        length = length_at(buffer, start)
        if length == 1:
            return ACK if len(buffer) == start + 1 else b""
        if length < 0:
            return b""
        if not length or len(buffer) - start < length:
            return None
        frame = bytes(buffer[start : start + length])
        return b"" if isinstance(parse(frame), Fault) else frame


def pack_secondary(address):
    """Eight bytes that select a meter by its number, F and FF for anything.

    :param address: 8 digits of the number, or all 16 (number, maker, version, medium)
    """
    text = address.upper().ljust(16, "F")
    number, maker = bytes.fromhex(text[:8]), bytes.fromhex(text[8:12])
    return number[::-1] + maker[::-1] + bytes.fromhex(text[12:])


def selects(wanted, header):
    """Whether the eight bytes of a selection fit the head of an answer."""
    if len(header) < 8:
        return False
    for one, other in zip(wanted[:4], header[:4], strict=True):
        for shift in (0, 4):
            nibble = one >> shift & 0xF
            if nibble != 0xF and nibble != other >> shift & 0xF:
                return False
    if wanted[4:6] not in (b"\xff\xff", header[4:6]):
        return False
    return all(
        one in (0xFF, other)
        for one, other in zip(wanted[6:8], header[6:8], strict=True)
    )


def clean_address(address):
    """(primary, selection): one of them is None.

    :raises AddressError: neither a primary nor a secondary address
    """
    text = str(address or "").strip().upper()
    if text.isascii() and text.isdigit() and len(text) <= 3:
        if 1 <= int(text) <= HIGHEST_PRIMARY or int(text) == TEST:
            return int(text), None
    elif len(text) in (8, 16) and not set(text) - set("0123456789ABCDEF"):
        if not set(text[:8]) - set("0123456789F") and text[:8] != WILDCARD:
            return None, pack_secondary(text)
    raise AddressError(
        f"The meter address “{address}” is not valid: M-Bus has primary addresses from "
        "1 to 250 and secondary ones of 8 digits (or 16, with maker, version, medium)."
    )
