"""What every protocol offers, in words that do not depend on the protocol."""

import dataclasses
import string
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from . import models
from .errors import ProtocolError


class AddressError(ProtocolError):
    """A meter address is not one this protocol can carry."""


class EncodeError(ProtocolError):
    """A value does not fit the field that has to carry it."""


class Unsupported(ProtocolError):
    """The protocol has no such request."""


class UnknownProtocol(ProtocolError, LookupError):
    """No protocol of that name is registered."""


class Fault(str):
    """What is wrong with a frame: a sentence that also carries a code.

    Codes: ``frame`` (no frame at all), ``truncated``, ``checksum``, ``length``, ``bcd``
    (a value that is no decimal number), ``no_data`` (the meter has no such record),
    ``meter`` (the meter refused; ``flags`` names why).
    """

    code: str
    flags: tuple

    def __new__(cls, code, text, flags=()):
        fault = super().__new__(cls, text)
        fault.code = code
        fault.flags = tuple(flags)
        return fault


class Value(NamedTuple):
    """One decoded value; ``None`` means that the meter says it has none."""

    name: str
    value: Decimal | str | None
    unit: str = ""


@dataclass(slots=True)
class Decoded:
    """One frame in readable form. ``error`` is None or a :class:`Fault`."""

    protocol: str
    address: str | None = None
    control: str | None = None
    data_id: str | None = None
    error: Fault | None = None
    values: list = field(default_factory=list)
    data: bytes = field(default=b"", repr=False)
    #: The device has more to say: ask with :meth:`Protocol.next_request`.
    more: bool = False

    def value(self, name):
        """The value called ``name``, or None when the frame has none."""
        for item in self.values:
            if item.name == name:
                return item.value
        return None

    def as_dict(self):
        """Plain JSON form: numbers as decimal strings."""
        return {
            "protocol": self.protocol,
            "address": self.address,
            "control": self.control,
            "data_id": self.data_id,
            "error": str(self.error) if self.error else None,
            "values": [
                {
                    "name": item.name,
                    "value": _plain(item.value),
                    "unit": item.unit,
                }
                for item in self.values
            ],
        }


def _plain(value):
    """Text of a value; a number without an exponent."""
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class PurchaseState(NamedTuple):
    """What a prepaid meter says of itself: purchase number and remaining energy."""

    purchase_no: int
    balance: Decimal


def clean_address(address, digits, wildcards=()):
    """Pad ``address`` with zeros on the left to ``digits`` digits.

    :raises AddressError: letters, too long, or empty
    """
    text = str(address or "").strip().upper()
    if text in wildcards:
        return text
    if not text or len(text) > digits or set(text) - set(string.digits):
        raise AddressError(
            f"The meter address “{address}” is not valid: "
            f"it must have 1 to {digits} digits and nothing else."
        )
    return text.zfill(digits)


class Framer:
    """Cuts a byte stream into whole, checked frames.

    ``measure(buffer, start)`` of the subclass looks at a start byte and answers the
    length of the frame there, 0 when more bytes are needed to tell, or -1 when no
    frame can begin there. ``check(frame)`` says whether a whole frame is sound.

    Every start byte is looked at once as bytes come in, and a checksum reads at most
    the longest frame, so the work grows with the bytes received and no faster, whatever
    they are. :attr:`work` counts it: one for each look at a start byte, and the bytes
    of each checksum.
    """

    START = b"\x68"

    _buffer = b""
    work = 0

    def measure(self, buffer, start):
        raise NotImplementedError

    def check(self, frame):
        raise NotImplementedError

    @property
    def pending(self):
        """True while bytes of a possible frame are waiting for the rest."""
        return bool(self._buffer)

    def feed(self, data):
        """Take in ``data`` and return the frames that are now whole."""
        buffer = self._buffer + data
        frames, place = [], 0
        while (start := buffer.find(self.START, place)) >= 0:
            frame = self.frame_at(buffer, start)
            if frame is None:
                self._buffer = buffer[start:]
                return frames
            if frame:
                frames.append(frame)
            place = start + (len(frame) or 1)
        self._buffer = b""
        return frames

    def flush(self):
        """The line fell silent: give up false starts that hide whole frames.

        Returns the frames found behind them. Without any, the waiting bytes are kept,
        since the rest of a slow frame may still come.
        """
        frames = []
        start = self._buffer.find(self.START, 1)
        while start > 0:
            if self.frame_at(self._buffer, start):
                self._buffer = self._buffer[start:]
                frames += self.feed(b"")
                start = 0
            start = self._buffer.find(self.START, start + 1)
        return frames

    def reset(self):
        """Forget everything received so far."""
        self._buffer = b""

    def frame_at(self, buffer, start):
        """The sound frame at ``start``, b"" when there is none, None to wait."""
        length = self.measure(buffer, start)
        if length < 0:
            self.work += 1
            return b""
        if not length or len(buffer) - start < length:
            self.work += 1
            return None
        self.work += 1 + length
        frame = buffer[start : start + length]
        return frame if self.check(frame) else b""


