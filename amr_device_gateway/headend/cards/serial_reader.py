"""Serial card readers: one TOML file per make says how it is spoken to.

A request is ``start command length data check end``, a reply the same with a status in
the place of the command; the check is the XOR of everything between start and check.
The bytes of most makers are not public; who has them writes a file. One that cannot be
described like this, or has a library of its own, is a subclass of
:class:`.base.CardReader` in a module beside this one.
"""

import os
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import xor
from pathlib import Path

import serial

from .. import toml_files
from ..outgoing import line_settings
from .base import CardError, CardReader

FOLDER = Path(__file__).parent / "profiles"
CALLED = "card reader profile"
OPERATIONS = ("identify", "insert", "read", "counter", "verify", "write")
STATUSES = ("ok", "no_card", "card_type", "secret", "protected", "range", "bad")
TEXTS = {
    "no_card": "There is no card in the reader.",
    "card_type": "This is not a card that the reader knows, or it is upside down.",
    "protected": "The card refuses to be written.",
    "range": "These places are not on the card.",
}
PIECE = 64


class ProfileError(ValueError):
    """A file is wrong; the message is a sentence."""


@dataclass(frozen=True)
class Profile:
    """One make of readers.

    :param source: where that is written
    :param line: serial settings
    :param timeout: seconds for an answer
    :param identity: what it answers to ``identify`` begins with this text
    :param commands: byte of each of :data:`OPERATIONS`
    :param status: word of :data:`STATUSES` by the status byte, in hex
    :param cards: kind of card by the byte that ``insert`` answers, in hex
    """

    name: str
    source: str
    label: str
    line: str
    timeout: float
    start: str
    end: str
    identity: str
    commands: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    cards: dict = field(default_factory=dict)

    def frame(self, command, data=b""):
        body = bytes([command, len(data)]) + data
        ends = bytes.fromhex(self.start), bytes.fromhex(self.end)
        return ends[0] + body + bytes([reduce(xor, body)]) + ends[1]


def names():
    """Names of the profiles, sorted."""
    return toml_files.names(FOLDER)


@cache
def load(name):
    """The :class:`Profile` called ``name``.

    :raises ProfileError: no such profile, or a wrong file
    """
    row = toml_files.load(FOLDER, name, CALLED, ProfileError)
    try:
        return _checked(Profile(name=name, **row))
    except (TypeError, ValueError) as error:
        raise ProfileError(f"The {CALLED} {name} is wrong: {error}") from error


def _checked(profile):
    line_settings(profile.line)
    if set(profile.commands) != set(OPERATIONS):
        raise ValueError(f"commands must name {', '.join(OPERATIONS)}")
    if (
        set(profile.status.values()) - set(STATUSES)
        or "ok" not in profile.status.values()
    ):
        raise ValueError(f"status is one of {', '.join(STATUSES)}, and one is ok")
    if not bytes.fromhex(profile.start) or not profile.identity:
        raise ValueError("start and identity cannot be empty")
    return profile


class SerialReader(CardReader):
    """A reader on a serial port."""

    def __init__(self, profile, port):
        self.profile = profile
        self.port = port
        self._line = None

    def open(self):
        settings = line_settings(self.profile.line)._asdict()
        try:
            self._line = serial.Serial(
                self.port, timeout=self.profile.timeout, exclusive=True, **settings
            )
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise CardError(
                "no_reader", f"The port {self.port} cannot be opened: {why}."
            ) from error

    def close(self):
        if self._line:
            self._line.close()

    def identify(self):
        """What the reader calls itself.

        :raises CardError: it is none of this make
        """
        text = self._ask("identify").decode("latin-1")
        if not text.startswith(self.profile.identity):
            raise CardError("no_reader", f"{self.port} is no {self.profile.label}.")
        return text

    def insert(self):
        answer = self._ask("insert")
        kind = self.profile.cards.get(answer[:1].hex())
        if not kind:
            raise CardError("card_type", TEXTS["card_type"])
        return kind

    def read_bytes(self, start, count):
        data = b""
        while len(data) < count:
            size = min(PIECE, count - len(data))
            part = self._ask("read", bytes([start + len(data), size]))
            if len(part) != size:
                raise CardError("no_answer", "The card cannot be read.")
            data += part
        return data

    def error_counter(self):
        answer = self._ask("counter")
        if len(answer) != 1:
            raise CardError("no_answer", "The card does not tell its error counter.")
        return (answer[0] & 0x07).bit_count()

    def verify(self, secret):
        status, _data = self._exchange("verify", secret)
        if status not in ("ok", "secret"):
            raise CardError("no_answer", "The reader could not present the secret.")
        return status == "ok"

    def write_bytes(self, start, data):
        for place in range(0, len(data), PIECE):
            part = data[place : place + PIECE]
            self._ask("write", bytes([start + place]) + part)

    # === LINE === #

    def _ask(self, operation, data=b""):
        """Data of a good answer.

        :raises CardError: the reader says something else
        """
        status, answer = self._exchange(operation, data)
        if status != "ok":
            code = status if status in TEXTS else "no_answer"
            raise CardError(code, TEXTS.get(code, "The reader did not understand."))
        return answer

    def _exchange(self, operation, data=b""):
        """(status word, data) of one exchange.

        :raises CardError: no answer, or a broken one
        """
        profile = self.profile
        try:
            self._line.reset_input_buffer()
            self._line.write(profile.frame(profile.commands[operation], bytes(data)))
            head = self._line.read(len(bytes.fromhex(profile.start)) + 2)
            tail = bytes.fromhex(profile.end)
            size = head[-1] + 1 + len(tail) if len(head) > 2 else 0
            rest = self._line.read(size)
        except (serial.SerialException, OSError) as error:
            raise CardError("no_reader", f"The reader is gone: {error}") from error
        status, body = head[-2:-1], rest[: -1 - len(tail)]
        if len(rest) != size or head + rest != profile.frame(_byte(status), body):
            raise CardError(
                "no_answer", f"Nothing on {self.port} answers as it should."
            )
        return profile.status.get(status.hex(), "bad"), body


def _byte(data):
    return data[0] if data else 0
