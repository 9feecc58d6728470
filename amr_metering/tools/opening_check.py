"""Do opening readings prove which meter hangs in which room? (KTAMR manual 6.2, 3)

Somebody noted each room's index at installation; later the meter that the archive has
for the room answered with an index. When the two belong together, and no other room's
opening could as well, the archive is right. Equal openings prove nothing.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from decimal import Decimal
from typing import NamedTuple


class Meter(NamedTuple):
    """One meter: its opening index, and the first index read later, or None."""

    key: object
    opening: Decimal
    first: Decimal | None


class Verdict(NamedTuple):
    """What the readings say, and which other meters' openings would fit as well."""

    finding: str
    others: list


def check_openings(meters, allowed):
    """Judge the meters of one utility in one community.

    :param meters: iterable of Meter
    :param Decimal allowed: how far an index may have moved since the opening, in the
        register's unit
    :return: ``{key: Verdict}``; findings are "proved", "unread" (nothing read yet),
        "differs" (does not follow from the opening), "equal" (another room has the same
        opening), "ambiguous" (another room's opening fits as well)
    """
    meters = list(meters)
    ordered = sorted(meters, key=lambda meter: meter.opening)
    openings = [meter.opening for meter in ordered]
    times = Counter(openings)
    verdicts = {}
    for meter in meters:
        low = high = meter.opening
        if meter.first is not None:
            low, high = meter.first - allowed, meter.first
        fitting = ordered[bisect_left(openings, low) : bisect_right(openings, high)]
        others = [other.key for other in fitting if other.key != meter.key]
        own = low <= meter.opening <= high
        verdicts[meter.key] = Verdict(
            _find(meter, own, times[meter.opening] > 1, others), others
        )
    return verdicts


def _find(meter, own, shared, others):
    if not own:
        return "differs"
    if shared:
        return "equal"
    if meter.first is None:
        return "unread"
    return "ambiguous" if others else "proved"
