"""Modbus TCP: the same meters and register maps, behind a gateway on the network.

A request carries a transaction number and the reply repeats it. It is made from what is
asked, so that the same question always gives the same bytes, and two questions of one
model never the same number.
"""

from dataclasses import dataclass

from . import modbus_frames as frames
from .modbus import Modbus


@dataclass(frozen=True)
class ModbusTcp(Modbus):
    """Modbus TCP with the register map of a meter model."""

    name = "modbus-tcp"
    title = "Modbus TCP"
    framing_rank = 70

    HEAD = ((2, "transaction"), (2, "protocol"), (2, "length"))
    TAIL = ()

    def Framer(self):
        return frames.TcpFramer()

    def parse(self, raw):
        return frames.parse_tcp(raw)

    def build(self, message):
        body = bytes([message.dev_id, message.function_code]) + message.encode()
        message.transaction_id = int.from_bytes(frames.crc(body), "big") or 1
        return frames.build_tcp(message)


PROTOCOL = ModbusTcp()
