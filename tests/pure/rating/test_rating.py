"""Golden figures: every expected amount was worked out by hand."""

from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest
from amr_rating import (
    ImplausibleRollOver,
    InvalidPrice,
    MissingPrice,
    MissingReading,
    NegativeConsumption,
    OverlappingPrices,
    Price,
    Reading,
    Span,
    Step,
    Surcharge,
    money,
    rate,
)

OCTOBER = datetime(2026, 9, 30, 16)  # midnight in Shanghai
NOVEMBER = datetime(2026, 10, 31, 16)
DAY = timedelta(days=1)


def span(start_index, end_index, *, between=(), register="total", **values):
    values = {"meter": "M1", "start": OCTOBER, "end": NOVEMBER} | values
    readings = (
        Reading(values["start"], D(start_index)),
        *(Reading(at, D(index)) for at, index in between),
        Reading(values["end"], D(end_index)),
    )
    return Span(readings={register: readings}, **values)


def flat(price, key="v1", **values):
    return Price(key=key, method="flat", price=D(price), **values)


def amounts(pieces):
    return [(piece.component, piece.quantity, piece.amount) for piece in pieces]


# --- consumption ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("5081.9", "5086.5", "4.6"),
        ("1124.73", "1125.09", "0.36"),
        ("503.4", "504.02", "0.62"),
        ("6814.85", "6819.67", "4.82"),
        ("2095.19", "2104.93", "9.74"),
        ("95", "142", "47"),
        ("44", "115", "71"),
    ],
)
def test_consumption_is_exact(start, end, expected):
    (piece,) = rate([span(start, end)], [flat("1")])
    assert piece.consumption == D(expected)


@pytest.mark.parametrize(("start", "end"), [("106", "21"), ("303", "54")])
def test_an_index_that_falls_is_an_error_not_a_credit(start, end):
    with pytest.raises(NegativeConsumption) as caught:
        rate([span(start, end)], [flat("1")])
    assert caught.value.meter == "M1"
    assert caught.value.start.index == D(start)


def test_one_negative_usage_does_not_shrink_the_building():
    """The legacy report subtracts −10.90 and prints 48.45 for 17 meters."""
    usages = "7.21 -10.90 7 7 7.33 7.21 2.10 2.10 2.10 2.10 2.10 2.10 2.10 2.10 2.10"
    usages = [D(usage) for usage in (usages + " 2.10 2.60").split()]
    assert sum(usages) == D("48.45")
    billed, refused = D(0), []
    for usage in usages:
        try:
            (piece,) = rate([span("100", D(100) + usage)], [flat("1")])
            billed += piece.consumption
        except NegativeConsumption:
            refused.append(usage)
    assert refused == [D("-10.90")]
    assert billed == D("59.35")


def test_factor_multiplies_the_index():
    (piece,) = rate([span("10.5", "12.25", factor=D(80))], [flat("0.617")])
    assert piece.consumption == D(140)
    assert piece.amount == D("86.38")


def test_roll_over_near_both_ends_of_the_dial():
    (piece,) = rate([span("999990.5", "12.3", capacity=D(1000000))], [flat("1")])
    assert piece.consumption == D("21.8")
    assert (piece.start_index, piece.end_index) == (D("999990.5"), D("12.3"))


def test_a_fall_from_the_middle_of_the_dial_is_no_roll_over():
    with pytest.raises(ImplausibleRollOver):
        rate([span("500000", "12.3", capacity=D(1000000))], [flat("1")])


def test_a_meter_without_a_reading_is_an_error():
    with pytest.raises(MissingReading) as caught:
        rate(
            [Span("M1", OCTOBER, NOVEMBER, {"total": (Reading(OCTOBER, D(1)),)})],
            [flat("1")],
        )
    assert caught.value.at == NOVEMBER


# --- flat, rounding, surcharges, minimum ---------------------------------------------


def test_flat_price_rounds_once_per_piece_half_up():
    (piece,) = rate([span("0", "0.025")], [flat("1")])
    assert piece.amount == D("0.03")
    (piece,) = rate([span("0", "80.5")], [flat("0.617000")])
    assert piece.amount == D("49.67")  # 49.6685


