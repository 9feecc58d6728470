"""Which rows of a delivery can be at all, before anything is made of them."""

from decimal import Decimal, InvalidOperation

# the most that column and widest register hold; more would be rounded up beyond it
LIMIT = Decimal("999999999999.9994")


def sift(rows, earliest, latest):
    """Part the rows of a delivery that can be readings from those that cannot.

    :param rows: dicts with ``read_at`` (naive UTC) and ``index``
    :param datetime earliest: stamps before it cannot be
    :param datetime latest: stamps after it cannot be
    :return: the rows that can be, and ``(row, why)`` of the others, ``why`` being
        ``"index"`` or ``"time"``
    """
    good, refused, times = [], [], {}
    for row in rows:
        read_at = row["read_at"]
        in_time = times.get(read_at)
        if in_time is None:  # a delivery has few times, and many rows of each
            in_time = times[read_at] = is_between(read_at, earliest, latest)
        if not is_between(row["index"], 0, LIMIT):
            refused.append((row, "index"))
        elif not in_time:
            refused.append((row, "time"))
        else:
            good.append(row)
    return good, refused


def sift_values(rows, names, earliest, latest):
    """Do the same for rows of measured values, which may be unknown or below zero.

    :param rows: dicts with ``read_at`` and any of ``names``
    :return: as :func:`sift`, with ``why`` ``"value"`` or ``"time"``
    """
    good, refused = [], []
    for row in rows:
        if not all(
            is_between(row[name], -LIMIT, LIMIT)
            for name in names
            if row.get(name) is not None
        ):
            refused.append((row, "value"))
        elif not is_between(row["read_at"], earliest, latest):
            refused.append((row, "time"))
        else:
            good.append(row)
    return good, refused


def is_between(value, least, most):
    """Return whether a value lies between two others; False if it cannot be compared.

    NaN, a text, nothing at all or a time with a zone cannot.
    """
    try:
        return least <= value <= most
    except (InvalidOperation, TypeError):
        return False
