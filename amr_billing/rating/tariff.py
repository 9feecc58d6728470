"""One price version as the engine sees it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .errors import InvalidPrice, MissingPrice
from .values import ZERO

TIME_REGISTERS = ("t1", "t2", "t3", "t4", "t5")


@dataclass(frozen=True)
class Step:
    """From this quantity on (in a period) a unit costs this price."""

    start: Decimal
    price: Decimal


@dataclass(frozen=True)
class Surcharge:
    """An amount on top: per ``unit`` consumed or once per ``bill``."""

    key: Hashable
    kind: str
    amount: Decimal


@dataclass(frozen=True)
class Price:
    """The prices in force in ``[start, end)``; None is open.

    :param method: ``flat`` (price), ``tou`` (registers) or ``step`` (steps).
    :param minimum: least amount for energy on one bill.
    :param step_period: ``month`` or ``year``: how long the steps are counted.
    :param per_person: what each person of a household beyond ``persons_included``
        adds to the end of every step, per step period.
    """

    key: Hashable
    method: str
    start: datetime | None = None
    end: datetime | None = None
    price: Decimal | None = None
    registers: Mapping[str, Decimal] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    surcharges: tuple[Surcharge, ...] = ()
    minimum: Decimal = ZERO
    step_period: str = "month"
    persons_included: int = 0
    per_person: Decimal = ZERO

    @property
    def yearly(self) -> bool:
        """Whether the position in the steps is counted over the calendar year."""
        return self.method == "step" and self.step_period == "year"

    def allowance(self, persons: int) -> Decimal:
        """Units by which every step of a household of this size ends later."""
        return max(persons - self.persons_included, 0) * self.per_person

    def covers(self, moment: datetime) -> bool:
        """Whether this version is in force at ``moment``."""
        return (self.start is None or self.start <= moment) and (
            self.end is None or moment < self.end
        )

    def check(self) -> None:
        """:raise InvalidPrice: when the table contradicts itself."""
        amounts = [self.minimum, self.per_person]
        amounts += [self.price] if self.price is not None else []
        amounts += self.registers.values()
        amounts += [step.price for step in self.steps]
        amounts += [surcharge.amount for surcharge in self.surcharges]
        if any(amount < 0 for amount in amounts):
            raise InvalidPrice(self.key, "negative")
        if self.start and self.end and self.end <= self.start:
            raise InvalidPrice(self.key, "period")
        starts = [step.start for step in self.steps]
        if any(b <= a for a, b in zip(starts, starts[1:], strict=False)):
            raise InvalidPrice(self.key, "steps")
        if "total" in self.registers and len(self.registers) > 1:
            raise InvalidPrice(self.key, "twice")

    def priced_registers(self) -> tuple[str, ...]:
        """The registers whose units this version prices."""
        if self.method == "tou":
            return tuple(sorted(self.registers))
        return ("total",)


def split_blocks(
    price: Price,
    used: Decimal,
    consumption: Decimal,
    scale: Decimal,
    at: datetime,
    extra: Decimal = ZERO,
    earlier: Decimal = ZERO,
) -> list[tuple[int, Decimal, Decimal]]:
    """Cut a consumption into the blocks of a stepped price.

    :param used: units that were priced before in all the periods of the bill.
    :param scale: how many periods the steps stand for (a bill over two months has
        blocks of double size).
    :param extra: units by which every block ends later (a large household).
    :param earlier: units of the first period that were on a bill before: they used up
        blocks of that period, and only of that one.
    :return: block number from 1, units in it, price; never empty, blocks without
        units are left out (but one remains for a consumption of zero).
    :raise MissingPrice: when the first unit lies below the first step.
    """
    if not price.steps or price.steps[0].start > 0:
        raise MissingPrice(at, "total")
    position, rest = used, consumption
    blocks = []
    ends = [step.start + extra for step in price.steps[1:]]
    limits = [end * scale - min(earlier, end) for end in ends] + [None]
    for number, (step, limit) in enumerate(zip(price.steps, limits, strict=True), 1):
        if limit is not None and position >= limit:
            continue
        units = rest if limit is None else min(rest, limit - position)
        if units or not blocks:
            blocks.append((number, units, step.price))
        position += units
        rest -= units
        if not rest:
            break
    return blocks
