"""What holds for every estimate, whatever the readings."""

from datetime import datetime, timedelta
from decimal import Decimal

from amr_estimation import Mark, between, daily_use, onward, unrolled
from hypothesis import given
from hypothesis import strategies as st

CAPACITY = Decimal(10) ** 6
START = datetime(2026, 1, 1)
GRID = Decimal("0.001")

indexes = st.decimals(0, 999_999, places=3)
seconds = st.integers(0, 400 * 86400)


@st.composite
def courses(draw, count=3):
    """Marks in time whose index never falls, and a time between the first two."""
    times = sorted(draw(seconds) for _ in range(count))
    values = sorted(draw(indexes) for _ in range(count))
    return [
        Mark(START + timedelta(seconds=time), value)
        for time, value in zip(times, values, strict=True)
    ]


@given(courses())
def test_an_index_between_two_readings_is_between_them(course):
    before, inner, after = course
    index = between(before, after, inner.at, CAPACITY)
    assert before.index <= index <= after.index
    assert index % GRID == 0


@given(courses())
def test_an_estimated_index_neither_makes_nor_loses_consumption(course):
    before, inner, after = course
    index = between(before, after, inner.at, CAPACITY)
    middle = Mark(inner.at, index)
    first, second = (
        unrolled(before, middle, CAPACITY),
        unrolled(middle, after, CAPACITY),
    )
    assert first + second == unrolled(before, after, CAPACITY)


@given(courses(count=4))
def test_later_times_never_get_lower_indexes(course):
    before, one, other, after = course
    assert between(before, after, one.at, CAPACITY) <= between(
        before, after, other.at, CAPACITY
    )


@given(indexes, indexes, seconds, st.fractions(0, 1))
def test_through_zero_consumption_still_adds_up(high, low, span, share):
    before = Mark(START, max(high, low))
    after = Mark(START + timedelta(seconds=span), min(high, low))
    at = START + timedelta(seconds=int(span * share))
    middle = Mark(at, between(before, after, at, CAPACITY))
    assert 0 <= middle.index < CAPACITY
    added = unrolled(before, middle, CAPACITY) + unrolled(middle, after, CAPACITY)
    assert added in (
        unrolled(before, after, CAPACITY),
        unrolled(before, after, CAPACITY) + CAPACITY,
    ) and (added < CAPACITY or before.index == after.index or not span)


@given(courses(count=2), st.integers(0, 400))
def test_onward_goes_on_at_the_own_pace(course, days):
    first, last = course
    pace = daily_use(first, last, CAPACITY)
    if pace is None:
        assert last.at - first.at < timedelta(days=1)
        return
    at = last.at + timedelta(days=days)
    index = onward(last, at, pace, CAPACITY)
    grown = unrolled(last, Mark(at, index), CAPACITY)
    expected = (pace * days) % CAPACITY
    assert min(abs(grown - expected), CAPACITY - abs(grown - expected)) <= GRID


def test_exact_figures():
    before = Mark(datetime(2026, 1, 1), Decimal("100"))
    after = Mark(datetime(2026, 1, 4), Decimal("101"))
    assert between(before, after, datetime(2026, 1, 2), CAPACITY) == Decimal("100.333")
    assert daily_use(before, after, CAPACITY) == Decimal(1) / 3
    assert onward(after, datetime(2026, 1, 5, 12), Decimal("0.5"), CAPACITY) == Decimal(
        "101.750"
    )
    full = Mark(datetime(2026, 1, 1), Decimal("999999.5"))
    zero = Mark(datetime(2026, 1, 3), Decimal("0.5"))
    assert between(full, zero, datetime(2026, 1, 2), CAPACITY) == Decimal("0.000")
