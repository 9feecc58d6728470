"""What the bytes of a data unit mean, by AFN and Fn (upstream).

Source: Q/GDW 376.1-2009, 5.12 (AFN 0CH), 5.13 (AFN 0DH), 5.5 and 5.10 (parameters).
The layouts of the items of AFN 0CH, 0DH and 0EH rest on one open decoder: prove them
with the frames of the concentrators at hand before they are billed from. Any other Fn
keeps its bytes.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from .gdw376_events import read_events

CONFIRM, RESET, LINK, SET, CONTROL = 0x00, 0x01, 0x02, 0x04, 0x05
READ_SET, CURRENT, HISTORY, EVENTS, FORWARD = 0x0A, 0x0C, 0x0D, 0x0E, 0x10
#: AFN of requests that end with a message authentication code (PW, 16 bytes).
AUTHENTICATED = (RESET, SET, CONTROL, 0x06, 0x0F, FORWARD)

LOGIN, LOGOUT, HEARTBEAT = 1, 2, 3
ARCHIVES, SET_CLOCK, CLOCK, COLLECTING = 10, 31, 2, 11
#: AFN 05H: go on with reading, and read all again, on one port (5.6).
RESUME_READING, READ_AGAIN = 50, 51
ALL_ACCEPTED, ALL_DENIED, ONE_BY_ONE = 1, 2, 3
NOW_FORWARD_ACTIVE = 129
DAY_FORWARD_ACTIVE, MONTH_FORWARD_ACTIVE = 161, 177
IMPORTANT_EVENTS, GENERAL_EVENTS = 1, 2
TRANSPARENT = 1

#: More rates than this is no count of rates (5.12: 1 to 12; some terminals 14).
MAX_RATES = 14
RATE_NAMES = ["total", *(f"t{rate}" for rate in range(1, MAX_RATES + 1))]


class Part(NamedTuple):
    """One value. With ``rates``: a total, then one for each of the M rates."""

    name: str
    format: str
    unit: str = ""
    rates: bool = False


#: M, the number of rates, one byte.
COUNT = Part("rates", "count")
_READ_AT = Part("read_at", "A15")

#: The eight registers, in the order of F129…, F161…, F177….
REGISTERS = (
    ("forward_active", "A14", "kWh"),
    ("forward_reactive", "A11", "kvarh"),
    ("reverse_active", "A14", "kWh"),
    ("reverse_reactive", "A11", "kvarh"),
    ("reactive_q1", "A11", "kvarh"),
    ("reactive_q2", "A11", "kvarh"),
    ("reactive_q3", "A11", "kvarh"),
    ("reactive_q4", "A11", "kvarh"),
)


def _rates(*numbers):
    return tuple(Part(*REGISTERS[number], rates=True) for number in numbers)


def _each(first, *head):
    """Eight Fn from ``first`` on, one register each, behind ``head``."""
    return {first + n: (*head, _READ_AT, COUNT, *_rates(n)) for n in range(8)}


def _abc(name, form, unit, *more):
    return tuple(Part(f"{name}.{one}", form, unit) for one in (*more, "a", "b", "c"))


_DAY = Part("freeze_day", "A20")
_READING_DAY = Part("reading_day", "A20")
_MONTH = Part("freeze_month", "A21")
_FORWARD, _REVERSE = _rates(0, 1, 4, 7), _rates(2, 3, 5, 6)

ITEMS = {
    CURRENT: {
        CLOCK: (Part("clock", "A1"),),
        7: (
            Part("important_events", "bin1"),
            Part("general_events", "bin1"),
        ),
        8: (Part("event_flags", "hex8"),),
        10: (
            Part("traffic_day", "bin4", "B"),
            Part("traffic_month", "bin4", "B"),
        ),
        25: (
            _READ_AT,
            *_abc("active_power", "A9", "kW", "total"),
            *_abc("reactive_power", "A9", "kvar", "total"),
            *_abc("power_factor", "A5", "%", "total"),
            *_abc("voltage", "A7", "V"),
            *_abc("current", "A25", "A"),
            Part("neutral_current", "A25", "A"),
            *_abc("apparent_power", "A9", "kVA", "total"),
        ),
        33: (_READ_AT, COUNT, *_FORWARD),
        34: (_READ_AT, COUNT, *_REVERSE),
        **_each(NOW_FORWARD_ACTIVE),
        167: (
            _READ_AT,
            Part("purchase_no", "A8"),
            Part("remaining_money", "A14", "CNY"),
            Part("bought_money_total", "A14", "CNY"),
            Part("remaining_energy", "A11", "kWh"),
            Part("overdraft_energy", "A11", "kWh"),
            Part("bought_energy_total", "A11", "kWh"),
            Part("overdraft_energy_limit", "A11", "kWh"),
            Part("alarm_energy", "A11", "kWh"),
            Part("fault_energy", "A11", "kWh"),
        ),
    },
    HISTORY: {
        1: (_DAY, _READ_AT, COUNT, *_FORWARD),
        2: (_DAY, _READ_AT, COUNT, *_REVERSE),
        9: (_READING_DAY, _READ_AT, COUNT, *_FORWARD),
        10: (_READING_DAY, _READ_AT, COUNT, *_REVERSE),
        17: (_MONTH, _READ_AT, COUNT, *_FORWARD),
        18: (_MONTH, _READ_AT, COUNT, *_REVERSE),
        **_each(DAY_FORWARD_ACTIVE, _DAY),
        **_each(169, _READING_DAY),
        **_each(MONTH_FORWARD_ACTIVE, _MONTH),
    },
    READ_SET: {
        1: (
            Part("rts_delay", "bin1"),
            Part("reply_delay", "bin1"),
            Part("timeout_and_retries", "hex2"),
            Part("confirmed_services", "hex1"),
            Part("heartbeat", "bin1", "min"),
        ),
        3: (
            *(Part(f"main_ip.{n}", "bin1") for n in range(1, 5)),
            Part("main_port", "bin2"),
            *(Part(f"backup_ip.{n}", "bin1") for n in range(1, 5)),
            Part("backup_port", "bin2"),
            Part("apn", "text16"),
        ),
    },
}
#: Size of the time stamp (Td) that a request for AFN 0DH carries, by its kind.
STAMPS = {"A20": 3, "A21": 2}


def stamp_size(fn):
    """Bytes of Td for a request of history ``fn``; None when it is not known."""
    parts = ITEMS[HISTORY].get(fn)
    return STAMPS[parts[0].format] if parts else None


def freeze_moment(name, text):
    """Local time at which a freeze stamped ``text`` was taken, None when unclear.

    A stamp names the day or month that the freeze closes: it was taken at its end,
    00:00 of the next (5.13).
    """
    if name == _DAY.name:
        return datetime.fromisoformat(text) + timedelta(days=1)
    if name == _MONTH.name:
        first = date.fromisoformat(f"{text}-01")
        after = (first + timedelta(days=31)).replace(day=1)
        return datetime(after.year, after.month, after.day)
    return None


def read_collecting(reader, prefix, data):
    """0CH F11: how far the terminal has read its meters, for each of its ports."""
    size = 1 + 2 + 1 + 2 + 1 + 6 + 6
    blocks, data = data[:1], data[1:]
    for _block in range(blocks[0] if blocks else 0):
        if len(data) < size:
            reader.fail("length", "A data unit is cut short.", stop=True)
        name, data, block = f"{prefix}port.{data[0]}.", data[size:], data[1:size]
        reader.add(f"{name}meters", int.from_bytes(block[:2], "little"))
        reader.add(f"{name}state", block[2:3].hex().upper())
        reader.add(f"{name}read", int.from_bytes(block[3:5], "little"))
        reader.value(f"{name}begun_at", "A1", "", block[6:12])
        reader.value(f"{name}ended_at", "A1", "", block[12:18])
    return data


SPECIAL = {
    (CURRENT, COLLECTING): read_collecting,
    (EVENTS, 1): read_events,
    (EVENTS, 2): read_events,
}
