"""From spans and price versions to priced pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .errors import MissingPrice, OverlappingPrices
from .readings import Curve
from .tariff import TIME_REGISTERS, Price, split_blocks
from .values import CENT, ZERO, Piece, Reading, Span, money


def rate(
    spans: Sequence[Span],
    prices: Sequence[Price],
    *,
    used: Decimal = ZERO,
    earlier: Decimal = ZERO,
    used_year: Decimal = ZERO,
    scale: Decimal = Decimal(1),
    year_starts: Sequence[datetime] = (),
    persons: int = 0,
    rounding: Decimal = CENT,
    energy_before: Decimal = ZERO,
    last: bool = True,
) -> list[Piece]:
    """Price the consumption of one agreement over one bill, or over its part of it.

    Every span is cut where the price changes and every part is priced by the version
    in force. Money is rounded once, at the piece. Surcharges per bill and the minimum
    follow the version in force at the end, and the minimum looks at energy only.

    :param spans: the meters in the order in which they were installed.
    :param used: units priced before in these months (position in their steps).
    :param earlier: units of the first of these months that were priced before them, by
        an earlier bill or another tariff.
    :param used_year: units already priced in the calendar year of the first span.
    :param scale: months of the bill that this tariff prices in a row; multiplies the
        steps of a month.
    :param year_starts: when a calendar year begins; steps of a year begin again there.
    :param persons: size of the household, for what a tariff allows to large ones.
    :param rounding: the currency's smallest step.
    :param energy_before: amount of energy that other parts put on the same bill.
    :param last: whether what comes once a bill belongs to this part.
    :raise RatingError: one of :mod:`.errors`; then nothing is priced at all.
    """
    if not spans:
        return []
    prices = _checked(prices)
    cuts = year_starts if any(price.yearly for price in prices) else ()
    place = _Place(used, earlier, used_year, scale, persons)
    pieces = []
    segments = [segment for span in spans for segment in _segments(span, prices, cuts)]
    before = None
    for segment in segments:
        if any(_begins(cut, before, segment.start) for cut in cuts):
            place.year = ZERO
        before = segment.start
        energy = list(_energy(segment, place, rounding))
        consumption = sum((piece.consumption for piece in energy), ZERO)
        place.month += consumption
        place.year += consumption
        pieces += energy
        pieces += _unit_surcharges(segment, energy, consumption, rounding)
    if last:
        pieces += _once_per_bill(segments, pieces, energy_before, rounding)
    return pieces


def _begins(cut: datetime, before: datetime | None, start: datetime) -> bool:
    """Whether a year began after the segment before, even if no meter hung then."""
    return cut == start if before is None else before < cut <= start


@dataclass
class _Place:
    """Where in the steps of the month and of the year the next unit lies."""

    month: Decimal
    earlier: Decimal
    year: Decimal
    months: Decimal
    persons: int

    def blocks(self, price: Price, consumption: Decimal, at: datetime):
        """(block number, units, price) of a consumption that begins here."""
        used, scale, earlier = (
            (self.year, Decimal(1), ZERO)
            if price.yearly
            else (self.month, self.months, self.earlier)
        )
        extra = price.allowance(self.persons)
        return split_blocks(price, used, consumption, scale, at, extra, earlier)


@dataclass(frozen=True)
class _Segment:
    """Part of a span in which one price version is in force."""

    span: Span
    price: Price
    start: datetime
    end: datetime


def _checked(prices: Sequence[Price]) -> list[Price]:
    ordered = sorted(prices, key=lambda price: price.start or datetime.min)
    for price in ordered:
        price.check()
    for before, after in zip(ordered, ordered[1:], strict=False):
        if before.end is None or after.start is None or before.end > after.start:
            raise OverlappingPrices(before.key, after.key)
    return ordered


def _segments(
    span: Span, prices: list[Price], cuts: Sequence[datetime]
) -> Iterator[_Segment]:
    edges = {span.start, span.end}
    edges.update(cut for cut in cuts if span.start < cut < span.end)
    edges.update(
        edge
        for price in prices
        for edge in (price.start, price.end)
        if edge and span.start < edge < span.end
    )
    ordered = sorted(edges)
    for start, end in zip(ordered, ordered[1:], strict=False):
        price = next((price for price in prices if price.covers(start)), None)
        if price is None:
            raise MissingPrice(start)
        yield _Segment(span, price, start, end)


def _energy(segment: _Segment, place: _Place, rounding: Decimal) -> Iterator[Piece]:
    price, registers = segment.price, segment.price.priced_registers()
    if not registers or (price.method == "flat" and price.price is None):
        raise MissingPrice(segment.start)
    for register in registers:
        curve = Curve(segment.span, register)
        start, end = curve.at(segment.start), curve.at(segment.end)
        consumption = curve.consumption(start, end)
        for component, units, unit_price in _priced(
            segment, register, consumption, place
        ):
            yield _piece(
                segment,
                curve,
                start,
                end,
                component=component,
                consumption=units,
                unit_price=unit_price,
                amount=money(units * unit_price, rounding),
            )
    _refuse_unpriced(segment, registers)


def _priced(segment, register, consumption, place):
    """(component, units, price) of one register's consumption in a segment."""
    price = segment.price
    if price.method == "tou":
        return [(register, consumption, price.registers[register])]
    if price.method == "step":
        return [
            (f"{register}/{number}", units, unit_price)
            for number, units, unit_price in place.blocks(
                price, consumption, segment.start
            )
        ]
    return [(register, consumption, price.price)]


