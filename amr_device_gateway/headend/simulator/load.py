"""How much a meter counts at which hour of the day."""

import functools
from decimal import Decimal
from itertools import accumulate

HOUR, DAY = 3600, 86400

#: Weights of the hours of a day; a day as a whole counts 24 times the mean.
SHAPES = {
    "flat": "1" * 24,
    "home": "211112475334643347999742",
    "shop": "111111125999999999996311",
    "office": "111111258998789986321111",
}


@functools.cache
def load_of(name, offset):
    """The :class:`Load` of that name; meters share it."""
    return Load(name, offset)


class Load:
    """The shape of a day, from local midnight on.

    :raises ValueError: there is no shape of that name
    """

    def __init__(self, name, offset):
        shape = SHAPES.get(name)
        if shape is None:
            raise ValueError(f"no load is called {name}; known: {', '.join(SHAPES)}.")
        self._even = name == "flat"
        self._offset = offset
        total = sum(map(int, shape))
        self._weights = [Decimal(24 * int(weight)) / total for weight in shape]
        self._before = [Decimal(0), *accumulate(HOUR * one for one in self._weights)]
        self._before[-1] = Decimal(DAY)

    def seconds(self, start, end):
        """Seconds at the mean load that count as much as from ``start`` to ``end``."""
        if self._even:
            return Decimal(str(end - start))
        return self._since_epoch(end) - self._since_epoch(start)

    def _since_epoch(self, moment):
        days, seconds = divmod(Decimal(str(moment)) + self._offset, DAY)
        hour = int(seconds // HOUR)
        rest = seconds - hour * HOUR
        return days * DAY + self._before[hour] + rest * self._weights[hour]
