"""How a platform wraps what a device sent: one TOML file per platform, no code.

A message is a JSON object. The file says where in it the device, its payload and the
time are, and how the payload is written. What the payload holds are meter frames of any
protocol that shows where a frame begins.
"""

import base64
import binascii
import json
import re
import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .. import toml_files
from ..protocols import registry

FOLDER = Path(__file__).parent / "profiles"
CALLED = "profile"
KINDS = ("nbiot", "lora")
ENCODINGS = ("hex", "base64")
#: IMEI (15 digits), devEUI (16 hex digits), or a number of the platform's own.
DEVICE = re.compile(r"[0-9A-Za-z_.-]{1,64}")
MAX_PAYLOAD = 4096
#: Characters that are kept of a message that cannot be used.
MAX_KEPT = 4000
#: Seconds since 1970 have ten digits until 2286; more of them are milliseconds.
MILLISECONDS_FROM = 10**11
#: What platforms write where they have nothing.
NOTHING = ("", "undefined", "null")
SIGNATURES = ("", "onenet")
ON_ERROR = ("refuse", "keep")
#: Events of uplinks get ids made of what they say: the same one again is the same.
NAMESPACE = uuid.UUID("6f0f5b5e-3f6c-4b51-9d1d-6a2f1f4c6a10")


class ProfileError(ValueError):
    """There is no such profile, or its file is wrong; the message is a sentence."""


class MessageError(ValueError):
    """A message is not what its platform should send; the message is a sentence."""


class NoJson(MessageError):
    """Not even that."""


class Uplink(NamedTuple):
    """One meter frame of a device.

    :param link: ``nbiot:IMEI`` or ``lora:devEUI``
    :param protocol: name, None when the payload holds no frame that is known
    :param at: ISO time of the platform, None when it tells none
    :param route: what it takes to answer: ``application`` and ``port``, or nothing
    """

    id: str
    link: str
    terminal: str
    protocol: str | None
    frame: bytes
    at: str | None
    route: dict


class Refused(NamedTuple):
    """A message of a list that cannot be used.

    :param place: in the list, from 1
    :param problem: a sentence
    """

    place: int
    problem: str
    message: object

    def kept(self):
        """(id, text) to keep it by: the same message again has the same id."""
        text = json.dumps(self.message)[:MAX_KEPT]  # plain ASCII
        return str(uuid.uuid5(NAMESPACE, f"{self.problem}\x1f{text}")), text


@dataclass(frozen=True)
class Profile:
    """Where things are in a platform's messages; names in an object joined by dots,
    places to look at one after the other separated by bars.

    :param source: where that is written
    :param kind: ``nbiot`` or ``lora``
    :param device: number of the device
    :param payload: what the device sent
    :param encoding: ``hex`` or ``base64``
    :param time: ISO time with zone, or seconds or milliseconds since 1970
    :param number: the message's number
    :param application: what a downlink to this device has to name, and ``port``: the
        port that the device speaks on
    :param only: a message counts when these fields have these values
    :param signature: ``onenet`` when the platform signs what it says
    :param on_error: ``refuse`` a message that cannot be used, so that its sender hears
        of it, or ``keep`` it: a platform that is refused too often stops pushing
    """

    name: str
    source: str
    kind: str
    device: str
    payload: str
    encoding: str
    time: str = ""
    number: str = ""
    application: str = ""
    port: str = ""
    signature: str = ""
    on_error: str = "refuse"
    only: dict = field(default_factory=dict)

    def uplinks(self, body):
        """What the bytes of a message hold, or of a JSON list of messages: one that is
        bad does not spoil those beside it.

        :return: (list of :class:`Uplink`, list of :class:`Refused`)

        :raises MessageError: no JSON, or the one message is bad; a sentence
        """
        try:
            messages = json.loads(body)
        except (ValueError, RecursionError):
            raise NoJson("The message is no JSON.") from None
        if not isinstance(messages, list):
            return self._uplinks(messages), []
        uplinks, refused = [], []
        for place, message in enumerate(messages, 1):
            try:
                uplinks += self._uplinks(message)
            except MessageError as error:
                refused.append(Refused(place, str(error), message))
        return uplinks, refused

    def _uplinks(self, message):
        if not isinstance(message, dict):
            raise MessageError("The message must be a JSON object or a list of them.")
        if any(_at(message, path) != value for path, value in self.only.items()):
            return []
        device, at = self._device(message), self._time(message)
        payload = self._payload(message)
        number = _at(message, self.number) if self.number else None
        return [
            Uplink(
                _identity(self.name, device, at, number, frame, place),
                f"{self.kind}:{device}",
                device,
                protocol,
                frame,
                at,
                self._route(message),
            )
            for place, (protocol, frame) in enumerate(split(payload))
        ]

    def _route(self, message):
        paths = {"application": self.application, "port": self.port}
        values = {name: _at(message, path) for name, path in paths.items() if path}
        return {name: str(value) for name, value in values.items() if value}

    def _device(self, message):
        device = _at(message, self.device)
        if isinstance(device, int) and not isinstance(device, bool):
            device = str(device)
        if not isinstance(device, str) or not DEVICE.fullmatch(device.strip()):
            raise MessageError(f"The message names no device in “{self.device}”.")
        return device.strip().lower()

    def _payload(self, message):
        text = _at(message, self.payload)
        if text is None and self.kind == "lora":
            return b""  # an uplink of the network's own
        if not isinstance(text, str) or not text:
            raise MessageError(f"The message has no payload in “{self.payload}”.")
        if len(text) > 2 * MAX_PAYLOAD:
            raise MessageError(f"A payload has at most {MAX_PAYLOAD} bytes.")
        try:
            if self.encoding == "hex":
                return bytes.fromhex(text)
            return base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise MessageError(f"The payload is no {self.encoding}.") from None

    def _time(self, message):
        value = _at(message, self.time) if self.time else None
        if value is None or value == "":
            return None
        try:
            return moment_of(value)
        except (ValueError, OverflowError, OSError):
            raise MessageError(
                f"The time in “{self.time}” is none: write an ISO time with its zone, "
                "or the milliseconds since 1970."
            ) from None


