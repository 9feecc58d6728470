"""A DL/T 645-1997 electricity meter: index by rate and clock, no relay."""

from ..protocols import bcd, dlt645, registry
from ..protocols import dlt645_1997 as dlt
from ..protocols.base import Fault
from ..protocols.dlt645_reply import ERROR, REPLY
from .electricity import spread
from .meter import Meter

NO_DATA = 1 << 1
ALL_RATES = 0x0F


class OldElectricityMeter(Meter):
    """Answers reads (01); as its kind does, it is silent to functions of 2007."""

    def __init__(self, row, clock, zone=None, authenticator=None):
        super().__init__(row, clock, zone)
        self.protocol = registry.get("dlt645-1997")
        self.address = dlt645.address_digits(self.state.address)

    def answer(self, frame):
        request = dlt645.parse(frame)
        if isinstance(request, Fault) or request.control != dlt.READ:
            return "other", None
        if not dlt645.same_meter(request.address, self.address):
            return "other", None
        if len(request.data) < 2:
            return "other", None
        data = self._value(int.from_bytes(request.data[:2], "little"))
        if data is None:
            control, data = REPLY | ERROR | dlt.READ, bytes([NO_DATA])
        else:
            control, data = REPLY | dlt.READ, request.data[:2] + data
        return "read", dlt645.build(self.address, control, data)

    def _value(self, di):
        """Data behind ``di``, None when there is no such item."""
        if di >> 4 == dlt.FORWARD_ACTIVE_TOTAL >> 4:
            return self._energy(self.index(), di & 0x0F)
        now = self.local_now()
        if di == dlt.DATE:
            return bcd.pack_digits(f"{now:%y%m%d}{now.isoweekday() % 7:02d}", 4)
        if di == dlt.TIME:
            return bcd.pack_digits(f"{now:%H%M%S}", 3)
        return bcd.pack_digits(self.address, 6) if di == 0xC032 else None

    def _energy(self, total, rate):
        values = [total, *spread(total)]
        if rate == ALL_RATES:
            return b"".join(bcd.pack_number(value, 4, 2) for value in values)
        return bcd.pack_number(values[rate], 4, 2) if rate < len(values) else None
