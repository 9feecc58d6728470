"""What a concentrator's list says against ours. No ORM here."""

from typing import NamedTuple

from ..headend.protocols import registry
from ..headend.protocols.gdw376_archive import Archive

GDW376 = registry.get("gdw376")
ROWS_READ = 40  # rows in one answer, about 1 KB
ROWS_WRITTEN = 30  # rows in one request, below 1 KB
COMPARED = ("address", "protocol", "port")


class Difference(NamedTuple):
    """One metering point that the two lists do not agree on.

    :param str kind: ``missing`` (the concentrator does not know it), ``extra`` (we do
        not), ``differs``
    :param number: place in the concentrator's list, 0 when it is not there
    """

    kind: str
    point: int
    number: int = 0
    ours: object = None
    theirs: object = None


def compare(ours, theirs):
    """Differences of two lists of :class:`Archive`, by metering point.

    A second row for one point is extra; so is one at another place than ours: sent
    down, ours would stand beside it.

    :rtype: list[Difference]
    """
    ours = {row.point: row for row in ours}
    found, seen = [], set()
    for row in sorted(theirs, key=lambda row: (row.point, row.number)):
        mine = ours.get(row.point)
        if mine is None or row.number != mine.number:
            found.append(Difference("extra", row.point, row.number, None, row))
            continue
        seen.add(row.point)
        if any(_plain(mine, name) != _plain(row, name) for name in COMPARED):
            found.append(Difference("differs", row.point, row.number, mine, row))
    found += [
        Difference("missing", point, 0, row)
        for point, row in ours.items()
        if point not in seen
    ]
    return sorted(found, key=lambda one: (one.point, one.number))


def _plain(row, name):
    value = getattr(row, name)
    return value.lstrip("0") if name == "address" else value


def writing_frames(terminal, rows, deleted=()):
    """Requests that bring ``rows`` into the list, and take places out of it first.

    :param deleted: numbers of rows to be deleted
    """
    gone = [rows_deleted(number) for number in sorted(deleted)]
    return [
        GDW376.write_archives(terminal, part, sequence=number % 16)
        for number, part in enumerate(_parts([*gone, *rows], ROWS_WRITTEN))
    ]


def rows_deleted(number):
    """The row that deletes the one at a place: metering point 0."""
    return Archive(number, 0, "0")


def reading_frames(terminal, last):
    """Requests for the whole list up to place ``last``."""
    numbers = list(range(1, last + 1))
    return [
        GDW376.read_archives(terminal, part, sequence=number % 16)
        for number, part in enumerate(_parts(numbers, ROWS_READ))
    ]


def _parts(values, size):
    return [values[n : n + size] for n in range(0, len(values), size)]
