"""CJ/T 188 meters: water and gas with a valve, and heat."""

from datetime import datetime
from decimal import Decimal

from ..protocols import bcd, cjt188, cjt188_items, registry
from ..protocols.base import Fault, clean_address
from .meter import Meter

CUBIC_METRES, CUBIC_METRES_PER_HOUR, KILOWATT_HOURS, KILOWATTS = 0x2C, 0x35, 0x05, 0x17
NO_VALUE = b"\xff" * 4
#: What a simulated heat meter shows beside its index: °C, °C and kWh in each m³.
FLOW, RETURN, PER_CUBIC_METRE = Decimal("58.50"), Decimal("41.25"), Decimal(20)


class WaterMeter(Meter):
    """Answers 901F, history D120…, valve commands A017 and the address request.

    ``model`` in its row names a file of ``cjt188_models``; ``meter_type`` overrides the
    kind of meter.
    """

    UNIT = CUBIC_METRES

    def __init__(self, row, clock, zone=None, authenticator=None):
        super().__init__(row, clock, zone)
        options = cjt188.options(row["model"]) if row.get("model") else {}
        self.protocol = registry.get("cjt188", **options)
        self.address = clean_address(self.state.address, 14)
        self.meter_type = row.get("meter_type", self.protocol.meter_type)

    def wire(self):
        return bytes(reversed(bytes.fromhex(self.address)))

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
        if request.control == cjt188.READ and item in cjt188.HISTORY:
            index = self.settlement(item - cjt188.HISTORY.start + 1)
            return "read", self._reply(request, request.data[:3] + self._amount(index))
        if item == cjt188.VALVE and request.control in (cjt188.WRITE, 0x2A):
            return "relay", self._valve(request)
        if item == cjt188.CLOCK and request.control == cjt188.WRITE:
            return "clock", self._write_clock(request)
        return "other", self._error(request)

    def _write_clock(self, request):
        text = cjt188_items.clock_text(request.data[3:10], self.protocol.clock)
        try:
            self.set_clock(datetime.strptime(text or "", "%Y-%m-%d %H:%M:%S"))
        except ValueError:
            return self._error(request)
        return self._reply(request, request.data[:3] + self._status())

    def _reply(self, request, data):
        control = cjt188.REPLY | request.control
        return cjt188.build(self.meter_type, self.address, control, data)

    def _error(self, request):
        control = cjt188.REPLY | cjt188.ERROR | request.control
        data = request.data[2:3] + self._status()
        return cjt188.build(self.meter_type, self.address, control, data)

    def _meter_data(self):
        total = self._amount(self.index())
        return total + self._settled() + self._clock() + self._status()

    def _settled(self):
        frozen = self.freeze(1)
        return self._amount(frozen[1] if frozen else 0)

    def _amount(self, value, unit=None, decimals=2):
        """Four bytes and the unit; filled with FF when there is no value."""
        unit = bytes([self.UNIT if unit is None else unit])
        if value is None:
            return NO_VALUE + unit
        return bcd.pack_number(value, 4, decimals) + unit

    def _clock(self):
        return cjt188_items.pack_clock(self.local_now(), self.protocol.clock)

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


class HeatMeter(WaterMeter):
    """Answers 901F with the 46 bytes of a heat meter; the index is kWh."""

    UNIT = KILOWATT_HOURS

    def _meter_data(self):
        index, power = self.index(), self.state.per_hour
        if self.state.relay == "open":
            power = Decimal(0)
        volume = (index / PER_CUBIC_METRE).quantize(Decimal("0.01"))
        flow = (power / PER_CUBIC_METRE).quantize(Decimal("0.0001"))
        hours = int((self.clock() - self.state.origin_at) // 3600)
        return b"".join(
            [
                self._settled(),
                self._amount(index),
                self._amount(power.quantize(Decimal("0.01")), KILOWATTS),
                self._amount(flow, CUBIC_METRES_PER_HOUR, 4),
                self._amount(volume, CUBIC_METRES),
                bcd.pack_number(FLOW, 3, 2),
                bcd.pack_number(RETURN, 3, 2),
                bcd.pack_number(hours % 1_000_000, 3),
                self._clock(),
                self._status(),
            ]
        )


def cjt188_meter(row, *args):
    """The meter a row describes: its model, or its type, decides."""
    options = cjt188.options(row["model"]) if row.get("model") else {}
    kind = row.get("meter_type", options.get("meter_type", 0x10))
    is_heat = kind in cjt188_items.PRODUCTS_OF_HEAT
    return (HeatMeter if is_heat else WaterMeter)(row, *args)
