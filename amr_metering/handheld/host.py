"""The office's side of the serial line: carries a book out, and the results home.

Stop and wait: every request is repeated until its own reply comes. Both transfers go on
where they stopped, after a cut line or an empty battery on either side.
"""

import json
import struct
import time
import zlib

from .frames import Frame, Framer, encode

CHUNK = 512
PROFILE = 1
_OFFSET = struct.Struct(">I")


class HandheldError(Exception):
    """The handheld cannot be talked to, or refuses; the text says why."""


class Host:
    """One conversation over an open line.

    :param line: like :class:`serial.Serial` with a short read time-out
    :param float timeout: seconds for one reply
    :param int tries: how often a request is sent before it is given up
    :param report: called with bytes done and bytes in all
    """

    def __init__(self, line, timeout=2.0, tries=5, report=None):
        self._line = line
        self._timeout = timeout
        self._tries = tries
        self._report = report or (lambda done, total: None)
        self._framer = Framer()
        self._sequence = 0

    def hello(self):
        """Return what the handheld says of itself.

        :raises HandheldError: nothing answers, or another profile
        """
        told = self._ask_json("H", {"profile": PROFILE})
        if told.get("profile") != PROFILE:
            raise HandheldError(
                f"The handheld speaks profile {told.get('profile')}, not {PROFILE}."
            )
        return told

    def load(self, data):
        """Carry a book to the handheld; it is replaced there as a whole, or not at all.

        :param bytes data: as :func:`book.dump` gives it
        """
        name = f"{zlib.crc32(data):08X}"
        self.hello()
        begun = self._ask_json("L", {"name": name, "size": len(data)})
        offset = _within(begun.get("offset"), len(data))
        while offset < len(data):
            piece = data[offset : offset + CHUNK]
            reply = self._ask("D", _OFFSET.pack(offset) + piece)
            offset = _within(_OFFSET.unpack(reply[:4])[0], len(data))
            self._report(offset, len(data))
        done = self._ask_json("F", {"name": name})
        if not done.get("ok"):
            raise HandheldError(
                "The handheld did not get the book whole; carry it again."
            )

    def collect(self, partial=None):
        """Return the handheld's file with its results.

        :param partial: path-like object with ``read_bytes`` and ``write_bytes``: what
            an earlier, broken collection got; begun anew when the file has changed
        """
        self.hello()
        told = self._ask_json("R", {})
        size, name = told.get("size"), told.get("name")
        if not size:
            raise HandheldError("There is no book in the handheld.")
        data = _partial(partial, name)
        while len(data) < size:
            reply = self._ask("G", _OFFSET.pack(len(data)) + name.encode())
            piece = reply[4:]
            if _OFFSET.unpack(reply[:4])[0] != len(data) or not piece:
                raise HandheldError("The handheld sent another part than asked for.")
            data += piece
            if partial:
                partial.write_bytes(name.encode() + data)
            self._report(len(data), size)
        if f"{zlib.crc32(data):08X}" != name:
            if partial:
                partial.write_bytes(b"")
            raise HandheldError("What came is damaged; collect it again.")
        return bytes(data)

    def confirm(self, data):
        """Tell the handheld that its file is safe; only now it may be overwritten."""
        self._ask_json("C", {"name": f"{zlib.crc32(data):08X}"})

    # === Asking === #

    def _ask_json(self, kind, what):
        reply = self._ask(kind, json.dumps(what).encode())
        try:
            told = json.loads(reply)
        except ValueError as error:
            raise HandheldError("The handheld's answer is not understood.") from error
        if not isinstance(told, dict):
            raise HandheldError("The handheld's answer is not understood.")
        return told

    def _ask(self, kind, payload):
        """Return the payload of the reply.

        :raises HandheldError: refused, or no reply in all tries
        """
        self._sequence = (self._sequence + 1) % 256
        request = Frame(kind, self._sequence, payload)
        for _try in range(self._tries):
            self._write(encode(request))
            reply = self._reply_to(request)
            if reply is None:
                continue
            if reply.kind == "n":
                raise HandheldError(reply.payload.decode("utf-8", "replace"))
            return reply.payload
        raise HandheldError(
            "The handheld does not answer: look at cable, port and whether it is "
            "switched on and set to “transfer”."
        )

    def _write(self, data):
        try:
            self._line.write(data)
        except OSError as error:
            raise HandheldError(f"The serial line is gone: {error}") from error

    def _reply_to(self, request):
        """Return the reply to a request, None when it does not come in time."""
        until = time.monotonic() + self._timeout
        while time.monotonic() < until:
            try:
                data = self._line.read(self._line.in_waiting or 1)
            except OSError as error:
                raise HandheldError(f"The serial line is gone: {error}") from error
            for frame in self._framer.feed(data):
                if self._is_reply(frame, request):
                    return frame
        for frame in self._framer.reset():
            if self._is_reply(frame, request):
                return frame
        return None

    @staticmethod
    def _is_reply(frame, request):
        return frame.sequence == request.sequence and frame.kind in (
            request.kind.lower(),
            "n",
        )


def _within(offset, size):
    if not isinstance(offset, int) or not 0 <= offset <= size:
        raise HandheldError("The handheld's answer is not understood.")
    return offset


def _partial(partial, name):
    """Return what an earlier collection of the same file got."""
    if not partial or not partial.exists():
        return bytearray()
    kept = partial.read_bytes()
    if not name or kept[:8] != name.encode():
        return bytearray()
    return bytearray(kept[8:])