def test_money_follows_the_smallest_step_of_the_currency():
    assert money(D("1.025")) == D("1.03")
    assert money(D("1.03"), D("0.05")) == D("1.05")
    assert money(D("10.5"), D("1")) == D("11")


def test_surcharges_per_unit_and_per_bill():
    price = flat(
        "0.5",
        surcharges=(
            Surcharge("sewage", "per_unit", D("0.95")),
            Surcharge("service", "per_bill", D("2")),
        ),
    )
    assert amounts(rate([span("10", "22.5")], [price])) == [
        ("total", D("12.5"), D("6.25")),
        ("surcharge/sewage", D("12.5"), D("11.88")),
        ("surcharge/service", D(1), D("2.00")),
    ]


def test_minimum_tops_the_energy_up_and_never_down():
    assert amounts(rate([span("0", "3")], [flat("1", minimum=D("10"))]))[1:] == [
        ("minimum", D(1), D("7.00"))
    ]
    assert len(rate([span("0", "30")], [flat("1", minimum=D("10"))])) == 1


def test_no_consumption_still_covers_the_interval():
    (piece,) = rate([span("5", "5")], [flat("1")])
    assert (piece.quantity, piece.amount) == (D(0), D(0))
    assert (piece.start, piece.end) == (OCTOBER, NOVEMBER)


# --- price change in the middle of the period ---------------------------------------


def two_prices(change):
    return [flat("0.5", "old", end=change), flat("0.8", "new", start=change)]


def test_price_change_at_a_reading_is_exact():
    change = OCTOBER + 10 * DAY
    old, new = rate([span("0", "100", between=[(change, "40")])], two_prices(change))
    assert (old.consumption, old.amount, old.price) == (D(40), D("20.00"), "old")
    assert (new.consumption, new.amount, new.price) == (D(60), D("48.00"), "new")
    assert old.end_index == new.start_index == D(40)
    assert not old.estimated and not new.estimated


def test_price_change_without_a_reading_splits_by_time_and_says_so():
    change = OCTOBER + 15 * DAY
    old, new = rate([span("0", "62")], two_prices(change))
    assert (old.consumption, new.consumption) == (D(30), D(32))
    assert old.estimated and new.estimated


def test_an_unused_meter_needs_no_estimate():
    old, new = rate([span("7", "7")], two_prices(OCTOBER + DAY))
    assert not old.estimated and not new.estimated


def test_a_gap_between_prices_is_an_error():
    prices = [
        flat("1", "a", end=OCTOBER + DAY),
        flat("2", "b", start=OCTOBER + 2 * DAY),
    ]
    with pytest.raises(MissingPrice) as caught:
        rate([span("0", "1")], prices)
    assert caught.value.at == OCTOBER + DAY


def test_overlapping_prices_are_an_error():
    with pytest.raises(OverlappingPrices):
        rate([span("0", "1")], [flat("1", "a"), flat("2", "b", start=OCTOBER)])


def test_a_missing_price_is_an_error_but_a_price_of_zero_is_a_price():
    with pytest.raises(MissingPrice):
        rate([span("0", "1")], [Price("v1", "flat")])
    with pytest.raises(MissingPrice):
        rate([span("0", "1")], [Price("v1", "tou")])
    with pytest.raises(MissingPrice):
        rate([span("0", "1")], [Price("v1", "step")])
    assert rate([span("0", "1")], [flat("0")])[0].amount == 0


@pytest.mark.parametrize(
    ("price", "problem"),
    [
        (flat("-0.1"), "negative"),
        (Price("v1", "tou", registers={"t1": D(-1)}), "negative"),
        (Price("v1", "tou", registers={"total": D(1), "t1": D(1)}), "twice"),
        (Price("v1", "step", steps=(Step(D(0), D(1)), Step(D(0), D(2)))), "steps"),
        (flat("1", start=NOVEMBER, end=OCTOBER), "period"),
        (flat("1", surcharges=(Surcharge("s", "per_bill", D(-1)),)), "negative"),
    ],
)
def test_a_price_that_contradicts_itself_is_refused(price, problem):
    with pytest.raises(InvalidPrice) as caught:
        rate([span("0", "1")], [price])
    assert caught.value.problem == problem


# --- time of use --------------------------------------------------------------------


