"""Q/GDW 376.1: concentrators and the meters behind them.

An address names a terminal (``02001234``, see :func:`.gdw376_frame.pack_address`); with
a metering point behind a slash (``02001234/5``) it names a meter of the terminal.
Source: Q/GDW 376.1-2009; clause numbers are in the modules that read and build.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from . import gdw376_frame as frames
from . import gdw376_items as items
from .base import Decoded, EncodeError, Fault, Protocol
from .gdw376_archive import Archive, pack
from .gdw376_formats import pack_clock, pack_day, pack_month
from .gdw376_reply import Reader, forwarded, redact_inner
from .gdw376_request import (
    asked_units,
    code_of,
    meter_of,
    terminal_and_points,
    units_of,
)
from .layout import ANSWER, REQUEST, said

READ, WRITE = frames.PRIMARY | frames.READ_2, frames.PRIMARY | frames.READ_1
SINGLE = frames.FIRST | frames.LAST
CONFIRM_LINK, CONFIRM_DATA = frames.LINK_STATE, frames.ACCEPTED
#: A3 of what this master station sends: its number (1) in D7–D1.
STATION = 1 << 1
MAX_FORWARDED = 1024
BAUDS = {300: 0, 600: 1, 1200: 2, 2400: 3, 4800: 4, 7200: 5, 9600: 6, 19200: 7}
PARITIES = {"none": 0b00, "even": 0b10, "odd": 0b11}


@dataclass(frozen=True)
class Gdw376(Protocol):
    """Q/GDW 376.1."""

    name = "gdw376"
    title = "Q/GDW 376.1"
    for_meters = False
    framing_rank = 5
    #: The freezes of a hundred metering points are asked for with seven bytes each.
    longest_request = 2100

    edition = frames.GDW376
    #: Fn of the forward active index: now, at the end of a day, of a month.
    now_item = items.NOW_FORWARD_ACTIVE
    day_item = items.DAY_FORWARD_ACTIVE
    month_item = items.MONTH_FORWARD_ACTIVE

    def Framer(self):
        return frames.Gdw376Framer()

    # === REQUESTS === #

    def _request(self, address, afn, units, sequence, *, code=None, control=READ):
        seq = SINGLE | sequence & 0x0F
        if control == WRITE:
            seq |= frames.CONFIRM
        if afn in items.AUTHENTICATED:
            units += code_of(code, self.edition.code_size)
        return frames.build(
            address,
            control,
            afn,
            seq,
            units,
            station=STATION,
            edition=self.edition,
        )

    def _units(self, points, fn, data=b""):
        return units_of(points, fn, data, self.edition)

    def read_item(self, address, di, sequence=0):
        """Read AFN and Fn, one byte each (0C81 = AFN 0CH, F129)."""
        terminal, points = terminal_and_points(address)
        afn, fn = di >> 8, di & 0xFF
        if afn not in (items.READ_SET, 0x09, items.CURRENT):
            raise EncodeError(
                f"{di:04X} cannot be read without more: an item is AFN (09, 0A or 0C) "
                "and Fn, one byte each."
            )
        return self._request(terminal, afn, self._units(points, fn), sequence)

    def read_index(self, address):
        """Current index of all rates of the metering point in the address (F129)."""
        terminal, points = meter_of(address)
        return [self.read_current(terminal, points)]

    def read_current(self, terminal, points, fn=None, sequence=0):
        """Current data (AFN 0CH) of metering points, default the index."""
        units = self._units(points, fn or self.now_item)
        return self._request(terminal, items.CURRENT, units, sequence)

    def read_day(self, terminal, points, day, fn=None, sequence=0):
        """Daily freeze (AFN 0DH) that closes ``day``, of metering points."""
        fn = fn or self.day_item
        return self._history(terminal, points, fn, pack_day(day), sequence)

    def read_month(self, terminal, points, month, fn=None, sequence=0):
        """Monthly freeze that closes the month ``month`` (a date) is in."""
        fn = fn or self.month_item
        return self._history(terminal, points, fn, pack_month(month), sequence)

    def _history(self, terminal, points, fn, stamp, sequence):
        if items.stamp_size(fn) != len(stamp):
            raise EncodeError(f"F{fn} is not a freeze of this kind.")
        units = self._units(points, fn, stamp)
        return self._request(terminal, items.HISTORY, units, sequence)

    def read_clock(self, address, sequence=0):
        terminal, _points = terminal_and_points(address)
        units = units_of([0], items.CLOCK)
        return [self._request(terminal, items.CURRENT, units, sequence)]

    def set_clock(self, address, moment, *, password=None, operator=None, sequence=0):
        """Set the terminal's clock (AFN 05H F31; seen in use, not in an open text).

        :param password: message authentication code, default zeros
        """
        terminal, _points = terminal_and_points(address)
        units = units_of([0], items.SET_CLOCK, pack_clock(moment))
        return [
            self._request(
                terminal, items.CONTROL, units, sequence, code=password, control=WRITE
            )
        ]

    def start_reading(self, terminal, port=31, again=False, *, code=None, sequence=0):
        """Let the terminal go on reading the meters of a port (AFN 05H F50).

        :param again: read all of them anew, what it holds is too old (F51)
        """
        if not 1 <= port <= 31:
            raise EncodeError(f"A terminal has no port {port} (1 to 31).")
        fn = items.READ_AGAIN if again else items.RESUME_READING
        units = units_of([0], fn, bytes([port]))
        return self._request(
            terminal, items.CONTROL, units, sequence, code=code, control=WRITE
        )

    def read_collecting(self, terminal, sequence=0):
        """How far the terminal has read its meters (AFN 0CH F11)."""
        units = units_of([0], items.COLLECTING)
        return self._request(terminal, items.CURRENT, units, sequence)

    def write_archives(self, terminal, rows, *, code=None, sequence=0):
        """Write :class:`.gdw376_archive.Archive` rows into the terminal's list."""
        data = len(rows).to_bytes(2, "little") + b"".join(map(pack, rows))
        units = units_of([0], items.ARCHIVES, data)
        return self._request(
            terminal, items.SET, units, sequence, code=code, control=WRITE
        )

    def read_archives(self, terminal, numbers, sequence=0):
        """Read rows of the terminal's list by their numbers."""
        data = len(numbers).to_bytes(2, "little")
        data += b"".join(number.to_bytes(2, "little") for number in numbers)
        units = units_of([0], items.ARCHIVES, data)
        return self._request(terminal, items.READ_SET, units, sequence)

    def read_events(self, terminal, first, last, important=True, sequence=0):
        """Event records from pointer ``first`` up to before ``last`` (0…255)."""
        fn = items.IMPORTANT_EVENTS if important else items.GENERAL_EVENTS
        units = units_of([0], fn, bytes([first, last]))
        return self._request(terminal, items.EVENTS, units, sequence)

    def forward(
        self,
        terminal,
        frame,
        *,
        port=31,
        baud=2400,
        parity="even",
        timeout=60,
        code=None,
        sequence=0,
    ):
        """Let the terminal pass ``frame`` to a meter and hand back its answer.

        :param timeout: seconds the terminal waits for the meter, 1…127
        :param code: message authentication code, default zeros
        :raises EncodeError: a setting the frame has no room for
        """
        if baud not in BAUDS or parity not in PARITIES or not 1 <= timeout <= 127:
            raise EncodeError(
                f"A line with {baud} {parity}, {timeout} s cannot be set."
            )
        if not frame or len(frame) > MAX_FORWARDED or not 1 <= port <= 31:
            raise EncodeError("These bytes cannot be forwarded to that port.")
        line = BAUDS[baud] << 5 | PARITIES[parity] << 2 | 0b11
        # wait in seconds (D7), 100 ms between two bytes
        head = bytes([port, line, 0x80 | timeout, 10])
        data = head + len(frame).to_bytes(2, "little") + frame
        units = units_of([0], items.TRANSPARENT, data)
        return self._request(terminal, items.FORWARD, units, sequence, code=code)

    def confirm(self, frame, by_unit=False):
        """Answer to a log-in, heartbeat or report; None when none is wanted.

        :param by_unit: confirm unit by unit (F3), which some terminals insist on,
            instead of all at once (F1)
        """
        parsed = frames.parse(bytes(frame), self.edition)
        if isinstance(parsed, Fault) or not parsed.is_up:
            return None
        if not parsed.control & frames.PRIMARY or not parsed.seq & frames.CONFIRM:
            return None
        is_link = parsed.afn == items.LINK
        data = units_of([0], items.ALL_ACCEPTED)
        if by_unit:
            unit = parsed.data[:4]
            data = units_of([0], items.ONE_BY_ONE, bytes([parsed.afn]) + unit + b"\x00")
        return frames.build(
            parsed.address,
            CONFIRM_LINK if is_link else CONFIRM_DATA,
            items.CONFIRM,
            SINGLE | parsed.number,
            data,
            station=parsed.station,
            edition=self.edition,
        )

    # === REPLIES === #

    def decode(self, frame):
        parsed = frames.parse(bytes(frame), self.edition)
        if isinstance(parsed, Fault):
            return Decoded(self.name, error=parsed)
        return Reader(self.name, parsed).decoded()

    def join(self, decodeds):
        """Every frame of a long answer stands for itself: their values in a row."""
        first, last = decodeds[0], decodeds[-1]
        error = next((part.error for part in decodeds if part.error), None)
        values = [value for part in decodeds for value in part.values]
        return replace(first, error=error, values=values, more=last.more)

    def goes_on(self, frame):
        parsed = frames.parse(bytes(frame), self.edition)
        return not isinstance(parsed, Fault) and not parsed.seq & frames.LAST

    def is_report(self, frame):
        parsed = frames.parse(bytes(frame), self.edition)
        if isinstance(parsed, Fault) or not parsed.is_up:
            return False
        return bool(parsed.control & frames.PRIMARY)

    def continues(self, before, after):
        one = frames.parse(bytes(before), self.edition)
        two = frames.parse(bytes(after), self.edition)
        if isinstance(one, Fault) or isinstance(two, Fault):
            return False
        same = (one.address, one.afn, one.control & 0xC0)
        return (
            same == (two.address, two.afn, two.control & 0xC0)
            and not one.seq & frames.LAST
            and not two.seq & frames.FIRST
            and two.number == (one.number + 1) % 16
        )

    def matches(self, request, reply):
        asked = frames.parse(bytes(request), self.edition)
        answer = frames.parse(bytes(reply), self.edition)
        if isinstance(asked, Fault) or isinstance(answer, Fault):
            return False
        if asked.is_up or not answer.is_up or answer.control & frames.PRIMARY:
            return False
        if asked.address != answer.address or asked.number != answer.number:
            return False
        if not answer.seq & frames.FIRST:
            return False
        if answer.afn != asked.afn:
            return answer.afn == items.CONFIRM
        if answer.function == frames.NO_DATA:
            return True
        return self._same_units(asked, answer)

    def _same_units(self, asked, answer):
        """Whether an answer speaks of the points, items and stamps of the request."""
        wanted = asked_units(asked)
        reader = Reader(self.name, answer)
        decoded = reader.decoded()
        if not reader.units:
            return False
        for point, fn in reader.units:
            if (point, fn) not in wanted and (None, fn) not in wanted:
                return False
            stamp = wanted.get((point, fn))
            if stamp and decoded.value(f"p{point}.{stamp[0]}") not in (None, stamp[1]):
                return False
        return asked.afn != items.FORWARD or self._same_meter(asked, answer)

    def _same_meter(self, asked, answer):
        """Whether the forwarded bytes are an answer to those that were to forward."""
        from . import registry  # it loads this module

        request, reply = forwarded(asked), forwarded(answer)
        name = registry.detect(request) if request else None
        if not name or not reply:
            return True
        return registry.get(name).matches(request, reply)

    def points_from(self, decoded):
        """``{point: {register: Decimal}}`` of the forward active index.

        There is no :meth:`index_from`: the address of a frame is the terminal's, and
        an index without its metering point would be the index of no meter.
        Points whose unit has a fault are left out.
        """
        faulty = decoded.error.flags if decoded.error else ()
        found = {}
        for item in decoded.values:
            point, _dot, name = item.name.partition(".")
            register = name.removeprefix("forward_active.")
            if register == name or register not in items.RATE_NAMES:
                continue
            if point not in faulty and point[1:].isdigit() and item.value is not None:
                found.setdefault(int(point[1:]), {})[register] = item.value
        return found

    def archives_from(self, decoded):
        """:class:`.gdw376_archive.Archive` rows of a decoded answer to F10.

        A row without a metering point is none: the terminal has deleted it.
        """
        rows = {}
        for item in decoded.values:
            word, _dot, rest = item.name.partition(".")
            number, _dot, name = rest.partition(".")
            if word == "archive" and name:
                rows.setdefault(int(number), {})[name] = item.value
        return [
            Archive(
                number,
                int(row["point"]),
                row["address"],
                row["protocol"],
                int(row["port"]),
                int(row["baud"]),
                rates=int(row["rates"]),
                collector=row["collector"],
            )
            for number, row in sorted(rows.items())
            if row["point"]
        ]

    def read_times_from(self, decoded):
        """``{point: local time}`` at which the terminal read the meters."""
        times = {}
        for item in decoded.values:
            point, _dot, name = item.name.partition(".")
            if name == "read_at" and item.value and point[1:].isdigit():
                times[int(point[1:])] = datetime.fromisoformat(item.value)
        return times

    def is_frozen(self, decoded):
        return (decoded.data_id or "").startswith("0D")

    def freeze_time_from(self, decoded):
        """When the freeze was taken: the end of the day or month it is stamped with."""
        times = set()
        for item in decoded.values:
            name = item.name.rpartition(".")[2]
            if item.value is not None and name in ("freeze_day", "freeze_month"):
                times.add(items.freeze_moment(name, item.value))
        return times.pop() if len(times) == 1 else None

    def clock_from(self, decodeds):
        for decoded in decodeds:
            text = decoded.value("clock")
            if not decoded.error and text:
                return datetime.fromisoformat(text)
        return None

    def forwarded_from(self, frame):
        """The meter's own bytes in a forwarded answer, None when there are none."""
        parsed = frames.parse(bytes(frame), self.edition)
        return None if isinstance(parsed, Fault) else forwarded(parsed) or None

    def layout(self, frame):
        parsed = frames.parse(frame, self.edition)
        if isinstance(parsed, Fault):
            return [(len(frame), "frame", str(parsed))]
        size = len(frame) - 6 - 10
        return [
            (1, "start", ""),
            (2, "length", ""),
            (2, "length", ""),
            (1, "start", ""),
            (1, "control", ANSWER if parsed.is_up else REQUEST),
            (5, "address", parsed.address),
            (1, "function", f"AFN {parsed.afn:02X}"),
            (1, "sequence", ""),
            (size, "data", said(self.decode(frame))),
            (1, "checksum", ""),
            (1, "end", ""),
        ]

    def redact(self, frame):
        """Stars for the authentication code, what is written, and forwarded secrets."""
        raw = bytes(frame)
        parsed, text = frames.parse(raw, self.edition), raw.hex()
        if isinstance(parsed, Fault) or parsed.is_up:
            return text
        if parsed.afn not in items.AUTHENTICATED:
            return text
        first = raw.find(b"\x68") + frames.HEAD + frames.FIXED
        end = first + len(parsed.data)
        start = min(first + 4, end)
        inner = forwarded(parsed)
        shown = text[: 2 * start]
        if inner:
            place = raw.find(inner, start)
            shown = text[: 2 * place] + redact_inner(inner)
            start = place + len(inner)
        return shown + "*" * 2 * (end + 1 - start) + text[2 * (end + 1) :]


PROTOCOL = Gdw376()
