"""Rating: consumption and prices in, priced pieces out.

Pure Python on :class:`decimal.Decimal`; knows neither Odoo nor a database, so that
every figure on a bill can be reproduced and tested in a second.
"""

from .engine import rate
from .errors import (
    ImplausibleRollOver,
    InvalidPrice,
    MissingPrice,
    MissingReading,
    NegativeConsumption,
    OverlappingPrices,
    RatingError,
)
from .readings import Curve
from .tariff import TIME_REGISTERS, Price, Step, Surcharge, split_blocks
from .values import Piece, Reading, Span, money, quantity

__all__ = [
    "Curve",
    "ImplausibleRollOver",
    "InvalidPrice",
    "MissingPrice",
    "MissingReading",
    "NegativeConsumption",
    "OverlappingPrices",
    "Piece",
    "Price",
    "RatingError",
    "Reading",
    "Span",
    "Step",
    "Surcharge",
    "TIME_REGISTERS",
    "money",
    "quantity",
    "rate",
    "split_blocks",
]
