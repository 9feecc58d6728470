"""Register maps of Modbus meters: what the registers of a model mean, as data.

One TOML file per model in ``modbus_models``:

    source = "where the facts are published"
    [[block]]                   # what is read at once
    name = "energy"
    function = 3                # 3 holding, 4 input registers
    start = 0x4000
    count = 2                   # up to 125
    registers = [
        { name = "total", at = 0x4000, type = "float32", unit = "kWh" },
    ]

A register may set ``words`` (``big`` or ``little``: which word comes first), ``bytes``
(the order inside a word), ``scale`` (a factor, exact) and ``missing`` (the hex that
means "no value"). ``base = 1`` is for makers who count registers from 1. The index is
in registers called ``total``, ``t1``, ``t2``…, in kWh or m³.

A reply of Modbus does not tell which registers it carries. So every block of a model
must have a size of its own: a late answer to another block is never taken for this one.
"""

import math
import re
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from pymodbus.client.mixin import ModbusClientMixin

from . import models
from .floats import decimal32
from .modbus_frames import HOLDING, INPUT, MAX_COUNT

MODELS = "modbus_models"
TYPES = {
    kind.name.lower(): kind
    for kind in ModbusClientMixin.DATATYPE
    if kind.name not in ("STRING", "BITS")
}
#: BCD in registers, highest digits first: number of registers.
BCD_TYPES = {"bcd16": 1, "bcd32": 2, "bcd64": 4}
ORDERS = ("big", "little")
INDEX = re.compile(r"total|t[1-9][0-9]?")
INDEX_UNITS = ("kWh", "m³", "GJ")
REGISTER_KEYS = {"name", "at", "type", "unit", "words", "bytes", "scale", "missing"}
BLOCK_KEYS = {"name", "function", "start", "count", "registers"}
MODEL_KEYS = {*models.ABOUT, "base", "block"}


class BadValue(ValueError):
    """Registers that hold no number; the message is a sentence."""


class Register(NamedTuple):
    """One value: where it is in its block, and how to read it."""

    name: str
    offset: int
    type: str
    unit: str = ""
    words: str = "big"
    bytes: str = "big"
    scale: Decimal = Decimal(1)
    missing: str = ""

    @property
    def size(self):
        """Number of registers of 16 bits."""
        return BCD_TYPES.get(self.type) or TYPES[self.type].value[1]

    @property
    def is_index(self):
        return bool(INDEX.fullmatch(self.name))

    def value(self, words):
        """Decimal of the registers ``words``, None when the meter has no value.

        :raises BadValue: infinite, no digits, or an index below zero
        """
        raw = b"".join(word.to_bytes(2, "big") for word in words)
        if self.missing and raw.hex().upper() == self.missing.upper():
            return None
        words = self._swapped(words)
        if self.type in BCD_TYPES:
            value = self._bcd(words)
        else:
            number = ModbusClientMixin.convert_from_registers(
                words, TYPES[self.type], word_order=self.words
            )
            if isinstance(number, float) and math.isnan(number):
                return None
            value = self._decimal(number)
        value = Decimal(format(value * self.scale, "f"))
        if self.is_index and value < 0:
            raise BadValue(f"The index {self.name} is below zero: {value}.")
        return value

    def pack(self, value):
        """Registers that hold ``value``, for the simulator."""
        number = Decimal(value) / self.scale
        if self.type in BCD_TYPES:
            text = str(int(number)).zfill(4 * self.size)
            words = [int(text[n : n + 4], 16) for n in range(0, len(text), 4)]
            words = words if self.words == "big" else words[::-1]
        else:
            plain = float(number) if self.type.startswith("float") else int(number)
            words = ModbusClientMixin.convert_to_registers(
                plain, TYPES[self.type], word_order=self.words
            )
        return self._swapped(words)

    def _swapped(self, words):
        if self.bytes == "big":
            return list(words)
        return [word >> 8 | (word & 0xFF) << 8 for word in words]

    def _bcd(self, words):
        words = words if self.words == "big" else list(reversed(words))
        text = "".join(f"{word:04X}" for word in words)
        if not text.isdecimal():
            raise BadValue(f"The value of {self.name} is no decimal number: {text}.")
        return Decimal(int(text))

    def _decimal(self, number):
        """Exactly what the meter meant: a short float keeps its short digits."""
        if isinstance(number, int):
            return Decimal(number)
        if math.isinf(number):
            raise BadValue(f"The value of {self.name} is infinite.")
        return Decimal(repr(number)) if self.type == "float64" else decimal32(number)


class Block(NamedTuple):
    """Registers that are read at once; ``start`` is the address on the line."""

    name: str
    function: int
    start: int
    count: int
    registers: tuple

    @property
    def shape(self):
        """All that a reply shows of the block it carries."""
        return self.function, self.count

    @property
    def has_index(self):
        return any(one.is_index for one in self.registers)


