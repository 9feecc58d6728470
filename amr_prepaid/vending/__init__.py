"""Price of a sale of prepaid energy: exact arithmetic, no Odoo.

Everything is :class:`~decimal.Decimal`; floats are refused by the arithmetic itself.
"""

from .quote import (
    MeterCreditTooLarge,
    NotPositive,
    PriceMissing,
    Quote,
    TooLittle,
    VendingError,
    make_quote,
    meter_credit,
    smallest_payment,
)

__all__ = [
    "MeterCreditTooLarge",
    "NotPositive",
    "PriceMissing",
    "Quote",
    "TooLittle",
    "VendingError",
    "make_quote",
    "meter_credit",
    "smallest_payment",
]
