"""A handheld on a pseudo-terminal, with the faults that real ones have.

Its memory is a folder: switch it off in the middle of a transfer and on again, and it
knows what it had.
"""

import json
import os
import select
import struct
import threading
import tty
import zlib
from datetime import datetime, timezone
from pathlib import Path

from . import book as books
from .frames import Frame, Framer, encode

PROFILE = 1
PIECE = 512
SILENCE = 0.1  # seconds after which a frame that was begun is given up
_OFFSET = struct.Struct(">I")


class PowerCut(Exception):
    """The battery is out: nothing more is done."""


class Device:
    """What the handheld does with a request; no line, no thread."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.book = self.folder / "book.txt"
        self._loading = self.folder / "loading.bin"
        self._loading_as = self.folder / "loading.json"

    def answer(self, frame):
        """Return the payload of the reply.

        :raises ValueError: refused, with the words for it
        """
        handlers = {
            "H": self._hello,
            "L": self._load,
            "D": self._data,
            "F": self._finish,
            "R": self._results,
            "G": self._get,
            "C": self._confirm,
        }
        if frame.kind not in handlers:
            raise ValueError("unknown request")
        return handlers[frame.kind](frame.payload)

    def _hello(self, _payload):
        return _json({"profile": PROFILE, "serial": "SIM1", "book": self.book.exists()})

    def _load(self, payload):
        """Begin, or go on with, taking a book in."""
        if self.has_unsaved_results():
            raise ValueError("Results of the last round were not collected yet.")
        wanted = json.loads(payload)
        if self._wanted() != wanted:
            self._loading.write_bytes(b"")
            self._loading_as.write_text(json.dumps(wanted))
        return _json({"offset": self._loading.stat().st_size})

    def _wanted(self):
        if not self._loading_as.exists() or not self._loading.exists():
            return None
        return json.loads(self._loading_as.read_text())

    def _data(self, payload):
        (offset,) = _OFFSET.unpack(payload[:4])
        size = self._loading.stat().st_size
        if offset == size:  # a repeated piece is acknowledged, not written twice
            with self._loading.open("ab") as file:
                file.write(payload[4:])
            size += len(payload) - 4
        return _OFFSET.pack(size)

    def _finish(self, payload):
        name = json.loads(payload)["name"]
        if self.book.exists() and _name(self.book.read_bytes()) == name:
            return _json({"ok": True})  # asked again after the reply was lost
        data = self._loading.read_bytes()
        whole = _name(data) == name
        if whole:
            self._loading.replace(self.book)
        self._loading_as.unlink(missing_ok=True)
        return _json({"ok": whole})

    def _results(self, _payload):
        if not self.book.exists():
            return _json({"size": 0})
        data = self.book.read_bytes()
        return _json({"name": _name(data), "size": len(data)})

    def _get(self, payload):
        (offset,) = _OFFSET.unpack(payload[:4])
        data = self.book.read_bytes()
        if payload[4:].decode() != _name(data):
            raise ValueError("The file has changed; collect it from the beginning.")
        return _OFFSET.pack(offset) + data[offset : offset + PIECE]

    def _confirm(self, payload):
        if json.loads(payload)["name"] == _name(self.book.read_bytes()):
            (self.folder / "collected").write_text(json.loads(payload)["name"])
        return _json({})

    def has_unsaved_results(self):
        """Return whether the reader's work is nowhere but here."""
        if not self.book.exists():
            return False
        data = self.book.read_bytes()
        collected = self.folder / "collected"
        if collected.exists() and collected.read_text() == _name(data):
            return False
        return bool(books.parse(data).book.results)

    # === The reader === #

    def walk(self, read, at=None):
        """Go the round: ``read(meter)`` gives an index, a flag, or None to skip."""
        round_ = books.parse(self.book.read_bytes()).book
        moment = at or datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
        results = list(round_.results)
        for meter in round_.meters:
            found = read(meter)
            if found is None:
                continue
            flag = found if isinstance(found, str) else ""
            index = None if flag else found
            results.append(books.Result(meter.key, meter.address, index, moment, flag))
        self.book.write_bytes(books.dump(round_.with_results(results)))


class Simulator:
    """A device on a pty, served by a thread; ``port`` is what the office opens.

    Faults: ``noise`` (bytes put before every reply), ``drop`` (kinds whose next reply
    is lost), ``corrupt`` (kinds whose next reply is hit), ``power_after`` (requests
    after which the battery is out), ``unplug_after`` (the same for the cable).
    """

    def __init__(self, folder):
        self.device = Device(folder)
        self.noise = b""
        self.drop = []
        self.corrupt = []
        self.power_after = None
        self.unplug_after = None
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave  # held open, or the line would hang up between two calls
        self._stop_in, self._stop_out = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        """Switch it off."""
        os.write(self._stop_out, b"x")
        self._thread.join()
        for number in (self._master, self._slave, self._stop_in, self._stop_out):
            try:
                os.close(number)
            except OSError:
                continue  # unplugged already

    def _run(self):
        framer = Framer()
        while True:
            watched = [self._master, self._stop_in]
            ready, _w, _x = select.select(watched, [], [], SILENCE)
            if self._stop_in in ready:
                return
            try:
                frames = (
                    framer.feed(os.read(self._master, 4096))
                    if ready
                    else framer.reset()  # the rest of a frame never came
                )
                for frame in frames:
                    self._serve(frame)
            except (OSError, PowerCut):
                return

    def _serve(self, frame):
        self._count_down()
        try:
            reply = Frame(frame.kind.lower(), frame.sequence, self.device.answer(frame))
        except (KeyError, OSError, ValueError, struct.error) as error:
            reply = Frame("n", frame.sequence, str(error).encode())
        data = encode(reply)
        if frame.kind in self.drop:
            self.drop.remove(frame.kind)
            return
        if frame.kind in self.corrupt:
            self.corrupt.remove(frame.kind)
            data = data[:-3] + bytes([data[-3] ^ 0x55]) + data[-2:]
        os.write(self._master, self.noise + data)

    def _count_down(self):
        if self.power_after is not None:
            self.power_after -= 1
            if self.power_after < 0:
                raise PowerCut
        if self.unplug_after is not None:
            self.unplug_after -= 1
            if self.unplug_after < 0:
                os.close(self._slave)
                os.close(self._master)
                raise PowerCut


def _json(what):
    return json.dumps(what).encode()


def _name(data):
    return f"{zlib.crc32(data):08X}"
