"""Geometry of a small bar chart, so that QWeb can draw it as inline SVG.

Horizontal positions are percentages and vertical ones pixels: the drawing follows the
width of the page while its text keeps its size, on a phone as on a desk.
"""

from decimal import Decimal
from typing import NamedTuple

TOP = 18
LABELS = 22
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


class Bar(NamedTuple):
    label: str
    title: str
    value: Decimal | None
    x: float
    center: float
    width: float
    y: float
    height: float
    label_shown: bool


class Tick(NamedTuple):
    value: Decimal
    y: float


class Chart(NamedTuple):
    bars: list
    ticks: list
    height: int
    baseline: float
    total: Decimal
    known: int

    @property
    def average(self):
        """Mean of the bars that have a value; zero without one."""
        return self.total / self.known if self.known else Decimal(0)

    @property
    def highest(self):
        """The bar with the greatest value, or None."""
        known = [bar for bar in self.bars if bar.value is not None]
        return max(known, key=lambda bar: bar.value, default=None)


def nice_ceiling(value):
    """Return the smallest of 1, 2, 2.5, 5 or 10 times a power of ten above a value.

    :param Decimal value: greatest value to be drawn
    :rtype: Decimal
    """
    if value <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(value.adjusted())
    return next(step * power for step in _STEPS if step * power >= value)


def bar_chart(points, height=170, max_labels=7):
    """Return the geometry of a bar chart.

    :param points: list of (label, title, Decimal value or None when unknown)
    :param int height: height of the drawing in pixels, labels included
    :param int max_labels: labels that fit below the bars on the narrowest phone
    :rtype: Chart
    """
    baseline = height - LABELS
    values = [value for _label, _title, value in points if value is not None]
    ceiling = nice_ceiling(max(values, default=Decimal(0)))
    slot = 100 / max(len(points), 1)
    every = -(-len(points) // max_labels)
    last = len(points) - 1
    bars = []
    for position, (label, title, value) in enumerate(points):
        drawn = max(value or Decimal(0), Decimal(0))
        bar_height = round(float(drawn / ceiling) * (baseline - TOP), 1)
        if drawn:
            bar_height = max(bar_height, 1.5)
        bars.append(
            Bar(
                label=label,
                title=title,
                value=value,
                x=round((position + 0.16) * slot, 3),
                center=round((position + 0.5) * slot, 3),
                width=round(0.68 * slot, 3),
                y=round(baseline - bar_height, 1),
                height=bar_height,
                label_shown=(last - position) % every == 0,
            )
        )
    ticks = [
        Tick(value=ceiling * part / 2, y=baseline - (baseline - TOP) * part / 2)
        for part in (1, 2)
    ]
    total = sum(values, Decimal(0))
    return Chart(bars, ticks, height, baseline, total, len(values))