class AnyFramer(Framer):
    """Cuts a stream in which several protocols take turns.

    A frame of one protocol is taken whole, so that nothing inside it is mistaken for
    the beginning of a frame of another.
    """

    def __init__(self, framers):
        self._framers = framers

    def frame_at(self, buffer, start):
        wait, have = False, len(buffer) - start
        for framer in self._framers:
            length = framer.measure(buffer, start)
            if length < 0:
                continue
            if not length or have < length:
                wait = True
                continue
            self.work += length
            frame = buffer[start : start + length]
            if framer.check(frame):
                return frame
        self.work += len(self._framers)
        return None if wait else b""


class Protocol:
    """Base of all protocols. Requests that a protocol lacks raise Unsupported."""

    name = ""
    #: What people call it.
    title = ""
    #: Whether meters speak it; what only a concentrator speaks is no meter model's.
    for_meters = True
    #: Pattern of the meter addresses that it can carry.
    address_rule = "[0-9]{1,14}"
    #: Whether an address counts on its own line only: two lines may have a meter 1.
    local_address = False
    #: Unit of every index it gives; "" = the meter tells, or a model's file.
    index_unit = ""
    #: Folder of its meter models as data (:mod:`.models`); "" = it has none.
    models_folder = ""
    #: Whether it cannot read a meter without such a model.
    needs_model = False
    #: Whether a frame can be told from noise when nobody was asked.
    recognisable = True
    #: Bytes of a request; anything longer is a mistake of the one who asks.
    longest_request = 512

    # === METER MODELS === #

    def models(self):
        """Names of the meter models that differ by data only."""
        return models.names(self.models_folder) if self.models_folder else ()

    def of_model(self, model):
        """This protocol with the options of a meter model.

        :raises ModelError: there is no such model, or its file is wrong
        """
        rows = models.options(self.models_folder, model, type(self), self.title)
        return dataclasses.replace(self, **rows)

    def of_utility(self, code, unit):
        """This protocol as meters of one utility speak it.

        :param str code: ``electricity``, ``cold_water``, ``heat``, …
        :param str unit: unit the index is wanted in: kWh, m³, GJ
        :raises ModelError: these meters count in another unit: no number of theirs may
            be taken for one of the wanted unit
        """
        if self.index_unit and self.index_unit != unit:
            raise models.ModelError(
                f"Meters of this protocol and model count in {self.index_unit}, but "
                f"the utility is kept in {unit}: choose a model of that unit."
            )
        return self

    # === FRAMES === #

    def Framer(self):
        """A new framer for one byte stream."""
        raise NotImplementedError

    def speaks(self, frame):
        """Whether a sound frame is of this protocol and not of a twin with its framing.

        The editions of DL/T 645 differ only in the functions they use.
        """
        return True

    def decode(self, frame):
        """Decoded form of ``frame``; never raises, whatever the bytes are."""
        raise NotImplementedError

    def fault_of(self, frame):
        """What keeps ``frame`` from being a sound frame, None when nothing does."""
        return self.decode(frame).error

    def matches(self, request, reply):
        """Whether ``reply`` answers ``request``."""
        raise NotImplementedError

    def is_answered(self, request):
        """Whether anybody answers ``request``; nobody answers a broadcast."""
        return True

    def steps(self, request):
        """Frames of ``request``, to be sent in one go, each after the answer to the one
        before; the answer to the last one is the reply."""
        return [request]

    def goes_on(self, frame):
        """Whether the device sends more frames of this reply by itself."""
        return False

    def continues(self, before, after):
        """Whether the frame ``after`` goes on where ``before`` stopped."""
        return False

    def is_report(self, frame):
        """Whether a device may send ``frame`` without being asked."""
        return True

    def layout(self, frame):
        """Pieces of ``frame`` in order: (size, name, what it says); never raises."""
        return [(len(frame), "frame", str(self.decode(frame).error or ""))]

    def redact(self, frame):
        """Hex of ``frame`` with passwords and authentication codes starred out."""
        return frame.hex()

    def read_item(self, address, di):
        """Request for one data identification."""
        raise self._unsupported("reading single items")

    def read_index(self, address):
        """Requests for the current index of every register."""
        raise self._unsupported("reading the index")

    def index_from(self, decoded):
        """``{register: Decimal}`` of a decoded reply, empty when it has none."""
        return {}

    def identify(self, address):
        """Requests for the meter's own number and how it is set."""
        return self.read_index(address)

    def read_measured(self, address, phases="a"):
        """Requests for voltage, current, power, frequency and energy both ways.

        :param str phases: ``a``, or ``abc``
        """
        raise self._unsupported("measured values")

    def read_daily(self, address, days_back):
        """Requests for the daily freeze ``days_back`` midnights ago (1 = the last)."""
        raise self._unsupported("daily freezes")

    def next_request(self, request, decodeds):
        """Request for what follows ``decodeds``, the answers to ``request`` so far.

        None when the last of them was the end.
        """
        return None

    def join(self, decodeds):
        """One Decoded from the parts of a long answer, in their order."""
        return decodeds[-1]

    def is_frozen(self, decoded):
        """Whether an index was frozen earlier, so that it is not the index of now."""
        return False

    def freeze_time_from(self, decoded):
        """The time a freeze was taken (meter's local time), None when not told."""
        return None

    def read_clock(self, address):
        """Requests for date and time of the device."""
        raise self._unsupported("reading the clock")

    def clock_from(self, decodeds):
        """The device's local time (naive) from the answers, None when not told."""
        return None

    def broadcast_clock(self, moment):
        """Request that sets the clocks of all devices on a line, None when there is no
        such thing. Nobody answers it."""
        return None

    def set_clock(self, address, moment, *, password, operator):
        """Requests that set the clock to ``moment``, the device's local time."""
        raise self._unsupported("setting the clock")

    def relay(self, address, close, *, now, password, operator):
        """Request that opens or closes the relay or valve."""
        raise self._unsupported("switching")

    def relay_state(self, address):
        """Request for the state of the relay or valve."""
        raise self._unsupported("reading the relay")

    def relay_from(self, decoded):
        """``'open'``, ``'closed'`` or None (not told by this frame).

        ``'open'`` always means that the supply is cut: a relay that is open, a water
        valve that is shut.
        """
        return None

    def credit(self, address, *, purchase_no, amount, customer_no, authenticator):
        """Request that books credit on a prepaid meter."""
        raise self._unsupported("prepaid credit")

    def credit_from(self, decoded):
        """``'booked'``, ``'repeat'`` or ``'refused'``: what the meter itself answers to
        :meth:`credit`; None when it is not the meter that speaks, or of something else.
        """
        return None

    def purchase_state(self, address):
        """Requests for purchase number and remaining credit."""
        raise self._unsupported("prepaid credit")

    def purchase_from(self, decodeds):
        """PurchaseState from the decoded replies to :meth:`purchase_state`."""
        raise self._unsupported("prepaid credit")

    def _unsupported(self, what):
        return Unsupported(f"The protocol {self.name} does not offer {what}.")
