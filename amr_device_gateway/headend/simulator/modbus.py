"""A Modbus meter with the register map of a model, RTU or TCP."""

from decimal import Decimal

from ..protocols import modbus_frames as frames
from ..protocols import registry
from ..protocols.base import Fault
from ..protocols.modbus import unit_of
from .meter import Meter

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2
#: What a simulated meter shows beside its index, by the first word of the name.
READINGS = {
    "voltage": Decimal("230.5"),
    "frequency": Decimal("50.02"),
    "power_factor": Decimal("0.98"),
}


class ModbusMeter(Meter):
    """Answers reads of the blocks of its model; everything else is refused.

    ``model`` in its row names a file of ``modbus_models``.
    """

    def __init__(self, row, clock, zone=None, authenticator=None):
        super().__init__(row, clock, zone)
        self.protocol = registry.get(row["protocol"], model=row.get("model", ""))
        self.unit = unit_of(self.state.address)
        self.address = str(self.unit)
        self.blocks = self.protocol.blocks

    def answer(self, frame):
        request = self.protocol.parse(frame)
        if isinstance(request, Fault) or request.unit != self.unit:
            return "other", None
        asked = frames.asked(request)
        if asked is None:
            if request.is_read or request.function & frames.ERROR:
                return "other", None  # the answer of another meter on the line
            return "other", self._refuse(request, ILLEGAL_FUNCTION)
        registers = self._registers(request.function, *asked)
        if registers is None:
            return "read", self._refuse(request, ILLEGAL_ADDRESS)
        return "read", self._send(request, frames.read_reply(request, registers))

    def _refuse(self, request, code):
        return self._send(request, frames.error_reply(request, code))

    def _send(self, request, message):
        if self.protocol.name == "modbus-tcp":
            return frames.build_tcp(message)
        return frames.build_rtu(message)

    def _registers(self, function, start, count):
        """Registers of a span that lies in one block, else None."""
        for block in self.blocks:
            first = start - block.start
            if function == block.function and 0 <= first <= block.count - count:
                return self._block(block)[first : first + count]
        return None

    def _block(self, block):
        registers = [0] * block.count
        for one in block.registers:
            span = slice(one.offset, one.offset + one.size)
            registers[span] = one.pack(self._value(one.name))
        return registers

    def _value(self, name):
        if name == "total":
            return self.index()
        if name.startswith("active_power"):
            return Decimal(0) if self.state.relay == "open" else self.state.per_hour
        return READINGS.get(name.partition(".")[0], Decimal(0))
