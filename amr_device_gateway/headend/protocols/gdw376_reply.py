"""Reads the data units of one 376.1 frame, up or down."""

from contextlib import suppress
from decimal import Decimal

from . import bcd
from . import gdw376_frame as frames
from . import gdw376_items as items
from .base import Decoded, Fault, Value
from .gdw376_archive import ROW, unpack
from .gdw376_formats import read, size_of

TAG, COUNTERS = 6, 2
#: ERR of a confirmation, unit by unit (annex D); others are told as a number.
ERRORS = {1: "other error", 2: "the meter address is there twice"}
LINK_TESTS = {1: "login", 2: "logout", 3: "heartbeat"}


class _Stop(Exception):
    """Nothing behind this place can be read."""


class Reader:
    """Reads one sound frame; keeps the faults it meets instead of raising.

    A fault that concerns metering points names them in its flags (``p7``).
    """

    def __init__(self, name, frame):
        self.name = name
        self.frame = frame
        self.values = []
        self.error = None
        #: (point, Fn) as they came.
        self.units = []
        self._point = 0

    def decoded(self):
        frame = self.frame
        with suppress(_Stop):
            self._read()
        return Decoded(
            self.name,
            frame.address,
            f"{frame.control:02X}",
            self.data_id,
            self.error,
            self.values,
            frame.data,
            frame.is_up and not frame.seq & frames.LAST,
        )

    @property
    def data_id(self):
        """``0D F161``, or ``0D F161,F163``."""
        numbers = ",".join(
            f"F{fn}" for fn in dict.fromkeys(fn for _point, fn in self.units)
        )
        return f"{self.frame.afn:02X} {numbers}".strip()

    # === FOR READERS OF UNITS === #

    def size(self, form):
        return {"point": 2, "count": 1}.get(form) or size_of(form)

    def add(self, name, value, unit=""):
        if isinstance(value, int):
            value = Decimal(value)
        self.values.append(Value(name, value, unit))

    def value(self, name, form, unit, data):
        """Add the value of ``data``; a bad one is a fault, and is left out."""
        try:
            self.add(name, read(form, data), unit)
        except bcd.NotDecimal:
            raw = bytes(reversed(data)).hex().upper()
            self.fail("bcd", f"The value of {name} is no decimal number: {raw}.")

    def fail(self, code, text, stop=False):
        """Note a fault; of several the first is told, with the points of all."""
        flags = self.error.flags if self.error else ()
        flag = f"p{self._point}"
        if flag not in flags:
            flags = (*flags, flag)
        first = self.error or Fault(code, text)
        self.error = Fault(first.code, str(first), flags)
        if stop:
            raise _Stop

    # === THE FRAME === #

    def _read(self):
        data = self._body()
        frame = self.frame
        primary = frame.control & frames.PRIMARY
        if frame.is_up and not primary and frame.function == frames.NO_DATA:
            self.fail("no_data", "The terminal has no such data.", stop=True)
        while data:
            if len(data) < 4:
                self.fail("length", "A data unit is cut short.", stop=True)
            points = frames.unpack_points(data[:2], frame.edition)
            numbers = frames.unpack_fns(data[2:4])
            if points == [] or not numbers:
                text = f"There is no data unit {data[:4].hex().upper()}."
                self.fail("frame", text, stop=True)
            data = data[4:]
            for point in [None] if points is None else points:
                for fn in numbers:
                    data = self._unit(point, fn, data)

    def _body(self):
        """The data units, without what may follow them (PW, EC, Tp)."""
        frame = self.frame
        sizes = [TAG] if frame.seq & frames.TAGGED else []
        if frame.is_up and frame.control & frames.EVENTS:
            sizes.insert(0, COUNTERS)
        if not frame.is_up and frame.afn in items.AUTHENTICATED:
            sizes.insert(0, frame.edition.code_size)
        end = len(frame.data) - sum(sizes)
        if end < 0:
            self.fail("length", "The frame is too short for what it ends with.", True)
        if frame.is_up and frame.control & frames.EVENTS:
            self.add("event_counter.important", frame.data[end])
            self.add("event_counter.general", frame.data[end + 1])
        return frame.data[:end]

    def _unit(self, point, fn, data):
        """Read one unit; answers the bytes behind it."""
        self._point = point or 0
        self.units.append((point, fn))
        prefix = "all." if point is None else f"p{point}." if point else ""
        afn = self.frame.afn
        special = getattr(self, f"_afn_{afn:02x}", None)
        if special:
            rest = special(fn, prefix, data)
            if rest is not None:
                return rest
        if not self.frame.is_up:
            return self._raw(prefix, data) if special is None else data
        if (afn, fn) in items.SPECIAL:
            return items.SPECIAL[afn, fn](self, prefix, data)
        parts = items.ITEMS.get(afn, {}).get(fn)
        return (
            self._raw(prefix, data)
            if parts is None
            else self._parts(prefix, parts, data)
        )

    def _raw(self, prefix, data):
        """Nobody knows where this unit ends: keep the bytes, and stop."""
        secret = not self.frame.is_up and self.frame.afn in items.AUTHENTICATED
        if data and not secret:
            self.add(f"{prefix}data", data.hex().upper())
        raise _Stop

    def _parts(self, prefix, parts, data):
        count = 0
        for part in parts:
            names = [part.name]
            if part.rates:
                names = [f"{part.name}.{n}" for n in items.RATE_NAMES[: count + 1]]
            for name in names:
                size = self.size(part.format)
                if len(data) < size:
                    text = f"The value of {prefix}{name} is too short."
                    self.fail("length", text, stop=True)
                piece, data = data[:size], data[size:]
                if part.format == "count":
                    count = self._count(prefix, piece)
                else:
                    self.value(prefix + name, part.format, part.unit, piece)
        return data

    def _count(self, prefix, piece):
        """M; a unit without data has EE there, and its length is then unknown."""
        if bcd.is_filler(piece):
            text = f"The terminal has no data for {prefix.rstrip('.')}."
            self.fail("no_data", text, stop=True)
        if piece[0] > items.MAX_RATES:
            text = f"{piece[0]} is no number of rates ({prefix.rstrip('.')})."
            self.fail("length", text, stop=True)
        return piece[0]

    def _take(self, size, data):
        if len(data) < size:
            self.fail("length", "A data unit is cut short.", stop=True)
        return data[:size], data[size:]

    # === UNITS WITH A FORM OF THEIR OWN === #
    # None: the table of items knows. Down, what is left takes no bytes.

    def _afn_00(self, fn, prefix, data):
        """Confirmation (5.1)."""
        if fn == items.ALL_ACCEPTED:
            self.add("confirmation", "accepted")
        elif fn == items.ALL_DENIED:
            self.add("confirmation", "denied")
            self.fail("meter", "The terminal refused the request.")
        elif fn == items.ONE_BY_ONE:
            return self._one_by_one(data)
        return data

    def _one_by_one(self, data):
        (afn,), data = self._take(1, data)
        self.add("confirmed_afn", f"{afn:02X}")
        denied = []
        while data:
            unit, data = self._take(5, data)
            points = frames.unpack_points(unit[:2], self.frame.edition) or ["?"]
            numbers = frames.unpack_fns(unit[2:4]) or ["?"]
            name = f"p{points[0]} F{numbers[0]}"
            text = ERRORS.get(unit[4], f"error {unit[4]}") if unit[4] else "accepted"
            self.add(f"confirmation.{name}", text)
            if unit[4]:
                denied.append(f"{name} ({text})")
        if denied:
            self.fail("meter", f"The terminal refused {', '.join(denied)}.")
        return data

    def _afn_02(self, fn, prefix, data):
        """Log-in, log-out and heartbeat; terminals of 2013 add their clock (A.1)."""
        self.add("link", LINK_TESTS.get(fn, f"F{fn}"))
        if len(data) == size_of("A1"):
            self.value("clock", "A1", "", data)
            return b""
        return data

    def _afn_04(self, fn, prefix, data):
        if fn == items.ARCHIVES:
            return self._archives(data)
        return self._raw(prefix, data)

    def _afn_05(self, fn, prefix, data):
        if fn != items.SET_CLOCK:
            return self._raw(prefix, data)
        piece, data = self._take(size_of("A1"), data)
        self.value("clock", "A1", "", piece)
        return data

    def _afn_0a(self, fn, prefix, data):
        if fn != items.ARCHIVES:
            return None if self.frame.is_up else data
        if self.frame.is_up:
            return self._archives(data)
        count, data = self._take(2, data)
        count = int.from_bytes(count, "little")
        numbers, data = self._take(2 * count, data)
        for n in range(count):
            number = int.from_bytes(numbers[2 * n : 2 * n + 2], "little")
            self.add(f"archive.{n + 1}", number)
        return data

    def _archives(self, data):
        count, data = self._take(2, data)
        for _n in range(int.from_bytes(count, "little")):
            raw, data = self._take(ROW, data)
            self._point = int.from_bytes(raw[2:4], "little")
            number = int.from_bytes(raw[:2], "little")
            try:
                row = unpack(raw)
            except bcd.NotDecimal:
                text = f"The address of meter {number} is no number."
                self.fail("bcd", text)
                continue
            told = row._asdict()
            told.update(
                digits=".".join(map(str, row.digits)), kind="/".join(map(str, row.kind))
            )
            for key, value in told.items():
                if key not in ("number", "password"):
                    self.add(f"archive.{number}.{key}", value)
        return data

    def _afn_0c(self, fn, prefix, data):
        return None if self.frame.is_up else data

    def _afn_0d(self, fn, prefix, data):
        if self.frame.is_up:
            return None
        parts = items.ITEMS[items.HISTORY].get(fn)
        if parts is None:
            return self._raw(prefix, data)
        piece, data = self._take(self.size(parts[0].format), data)
        self.value(prefix + parts[0].name, parts[0].format, "", piece)
        return data

    def _afn_0e(self, fn, prefix, data):
        if self.frame.is_up or (items.EVENTS, fn) not in items.SPECIAL:
            return None
        (first, last), data = self._take(2, data)
        self.add("first", first)
        self.add("last", last)
        return data

    def _afn_10(self, fn, prefix, data):
        """Transparent forwarding (5.16): down with the line's settings, up without."""
        if fn != items.TRANSPARENT:
            return self._raw(prefix, data)
        (port,), data = self._take(1, data)
        self.add("port", port)
        if not self.frame.is_up:
            settings, data = self._take(3, data)
            self.add("line", settings[:1].hex().upper())
        size, data = self._take(2, data)
        inner, data = self._take(int.from_bytes(size, "little"), data)
        text = inner.hex() if self.frame.is_up else redact_inner(inner)
        self.add("forwarded", text.upper())
        return data


def forwarded(frame):
    """The meter's bytes that ``frame`` (parsed) carries, b"" when there are none."""
    if frame.afn != items.FORWARD or frame.data[2:4] != b"\x01\x00":
        return b""
    start = 5 if frame.is_up else 8
    size = int.from_bytes(frame.data[start : start + 2], "little")
    inner = frame.data[start + 2 : start + 2 + size]
    return inner if len(inner) == size else b""


def redact_inner(inner):
    """Hex of a meter's frame, with its passwords starred out; all of it if unknown."""
    from . import registry  # it loads this module

    name = registry.detect(inner)
    return registry.get(name).redact(inner) if name else "*" * 2 * len(inner)
