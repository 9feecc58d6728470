"""Event records (AFN 0EH) of Q/GDW 376.1: ERC 1 to 41.

Source: Q/GDW 376.1-2009, 5.14 (records) and annex B (codes). Their
layouts rest on one open decoder; of unknown ones, and of records of another length,
the time and the bytes are kept. Every record begins with its time (A.15).
"""

from typing import NamedTuple

from .gdw376_frame import GDW130

NAMES = {
    1: "data initialised or version changed",
    2: "parameters lost",
    3: "parameters changed",
    4: "input changed",
    5: "remote trip",
    6: "power control trip",
    7: "energy control trip",
    8: "meter parameters changed",
    9: "current circuit fault",
    10: "voltage circuit fault",
    11: "phase sequence fault",
    12: "meter clock deviates",
    13: "meter fault",
    14: "terminal power off or on",
    15: "harmonics over limit",
    16: "analogue input over limit",
    17: "unbalance over limit",
    18: "capacitor switching locked",
    19: "purchase parameters set",
    20: "message authentication failed",
    21: "terminal fault",
    22: "energy difference over limit",
    23: "energy control alarm",
    24: "voltage over limit",
    25: "current over limit",
    26: "apparent power over limit",
    27: "meter index went down",
    28: "meter energy deviates",
    29: "meter runs away",
    30: "meter stands still",
    31: "meter cannot be read",
    32: "traffic over limit",
    33: "meter status word changed",
    34: "current transformer fault",
    35: "unknown meter found",
    36: "control output changed",
    37: "meter cover opened",
    38: "meter terminal cover opened",
    39: "re-reading failed",
    40: "magnetic field",
    41: "clock set",
}

TIME = ("time", "A15", "")
_POINT = ("point", "point", "")
_FLAGS = ("flags", "hex1", "")
_INDEX = ("forward_active.total", "A14", "kWh")
_BEFORE, _AFTER = (("before", "A14", "kWh"), ("after", "A14", "kWh"))


def _abc(name, form, unit):
    return tuple((f"{name}.{phase}", form, unit) for phase in "abc")


_CIRCUIT = (_POINT, _FLAGS, *_abc("voltage", "A7", "V"), *_abc("current", "A25", "A"))
_UNREAD = (
    _POINT,
    ("last_read_at", "A15", ""),
    _INDEX,
    ("forward_reactive.total", "A11", "kvarh"),
)

#: What follows the time, by code.
LAYOUTS = {
    1: (_FLAGS, ("version_before", "text4", ""), ("version_after", "text4", "")),
    2: (_FLAGS,),
    4: (("changed", "hex1", ""), ("state", "hex1", "")),
    8: (_POINT, _FLAGS),
    9: (*_CIRCUIT, _INDEX),
    10: (*_CIRCUIT, _INDEX),
    11: (
        _POINT,
        *_abc("voltage_angle", "A5", "°"),
        *_abc("current_angle", "A5", "°"),
        _INDEX,
    ),
    12: (_POINT,),
    13: (_POINT, _FLAGS),
    14: (("power_on_at", "A15", ""),),
    17: (
        _POINT,
        _FLAGS,
        ("voltage_unbalance", "A5", "%"),
        ("current_unbalance", "A5", "%"),
        *_abc("voltage", "A7", "V"),
        *_abc("current", "A25", "A"),
    ),
    21: (("fault", "bin1", ""),),
    24: (_POINT, _FLAGS, *_abc("voltage", "A7", "V")),
    25: (_POINT, _FLAGS, *_abc("current", "A25", "A")),
    26: (
        _POINT,
        _FLAGS,
        ("apparent_power", "A23", "kVA"),
        ("apparent_power_limit", "A23", "kVA"),
    ),
    27: (_POINT, _BEFORE, _AFTER),
    28: (_POINT, _BEFORE, _AFTER, ("threshold", "bin1", "")),
    29: (_POINT, _BEFORE, _AFTER, ("threshold", "bin1", "")),
    30: (_POINT, _INDEX, ("threshold", "bin1", "")),
    31: _UNREAD,
    32: (("traffic_month", "bin4", "B"), ("traffic_limit", "bin4", "B")),
    33: (_POINT, ("changed", "hex14", ""), ("state", "hex14", "")),
    34: (_POINT, _FLAGS),
    39: _UNREAD,
    41: (_POINT, ("clock_before", "A1", ""), ("clock_after", "A1", "")),
}
#: Codes whose metering point carries in D15 whether it began (1) or ended (0).
WITH_START = {9, 10, 11, 12, 13, 17, 24, 25, 26, 27, 28, 29, 30, 31, 34}
#: Holds a wrong authentication code: nothing of it but the time is shown.
SECRET = {20}
POINT_MASK, START_BIT = 0x0FFF, 0x8000


class Record(NamedTuple):
    """One event as it was sent."""

    code: int
    body: bytes


def records(data):
    """Records and the bytes behind them of ``EC1 EC2 Pm Pn (ERC Le body)…``.

    None when the bytes end within a record.
    """
    if len(data) < 4:
        return None
    count, data, found = (data[3] - data[2]) % 256 or 256, data[4:], []
    while data and len(found) < count:
        if len(data) < 2 or len(data) < 2 + data[1]:
            return None
        found.append(Record(data[0], data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    return found, data


def read_events(reader, prefix, data):
    """Values of a unit of AFN 0EH F1 or F2; answers the bytes behind it."""
    found = records(data)
    if found is None:
        reader.fail("length", "An event record is too short.")
        return b""
    reader.add(f"{prefix}important_events", data[0])
    reader.add(f"{prefix}general_events", data[1])
    for number, record in enumerate(found[0], 1):
        _read_record(reader, f"{prefix}event.{number}.", record)
    return found[1]


def _read_record(reader, prefix, record):
    code, body = record
    reader.add(f"{prefix}code", f"ERC{code}")
    reader.add(f"{prefix}name", NAMES.get(code, "unknown event"))
    layout = (TIME, *LAYOUTS.get(code, ()))
    size = sum(reader.size(form) for _name, form, _unit in layout)
    # 130-2005 has other sizes, its points have one byte: a record is not taken apart
    is_older = reader.frame.edition is GDW130
    if code not in LAYOUTS or size != len(body) or is_older:
        layout, shown = (TIME,), code not in SECRET
        if len(body) < reader.size(TIME[1]):
            reader.add(f"{prefix}data", body.hex().upper() if shown else "")
            return
        if shown and len(body) > reader.size(TIME[1]):
            reader.add(f"{prefix}data", body[reader.size(TIME[1]) :].hex().upper())
    for name, form, unit in layout:
        part, body = body[: reader.size(form)], body[reader.size(form) :]
        if form == "point":
            word = int.from_bytes(part, "little")
            reader.add(f"{prefix}point", word & POINT_MASK)
            if code in WITH_START:
                reader.add(f"{prefix}state", "began" if word & START_BIT else "ended")
        else:
            reader.value(prefix + name, form, unit, part)
