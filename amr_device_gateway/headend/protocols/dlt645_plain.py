"""The short way for the reply that nearly all replies are: sound, and plain numbers.

Anything else (faults, fillers, signs, words, times, parts) is left to
:class:`.dlt645_reply.Decoder`; what both decode, they decode alike. A system of some
ten thousand meters spends most of its time here, so this is written for speed.
"""

from decimal import Decimal

from . import dlt645
from .base import Decoded, Value
from .dlt645_reply import RATES, REPLY

#: So many different items are remembered; devices choose what they send.
MOST_LAYOUTS = 1024
NOT_PLAIN = ("", ())
#: A named tuple without the cost of its own constructor.
_value = tuple.__new__


class PlainReplies:
    """Decoder of plain replies of one edition.

    :param edition: :class:`.dlt645_reply.Edition`
    """

    def __init__(self, edition):
        self._edition = edition
        control = REPLY | edition.read[0]
        self._name, self._control = edition.name, f"{control:02X}"
        #: What all have in common: second start byte and function.
        self._head = bytes([0x68, control])
        self._key_end = 10 + edition.item_size
        self._layouts = {}

    def decode(self, raw):
        """Decoded form of a frame (bytes, no wake-up bytes), None when not plain."""
        if raw[7:9] != self._head or raw[0] != 0x68 or raw[-1] != 0x16:
            return None
        if raw[9] + 12 != len(raw) or sum(raw[:-2]) & 0xFF != raw[-2]:
            return None
        key = raw[9 : self._key_end]  # length and item, as they are sent
        data_id, parts = self._layouts.get(key) or self._layout(key)
        if not parts:
            return None
        data, values = raw[10:-2].translate(dlt645.SUBTRACT), []
        for name, place, decimals, signed, unit in parts:
            text = data[place].hex()
            if not text.isdecimal() or (signed and text[0] > "7"):
                return None
            if decimals:
                text = f"{text[:-decimals]}.{text[-decimals:]}"
            values.append(_value(Value, (name, Decimal(text), unit)))
        address = raw[6:0:-1].hex().upper()
        return Decoded(self._name, address, self._control, data_id, None, values, data)

    def _layout(self, key):
        """Data identification, and the places of its numbers; none when it has others.

        :param bytes key: length of the data field, and the item, as they are sent
        """
        if len(self._layouts) >= MOST_LAYOUTS:
            self._layouts.clear()
        number = key[1:].translate(dlt645.SUBTRACT)[::-1]
        layout = (number.hex().upper(), tuple(self._parts(number, key[0])))
        if key[0] < len(number):
            layout = NOT_PLAIN
        self._layouts[key] = layout
        return layout

    def _parts(self, number, size):
        item = self._edition.find(int.from_bytes(number, "big"))
        fields, start, parts = item.fields if item else (), len(number), []
        if item and item.repeat:
            count = (size - start) // fields[0].size
            named = (
                f"{fields[0].name}.{name}" for name in list(RATES.values())[:count]
            )
            fields = [fields[0]._replace(name=name) for name in named]
        for field in fields:
            if field.kind != "bcd":
                return []
            end = start + field.size
            place = slice(end - 1, start - 1, -1)
            parts.append((field.name, place, field.decimals, field.signed, field.unit))
            start = end
        return parts if start == size else []
