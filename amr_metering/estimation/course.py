"""The course of one register: marks in time, and what lies between or after them."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

PLACES = Decimal("0.001")
_SECOND = Decimal(86400)


class Mark(NamedTuple):
    """What a register showed at one time (naive UTC; in its own unit)."""

    at: datetime
    index: Decimal


def _days(start: datetime, end: datetime) -> Decimal:
    span = end - start
    return Decimal(span.days) + Decimal(span.seconds) / _SECOND


def _shown(index: Decimal, capacity: Decimal) -> Decimal:
    """What the register shows: three places, and from zero on when it is full."""
    return index.quantize(PLACES, ROUND_HALF_UP) % capacity


def unrolled(before: Mark, after: Mark, capacity: Decimal) -> Decimal:
    """Units between two marks; a fall means that the register went through zero."""
    grown = after.index - before.index
    return grown if grown >= 0 else grown + capacity


def between(before: Mark, after: Mark, at: datetime, capacity: Decimal) -> Decimal:
    """The index at a time between two marks, split evenly by time.

    :return: never below the earlier nor above the later mark (unless through zero)
    """
    span = _days(before.at, after.at)
    if not span:
        return before.index
    share = _days(before.at, at) / span
    return _shown(before.index + unrolled(before, after, capacity) * share, capacity)


def daily_use(start: Mark, end: Mark, capacity: Decimal) -> Decimal | None:
    """Units a day between two marks; None when they are less than a day apart."""
    days = _days(start.at, end.at)
    return unrolled(start, end, capacity) / days if days >= 1 else None


def onward(before: Mark, at: datetime, per_day: Decimal, capacity: Decimal) -> Decimal:
    """The index at a time after the last mark, at a pace of ``per_day`` units."""
    return _shown(before.index + per_day * _days(before.at, at), capacity)
