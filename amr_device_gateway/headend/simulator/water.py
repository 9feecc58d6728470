"""A CJ/T 188 cold water meter with a valve."""

from ..protocols import bcd, cjt188, registry
from ..protocols.base import Fault, clean_address
from .meter import Meter

CUBIC_METRES = 0x2C


class WaterMeter(Meter):
    """Answers 901F, valve commands A017 and the address request."""

    def __init__(self, row, clock, zone=None, authenticator=None):
        super().__init__(row, clock, zone)
        self.protocol = registry.get("cjt188")
        self.address = clean_address(self.state.address, 14)
        self.meter_type = row.get("meter_type", self.protocol.meter_type)

    def answer(self, frame):
        request = cjt188.parse(frame)
        if isinstance(request, Fault) or request.control & cjt188.REPLY:
            return "other", None
        if request.address not in (self.address, cjt188.WILDCARD):
            return "other", None
        if request.meter_type not in (self.meter_type, cjt188.ANY_TYPE):
            return "other", None
        if request.control == cjt188.READ_ADDRESS:
            return "read", self._reply(request, request.data[:3])
        if len(request.data) < 3:
            return "other", None
        item = cjt188.known_item(request.data[:2])
        if request.control == cjt188.READ and item == cjt188.METER_DATA:
            return "read", self._reply(request, request.data[:3] + self._meter_data())
        if item == cjt188.VALVE and request.control in (cjt188.WRITE, 0x2A):
            return "relay", self._valve(request)
        return "other", self._error(request)

    def _reply(self, request, data):
        control = cjt188.REPLY | request.control
        return cjt188.build(self.meter_type, self.address, control, data)

    def _error(self, request):
        control = cjt188.REPLY | cjt188.ERROR | request.control
        data = request.data[2:3] + self._status()
        return cjt188.build(self.meter_type, self.address, control, data)

    def _meter_data(self):
        total = bcd.pack_number(self.index(), 4, 2) + bytes([CUBIC_METRES])
        frozen = self.freeze(1)
        settled = frozen[1] if frozen else 0
        settlement = bcd.pack_number(settled, 4, 2) + bytes([CUBIC_METRES])
        clock = bcd.pack_digits(f"{self.local_now():%Y%m%d%H%M%S}", 7)
        return total + settlement + clock + self._status()

    def _status(self):
        closed = self.state.relay == "open"
        return bytes([1 << self.protocol.closed_bit if closed else 0, 0])

    def _valve(self, request):
        words = {cjt188.VALVE_OPEN: True, cjt188.VALVE_CLOSE: False}
        word = request.data[3] if len(request.data) > 3 else None
        if word not in words:
            return self._error(request)
        self.switch(close=words[word])
        return self._reply(request, request.data[:3] + self._status())
