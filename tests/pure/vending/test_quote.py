from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vending import (
    MeterCreditTooLarge,
    NotPositive,
    PriceMissing,
    TooLittle,
    VendingError,
    make_quote,
    meter_credit,
    smallest_payment,
)

CENT = D("0.01")
money = st.decimals(D("0.01"), D("1000000"), places=2)
change = st.decimals(D("0"), D("1000"), places=2)
prices = st.decimals(D("0.000001"), D("100"), places=6)
steps = st.sampled_from([D(1), D("0.01"), D(3)])


def test_golden_vector_gv1_of_the_manual():
    quote = make_quote(D("1000"), D("0.40"), D("1.2"))
    assert quote.quantity == 833
    assert quote.charged == D("999.60")
    assert quote.after == D("0.80")
    assert meter_credit(quote.quantity, D(1)) == D("833.00")


def test_exact_payment_leaves_nothing():
    quote = make_quote(D("12"), D("0"), D("1.2"))
    assert (quote.quantity, quote.charged, quote.after) == (10, D("12.00"), 0)


def test_wallet_alone_counts_towards_the_first_unit():
    quote = make_quote(D("0.80"), D("0.40"), D("1.2"))
    assert (quote.quantity, quote.after) == (1, 0)


@pytest.mark.parametrize("paid", [D("0"), D("-1"), D("-0.01")])
def test_no_payment_is_refused(paid):
    with pytest.raises(NotPositive):
        make_quote(paid, D("100"), D("1.2"))


@pytest.mark.parametrize("price", [D("0"), D("-1.2")])
def test_no_price_is_refused(price):
    with pytest.raises(PriceMissing):
        make_quote(D("100"), D("0"), price)


def test_less_than_one_unit_says_what_is_missing():
    with pytest.raises(TooLittle) as caught:
        make_quote(D("0.50"), D("0.40"), D("1.2"))
    assert caught.value.least == D("0.80")
    assert make_quote(caught.value.least, D("0.40"), D("1.2")).quantity == 1


def test_meter_behind_transformers_is_credited_with_its_own_units():
    assert meter_credit(D("833"), D("30")) == D("27.77")
    assert meter_credit(D("600"), D("40")) == D("15.00")


def test_meter_credit_has_an_upper_limit():
    with pytest.raises(MeterCreditTooLarge):
        meter_credit(D("1000000"), D(1))
    assert meter_credit(D("999999.99"), D(1)) == D("999999.99")


def test_meter_credit_needs_a_factor():
    with pytest.raises(VendingError):
        meter_credit(D("1"), D("0"))


def test_floats_are_not_accepted():
    with pytest.raises(TypeError):
        make_quote(1000.0, D("0.40"), D("1.2"))


@given(paid=money, before=change, price=prices, step=steps)
def test_no_money_is_lost_and_the_change_is_less_than_one_step(
    paid, before, price, step
):
    try:
        quote = make_quote(paid, before, price, step=step)
    except TooLittle as error:
        assert paid < error.least
        return
    assert quote.paid + quote.before == quote.charged + quote.after
    assert 0 <= quote.after < price * step
    assert quote.charged == quote.charged.quantize(CENT)
    assert quote.quantity % step == 0


@given(before=change, price=prices, step=steps)
def test_smallest_payment_buys_and_one_cent_less_does_not(before, price, step):
    least = smallest_payment(before, price, step=step)
    assert make_quote(least, before, price, step=step).quantity >= step
    if least > CENT:
        with pytest.raises(TooLittle):
            make_quote(least - CENT, before, price, step=step)


@given(before=change, price=prices, units=st.integers(1, 5000))
def test_paying_for_a_quantity_buys_it(before, price, units):
    """Manual S2 三: selling by quantity is selling by the amount that it costs."""
    least = smallest_payment(before, price, step=D(units))
    quote = make_quote(least, before, price)
    assert quote.quantity >= units
    if price >= CENT and least > CENT:
        assert quote.quantity == units


@given(
    first=money,
    second=money,
    before=change,
    price=st.decimals(D("0.01"), D("100"), places=2),
)
def test_two_payments_buy_as_much_as_one(first, second, before, price):
    """The change carries over: splitting a payment neither wins nor loses a unit.

    For prices of whole cents, where nothing is rounded.
    """
    try:
        one = make_quote(first, before, price)
        two = make_quote(second, one.after, price)
    except TooLittle:
        return
    both = make_quote(first + second, before, price)
    assert one.quantity + two.quantity == both.quantity
    assert two.after == both.after
