"""Status words of DL/T 645-2007 (04000501 to 04000507), bit by bit.

Source: DL/T 645-2007, annex C (status words of the meter); bits 6 to 11 of word 3 from
the supplement for State Grid smart meters. Bits that are reserved have no name.
"""

from .base import Value
from .dlt645_reply import flags

RELAY_OPEN_BIT = 1 << 4

_PHASE = (
    "voltage loss",
    "under-voltage",
    "over-voltage",
    "current loss",
    "over-current",
    "overload",
    "reverse power",
    "phase missing",
    "current cut",
)
_KINDS = ("postpaid", "prepaid energy", "prepaid money", None)
_SUPPLIES = ("mains", "auxiliary", "battery", None)


def _word_3(name, word):
    """Relay and supply; the kind of the meter (bits 8 and 9)."""
    relay = "open" if word & RELAY_OPEN_BIT else "closed"
    yield Value("relay", relay)
    yield Value(f"{name}.relay_command", "open" if word >> 6 & 1 else "close")
    yield Value(f"{name}.supply", _SUPPLIES[word >> 1 & 3])
    yield Value(f"{name}.kind", _KINDS[word >> 8 & 3])
    yield from flags(("", "", "", "programming", "", "", "", "pre-trip alarm"))(
        name, word
    )


WORDS = {
    "status_word_1": flags(
        ("", "", "clock battery low", "reading battery low", "active power reverse")
        + ("reactive power reverse",)
    ),
    "status_word_2": flags(
        ("active reverse A", "active reverse B", "active reverse C", "")
        + ("reactive reverse A", "reactive reverse B", "reactive reverse C")
    ),
    "status_word_3": _word_3,
    **{f"status_word_{number}": flags(_PHASE) for number in (4, 5, 6)},
    "status_word_7": flags(
        ("voltage sequence", "current sequence", "voltage unbalance")
        + ("current unbalance", "auxiliary supply lost", "power off")
        + ("demand over limit", "power factor under limit", "severe current unbalance")
    ),
}
