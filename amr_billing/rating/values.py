"""The plain values that go into a rating and come out of it.

Units: index and consumption in the unit of the utility (kWh, m³ …) with three decimals,
unit price in currency per unit with six, amounts in currency. All times are
naive UTC; intervals are half open, ``[start, end)``.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
QUANTITY_STEP = Decimal("0.001")
CENT = Decimal("0.01")


def quantity(value: Decimal) -> Decimal:
    """An index or consumption, rounded half up to its three decimals."""
    return value.quantize(QUANTITY_STEP, ROUND_HALF_UP)


def money(value: Decimal, rounding: Decimal = CENT) -> Decimal:
    """An amount rounded half up to a multiple of the currency's smallest step."""
    steps = (value / rounding).quantize(Decimal(1), ROUND_HALF_UP)
    return (steps * rounding).quantize(rounding)


@dataclass(frozen=True)
class Reading:
    """What one register showed at one time; ``estimated`` if nobody saw it."""

    at: datetime
    index: Decimal
    estimated: bool = False


@dataclass(frozen=True)
class Span:
    """One meter at the metering point from ``start`` to ``end``.

    :param meter: any key by which the caller recognises the meter.
    :param readings: register name → readings, at least one at each end; readings in
        between (at a change of price) make the split exact.
    :param factor: what one unit of index is worth (current × voltage × ratio).
    :param capacity: index at which the dial starts again at 0 (10 ** digits); None
        when the dial is not known, then the index may never fall.
    """

    meter: Hashable
    start: datetime
    end: datetime
    readings: Mapping[str, tuple[Reading, ...]]
    factor: Decimal = Decimal(1)
    capacity: Decimal | None = None


@dataclass(frozen=True)
class Piece:
    """One priced piece: ``amount == money(quantity × unit_price)``.

    ``consumption`` is the part of the measured consumption that this piece prices;
    pieces that price no unit of their own (surcharges, minimum) have none, so that
    summing it over the pieces gives the consumption of the interval.
    """

    kind: str  # energy, surcharge (per unit), fixed (per bill) or minimum
    component: str  # total, t1 … t5, total/1 … (block), surcharge/KEY, minimum
    meter: Hashable
    price: Hashable
    start: datetime
    end: datetime
    start_index: Decimal
    end_index: Decimal
    factor: Decimal
    consumption: Decimal
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    estimated: bool = False
    surcharge: Hashable = None