def split(payload):
    """(protocol, frame) of each meter frame in a payload; none in an empty one.

    A payload without any comes back whole, with None: it is shown, not thrown away.
    """
    if not payload:
        return []
    framer = registry.any_framer()
    frames = framer.feed(payload) + framer.flush()
    return [(registry.detect(frame), frame) for frame in frames] or [(None, payload)]


def _at(message, paths):
    """What is under the first of ``paths`` that has anything, None when none has."""
    for path in paths.split("|"):
        value = message
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and value not in NOTHING:
            return value
    return None


def moment_of(value):
    """ISO time (UTC) of what a platform tells.

    :raises ValueError: it is no time, or one without a zone
    """
    return _moment(value).isoformat(timespec="milliseconds")


def _moment(value):
    """UTC time of an ISO text or a number since 1970.

    :raises ValueError: neither, or a text without a zone
    """
    if isinstance(value, str) and not value.strip().isdigit():
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(timezone.utc)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("no number")
    number = float(value)
    if abs(number) >= MILLISECONDS_FROM:
        number /= 1000
    return datetime.fromtimestamp(number, timezone.utc)


def _identity(profile, device, at, number, frame, place):
    """An id that the same uplink gets every time.

    Without time and number nobody can tell a repeated message from a meter that still
    shows the same a day later: then each counts.
    """
    if at is None and number is None:
        return str(uuid.uuid4())
    text = "\x1f".join(map(str, (profile, device, at, number, frame.hex(), place)))
    # a lone half of a character is legal in JSON, but has no bytes
    plain = text.encode("ascii", "backslashreplace").decode()
    return str(uuid.uuid5(NAMESPACE, plain))


# === FILES === #


def names():
    """Names of the profiles, sorted."""
    return toml_files.names(FOLDER)


@cache
def load(name):
    """The :class:`Profile` called ``name``.

    :raises ProfileError: no such profile, or a file that is wrong
    """
    row = toml_files.load(FOLDER, name, CALLED, ProfileError)
    try:
        return _checked(Profile(name=name, **row))
    except (TypeError, ValueError) as error:
        raise ProfileError(f"The {CALLED} {name} is wrong: {error}") from error


def _checked(profile):
    for one in fields(profile):
        wanted = dict if one.name == "only" else str
        if not isinstance(getattr(profile, one.name), wanted):
            raise ValueError(f"{one.name} must be a {wanted.__name__}")
    for name, allowed in (
        ("kind", KINDS),
        ("encoding", ENCODINGS),
        ("signature", SIGNATURES),
        ("on_error", ON_ERROR),
    ):
        if getattr(profile, name) not in allowed:
            raise ValueError(f"{name} is one of {', '.join(filter(None, allowed))}")
    return profile
