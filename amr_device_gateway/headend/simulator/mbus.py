"""An M-Bus meter: primary and secondary addressing, and the repeat bit (FCB)."""

from decimal import Decimal

from ..protocols import bcd, registry
from ..protocols import mbus_frames as frames
from ..protocols.base import Fault
from ..protocols.mbus import MEDIA
from .meter import Meter

HEAT, MAKER, VERSION = 0x04, 0x0DB2, 1
#: Data and value information of what it tells; 8 digits unless named otherwise.
ENERGY, VOLUME, FLOW = b"\x0c\x06", b"\x0c\x14", b"\x0b\x3b"
SETTLED = 0x40
FLOW_TEMPERATURE, RETURN_TEMPERATURE, CLOCK = b"\x0a\x5a", b"\x0a\x5e", b"\x04\x6d"


class MbusMeter(Meter):
    """Answers SND_NKE, selection and REQ_UD2.

    In its row: ``primary`` (1…250, default 1) beside ``address`` (8 digits), and
    ``medium`` (number of the fixed header, default 4, heat). As real meters do, it
    repeats its last telegram when a question comes with the same bit as the one before.
    """

    def __init__(self, row, clock, zone=None, authenticator=None):
        super().__init__(row, clock, zone)
        self.protocol = registry.get("mbus")
        self.address = str(self.state.address).zfill(8)
        frames.clean_address(self.address)
        self.primary = int(row.get("primary", 1))
        self.medium = int(row.get("medium", HEAT))
        self.selected = False
        self._bits = {}
        self._telegram = b""

    def answer(self, frame):
        request = frames.parse(frame)
        if isinstance(request, Fault) or request.is_ack or request.is_answer:
            return "other", None
        if request.information == frames.SELECT:
            self.selected = frames.selects(request.data, self._head())
            self._bits.pop(frames.SELECTED, None)
            return "other", frames.ACK if self.selected else None
        if not self._is_meant(request.address):
            return "other", None
        if request.control == frames.SND_NKE:
            self._bits.pop(request.address, None)
            self.selected = self.selected and request.address != frames.SELECTED
            return "other", frames.ACK
        if request.control & ~frames.FCB != frames.REQ_UD2:
            return "other", None
        bit = request.control & frames.FCB
        if self._bits.get(request.address) != bit or not self._telegram:
            self._telegram = self._answer()
        self._bits[request.address] = bit
        return "read", self._telegram

    def _is_meant(self, address):
        selected = self.selected and address == frames.SELECTED
        return selected or address in (self.primary, frames.TEST)

    def _head(self):
        number = bcd.pack_digits(self.address, 4)
        maker = MAKER.to_bytes(2, "little")
        return number + maker + bytes([VERSION, self.medium])

    def _answer(self):
        header = self._head() + bytes([len(self._bits) & 0xFF, 0, 0, 0])
        data = header + b"".join(self._records())
        return frames.build_long(frames.RSP_UD, self.primary, frames.VARIABLE, data)

    def _records(self):
        quantity = MEDIA.get(self.medium, ("", "volume"))[1]
        kind, decimals = (ENERGY, 0) if quantity == "energy" else (VOLUME, 2)
        yield kind + bcd.pack_number(_down(self.index(), decimals), 4, decimals)
        frozen = self.freeze(1)
        if frozen:
            yield bytes([kind[0] | SETTLED, kind[1]]) + bcd.pack_number(
                _down(frozen[1], decimals), 4, decimals
            )
        if self.medium == HEAT:
            yield FLOW + bcd.pack_number(120, 3)
            yield FLOW_TEMPERATURE + bcd.pack_number(Decimal("58.5"), 2, 1)
            yield RETURN_TEMPERATURE + bcd.pack_number(Decimal("41.2"), 2, 1)
        yield CLOCK + _stamp(self.local_now())


def _down(value, decimals):
    return value.quantize(Decimal(1).scaleb(-decimals), "ROUND_DOWN")


def _stamp(now):
    """Date and time of type F."""
    year = now.year % 100
    return bytes(
        [
            now.minute,
            now.hour,
            now.day | (year & 0b111) << 5,
            now.month | (year >> 3) << 4,
        ]
    )
