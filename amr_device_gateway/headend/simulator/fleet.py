"""Many DTUs and meters from a few numbers, drawn from a seed."""

import random
from decimal import Decimal

#: What a meter of a fleet draws: number or [low, high].
DRAWN = ("index", "per_hour", "balance", "clock_offset", "delay_ms")
#: What every meter of a fleet has.
SAME = ("load", "model", "meter_type")
KINDS = {"dtus", "concentrators"}
FIRST_TERMINAL, FIRST_ADDRESS = 10000001, 100000000001


class FleetError(ValueError):
    """A fleet cannot be made; the message is a sentence."""


def rows(config, kind):
    """Rows of the fleets of a configuration, like those of a list “dtus”.

    A fleet (a table ``[[fleet]]``) has so many ``dtus`` or ``concentrators`` with so
    many ``meters`` each, counted up from ``terminal`` and ``address``; ``protocol`` is
    one name or a list that the meters take in turn; ``prepaid`` and ``cut`` are shares
    of the meters. The same seed gives the same meters.

    :param str kind: dtus or concentrators
    :raises FleetError: a number is none
    """
    seed = config.get("seed", 0)
    found = []
    for fleet in config.get("fleet", []):
        if not KINDS & fleet.keys():
            raise FleetError("A fleet needs a number of dtus or of concentrators.")
        if kind in fleet:
            found += _terminals(fleet, _count(fleet, kind), seed)
    return found


def _terminals(fleet, count, seed):
    meters = _count(fleet, "meters")
    first = int(fleet.get("terminal", FIRST_TERMINAL))
    address = int(fleet.get("address", FIRST_ADDRESS))
    for number in range(count):
        start = number * meters
        yield {
            "terminal": str(first + number).zfill(8),
            "heartbeat": fleet.get("heartbeat", 60),
            "meters": [
                _meter(fleet, seed, place, address + place)
                for place in range(start, start + meters)
            ],
        }


def _meter(fleet, seed, place, address):
    draw = random.Random(f"{seed}/{address}")
    protocols = fleet.get("protocol", "dlt645-2007")
    protocols = [protocols] if isinstance(protocols, str) else protocols
    row = {"address": str(address), "protocol": protocols[place % len(protocols)]}
    # always in the same order, so that one setting does not change the others
    drawn = {key: draw.random() for key in (*DRAWN, "prepaid", "cut")}
    for key in DRAWN:
        if key in fleet:
            row[key] = _between(key, fleet[key], drawn[key])
    row["prepaid"] = drawn["prepaid"] < fleet.get("prepaid", 0)
    row["relay"] = "open" if drawn["cut"] < fleet.get("cut", 0) else "closed"
    row.update({key: fleet[key] for key in SAME if key in fleet})
    return row


def _between(key, value, share):
    """A number of the range, as text with three decimals; whole where it has to be."""
    try:
        low, high = value if isinstance(value, list) else (value, value)
        number = Decimal(str(low)) + Decimal(str(share)) * Decimal(str(high - low))
    except (TypeError, ValueError, ArithmeticError):
        raise FleetError(f"{key} of a fleet is a number or [low, high].") from None
    if key in ("clock_offset", "delay_ms"):
        return int(number)
    return str(number.quantize(Decimal("0.001")))


def _count(fleet, key):
    value = fleet.get(key)
    if not isinstance(value, int) or value < 1:
        raise FleetError(f"A fleet needs a whole number of {key}.")
    return value
