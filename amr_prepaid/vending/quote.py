"""How much energy a payment buys, and what stays in the wallet.

The rule is that of manual S4 2.2 (golden vector GV1): the payment and the wallet are
added up, as many whole units as they pay for are sold, and the change stays in the
wallet, where it is worth less than one unit.
"""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import NamedTuple

ONE_UNIT = Decimal(1)
CENT = Decimal("0.01")
METER_STEP = Decimal("0.01")
METER_CREDIT_MAX = Decimal("999999.99")


class VendingError(ValueError):
    """A sale that cannot be made; the subclass says why."""


class NotPositive(VendingError):
    """The payment is zero or negative."""


class PriceMissing(VendingError):
    """The price is zero or negative: nothing can be divided by it."""


class TooLittle(VendingError):
    """Payment and wallet together buy less than one unit.

    :ivar Decimal least: the smallest payment that would buy one
    """

    def __init__(self, least):
        super().__init__(f"less than one unit, pay at least {least}")
        self.least = least


class MeterCreditTooLarge(VendingError):
    """More than the six digits and two decimals a meter can hold (DL/T 645 00900100).

    :ivar Decimal most: the largest credit of one sale, in the meter's units
    """

    def __init__(self, most=METER_CREDIT_MAX):
        super().__init__(f"more than {most} units on the meter")
        self.most = most


class Quote(NamedTuple):
    """One sale. ``paid + before == charged + after`` and ``0 <= after < price * step``.

    :ivar Decimal before: wallet before the payment, in currency
    :ivar Decimal paid: the payment, in currency
    :ivar Decimal price: price of one unit, tax included
    :ivar Decimal quantity: units sold (kWh or m³), a multiple of the step
    :ivar Decimal charged: price of the quantity, rounded once to the cent
    :ivar Decimal after: wallet when the sale is done
    """

    before: Decimal
    paid: Decimal
    price: Decimal
    quantity: Decimal
    charged: Decimal
    after: Decimal


def make_quote(paid, before, price, *, step=ONE_UNIT, cent=CENT):
    """Return the :class:`Quote` of a payment.

    :param Decimal paid: what the customer pays now, a whole number of cents
    :param Decimal before: what the wallet holds and no other sale has reserved
    :param Decimal price: price of one unit, tax included
    :param Decimal step: smallest quantity that is sold
    :param Decimal cent: smallest unit of the currency
    :raises NotPositive: when nothing is paid
    :raises PriceMissing: when the price is not positive
    :raises TooLittle: when it is not enough for one step
    """
    if paid <= 0:
        raise NotPositive(f"{paid} is not a payment")
    if price <= 0:
        raise PriceMissing(f"{price} is not a price")
    money = paid + before
    quantity = _steps(money, price * step, cent) * step
    if quantity <= 0:
        raise TooLittle(smallest_payment(before, price, step=step, cent=cent))
    charged = _cents(quantity * price, cent)
    return Quote(before, paid, price, quantity, charged, money - charged)


def smallest_payment(before, price, *, step=ONE_UNIT, cent=CENT):
    """Return the smallest payment that buys one step, at least one cent."""
    return max(_cents(price * step, cent) - before, cent)


def meter_credit(quantity, factor, *, step=METER_STEP, most=METER_CREDIT_MAX):
    """Return the credit in the meter's own units for a quantity of energy.

    A meter behind transformers counts ``1 / factor`` of the energy, so that is what it
    must be credited with (变比电量). It is rounded once, to the meter's last digit.

    :param Decimal quantity: units sold
    :param Decimal factor: what one unit on the meter stands for
    :raises MeterCreditTooLarge: when the meter cannot hold it
    """
    if factor <= 0:
        raise VendingError(f"{factor} is not a factor")
    credit = (quantity / factor / step).quantize(Decimal(1), ROUND_HALF_UP) * step
    if credit > most:
        raise MeterCreditTooLarge(most)
    return credit


def _steps(money, step_price, cent):
    """Return how many steps can be paid, rounding to the cent included.

    n steps cost ``n * step_price`` rounded half up, which is at most ``money`` exactly
    while ``n * step_price < money + cent / 2``.
    """
    limit = (money + cent / 2) / step_price
    return max(limit.to_integral_value(ROUND_CEILING) - 1, Decimal(0))


def _cents(amount, cent):
    return (amount / cent).quantize(Decimal(1), ROUND_HALF_UP) * cent
