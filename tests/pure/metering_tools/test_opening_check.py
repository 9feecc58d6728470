from decimal import Decimal

from amr_opening_check import Meter, check_openings
from hypothesis import given
from hypothesis import strategies as st

TEN = Decimal(10)


def findings(*lines, allowed=TEN):
    meters = [
        Meter(key, Decimal(str(opening)), first and Decimal(str(first)))
        for key, opening, first in lines
    ]
    return {
        key: (verdict.finding, verdict.others)
        for key, verdict in check_openings(meters, allowed).items()
    }


def test_distinct_openings_that_are_read_again_prove_the_rooms():
    """Golden vector GV8 among others: opening 44, 45 a day later."""
    assert findings(("0101", 44, 45), ("0102", 71, 71), ("0103", 5, 5.5)) == {
        "0101": ("proved", []),
        "0102": ("proved", []),
        "0103": ("proved", []),
    }


def test_two_meters_in_each_others_room_point_at_each_other():
    assert findings(("0101", 44, 172), ("0102", 171, 45)) == {
        "0101": ("differs", ["0102"]),
        "0102": ("differs", ["0101"]),
    }


def test_equal_openings_prove_nothing():
    found = findings(("0101", 0, 1), ("0102", 0, None), ("0103", 50, None))
    assert found["0101"] == ("equal", ["0102"])
    assert found["0102"] == ("equal", ["0101"])
    assert found["0103"] == ("unread", [])


def test_openings_nearer_than_the_use_are_ambiguous():
    found = findings(("0101", 44, 49), ("0102", 46, 48))
    assert found["0101"] == ("ambiguous", ["0102"])
    assert found["0102"] == ("ambiguous", ["0101"])


def test_an_index_that_fits_no_room_differs_from_all():
    assert findings(("0101", 44, 43), ("0102", 900, 900)) == {
        "0101": ("differs", []),
        "0102": ("proved", []),
    }


numbers = st.decimals(0, 300, places=3)


@given(st.lists(st.tuples(numbers, st.none() | numbers), max_size=15), numbers)
def test_it_is_what_comparing_all_pairs_gives(pairs, allowed):
    meters = [Meter(key, *pair) for key, pair in enumerate(pairs)]
    verdicts = check_openings(meters, allowed)
    for meter in meters:
        fits = [
            other.key
            for other in meters
            if (other.opening == meter.opening)
            if meter.first is None
        ] + [
            other.key
            for other in meters
            if meter.first is not None and 0 <= meter.first - other.opening <= allowed
        ]
        others = {key for key in fits if key != meter.key}
        assert set(verdicts[meter.key].others) == others
        if verdicts[meter.key].finding == "proved":
            assert fits == [meter.key]
        assert (verdicts[meter.key].finding == "differs") == (meter.key not in fits)
