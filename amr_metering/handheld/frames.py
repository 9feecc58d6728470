"""Frames on the serial line between office and handheld, profile 1.

    01 'A' 'R' | kind (1, ASCII) | sequence (1) | length (2, high byte first) | payload
    | CRC-16/CCITT-FALSE of kind to payload (2, high byte first)

A receiver looks for the three leading bytes, so noise between frames, or a frame that
was cut, costs that frame only.
"""

import binascii
import struct
from dataclasses import dataclass

START = b"\x01AR"
MAX_PAYLOAD = 1024
_HEAD = struct.Struct(">cBH")
_CRC = struct.Struct(">H")


@dataclass(frozen=True)
class Frame:
    """One message; a reply has the sequence of its request, and its kind in lower."""

    kind: str
    sequence: int
    payload: bytes = b""


def encode(frame):
    """Return a frame as bytes."""
    if len(frame.payload) > MAX_PAYLOAD:
        raise ValueError("payload too long")
    body = _HEAD.pack(frame.kind.encode("ascii"), frame.sequence, len(frame.payload))
    body += frame.payload
    return START + body + _CRC.pack(binascii.crc_hqx(body, 0xFFFF))


class Framer:
    """Finds whole frames in what comes in, in pieces of any size."""

    def __init__(self):
        self._buffer = bytearray()

    def feed(self, data):
        """Return the frames that became whole with ``data``."""
        self._buffer += data
        frames = []
        while True:
            frame, used = self._take()
            if not used:
                return frames
            del self._buffer[:used]
            if frame:
                frames.append(frame)

    def _take(self):
        """Return a frame or None, and how many bytes are done with."""
        start = self._buffer.find(START)
        if start < 0:
            # what is kept may be the beginning of a start
            return None, max(len(self._buffer) - len(START) + 1, 0)
        if start:
            return None, start
        head_end = len(START) + _HEAD.size
        if len(self._buffer) < head_end:
            return None, 0
        kind, sequence, length = _HEAD.unpack(self._buffer[len(START) : head_end])
        if length > MAX_PAYLOAD or not kind.isalpha():
            return None, 1
        end = head_end + length + _CRC.size
        if len(self._buffer) < end:
            return None, 0
        body = bytes(self._buffer[len(START) : head_end + length])
        (check,) = _CRC.unpack(self._buffer[head_end + length : end])
        if binascii.crc_hqx(body, 0xFFFF) != check:
            return None, 1  # noise that looked like a start, or a frame that was hit
        payload = body[_HEAD.size :]
        return Frame(kind.decode("ascii"), sequence, payload), end

    def reset(self):
        """Forget the beginning of a frame whose rest did not come in time."""
        del self._buffer[:1]
        frames = self.feed(b"")
        return frames
