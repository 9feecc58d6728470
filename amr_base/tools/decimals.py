from decimal import ROUND_HALF_UP, Decimal


def dec(value, places=3):
    """Return an exact Decimal for a number that the ORM hands over as a float.

    Columns are ``numeric`` with a fixed scale, so quantizing the float's shortest
    representation gives back exactly what the database holds (up to 15 digits).

    :param value: float, int, str, Decimal or a false value (taken as zero)
    :param int places: decimal places to keep
    :rtype: Decimal
    """
    return Decimal(str(value or 0)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
