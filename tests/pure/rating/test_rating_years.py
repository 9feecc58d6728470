"""Steps of a calendar year, allowances of large households, five rates."""

from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest
from amr_rating import InvalidPrice, Price, Reading, Span, Step, rate
from hypothesis import given
from hypothesis import strategies as st

DECEMBER = datetime(2026, 11, 30, 16)  # midnight in Shanghai
NEW_YEAR = datetime(2026, 12, 31, 16)
FEBRUARY = datetime(2027, 1, 31, 16)
BLOCKS = (Step(D(0), D("0.617")), Step(D(3120), D("0.667")), Step(D(4800), D("0.917")))
YEARLY = Price("y", "step", steps=BLOCKS, step_period="year")
units = st.decimals("0", "900", places=3)


def span(start, end, *course):
    readings = tuple(Reading(at, D(index)) for at, index in course)
    return Span("M1", start, end, {"total": readings})


def amounts(pieces):
    return [(piece.component, piece.quantity, piece.amount) for piece in pieces]


def test_steps_of_a_year_go_on_where_the_year_stood():
    one = span(DECEMBER, NEW_YEAR, (DECEMBER, "0"), (NEW_YEAR, "200"))
    assert amounts(rate([one], [YEARLY], used=D(0), used_year=D(3000))) == [
        ("total/1", D(120), D("74.04")),
        ("total/2", D(80), D("53.36")),
    ]


def test_months_on_the_bill_do_not_stretch_the_steps_of_a_year():
    one = span(DECEMBER, NEW_YEAR, (DECEMBER, "0"), (NEW_YEAR, "200"))
    bill = amounts(rate([one], [YEARLY], used_year=D(3000), scale=D(2)))
    assert bill[0] == ("total/1", D(120), D("74.04"))


def test_a_new_year_begins_with_the_first_step():
    one = span(
        DECEMBER, FEBRUARY, (DECEMBER, "0"), (NEW_YEAR, "150"), (FEBRUARY, "300")
    )
    pieces = rate([one], [YEARLY], used_year=D(4700), year_starts=[NEW_YEAR])
    assert amounts(pieces) == [
        ("total/2", D(100), D("66.70")),
        ("total/3", D(50), D("45.85")),
        ("total/1", D(150), D("92.55")),
    ]
    assert not any(piece.estimated for piece in pieces)
    assert {piece.end for piece in pieces[:2]} == {NEW_YEAR}


def test_a_new_year_without_a_reading_is_split_by_time_and_says_so():
    one = span(DECEMBER, FEBRUARY, (DECEMBER, "0"), (FEBRUARY, "62"))
    pieces = rate([one], [YEARLY], used_year=D(4900), year_starts=[NEW_YEAR])
    assert [(piece.component, piece.quantity) for piece in pieces] == [
        ("total/3", D(31)),
        ("total/1", D(31)),
    ]
    assert all(piece.estimated for piece in pieces)


def test_a_new_year_begins_even_if_no_meter_hung_at_its_first_moment():
    out, back = NEW_YEAR - timedelta(days=3), NEW_YEAR + timedelta(days=2)
    old = span(DECEMBER, out, (DECEMBER, "0"), (out, "1000"))
    new = Span(
        "M2",
        back,
        FEBRUARY,
        {"total": (Reading(back, D(0)), Reading(FEBRUARY, D(100)))},
    )
    pieces = rate([old, new], [YEARLY], used_year=D(2500), year_starts=[NEW_YEAR])
    assert [(piece.component, piece.quantity) for piece in pieces] == [
        ("total/1", D(620)),
        ("total/2", D(380)),
        ("total/1", D(100)),
    ]


def test_a_year_means_nothing_to_steps_of_a_month():
    monthly = Price("m", "step", steps=BLOCKS)
    one = span(DECEMBER, FEBRUARY, (DECEMBER, "0"), (FEBRUARY, "62"))
    assert len(rate([one], [monthly], year_starts=[NEW_YEAR])) == 1


def test_a_large_household_has_longer_steps():
    price = Price("h", "step", steps=BLOCKS, persons_included=4, per_person=D("100"))
    one = span(DECEMBER, NEW_YEAR, (DECEMBER, "0"), (NEW_YEAR, "5100"))
    assert [
        (units, amount)
        for _block, units, amount in amounts(rate([one], [price], persons=6))
    ] == [(D(3320), D("2048.44")), (D(1680), D("1120.56")), (D(100), D("91.70"))]
    for few in (0, 4):
        assert amounts(rate([one], [price], persons=few))[0][1] == D(3120)


def test_a_negative_allowance_is_refused():
    with pytest.raises(InvalidPrice):
        Price("h", "step", steps=BLOCKS, per_person=D(-1)).check()


def test_five_rates_are_priced_one_by_one():
    prices = {"t1": "1.2", "t2": "1", "t3": "0.7", "t4": "0.3", "t5": "0.15"}
    price = Price("v", "tou", registers={name: D(p) for name, p in prices.items()})
    readings = {
        name: (Reading(DECEMBER, D(0)), Reading(NEW_YEAR, D(10 * number)))
        for number, name in enumerate(prices, 1)
    }
    bill = rate([Span("M1", DECEMBER, NEW_YEAR, readings)], [price])
    assert amounts(bill) == [
        ("t1", D(10), D("12.00")),
        ("t2", D(20), D("20.00")),
        ("t3", D(30), D("21.00")),
        ("t4", D(40), D("12.00")),
        ("t5", D(50), D("7.50")),
    ]


def blocks_of(pieces):
    found = {}
    for piece in pieces:
        found[piece.component] = found.get(piece.component, D(0)) + piece.consumption
    return found


@given(st.lists(units, min_size=1, max_size=12), st.integers(0, 8), units)
def test_twelve_bills_fill_the_same_blocks_as_one(months, persons, allowed):
    """However a year is cut into bills, each block takes the same units."""
    price = Price(
        "y",
        "step",
        steps=BLOCKS,
        step_period="year",
        persons_included=3,
        per_person=allowed,
    )
    index, at, pieces = D(0), NEW_YEAR, []
    course = [(at, index)]
    for used in months:
        later = at + timedelta(days=30)
        one = span(at, later, (at, index), (later, index + used))
        pieces += rate([one], [price], used_year=index, persons=persons)
        index, at = index + used, later
        course.append((at, index))
    whole = rate([span(NEW_YEAR, at, *course)], [price], persons=persons)
    some = {block: used for block, used in blocks_of(pieces).items() if used}
    assert some == {block: used for block, used in blocks_of(whole).items() if used}
    assert sum(some.values(), D(0)) == sum(months, D(0))