def tou_span(**indexes):
    return Span(
        "M1",
        OCTOBER,
        NOVEMBER,
        {
            register: (Reading(OCTOBER, D(start)), Reading(NOVEMBER, D(end)))
            for register, (start, end) in indexes.items()
        },
    )


TOU = Price("v1", "tou", registers={"t1": D("1.2"), "t2": D("0.8"), "t4": D("0.3")})


def test_time_of_use_prices_every_register_once():
    pieces = rate(
        [tou_span(total=("0", "100"), t1=("0", "20"), t2=("0", "30"), t4=("0", "50"))],
        [TOU],
    )
    assert amounts(pieces) == [
        ("t1", D(20), D("24.00")),
        ("t2", D(30), D("24.00")),
        ("t4", D(50), D("15.00")),
    ]


def test_a_register_that_counted_must_have_a_price():
    readings = {"t1": ("0", "1"), "t2": ("0", "1"), "t3": ("4", "5"), "t4": ("0", "1")}
    with pytest.raises(MissingPrice) as caught:
        rate([tou_span(**readings)], [TOU])
    assert caught.value.register == "t3"
    readings["t3"] = ("4", "4")
    assert len(rate([tou_span(**readings)], [TOU])) == 3


def test_time_of_use_needs_every_priced_register():
    with pytest.raises(MissingReading) as caught:
        rate([tou_span(t1=("0", "1"), t2=("0", "1"))], [TOU])
    assert caught.value.register == "t4"


# --- steps --------------------------------------------------------------------------

STEPS = Price(
    "v1",
    "step",
    steps=(Step(D(0), D("0.5")), Step(D(180), D("0.6")), Step(D(400), D("0.9"))),
)


def test_steps_price_each_block_at_its_own_price():
    assert amounts(rate([span("0", "450")], [STEPS])) == [
        ("total/1", D(180), D("90.00")),
        ("total/2", D(220), D("132.00")),
        ("total/3", D(50), D("45.00")),
    ]


def test_steps_go_on_where_the_period_stood():
    assert amounts(rate([span("0", "40")], [STEPS], used=D(170))) == [
        ("total/1", D(10), D("5.00")),
        ("total/2", D(30), D("18.00")),
    ]


def test_the_limit_itself_belongs_to_the_lower_block():
    assert amounts(rate([span("0", "180")], [STEPS])) == [
        ("total/1", D(180), D("90.00"))
    ]


def test_two_months_on_one_bill_have_blocks_of_double_size():
    assert amounts(rate([span("0", "360")], [STEPS], scale=D(2))) == [
        ("total/1", D(360), D("180.00"))
    ]


def test_steps_without_consumption_keep_one_piece():
    assert amounts(rate([span("9", "9")], [STEPS], used=D(200))) == [
        ("total/2", D(0), D("0.00"))
    ]


def test_steps_that_start_above_zero_leave_units_without_price():
    price = Price("v1", "step", steps=(Step(D(10), D(1)),))
    with pytest.raises(MissingPrice):
        rate([span("0", "5")], [price])


def test_steps_count_on_over_a_price_change():
    change = OCTOBER + 10 * DAY
    old = Price("old", "step", end=change, steps=STEPS.steps)
    new = Price(
        "new", "step", start=change, steps=(Step(D(0), D(1)), Step(D(180), D(2)))
    )
    pieces = rate([span("0", "200", between=[(change, "170")])], [old, new])
    assert amounts(pieces) == [
        ("total/1", D(170), D("85.00")),
        ("total/1", D(10), D("10.00")),
        ("total/2", D(20), D("40.00")),
    ]


# --- replacement of the meter ------------------------------------------------------


def test_a_replaced_meter_makes_one_chain_for_each_meter():
    change = OCTOBER + 12 * DAY
    old = span("900", "950", meter="OLD", end=change)
    new = span("3", "23", meter="NEW", start=change, factor=D(2))
    pieces = rate([old, new], [STEPS])
    assert [(p.meter, p.consumption) for p in pieces] == [
        ("OLD", D(50)),
        ("NEW", D(40)),
    ]
    assert pieces[1].end_index == D(23)


def test_nothing_to_rate_gives_nothing():
    assert rate([], [flat("1")]) == []