def _refuse_unpriced(segment: _Segment, registers: tuple[str, ...]) -> None:
    """A time-of-use tariff must price every register that counted something."""
    if "total" in registers:
        return
    for register in TIME_REGISTERS:
        if register in registers or not segment.span.readings.get(register):
            continue
        curve = Curve(segment.span, register)
        if curve.consumption(curve.at(segment.start), curve.at(segment.end)):
            raise MissingPrice(segment.start, register)


def _piece(
    segment: _Segment,
    curve: Curve,
    start: Reading,
    end: Reading,
    *,
    component: str,
    consumption: Decimal,
    unit_price: Decimal,
    amount: Decimal,
) -> Piece:
    return Piece(
        kind="energy",
        component=component,
        meter=segment.span.meter,
        price=segment.price.key,
        start=segment.start,
        end=segment.end,
        start_index=curve.dial(start.index),
        end_index=curve.dial(end.index),
        factor=segment.span.factor,
        consumption=consumption,
        quantity=consumption,
        unit_price=unit_price,
        amount=amount,
        estimated=start.estimated or end.estimated,
    )


def _unit_surcharges(
    segment: _Segment, energy: list[Piece], consumption: Decimal, rounding: Decimal
) -> Iterator[Piece]:
    for surcharge in segment.price.surcharges:
        if surcharge.kind != "per_unit":
            continue
        yield Piece(
            kind="surcharge",
            component=f"surcharge/{surcharge.key}",
            meter=segment.span.meter,
            price=segment.price.key,
            start=segment.start,
            end=segment.end,
            start_index=ZERO,
            end_index=ZERO,
            factor=segment.span.factor,
            consumption=ZERO,
            quantity=consumption,
            unit_price=surcharge.amount,
            amount=money(consumption * surcharge.amount, rounding),
            estimated=any(piece.estimated for piece in energy),
            surcharge=surcharge.key,
        )


def _once_per_bill(
    segments: list[_Segment],
    pieces: list[Piece],
    energy_before: Decimal,
    rounding: Decimal,
) -> Iterator[Piece]:
    first, last = segments[0], segments[-1]
    price = last.price

    def piece(kind, component, amount, surcharge=None):
        return Piece(
            kind=kind,
            component=component,
            meter=last.span.meter,
            price=price.key,
            start=first.start,
            end=last.end,
            start_index=ZERO,
            end_index=ZERO,
            factor=last.span.factor,
            consumption=ZERO,
            quantity=Decimal(1),
            unit_price=amount,
            amount=money(amount, rounding),
            surcharge=surcharge,
        )

    for surcharge in price.surcharges:
        if surcharge.kind == "per_bill":
            component = f"surcharge/{surcharge.key}"
            yield piece("fixed", component, surcharge.amount, surcharge.key)
    energy = sum((p.amount for p in pieces if p.kind == "energy"), energy_before)
    missing = money(price.minimum, rounding) - energy
    if missing > 0:
        yield piece("minimum", "minimum", missing)
