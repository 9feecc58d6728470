"""Frames of Modbus: RTU (serial, and through a DTU or serial server) and TCP.

RTU: unit, function, data, CRC-16 low byte first. TCP: transaction (2), 0 (2), length
(2), unit, function, data. Sources: MODBUS Application Protocol V1.1b3 and MODBUS over
Serial Line V1.02; checksums, sizes and message bodies are pymodbus'.
"""

from typing import NamedTuple

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
)

from .base import EncodeError, Fault, Framer

HOLDING, INPUT = 0x03, 0x04
ERROR = 0x80
FUNCTIONS = (0x01, 0x02, HOLDING, INPUT, 0x05, 0x06, 0x0F, 0x10)
REQUESTS = {HOLDING: ReadHoldingRegistersRequest, INPUT: ReadInputRegistersRequest}
RESPONSES = {HOLDING: ReadHoldingRegistersResponse, INPUT: ReadInputRegistersResponse}
MAX_COUNT = ReadHoldingRegistersRequest.MAX_COUNT
MAX_PDU = 253
MAX_RTU = MAX_PDU + 3
#: Bytes of checksums that are computed for each byte received, see :class:`RtuFramer`.
EFFORT = 16

_REQUEST, _RESPONSE = DecodePDU(True), DecodePDU(False)
_RTU, _TCP = FramerRTU(_RESPONSE), FramerSocket(_RESPONSE)

EXCEPTIONS = {
    1: ("function", "this function is not known"),
    2: ("no_data", "there is no such register"),
    3: ("value", "a value is not allowed"),
    4: ("device", "the device failed"),
    5: ("acknowledge", "accepted, not done yet"),
    6: ("busy", "the device is busy"),
    8: ("memory", "memory parity error"),
    10: ("gateway", "the gateway has no path"),
    11: ("silent", "the device behind the gateway does not answer"),
}


class Frame(NamedTuple):
    """The fields of a sound frame; ``body`` is what follows the function code."""

    unit: int
    function: int
    body: bytes
    transaction: int = 0

    @property
    def is_read(self):
        return self.function in REQUESTS

    @property
    def is_reply(self):
        """Whether a read frame is the answer: its body is odd, a request's is 4."""
        return bool(self.function & ERROR) or len(self.body) != 4


def read_request(unit, function, start, count, transaction=0):
    """Message that asks for ``count`` registers from ``start``.

    :raises EncodeError: a register or a number of them that cannot be asked for
    """
    if function not in REQUESTS or not 1 <= count <= MAX_COUNT:
        raise EncodeError(
            "Modbus reads 1 to 125 registers by function 3 or 4; "
            f"{count} by function {function} cannot be read."
        )
    if not 0 <= start <= 0x10000 - count:
        raise EncodeError(f"There are no {count} registers from {start:04X}.")
    return REQUESTS[function](
        dev_id=unit, address=start, count=count, transaction_id=transaction
    )


def read_reply(request, registers):
    """Message that answers a read request with ``registers``."""
    return RESPONSES[request.function](
        dev_id=request.unit, transaction_id=request.transaction, registers=registers
    )


def error_reply(request, code):
    """Message that refuses a request with an exception code."""
    return ExceptionResponse(
        request.function, code, device_id=request.unit, transaction=request.transaction
    )


def build_rtu(message):
    return _RTU.buildFrame(message)


def build_tcp(message):
    return _TCP.buildFrame(message)


def crc(data):
    """CRC-16 of ``data`` as it goes over the line."""
    return FramerRTU.compute_CRC(data).to_bytes(2, "big")


def asked(frame):
    """(start, count) of a read request, None when it is none."""
    if not frame.is_read or len(frame.body) != 4:
        return None
    message = REQUESTS[frame.function]()
    try:
        message.decode(frame.body)
    except (ValueError, ModbusException):
        return None
    return message.address, message.count


def registers(frame):
    """Registers of a read reply, None when its byte count is not its length."""
    body = frame.body
    if not frame.is_read or not body or body[0] % 2 or len(body) != body[0] + 1:
        return None
    message = RESPONSES[frame.function]()
    message.decode(body)
    return list(message.registers)


