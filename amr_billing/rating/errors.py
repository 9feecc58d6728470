"""What can be wrong with the input of a rating, one type each.

The attributes carry the facts; whoever shows the error to a person words (and
translates) the sentence.
"""


class RatingError(Exception):
    """The consumption cannot be priced; nothing may be billed."""


class InvalidPrice(RatingError):
    """A price table that contradicts itself (negative price, steps out of order)."""

    def __init__(self, price, problem):
        self.price = price
        self.problem = problem
        super().__init__(f"price {price!r}: {problem}")


class OverlappingPrices(RatingError):
    """Two price versions are in force at the same time."""

    def __init__(self, first, second):
        self.first = first
        self.second = second
        super().__init__(f"prices {first!r} and {second!r} overlap")


class MissingPrice(RatingError):
    """Nothing says what a unit costs at this time, on this register."""

    def __init__(self, at, register="total"):
        self.at = at
        self.register = register
        super().__init__(f"no price for register {register} at {at}")


class MissingReading(RatingError):
    """A register that must be priced has no reading at one end of the interval."""

    def __init__(self, meter, register, at):
        self.meter = meter
        self.register = register
        self.at = at
        super().__init__(f"meter {meter!r}: no reading of {register} at {at}")


class NegativeConsumption(RatingError):
    """The index went down between two readings."""

    def __init__(self, meter, register, start, end):
        self.meter = meter
        self.register = register
        self.start = start
        self.end = end
        super().__init__(
            f"meter {meter!r}: {register} fell from {start.index} ({start.at})"
            f" to {end.index} ({end.at})"
        )


class ImplausibleRollOver(NegativeConsumption):
    """The index went down, and not from near the end of the dial to near its start."""
