"""Modbus RTU: meters with register maps, on RS-485 or behind a DTU.

What the registers of a model mean is data: :mod:`.modbus_map`. The protocol object
needs the model to read and to understand, ``registry.get("modbus", model="sdm120")``;
to send and to match, which is all the head-end does, it does not.
"""

import dataclasses
import string
from dataclasses import dataclass

from . import modbus_frames as frames
from . import modbus_map
from .base import AddressError, Decoded, EncodeError, Fault, Protocol, Value
from .layout import ANSWER, REFUSAL, REQUEST, said

HIGHEST_UNIT = 247


@dataclass(frozen=True)
class Modbus(Protocol):
    """Modbus RTU with the register map of a meter model.

    :param model: name of a file in ``modbus_models``
    """

    model: str = ""

    name = "modbus"
    title = "Modbus RTU"
    address_rule = "[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-3][0-9]|24[0-7]"
    local_address = True
    models_folder = modbus_map.MODELS
    needs_model = True
    framing_rank = 80
    recognisable = False

    def Framer(self):
        return frames.RtuFramer()

    def parse(self, raw):
        return frames.parse_rtu(raw)

    def build(self, message):
        return frames.build_rtu(message)

    def of_model(self, model):
        modbus_map.load(model)
        return dataclasses.replace(self, model=model)

    @property
    def index_unit(self):
        """Unit of the registers that are billed from.

        :raises ModelError: no model is set, or there is none of that name
        """
        registers = [one for block in self.blocks for one in block.registers]
        return next(one.unit for one in registers if one.is_index)

    @property
    def blocks(self):
        """Blocks of the model.

        :raises ModelError: no model is set, or there is none of that name
        """
        return modbus_map.load(self.model)

    # === REQUESTS === #

    def read_item(self, address, di):
        """Request for any registers: function, start and count in ``di``.

        Eight hex digits ``FFSSSSCC``: 03400002 reads two holding registers from 4000.
        """
        function, start, count = di >> 24, di >> 8 & 0xFFFF, di & 0xFF
        return self._read(address, function, start, count)

    def read_block(self, address, name):
        """Request for one block of the model.

        :raises EncodeError: the model has no such block
        """
        for block in self.blocks:
            if block.name == name:
                return self._read(address, block.function, block.start, block.count)
        raise EncodeError(f"The register map {self.model} has no block “{name}”.")

    def read_index(self, address):
        return [
            self.read_block(address, block.name)
            for block in self.blocks
            if block.has_index
        ]

    def read_measured(self, address, phases="a"):
        """Every block of the model: it has what the meter measures, and no more."""
        return [self.read_block(address, block.name) for block in self.blocks]

    def _read(self, address, function, start, count):
        unit = unit_of(address)
        message = frames.read_request(unit, function, start, count)
        return self.build(message)

    # === REPLIES === #

    def decode(self, frame):
        parsed = self.parse(bytes(frame))
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        data_id, values, error = self._content(parsed)
        return Decoded(
            self.name,
            str(parsed.unit),
            f"{parsed.function:02X}",
            data_id,
            error,
            values,
            parsed.body,
        )

    def _content(self, frame):
        """(data identification, values, fault) of a sound frame."""
        if frame.function & frames.ERROR:
            code = frame.body[0]
            flag, text = frames.EXCEPTIONS.get(code, ("other", f"exception {code}"))
            return None, [], Fault("meter", f"The meter refused: {text}.", [flag])
        asked = frames.asked(frame)
        if asked:
            start, count = asked
            return f"{frame.function:02X}{start:04X}{count:02X}", [], None
        registers = frames.registers(frame)
        block = self._block_of(frame.function, registers)
        if block is None:
            return None, [Value("data", frame.body.hex().upper())], None
        data_id = f"{block.function:02X}{block.start:04X}{block.count:02X}"
        return data_id, *_values(block, registers)

    def _block_of(self, function, registers):
        """The block of that shape; None without a model or for other registers."""
        if registers is None or not self.model:
            return None
        shape = function, len(registers)
        return next((one for one in self.blocks if one.shape == shape), None)

    def matches(self, request, reply):
        asked, answer = self.parse(request), self.parse(reply)
        if isinstance(asked, Fault) or isinstance(answer, Fault):
            return False
        wanted = asked.unit, asked.transaction, asked.function
        if wanted != (answer.unit, answer.transaction, answer.function & 0x7F):
            return False
        if answer.function & frames.ERROR:
            return True
        if not asked.is_read:  # a write is answered by its own beginning
            return answer.body == asked.body[:4]
        span, registers = frames.asked(asked), frames.registers(answer)
        return bool(span and registers) and len(registers) == span[1]

    #: What precedes unit and function, and what follows the body.
    HEAD, TAIL = (), (2,)

    def layout(self, frame):
        decoded = self.decode(frame)
        if decoded.control is None:
            return [(len(frame), "frame", str(decoded.error))]
        is_reply = bool(decoded.values) or decoded.error
        refused = int(decoded.control, 16) & frames.ERROR
        control = REFUSAL if refused else ANSWER if is_reply else REQUEST
        body = len(frame) - 2 - sum(size for size, _name in self.HEAD) - sum(self.TAIL)
        return [
            *((size, name, "") for size, name in self.HEAD),
            (1, "address", decoded.address),
            (1, "control", control),
            (body, "data", said(decoded) or decoded.data_id or ""),
            *((size, "checksum", "") for size in self.TAIL),
        ]

    def index_from(self, decoded):
        if decoded.error:
            return {}
        return {
            item.name: item.value
            for item in decoded.values
            if modbus_map.INDEX.fullmatch(item.name) and item.value is not None
        }


def _values(block, registers):
    """Values of a block, and the first fault among them."""
    values, error = [], None
    for one in block.registers:
        words = registers[one.offset : one.offset + one.size]
        try:
            values.append(Value(one.name, one.value(words), one.unit))
        except modbus_map.BadValue as fault:
            error = error or Fault("bcd", str(fault))
    return values, error


def unit_of(address):
    """Unit number of a meter address.

    :raises AddressError: no number from 1 to 247
    """
    text = str(address or "").strip()
    is_number = text and not set(text) - set(string.digits)
    if not is_number or not 1 <= int(text) <= HIGHEST_UNIT:
        raise AddressError(
            f"The meter address “{address}” is not valid: "
            f"a Modbus unit is a number from 1 to {HIGHEST_UNIT}."
        )
    return int(text)


PROTOCOL = Modbus()