@cache
def load(model):
    """Blocks of a model, checked.

    :raises ModelError: no such model, or its map is wrong; the sentence says where
    """
    return check(model, models.load(MODELS, model))


def names():
    """Names of all register maps."""
    return models.names(MODELS)


def check(model, rows):
    """:class:`Block` tuple from the content of a model's file.

    :raises ModelError: the map is wrong; the sentence says where
    """
    check = _Check(model)
    check.keys(rows, MODEL_KEYS, "the file", {"source", "block"})
    base = check.number(rows.get("base", 0), "base", 0, 1)
    rows = rows["block"]
    check.that(isinstance(rows, list) and rows, "“block” must be a list of tables")
    blocks = tuple(_block(check, row, base) for row in rows)
    names = [one.name for block in blocks for one in block.registers]
    for name in names:
        check.that(names.count(name) == 1, f"the register “{name}” is there twice")
    check.that("total" in names, "there is no register “total” to bill from")
    for block in blocks:
        twins = [one.name for one in blocks if one.shape == block.shape]
        check.that(
            len(twins) == 1,
            f"the blocks {' and '.join(twins)} are read by the same function and have "
            "the same count, so that nobody could tell their replies apart; read a "
            "register more in one of them, or make one block of them",
        )
    return blocks


def _block(check, row, base):
    check.that(isinstance(row, dict), "a block must be a table")
    where = f"block “{row.get('name', '?')}”"
    check.keys(row, BLOCK_KEYS, where, BLOCK_KEYS)
    function = check.number(row["function"], f"{where}: function", HOLDING, INPUT)
    count = check.number(row["count"], f"{where}: count", 1, MAX_COUNT)
    first = check.number(row["start"], f"{where}: start", base, 0x10000 + base - count)
    check.that(
        isinstance(row["registers"], list) and row["registers"],
        f"{where} has no registers",
    )
    registers = tuple(_register(check, one, first, where) for one in row["registers"])
    taken = {}
    for one in registers:
        for place in range(one.offset, one.offset + one.size):
            check.that(
                place < count,
                f"{where}: the register “{one.name}” reaches beyond the block",
            )
            other = taken.setdefault(place, one.name)
            check.that(
                other == one.name,
                f"{where}: the registers “{other}” and “{one.name}” overlap",
            )
    return Block(row["name"], function, first - base, count, registers)


def _register(check, row, first, where):
    check.that(isinstance(row, dict), f"{where}: a register must be a table")
    where = f"{where}, register “{row.get('name', '?')}”"
    check.keys(row, REGISTER_KEYS, where, {"name", "at", "type"})
    known = [*TYPES, *BCD_TYPES]
    check.that(
        row["type"] in known,
        f"{where}: the type “{row['type']}” is none of {', '.join(known)}",
    )
    at = check.number(row["at"], f"{where}: at", first, first + MAX_COUNT - 1)
    for key in ("words", "bytes"):
        check.that(
            row.get(key, "big") in ORDERS, f"{where}: {key} must be big or little"
        )
    scale = row.get("scale", 1)
    check.that(
        type(scale) in (int, Decimal) and scale > 0 and Decimal(scale).is_finite(),
        f"{where}: scale must be a number above zero",
    )
    texts = {key: row[key] for key in ("name", "unit", "missing") if key in row}
    for key, text in texts.items():
        check.that(isinstance(text, str), f"{where}: {key} must be a text")
    options = {key: row[key] for key in ("words", "bytes") if key in row}
    register = Register(
        offset=at - first, type=row["type"], scale=Decimal(scale), **texts, **options
    )
    check.that(
        not register.missing
        or re.fullmatch(f"[0-9A-Fa-f]{{{4 * register.size}}}", register.missing),
        f"{where}: missing must be {4 * register.size} hex digits",
    )
    check.that(
        not register.is_index or register.unit in INDEX_UNITS,
        f"{where}: an index must be in {', '.join(INDEX_UNITS)}; scale it to that",
    )
    return register


class _Check:
    """Says what is wrong with a map, and in which model's file."""

    def __init__(self, model):
        self.model = model

    def that(self, sound, sentence):
        if not sound:
            raise models.ModelError(
                f"The register map {self.model} is wrong: {sentence}."
            )

    def keys(self, row, known, where, needed):
        for key in row:
            self.that(
                key in known,
                f"{where} has “{key}”, which means nothing; "
                f"known are {', '.join(sorted(known))}",
            )
        for key in sorted(needed):
            self.that(key in row, f"{where} has no “{key}”")

    def number(self, value, what, least, most):
        self.that(
            type(value) is int and least <= value <= most,
            f"{what} must be a number from {least} to {most}",
        )
        return value
