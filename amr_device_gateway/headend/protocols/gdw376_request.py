"""Parts of 376.1 requests: addresses, data units, authentication codes.

Source: Q/GDW 376.1-2009, 4.3.3.3 (address) and 4.3.4.4 (data units).
"""

from . import gdw376_frame as frames
from . import gdw376_items as items
from .base import AddressError, EncodeError
from .gdw376_formats import read, size_of


def asked_units(frame):
    """``{(point, fn): (name, stamp) or None}`` of a request; point None is every one.

    Only requests of AFN 0DH carry stamps; what other requests carry ends the list.
    """
    data, units = frame.data, {}
    while len(data) >= 4:
        points = frames.unpack_points(data[:2], frame.edition)
        numbers, data = frames.unpack_fns(data[2:4]), data[4:]
        for point in [None] if points is None else points:
            for fn in numbers:
                units[point, fn] = None
                if frame.afn == items.HISTORY and items.stamp_size(fn):
                    part = items.ITEMS[items.HISTORY][fn][0]
                    size = size_of(part.format)
                    units[point, fn] = _stamp(part, data[:size])
                    data = data[size:]
        if frame.afn not in (items.CURRENT, items.HISTORY, items.READ_SET):
            break
        if frame.afn == items.READ_SET and items.ARCHIVES in numbers:
            break
    return units


def _stamp(part, data):
    """Name and text of the stamp of a freeze, None when it is none."""
    try:
        return part.name, read(part.format, data)
    except ValueError:
        return None


def units_of(points, fn, data=b"", edition=frames.GDW376):
    """Data units of one Fn for ``points``; ``None`` means every metering point.

    Points whose units carry ``data`` are named one by one: how often it would have to
    be repeated behind a name of several is not said clearly.
    """
    kind = frames.pack_fn(fn)
    if points is None and not edition.group_bits:
        return frames.ALL_POINTS + kind + data
    if not points:
        raise EncodeError("Name the metering points that are meant (02001234/5).")
    groups = [[point] for point in sorted(set(points))] if data else [points]
    pairs = [pair for group in groups for pair, _ in frames.pack_points(group, edition)]
    return b"".join(pair + kind + data for pair in pairs)


def terminal_and_points(address):
    """Terminal, and the metering points named behind a slash (default: p0)."""
    terminal, _slash, point = str(address or "").partition("/")
    if not point:
        return terminal, [0]
    if not point.isascii() or not point.isdigit() or not 0 < int(point) <= 2040:
        raise AddressError(
            f"“{point}” is no metering point: it must be a number from 1 to 2040."
        )
    return terminal, [int(point)]


def meter_of(address):
    terminal, points = terminal_and_points(address)
    if points == [0]:
        raise AddressError(
            f"“{address}” names a terminal and no meter: add the metering point "
            f"behind a slash ({terminal}/1)."
        )
    return terminal, points


def code_of(code, size):
    """Message authentication code from bytes or hex, default zeros."""
    try:
        code = bytes.fromhex(code) if isinstance(code, str) else code or bytes(size)
    except ValueError:
        code = b""
    if len(code) != size:
        raise EncodeError(f"An authentication code has {size} bytes.")
    return bytes(code)