def parse_rtu(raw):
    """:class:`Frame` from the bytes of one RTU frame, or a :class:`Fault`."""
    if len(raw) < 4 or raw[1] & 0x7F not in FUNCTIONS:
        return Fault("frame", "This is no Modbus frame: no unit and function code.")
    if len(raw) not in _sizes(raw):
        return Fault("frame", f"This is no Modbus frame: {len(raw)} bytes do not fit.")
    computed = crc(raw[:-2])
    if computed != raw[-2:]:
        return Fault(
            "checksum",
            f"The checksum is wrong: {raw[-2:].hex().upper()} received, "
            f"{computed.hex().upper()} computed.",
        )
    return Frame(raw[0], raw[1], raw[2:-2])


def parse_tcp(raw):
    """:class:`Frame` from the bytes of one TCP frame, or a :class:`Fault`."""
    if len(raw) < 9 or raw[2:4] != b"\0\0" or raw[7] & 0x7F not in FUNCTIONS:
        return Fault("frame", "This is no Modbus TCP frame: no header of six bytes.")
    length = int.from_bytes(raw[4:6], "big") + 6
    if length != len(raw):
        code = "truncated" if len(raw) < length else "frame"
        return Fault(code, f"The frame has {len(raw)} bytes instead of {length}.")
    if length - 4 not in _sizes(raw[6:] + b"\0\0"):
        return Fault("frame", f"This is no Modbus frame: {length} bytes do not fit.")
    _used, unit, transaction, body = _TCP.decode(raw)
    return Frame(unit, body[0], body[1:], transaction)


def _sizes(head):
    """Sizes that an RTU frame beginning so may have; 0 = more bytes needed to tell."""
    sizes = set()
    for decoder in (_REQUEST, _RESPONSE):
        kind = decoder.lookupPduClass(head)
        if kind:
            sizes.add(kind.calculateRtuFrameSize(head))
    return sizes


class RtuFramer(Framer):
    """Finds frames by size and CRC-16; nothing marks where one begins.

    It needs a line on which somebody was asked, so frames that nobody asked for are
    not looked for (:attr:`Protocol.recognisable` is False).

    Bytes can be chosen so that a frame of the longest size seems to begin at every
    third of them; each of its checksums costs more than all the rest. So there are only
    :data:`EFFORT` bytes of checksums for each byte received, which is twice what noise
    by chance needs. Who sends more such bytes than that gets no frame out of them.
    """

    START = b""
    _left = 2 * MAX_RTU

    def feed(self, data):
        self._left += EFFORT * len(data)
        return super().feed(data)

    def measure(self, buffer, start):
        return -1  # never on a line of several protocols, see Protocol.recognisable

    def frame_at(self, buffer, start):
        self.work += 1
        head = buffer[start : start + 7]
        if len(head) < 2:
            return None
        if head[1] & 0x7F not in FUNCTIONS:
            return b""
        wait = False
        for size in sorted(_sizes(head)):
            frame = buffer[start : start + size]
            if not size or len(frame) < size:
                wait = True
            elif self._is_sound(frame):
                return frame
        return None if wait else b""

    def _is_sound(self, frame):
        if len(frame) > self._left:
            return False
        self._left -= len(frame)
        self.work += len(frame)
        return not isinstance(parse_rtu(frame), Fault)


class TcpFramer(Framer):
    """Finds frames by their header."""

    START = b""

    def measure(self, buffer, start):
        return -1  # never on a line of several protocols, see Protocol.recognisable

    def frame_at(self, buffer, start):
        self.work += 1
        head = buffer[start : start + 8]
        if any(head[2:4]) or (len(head) > 4 and head[4]):
            return b""
        if len(head) < 8:
            return None
        length = head[5] + 6
        if not 9 <= length <= MAX_PDU + 7 or head[7] & 0x7F not in FUNCTIONS:
            return b""
        frame = buffer[start : start + length]
        if len(frame) < length:
            return None
        return b"" if isinstance(parse_tcp(frame), Fault) else frame
