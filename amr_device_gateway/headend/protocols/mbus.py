"""M-Bus (EN 13757): heat, water, gas and electricity meters on a two-wire bus.

A request is all the frames that belong together, one behind the other: the meter is
first reset (SND_NKE) or selected by its number, then asked (REQ_UD2). The link sends
them in one go, each when the one before was answered, and hands back the last answer.
Without the reset a meter may repeat what it said last month.
"""

import contextlib
import dataclasses
from dataclasses import dataclass
from datetime import datetime

from . import mbus_frames as frames
from . import mbus_records
from .base import Decoded, Fault, Protocol, Unsupported, Value
from .layout import ANSWER, REQUEST, said

#: Medium of the fixed header: name, and what its index is.
MEDIA = {
    0x02: ("electricity", "energy"),
    0x03: ("gas", "volume"),
    0x04: ("heat", "energy"),
    0x06: ("hot_water", "volume"),
    0x07: ("water", "volume"),
    0x0A: ("cooling", "energy"),
    0x0B: ("cooling", "energy"),
    0x0C: ("heat", "energy"),
    0x0D: ("heat_and_cooling", "energy"),
    0x15: ("hot_water", "volume"),
    0x16: ("cold_water", "volume"),
}
INDEX_UNITS = {"energy": "kWh", "volume": "m³"}
HEADER = 12
#: Mode in the upper byte of the signature; other numbers there are makers' own.
AES_MODE = 5
STATUS_BITS = ((2, "battery"), (3, "permanent_error"), (4, "temporary_error"))
APPLICATION_ERRORS = {
    1: "unimplemented control information",
    2: "buffer too long",
    3: "too many records",
    4: "premature end of record",
    5: "too many DIFE",
    6: "too many VIFE",
    8: "busy",
    9: "too many readouts",
}


