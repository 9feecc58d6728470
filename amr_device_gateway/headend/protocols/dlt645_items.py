"""Data items of DL/T 645-2007: what the bytes behind a data identification mean.

Sources: DL/T 645-2007, annex A (tables A.1 to A.6); freezes 0506, prepaid 0090 and
078102FF come from the supplement for State Grid smart meters.
"""

import functools
from typing import NamedTuple

from .dlt645_reply import RATES

#: DI2 of energies (DI3 = 00): name, unit, top bit is a sign.
ENERGIES = {
    0x00: ("combined_active", "kWh", True),
    0x01: ("forward_active", "kWh", False),
    0x02: ("reverse_active", "kWh", False),
    0x03: ("combined_reactive_1", "kvarh", True),
    0x04: ("combined_reactive_2", "kvarh", True),
    0x05: ("reactive_q1", "kvarh", False),
    0x06: ("reactive_q2", "kvarh", False),
    0x07: ("reactive_q3", "kvarh", False),
    0x08: ("reactive_q4", "kvarh", False),
    0x09: ("forward_apparent", "kVAh", False),
    0x0A: ("reverse_apparent", "kVAh", False),
}

#: DI1 of freezes: what was frozen.
FREEZES = {
    0x01: ("forward_active", "kWh", False),
    0x02: ("reverse_active", "kWh", False),
    0x03: ("combined_reactive_1", "kvarh", True),
    0x04: ("combined_reactive_2", "kvarh", True),
    0x05: ("reactive_q1", "kvarh", False),
    0x06: ("reactive_q2", "kvarh", False),
    0x07: ("reactive_q3", "kvarh", False),
    0x08: ("reactive_q4", "kvarh", False),
}
#: DI2 of freezes (DI3 = 05): prefix of the names, how many the meter keeps.
FREEZE_KINDS = {
    0x00: ("timed", 12),
    0x01: ("instant", 3),
    0x02: ("zone_switch", 2),
    0x03: ("slot_switch", 2),
    0x06: ("daily", 62),
}


#: DI2 of the largest demands (DI3 = 01).
DEMANDS = {
    0x01: ("forward_demand", "kW", False),
    0x02: ("reverse_demand", "kW", False),
}


class Field(NamedTuple):
    """``size`` bytes; ``kind``: bcd, time, digits, hex or binary."""

    name: str
    size: int
    decimals: int = 0
    unit: str = ""
    signed: bool = False
    kind: str = "bcd"


class Item(NamedTuple):
    """Fields in the order they are sent; ``repeat`` = as many as there are bytes."""

    fields: tuple
    repeat: bool = False


def _phases(di2, name, size, decimals, unit, signed=False, total=False):
    """Items of a value per phase, and of the block of all of them."""
    parts = ([("total", 0)] if total else []) + [("a", 1), ("b", 2), ("c", 3)]
    fields = [
        (di1, Field(f"{name}.{part}", size, decimals, unit, signed))
        for part, di1 in parts
    ]
    items = {0x02000000 | di2 << 16 | di1 << 8: Item((one,)) for di1, one in fields}
    items[0x0200FF00 | di2 << 16] = Item(tuple(one for _di1, one in fields))
    return items


def _single(di, *args, **kwargs):
    return {di: Item((Field(*args, **kwargs),))}


