"""A DL/T 645-2007 electricity meter, with relay and prepaid register."""

from decimal import Decimal

from ..protocols import bcd, dlt645, dlt645_prepaid, registry
from ..protocols import dlt645_2007 as dlt
from ..protocols.base import Fault
from ..protocols.dlt645_reply import ERROR, REPLY
from ..protocols.dlt645_words import RELAY_OPEN_BIT
from .clock import obey_broadcast, write_clock
from .meter import CENT, Meter

#: How many of ten hundredths of a kWh each of the four rates counts.
SHARES = (3, 3, 2, 2)

#: What it measures: name in its row, bytes, decimals (DL/T 645-2007, table A.3).
MEASURED = {
    0x02010100: ("voltage", 2, 1),
    0x02020100: ("current", 3, 3),
    0x02800001: ("neutral_current", 3, 3),
    0x02030000: ("power", 3, 4),
    0x02060000: ("power_factor", 2, 3),
    0x02800002: ("frequency", 2, 2),
    0x00020000: ("reverse", 4, 2),
}

NO_DATA, PASSWORD = 1 << 1, 1 << 2
REPEAT, ESAM, CUSTOMER, COUNT = 1 << 1, 1 << 2, 1 << 4, 1 << 5

RELAY_LENGTH = 16
CREDIT_LENGTH = 30