@dataclass(frozen=True)
class Mbus(Protocol):
    """M-Bus with the options of a meter model.

    :param quantity: ``energy`` or ``volume`` is the index; empty = as the medium says
    :param index_unit: unit of the index; empty = kWh or m³
    """

    quantity: str = ""
    index_unit: str = ""

    name = "mbus"
    title = "M-Bus"
    #: Primary (1 to 250) or secondary (8 digits).
    address_rule = "[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|250|[0-9]{8}"
    local_address = True
    models_folder = "mbus_models"
    framing_rank = 90
    recognisable = False

    def of_utility(self, code, unit):
        super().of_utility(code, unit)
        return dataclasses.replace(self, index_unit=unit)

    def Framer(self):
        return frames.MbusFramer()

    def steps(self, request):
        return frames.split(request)

    # === REQUESTS === #

    def read_index(self, address):
        """All records of the first telegram.

        :param address: primary (1…250) or secondary (8 or 16 digits) address
        """
        return [self.prepare(address) + self._ask(address)]

    def read_next(self, address, number):
        """The ``number``-th further telegram, while the values say ``more_records``.

        :raises Unsupported: by secondary address another meter may be selected by now
        """
        if frames.clean_address(address)[0] is None:
            raise Unsupported(
                "Further telegrams are read by the primary address of an M-Bus meter."
            )
        return self._ask(address, again=number % 2 == 1)

    def read_clock(self, address):
        return self.read_index(address)

    def clock_from(self, decodeds):
        """The meter's local time; summer time and seconds are not told."""
        for decoded in decodeds:
            text = decoded.value("clock")
            if text and len(text) == 16:
                with contextlib.suppress(ValueError):
                    return datetime.strptime(text, "%Y-%m-%d %H:%M")
        return None

    def prepare(self, address):
        """Frame that resets or selects a meter; it answers E5."""
        primary, selection = frames.clean_address(address)
        if primary is None:
            return frames.build_long(
                frames.SND_UD, frames.SELECTED, frames.SELECT, selection
            )
        return frames.build_short(frames.SND_NKE, primary)

    def _ask(self, address, again=False):
        primary, _selection = frames.clean_address(address)
        control = frames.REQ_UD2 if again else frames.REQ_UD2 | frames.FCB
        return frames.build_short(
            control, frames.SELECTED if primary is None else primary
        )

    def read_item(self, address, di):
        raise Unsupported(
            "An M-Bus meter tells all its values at once: read the index."
        )

    # === REPLIES === #

    def decode(self, frame):
        last = frames.split(bytes(frame))[-1:]
        parsed = frames.parse(last[0] if last else b"")
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        if parsed.is_ack:
            return Decoded(self.name, control="E5")
        values, error = self._content(parsed, last[0])
        return Decoded(
            self.name,
            str(parsed.address),
            f"{parsed.control:02X}",
            None if parsed.information is None else f"{parsed.information:02X}",
            error,
            values,
            parsed.data,
        )

    def layout(self, frame):
        return [piece for raw in frames.split(frame) for piece in self._layout_of(raw)]

    def _layout_of(self, raw):
        """Pieces of one of the frames that make a request."""
        parsed = frames.parse(raw)
        if isinstance(parsed, Fault):
            return [(len(raw), "frame", str(parsed))]
        if parsed.is_ack:
            return [(1, "acknowledgement", "")]
        control = ANSWER if parsed.is_answer else REQUEST
        middle = [(1, "control", control), (1, "address", str(parsed.address))]
        if raw[0] == frames.LONG:
            length = (1, "length", str(raw[1]))
            middle = [length, length, (1, "start", ""), *middle]
            middle.append((1, "information", ""))
            middle.append((len(parsed.data), "data", said(self.decode(raw))))
        return [(1, "start", ""), *middle, (1, "checksum", ""), (1, "end", "")]

    def _content(self, frame, raw):
        """(values, fault) of a sound frame."""
        if not frame.is_answer:
            return [], None
        if frame.information == frames.ERROR:
            code = frame.data[0] if frame.data else 0
            text = APPLICATION_ERRORS.get(code, f"error {code}")
            return [], Fault("meter", f"The meter refused: {text}.")
        if frame.information not in (frames.VARIABLE, frames.VARIABLE_MSB):
            return [], Fault(
                "unknown",
                f"The meter's data are of kind {frame.information:02X}, "
                "which is not read: only variable data (72, 76) are.",
            )
        if len(frame.data) < HEADER:
            return [], Fault("length", "The telegram ends within its header.")
        head, error = _header(frame.data)
        if error:
            return head, error
        values, error = mbus_records.read(raw)
        return head + values, error

    def matches(self, request, reply):
        parts = frames.split(bytes(request))
        asked = frames.parse(parts[-1] if parts else b"")
        answer = frames.parse(bytes(reply))
        if isinstance(asked, Fault) or isinstance(answer, Fault) or asked.is_ack:
            return False
        if asked.control & ~frames.FCB != frames.REQ_UD2:
            return answer.is_ack and not asked.is_answer
        if not answer.is_answer:
            return False
        if asked.address == frames.SELECTED:
            return len(parts) == 1 or _is_selected(parts[0], answer)
        return asked.address in (frames.TEST, answer.address)

    def index_from(self, decoded):
        """Registers in kWh or m³, as the medium has it.

        Nothing when the meter tells two different values for one register, or the
        amount only in another unit (GJ where kWh are wanted).
        """
        if decoded.error:
            return {}
        media = {name: quantity for name, quantity in MEDIA.values()}
        quantity = self.quantity or media.get(decoded.value("medium"))
        unit = self.index_unit or INDEX_UNITS.get(quantity)
        found = {}
        for item in decoded.values:
            if item.unit == unit and item.value is not None:
                register = _register(item.name, quantity, decoded.value("medium"))
                found.setdefault(register, set()).add(item.value)
        return {
            register: next(iter(values))
            for register, values in found.items()
            if register and len(values) == 1 and min(values) >= 0
        }


def _is_selected(selection, answer):
    """Whether the answer comes from a meter that the selection meant."""
    selected = frames.parse(selection)
    if isinstance(selected, Fault) or selected.information != frames.SELECT:
        return False
    return frames.selects(selected.data, answer.data)


def _register(name, quantity, medium):
    """Register of a value's name: total, and rates of electricity; None for others."""
    if name == quantity:
        return "total"
    kind, _dot, rate = name.partition(".")
    is_rate = rate[:1] == "t" and rate[1:].isdigit()
    return rate if kind == quantity and is_rate and medium == "electricity" else None


def _header(data):
    """Values of the fixed header of 12 bytes, and a fault when the rest is secret."""
    number = data[3::-1].hex().upper()
    maker = int.from_bytes(data[4:6], "little")
    letters = "".join(chr((maker >> shift & 0x1F) + 64) for shift in (10, 5, 0))
    medium = MEDIA.get(data[7], (f"{data[7]:02X}", ""))[0]
    values = [
        Value("identification", number),
        Value("manufacturer", letters),
        Value("version", f"{data[6]}"),
        Value("medium", medium),
        Value("status", f"{data[9]:02X}"),
    ]
    for bit, name in STATUS_BITS:
        bad = "low" if name == "battery" else "yes"
        if data[9] >> bit & 1:
            values.append(Value(name, bad))
    if data[11] & 0x1F == AES_MODE:
        return values, Fault("encrypted", "The telegram is encrypted.")
    return values, None


PROTOCOL = Mbus()