ITEMS = {
    **_phases(0x01, "voltage", 2, 1, "V"),
    **_phases(0x02, "current", 3, 3, "A", signed=True),
    **_phases(0x03, "active_power", 3, 4, "kW", signed=True, total=True),
    **_phases(0x04, "reactive_power", 3, 4, "kvar", signed=True, total=True),
    **_phases(0x05, "apparent_power", 3, 4, "kVA", signed=True, total=True),
    **_phases(0x06, "power_factor", 2, 3, "", signed=True, total=True),
    **_phases(0x07, "phase_angle", 2, 1, "°"),
    **_single(0x02800001, "neutral_current", 3, 3, "A", signed=True),
    **_single(0x02800002, "frequency", 2, 2, "Hz"),
    **_single(0x02800007, "temperature", 2, 1, "°C", signed=True),
    **_single(0x04000101, "date", 4, kind="digits"),
    **_single(0x04000102, "time", 3, kind="digits"),
    **_single(0x04000306, "current_ratio", 3),
    **_single(0x04000307, "voltage_ratio", 3),
    **_single(0x04000401, "address", 6, kind="digits"),
    **_single(0x04000402, "meter_number", 6, kind="digits"),
    **_single(0x04000409, "active_constant", 3, 0, "imp/kWh"),
    **_single(0x0400040A, "reactive_constant", 3, 0, "imp/kvarh"),
    **_single(0x04000F01, "alarm_energy_1", 4, 2, "kWh"),
    **_single(0x04000F02, "alarm_energy_2", 4, 2, "kWh"),
    **_single(0x04000F03, "hoard_energy", 4, 2, "kWh"),
    **_single(0x04000F04, "overdraft_energy_limit", 4, 2, "kWh"),
    **_single(0x04001001, "alarm_money_1", 4, 2, "CNY"),
    **_single(0x04001002, "alarm_money_2", 4, 2, "CNY"),
    **_single(0x04001003, "overdraft_money_limit", 4, 2, "CNY"),
    **_single(0x04001004, "hoard_money", 4, 2, "CNY"),
    **_single(0x04001005, "close_permit_money", 4, 2, "CNY"),
    **_single(0x04000B01, "settlement_day", 2, kind="digits"),
    **{
        0x04000500 | number: Item(
            (Field(f"status_word_{number}", 2, kind="hex"),),
        )
        for number in range(1, 8)
    },
    0x040005FF: Item(
        tuple(Field(f"status_word_{n}", 2, kind="hex") for n in range(1, 8))
    ),
    **_single(0x00900100, "remaining_energy", 4, 2, "kWh"),
    **_single(0x00900101, "overdraft_energy", 4, 2, "kWh"),
    **_single(0x00900200, "remaining_money", 4, 2, "CNY"),
    **_single(0x00900201, "overdraft_money", 4, 2, "CNY"),
    0x078102FF: Item(
        (
            Field("remaining_energy", 4, 2, "kWh", kind="binary"),
            Field("mac_1", 4, kind="hex"),
            Field("purchase_no", 4, kind="binary"),
            Field("mac_2", 4, kind="hex"),
            Field("customer_no", 6, kind="digits"),
            Field("key_state", 4, kind="hex"),
        )
    ),
}


def _energy(di2, di1, di0):
    if di2 not in ENERGIES:
        return None
    name, unit, signed = ENERGIES[di2]
    if di0 != 0xFF and di0 > 0x0C:
        return None
    suffix = f".{di0}" if di0 else ""
    if di1 == 0xFF and di0 != 0xFF:
        return Item((Field(name, 4, 2, unit, signed),), repeat=True)
    if di1 in RATES and di0 != 0xFF:
        field = Field(f"{name}.{RATES[di1]}{suffix}", 4, 2, unit, signed)
        return Item((field,))
    return None


def _freeze(di2, di1, di0):
    kind, kept = FREEZE_KINDS[di2]
    if not 1 <= di0 <= kept:
        return None
    if di1 == 0x00:
        return Item((Field("freeze_time", 5, kind="time"),))
    if di1 in FREEZES:
        name, unit, signed = FREEZES[di1]
        return Item((Field(f"{kind}.{name}", 4, 2, unit, signed),), repeat=True)
    return None


def _demand(di2, di1, di0):
    """Largest demand (DI3 = 01): power, then when it was (table A.2)."""
    if di2 not in DEMANDS or di1 not in RATES or di0 > 0x0C:
        return None
    name, unit, signed = DEMANDS[di2]
    suffix = f".{di0}" if di0 else ""
    name = f"{name}.{RATES[di1]}{suffix}"
    time = Field(f"{name}.time", 5, kind="time")
    return Item((Field(name, 3, 4, unit, signed), time))


def _purchase_log(di2, di1, di0):
    """Purchase log 0332nnxx (energy) and 0333nnxx (money), xx = 01 is the last."""
    if not 1 <= di0 <= 0x0A:
        return None
    unit, what = ("kWh", "energy") if di2 == 0x32 else ("CNY", "money")
    columns = {
        1: Field("purchase_time", 5, kind="time"),
        2: Field("purchase_no", 2),
        3: Field(f"bought_{what}", 4, 2, unit),
        4: Field(f"{what}_before", 4, 2, unit),
        5: Field(f"{what}_after", 4, 2, unit),
        6: Field(f"bought_{what}_total", 4, 2, unit),
    }
    return Item((columns[di1],)) if di1 in columns else None


@functools.lru_cache(maxsize=1024)
def find(di):
    """The :class:`Item` of data identification ``di``, None when not known."""
    if di in ITEMS:
        return ITEMS[di]
    di3, di2, di1, di0 = di.to_bytes(4, "big")
    if di3 == 0x00:
        return _energy(di2, di1, di0)
    if di3 == 0x01:
        return _demand(di2, di1, di0)
    if di3 == 0x05 and di2 in FREEZE_KINDS:
        return _freeze(di2, di1, di0)
    if di3 == 0x03 and di2 in (0x32, 0x33):
        return _purchase_log(di2, di1, di0)
    return None
