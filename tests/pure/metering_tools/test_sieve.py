from datetime import UTC, datetime
from decimal import Decimal

import pytest
from amr_sieve import LIMIT, sift, sift_values
from hypothesis import given
from hypothesis import strategies as st

EARLIEST, LATEST = datetime(2006, 11, 21), datetime(2026, 12, 21)


def row(index=Decimal("12.5"), read_at=datetime(2026, 3, 1)):
    return {"read_at": read_at, "index": index}


def why(*rows):
    good, refused = sift(rows, EARLIEST, LATEST)
    assert len(good) + len(refused) == len(rows)
    return [reason for _row, reason in refused]


@pytest.mark.parametrize(
    "index",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal("-0.001"),
        Decimal("1e12"),
        Decimal("999999999999.9995"),  # three decimals round it up
        float("nan"),
        float("inf"),
        -1,
        None,
        "12",
    ],
)
def test_what_is_no_index_is_refused_and_the_others_are_taken(index):
    good, refused = sift([row(), row(index), row()], EARLIEST, LATEST)
    assert (len(good), refused[0][1]) == (2, "index")


@pytest.mark.parametrize(
    "read_at",
    [
        datetime(9999, 12, 31),
        datetime(1, 1, 1),
        datetime(2000, 1, 1),  # a meter whose battery was empty
        datetime(2026, 12, 22),
        datetime(2026, 3, 1, tzinfo=UTC),
        None,
    ],
)
def test_what_is_no_time_is_refused(read_at):
    assert why(row(), row(read_at=read_at), row()) == ["time"]


@given(st.decimals(0, LIMIT, places=3), st.datetimes(EARLIEST, LATEST))
def test_every_index_at_a_possible_time_is_taken(index, read_at):
    assert why(row(index, read_at)) == []


@given(
    st.lists(
        st.tuples(
            st.one_of(st.decimals(), st.floats(), st.integers(), st.none()),
            st.one_of(st.datetimes(), st.none()),
        )
    )
)
def test_nothing_that_a_device_says_stops_a_delivery(claims):
    rows = [row(*claim) for claim in claims]
    good, refused = sift(rows, EARLIEST, LATEST)
    assert len(good) + len(refused) == len(rows)
    for one in good:
        assert 0 <= one["index"] <= LIMIT and EARLIEST <= one["read_at"] <= LATEST


def test_measured_values_may_be_unknown_or_below_zero():
    names = ("voltage", "power")
    rows = [
        row() | {"voltage": None, "power": Decimal("-3.5")},
        row() | {"voltage": Decimal("NaN")},
        row(read_at=datetime(9999, 1, 1)) | {"voltage": Decimal(230)},
        row() | {"power": Decimal("Infinity")},
    ]
    good, refused = sift_values(rows, names, EARLIEST, LATEST)
    assert good == rows[:1]
    assert [reason for _row, reason in refused] == ["value", "time", "value"]
