"""What a meter measures at one moment, beside what it counts (S3 七.2).

Every protocol names its values alike; here they get the names of the event log.
"""

from decimal import Decimal

NAMES = {
    "voltage.a": "voltage_a",
    "voltage.b": "voltage_b",
    "voltage.c": "voltage_c",
    "current.a": "current_a",
    "current.b": "current_b",
    "current.c": "current_c",
    "neutral_current": "current_n",
    "active_power.total": "power",
    "power_factor.total": "power_factor",
    "frequency": "frequency",
    "forward_active.total": "import_index",
    "total": "import_index",
    "reverse_active.total": "export_index",
}


def named(values, prefix=""):
    """``{name: Decimal}`` of those values whose names begin with ``prefix``."""
    return {
        NAMES[name]: item.value
        for item in values
        if item.name.startswith(prefix)
        and (name := item.name.removeprefix(prefix)) in NAMES
        and isinstance(item.value, Decimal)
    }


def measured_from(decodeds):
    """``{name: Decimal}`` of decoded answers; what the meter has not is left out."""
    found = {}
    for decoded in decodeds:
        if not decoded.error:
            found |= named(decoded.values)
    return found