class ElectricityMeter(Meter):
    """Answers reads, relay commands and credit commands like a prepaid meter."""

    def __init__(self, row, clock, zone=None, authenticator=None):
        super().__init__(row, clock, zone)
        self.protocol = registry.get("dlt645-2007")
        self.address = dlt645.address_digits(self.state.address)
        if authenticator and self.state.area_code:
            authenticator = authenticator.for_area(self.state.area_code)
        self.authenticator = authenticator

    def wire(self):
        return self._packed_address()

    def answer(self, frame):
        request = dlt645.parse(frame)
        if isinstance(request, Fault) or request.control & REPLY:
            return "other", None
        address, control, data = request
        if not dlt645.same_meter(address, self.address):
            return "other", None
        if control == dlt.READ_ADDRESS:
            return "read", self._reply(dlt.READ_ADDRESS, self._packed_address())
        if address == dlt645.BROADCAST:
            if control == dlt.CLOCK:
                obey_broadcast(self, data)
            return "other", None
        if control == dlt.READ and len(data) >= 4:
            return "read", self._read(int.from_bytes(data[:4], "little"))
        if control == dlt.WRITE and len(data) >= 12:
            return "clock", self._write(data)
        if control == dlt.RELAY:
            return "relay", self._relay(data)
        if control == dlt645_prepaid.SECURITY and len(data) >= 4:
            return self._security(data)
        return "other", self._error(control, NO_DATA)

    def _reply(self, function, data=b""):
        return dlt645.build(self.address, REPLY | function, data)

    def _error(self, function, code, size=1):
        control = REPLY | ERROR | function
        return dlt645.build(self.address, control, code.to_bytes(size, "little"))

    def _packed_address(self):
        return dlt645.pack_address(self.address)

    # === READING === #

    def _read(self, di):
        data = self._value(di)
        if data is None:
            return self._error(dlt.READ, NO_DATA)
        return self._reply(dlt.READ, di.to_bytes(4, "little") + data)

    def _value(self, di):
        """Data behind ``di``; b"" = no record, None = no such item."""
        if di >> 16 == 0x0001 and not di & 0xFF:
            return self._energy(self.index(), di >> 8 & 0xFF)
        if di >> 16 == 0x0506:
            return self._freeze(di >> 8 & 0xFF, di & 0xFF)
        now = self.local_now()
        week_day = (now.weekday() + 1) % 7
        simple = {
            dlt.STATUS_WORD_3: self._status_word,
            dlt645_prepaid.REMAINING_ENERGY: self._remaining,
            0x04000101: lambda: bcd.pack_digits(f"{now:%y%m%d}{week_day:02d}", 4),
            0x04000102: lambda: bcd.pack_digits(f"{now:%H%M%S}", 3),
            0x04000401: self._packed_address,
            0x04000402: self._packed_address,
        }
        if di in MEASURED:
            name, size, decimals = MEASURED[di]
            value = self.state.measured.get(name)
            return None if value is None else bcd.pack_number(value, size, decimals)
        return simple[di]() if di in simple else None

    def _energy(self, total, rate):
        if not rate:
            return bcd.pack_number(total, 4, 2)
        values = [total, *spread(total)]
        if rate == 0xFF:
            return b"".join(bcd.pack_number(value, 4, 2) for value in values)
        return bcd.pack_number(values[rate], 4, 2) if rate < len(values) else None

    def _freeze(self, what, back):
        frozen = self.freeze(back)
        if what not in (0x00, 0x01):
            return None
        if not frozen:
            return b""
        day, total = frozen
        if what == 0x00:
            return bcd.pack_digits(f"{day:%y%m%d}0000", 5)
        return self._energy(total, 0xFF)

    def _status_word(self):
        self.advance()
        word = 1 << 8 if self.state.prepaid else 0
        if self.state.relay == "open":
            word |= RELAY_OPEN_BIT | 1 << 6
        return word.to_bytes(2, "little")

    def _remaining(self):
        if not self.state.prepaid:
            return None
        return bcd.pack_number(self.balance(), 4, 2)

    def _write(self, data):
        """Date and time; like a meter out of the factory it checks no password."""
        if not write_clock(self, int.from_bytes(data[:4], "little"), data[12:]):
            return self._error(dlt.WRITE, NO_DATA)
        return self._reply(dlt.WRITE)

    # === RELAY === #

    def _relay(self, data):
        if len(data) != RELAY_LENGTH:
            return self._error(dlt.RELAY, 1)
        if self.state.password:
            if data[:4] != dlt.pack_password(self.state.password):
                return self._error(dlt.RELAY, PASSWORD)
        if not self._still_valid(data[10:16]) or data[8] not in (
            dlt.TRIP,
            dlt.CLOSE_NOW,
        ):
            return self._error(dlt.RELAY, 1)
        self.switch(close=data[8] == dlt.CLOSE_NOW)
        return self._reply(dlt.RELAY)

    def _still_valid(self, stamp):
        try:
            return bcd.digits(stamp) >= f"{self.local_now():%y%m%d%H%M%S}"
        except bcd.NotDecimal:
            return False

    # === PREPAID === #

    def _security(self, data):
        di = int.from_bytes(data[:4], "little")
        if not self.state.prepaid:
            return "credit", self._error(dlt645_prepaid.SECURITY, 1, 2)
        if di == dlt645_prepaid.PURCHASE_STATUS:
            return "read", self._purchase_status(di)
        if di == dlt645_prepaid.RECHARGE and len(data) == 8 + 22:
            return "credit", self._recharge(data)
        return "credit", self._error(dlt645_prepaid.SECURITY, 1, 2)

    def _purchase_status(self, di):
        amount = int(self.balance() * 100).to_bytes(4, "little")
        count = self.state.purchase_no.to_bytes(4, "little")
        data = di.to_bytes(4, "little") + amount + self._mac(amount)
        data += count + self._mac(count) + self._customer() + bytes(4)
        return self._reply(dlt645_prepaid.SECURITY, data)

    def _recharge(self, data):
        amount, count, mac, customer, last = _split(data[8:], (4, 4, 4, 6, 4))
        body = amount + count
        if mac != self._mac(body) or last != self._mac(body + customer):
            return self._error(dlt645_prepaid.SECURITY, ESAM, 2)
        if self.state.customer_no and customer != self._customer():
            return self._error(dlt645_prepaid.SECURITY, CUSTOMER, 2)
        energy = Decimal(int.from_bytes(amount, "little")).scaleb(-2)
        result = self.credit(int.from_bytes(count, "little"), energy)
        if result == "booked":
            return self._reply(dlt645_prepaid.SECURITY, data[:4])
        code = REPEAT if result == "repeat" else COUNT
        return self._error(dlt645_prepaid.SECURITY, code, 2)

    def _customer(self):
        return bcd.pack_digits(self.state.customer_no or "0", 6)

    def _mac(self, data):
        if self.authenticator is None:
            return bytes(4)
        return self.authenticator(self.address, data)


def spread(total):
    """``total`` over the four rates: none of them ever goes back, their sum is it."""
    tens, rest = divmod(int(total / CENT), sum(SHARES))
    parts = []
    for share in SHARES:
        parts.append((tens * share + min(rest, share)) * CENT)
        rest = max(rest - share, 0)
    return parts


def _split(data, sizes):
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += size
    return parts
