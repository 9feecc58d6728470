"""What must hold for any reading and any price."""

from datetime import datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise

from amr_rating import Price, Reading, Span, Step, money, rate, split_blocks
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2026, 9, 30, 16)
MONTH = timedelta(days=31)

units = st.decimals("0", "5000", places=3)
indexes = st.decimals("0", "900000", places=3)
unit_prices = st.decimals("0", "20", places=6)
factors = st.decimals("0.001", "400", places=4)


@st.composite
def courses(draw, size=4):
    """(time, index) pairs over one month, the index never falling."""
    hours = draw(st.sets(st.integers(1, 31 * 24 - 1), max_size=size))
    index = draw(indexes)
    course = [(START, index)]
    for hour in sorted(hours) + [31 * 24]:
        index += draw(units)
        course.append((START + timedelta(hours=hour), index))
    return course


def one_span(course, factor=D(1), keep=lambda number: True):
    last = len(course) - 1
    readings = tuple(
        Reading(at, index)
        for number, (at, index) in enumerate(course)
        if number in (0, last) or keep(number)
    )
    return Span("M", course[0][0], course[-1][0], {"total": readings}, factor)


@st.composite
def stepped(draw):
    starts = sorted(draw(st.sets(st.decimals("1", "9000", places=3), max_size=4)))
    return Price(
        "step",
        "step",
        steps=tuple(Step(start, draw(unit_prices)) for start in [D(0), *starts]),
    )


@st.composite
def versions(draw):
    """Flat versions that follow each other without a gap."""
    hours = sorted(draw(st.sets(st.integers(1, 31 * 24 - 1), max_size=3)))
    edges = [None, *(START + timedelta(hours=hour) for hour in hours), None]
    return [
        Price(number, "flat", start, end, draw(unit_prices))
        for number, (start, end) in enumerate(pairwise(edges))
    ]


@given(courses(), factors, versions())
def test_parts_add_up_to_the_whole(course, factor, prices):
    span = one_span(course, factor)
    pieces = rate([span], prices)
    (whole,) = rate([span], [Price("one", "flat", price=D(1))])
    assert sum(piece.consumption for piece in pieces) == whole.consumption


@given(courses(), versions())
def test_pieces_follow_each_other_without_hole_or_overlap(course, prices):
    pieces = rate([one_span(course)], prices)
    assert pieces[0].start == course[0][0]
    assert pieces[-1].end == course[-1][0]
    for before, after in pairwise(pieces):
        assert before.end == after.start
        assert before.end_index == after.start_index


@given(courses(), factors)
def test_readings_in_between_do_not_change_the_consumption(course, factor):
    with_all = one_span(course, factor)
    with_none = one_span(course, factor, keep=lambda number: False)
    price = [Price("one", "flat", price=D(1))]
    assert [p.consumption for p in rate([with_all], price)] == [
        p.consumption for p in rate([with_none], price)
    ]


@given(courses(), factors)
def test_billing_in_parts_bills_the_same_units(course, factor):
    """Bill at every reading, or once: the same consumption, for any factor."""
    price = [Price("one", "flat", price=D(1))]
    (whole,) = rate([one_span(course, factor)], price)
    parts = [rate([one_span(pair, factor)], price)[0] for pair in pairwise(course)]
    assert sum(part.consumption for part in parts) == whole.consumption


@given(stepped(), units, units, st.integers(1, 3))
def test_no_unit_is_priced_twice_or_left_out(price, used, consumption, scale):
    blocks = split_blocks(price, used, consumption, D(scale), START)
    assert sum(size for _number, size, _price in blocks) == consumption
    numbers = [number for number, _size, _price in blocks]
    assert numbers == sorted(set(numbers))
    assert all(size >= 0 for _number, size, _price in blocks)


@given(stepped(), units, units)
def test_steps_may_be_billed_in_parts(price, first, second):
    """Block by block, two bills of a period hold what one would hold."""

    def per_block(*parts):
        totals = {}
        for used, size in parts:
            for number, units_, _price in split_blocks(price, used, size, D(1), START):
                totals[number] = totals.get(number, D(0)) + units_
        return {number: total for number, total in totals.items() if total}

    assert per_block((D(0), first + second)) == per_block(
        (D(0), first), (first, second)
    )


@given(courses(), factors, versions())
def test_every_amount_is_its_quantity_times_its_price(course, factor, prices):
    for piece in rate([one_span(course, factor)], prices):
        assert piece.amount == money(piece.quantity * piece.unit_price)
        assert piece.quantity >= 0
        assert piece.quantity == piece.quantity.quantize(D("0.001"))


@given(st.decimals("-9999999", "9999999", places=6))
def test_money_is_nearest_and_half_goes_up(value):
    rounded = money(value)
    assert abs(rounded - value) <= D("0.005")
    assert rounded == rounded.quantize(D("0.01"))
