"""The course of one register between two times, from its readings."""

from bisect import bisect_left
from datetime import datetime
from decimal import Decimal

from .errors import ImplausibleRollOver, MissingReading, NegativeConsumption
from .values import ZERO, Reading, Span, quantity

# A dial rolled over when it stood in its last tenth and stands in its first tenth.
ROLL_OVER_SHARE = Decimal("0.1")


class Curve:
    """Index of one register as a function of time, never falling.

    The dial's roll-over is unrolled first: behind it the index goes on above the
    capacity.
    """

    def __init__(self, span: Span, register: str):
        readings = sorted(span.readings.get(register, ()), key=lambda r: r.at)
        if not readings:
            raise MissingReading(span.meter, register, span.start)
        self.span = span
        self.register = register
        self.times = [reading.at for reading in readings]
        self.readings = self._unroll(readings)

    def _unroll(self, readings: list[Reading]) -> list[Reading]:
        lap = ZERO
        unrolled = readings[:1]
        for before, after in zip(readings, readings[1:], strict=False):
            if after.index < before.index:
                lap += self._roll_over(before, after)
            unrolled.append(Reading(after.at, after.index + lap, after.estimated))
        return unrolled

    def _roll_over(self, before: Reading, after: Reading) -> Decimal:
        capacity = self.span.capacity
        if capacity is None:
            raise NegativeConsumption(self.span.meter, self.register, before, after)
        near = capacity * ROLL_OVER_SHARE
        if before.index < capacity - near or after.index > near:
            raise ImplausibleRollOver(self.span.meter, self.register, before, after)
        return capacity

    def at(self, moment: datetime) -> Reading:
        """The (unrolled) index at ``moment``.

        Between two readings the consumption is split pro rata by time; such an index
        is estimated unless nothing was consumed between the two.

        :raise MissingReading: when no reading lies at or on both sides of the moment.
        """
        position = bisect_left(self.times, moment)
        if position < len(self.times) and self.times[position] == moment:
            return self.readings[position]
        if position in (0, len(self.times)):
            raise MissingReading(self.span.meter, self.register, moment)
        before, after = self.readings[position - 1 : position + 1]
        grown = after.index - before.index
        share = Decimal((moment - before.at) // _TICK) / Decimal(
            (after.at - before.at) // _TICK
        )
        index = quantity(before.index + grown * share)
        estimated = bool(grown) or before.estimated or after.estimated
        return Reading(moment, index, estimated)

    def dial(self, index: Decimal) -> Decimal:
        """What the dial shows for an unrolled index."""
        capacity = self.span.capacity
        return index % capacity if capacity and index >= capacity else index

    def consumption(self, start: Reading, end: Reading) -> Decimal:
        """Units used between two points of this curve.

        The index is multiplied by the factor and rounded before the subtraction, so
        that neighbouring intervals always add up to the interval around them.
        """
        factor = self.span.factor
        return quantity(end.index * factor) - quantity(start.index * factor)


_TICK = datetime.resolution
