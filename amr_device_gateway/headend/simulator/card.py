"""A serial card reader on a pty, with an SLE4442 card in its slot."""

import asyncio
import logging
import os
import tty

from aiohttp import web

from ..cards.serial_reader import load

_logger = logging.getLogger(__name__)

SIZE, PROTECTED, FULL = 256, 32, 3
IDENTITY = b"AMR-READER 1"
KIND = 0x42
OK, NO_CARD, REFUSED, PROTECTED_BYTE, RANGE, BAD = 0, 1, 3, 4, 5, 0x7F


class Sle4442:
    """256 bytes, the first 32 can be made permanent; three tries of a secret.

    Source: Siemens/Infineon SLE4442: a wrong secret clears one bit of the counter, a
    right one sets all three; with none left the card can never be written again.
    """

    def __init__(self, row):
        data = bytes.fromhex(row.get("data", ""))
        self.data = bytearray(data.ljust(SIZE, b"\xff"))
        self.secret = bytes.fromhex(row.get("secret", "ffffff"))
        self.tries = int(row.get("tries", FULL))
        self.protected = set(row.get("protected", ()))
        self.presented = []
        self.open = False
        if len(self.data) != SIZE or len(self.secret) != 3:
            raise ValueError("A card has 256 bytes and a secret of 3.")

    def verify(self, secret):
        self.presented.append(bytes(secret))
        self.open = self.tries > 0 and secret == self.secret
        self.tries = FULL if self.open else max(self.tries - 1, 0)
        return self.open

    def store(self, start, data):
        """False when the card is closed or a byte is permanent."""
        places = range(start, start + len(data))
        fixed = any(
            place in self.protected and self.data[place] != value
            for place, value in zip(places, data, strict=True)
        )
        if fixed or not self.open:
            return False
        self.data[start : start + len(data)] = data
        return True

    def as_dict(self):
        return {
            "data": self.data.hex(),
            "secret": self.secret.hex(),
            "tries": self.tries,
            "protected": sorted(self.protected),
        }


class CardReaderSlot:
    """The far end of a serial port. ``port`` is a link to it, made by :meth:`start`.

    Faults: ``silent``; ``corrupt`` (so many answers with a wrong check); ``weak`` (so
    many writes that change nothing and yet say yes); ``pull`` (the card is pulled out
    right after the next write).
    """

    def __init__(self, row):
        self.port = row["port"]
        self.profile = load(row.get("profile", "amr_simulator"))
        self.card = Sle4442(row["card"]) if row.get("card") is not None else None
        self.silent = False
        self.corrupt = self.weak = 0
        self.pull = False
        self._buffer = b""
        self._far = self._near = None

    # === PORT === #

    def start(self):
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        if os.path.islink(self.port):
            os.unlink(self.port)
        os.symlink(os.ttyname(self._near), self.port)
        asyncio.get_running_loop().add_reader(self._far, self._ready)

    def stop(self):
        asyncio.get_running_loop().remove_reader(self._far)
        os.unlink(self.port)
        os.close(self._far)
        os.close(self._near)

    def _ready(self):
        self._buffer += os.read(self._far, 4096)
        start = bytes.fromhex(self.profile.start)
        while (place := self._buffer.find(start)) >= 0:
            self._buffer = self._buffer[place:]
            head = len(start) + 2
            size = head + self._buffer[head - 1] + 2 if len(self._buffer) >= head else 0
            if not size or len(self._buffer) < size:
                return
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            self._serve(frame, frame[len(start)], frame[head:-2])
        self._buffer = b""

    def _serve(self, frame, command, data):
        if self.silent or frame != self.profile.frame(command, data):
            return
        status, answer = self._answer(command, data)
        reply = self.profile.frame(status, answer)
        if self.corrupt:
            self.corrupt -= 1
            reply = reply[:-2] + bytes([reply[-2] ^ 0x5A]) + reply[-1:]
        os.write(self._far, reply)

    # === CARD === #

    def _answer(self, command, data):
        names = {code: name for name, code in self.profile.commands.items()}
        operation = names.get(command)
        if operation == "identify":
            return OK, IDENTITY
        if operation is None:
            return BAD, b""
        if self.card is None:
            return NO_CARD, b""
        return getattr(self, f"_{operation}")(data)

    def _insert(self, _data):
        self.card.open = False  # powered up anew
        return OK, bytes([KIND])

    def _read(self, data):
        if len(data) != 2 or data[0] + data[1] > SIZE:
            return RANGE, b""
        return OK, bytes(self.card.data[data[0] : data[0] + data[1]])

    def _counter(self, _data):
        return OK, bytes([(1 << self.card.tries) - 1])

    def _verify(self, data):
        return (OK if self.card.verify(data) else REFUSED), b""

    def _write(self, data):
        if len(data) < 2 or data[0] + len(data) - 1 > SIZE:
            return RANGE, b""
        if self.weak:
            self.weak -= 1
            return OK, b""
        done = self.card.store(data[0], data[1:])
        if self.pull:
            self.card, self.pull = None, False
        return (OK if done else PROTECTED_BYTE), b""

    # === CONTROL PORT === #

    def adjust(self, changes):
        """Put a card in (``card``: its row, or null) or set faults.

        :raises ValueError: an unknown name or a card that is none
        """
        unknown = set(changes) - {"card", "silent", "corrupt", "weak", "pull"}
        if unknown:
            raise ValueError(f"Unknown: {', '.join(sorted(unknown))}.")
        for name, value in changes.items():
            if name == "card" and value is not None:
                value = Sle4442(value)
            setattr(self, name, value)

    def as_dict(self):
        return {
            "port": self.port,
            "profile": self.profile.name,
            "card": self.card.as_dict() if self.card else None,
        }


class CardReaders(dict):
    """All simulated readers by name, and what the control port offers of them.

    :raises ValueError: a reader or card that is none, as a sentence
    """

    def __init__(self, rows):
        super().__init__()
        for row in rows:
            try:
                self[row["name"]] = CardReaderSlot(row)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"Card reader {row}: {error}") from error

    def start(self):
        for slot in self.values():
            slot.start()

    def stop(self):
        for slot in self.values():
            slot.stop()

    def add_routes(self, router):
        router.add_get("/readers/{name}", self._get)
        router.add_post("/readers/{name}", self._post)

    def _find(self, request):
        slot = self.get(request.match_info["name"])
        if slot is None:
            raise web.HTTPNotFound(text="There is no such card reader.")
        return slot

    async def _get(self, request):
        return web.json_response(self._find(request).as_dict())

    async def _post(self, request):
        slot = self._find(request)
        try:
            slot.adjust(await request.json())
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.json_response(slot.as_dict())
