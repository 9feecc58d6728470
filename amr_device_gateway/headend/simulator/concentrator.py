"""A simulated concentrator: logs in by 376.1, keeps a list of meters, and reads them.

What it answers about its meters is what it held when it last polled them; freezes are
those of the meters themselves.
"""

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal

from ..protocols import bcd, gdw376_archive, gdw376_events, gdw376_frame, registry
from ..protocols import gdw376_formats as formats
from ..protocols import gdw376_items as items
from ..protocols.base import Fault
from ..protocols.gdw376_reply import forwarded
from ..protocols.gdw376_request import asked_units, units_of
from .dtu import Dtu
from .electricity import ElectricityMeter, spread

SINGLE = gdw376_frame.FIRST | gdw376_frame.LAST
ANSWER = gdw376_frame.UP
SPEAK = gdw376_frame.UP | gdw376_frame.PRIMARY
#: Bytes of data units in one frame of an answer.
FRAME_ROOM = 960
POLL = 900.0
NOTHING = 0xEE


class Concentrator(Dtu):
    """One concentrator with the meters on its ports.

    ``protocol`` in its row: gdw376 (default) or gdw130.
    ``archive`` false in its row: its list is empty until it is sent down. ``no_data``:
    ``omit`` (default) leaves out what it has not, ``ee`` fills it with EE.
    """

    def __init__(self, row, meters, host, port, on_change, clock, zone, faults):
        super().__init__(row, meters, host, port, on_change, faults)
        self.protocol = registry.get(row.get("protocol", "gdw376"))
        self.clock, self.zone = clock, zone
        self.clock_offset = int(row.get("clock_offset", 0))
        self.no_data = row.get("no_data", "omit")
        self.delay_ms = int(row.get("delay_ms", 0))
        self.silent = False
        self.drop_replies = 0
        self.logged_in = asyncio.Event()
        self.requests = []
        self.polled = None
        self.held = {}
        self.rows = {}
        if row.get("archive", True):
            self.rows = {one.number: one for one in _archives(row, meters)}
        self._number = 0
        self.packet = self._link(items.LOGIN)
        self.beat = self._link(items.HEARTBEAT)
        self.poll()

    # === ITS OWN WORDS === #

    def _say(self, afn, units, control):
        self._number = (self._number + 1) % 16
        seq = SINGLE | gdw376_frame.CONFIRM | self._number
        edition = self.protocol.edition
        return gdw376_frame.build(
            self.terminal, SPEAK | control, afn, seq, units, edition=edition
        )

    def _link(self, fn):
        return self._say(items.LINK, units_of([0], fn), gdw376_frame.LINK_TEST)

    def log_out(self):
        self.uplink(self._link(items.LOGOUT))

    def alarm(self, code, point=0):
        """Report an event of annex B; what the record holds beside is zero."""
        body = now = formats.pack_moment(self.local_now())
        for _name, form, _unit in gdw376_events.LAYOUTS.get(code, ()):
            if form == "point":
                body += (gdw376_events.START_BIT | point).to_bytes(2, "little")
            else:
                body += now if form == "A15" else bytes(formats.size_of(form))
        data = bytes([1, 0, 0, 1, code, len(body)]) + body
        units = units_of([0], items.IMPORTANT_EVENTS, data)
        self.uplink(self._say(items.EVENTS, units, gdw376_frame.SEND))

    def report(self, request):
        """Tell by itself what it would answer to a request for values."""
        frame = gdw376_frame.parse(request)
        units = getattr(self, f"_afn_{frame.afn:02x}")(frame)
        self.uplink(self._say(frame.afn, b"".join(units), gdw376_frame.SEND))

    # === METERS === #

    def local_now(self):
        moment = datetime.fromtimestamp(self.clock() + self.clock_offset, self.zone)
        return moment.replace(tzinfo=None)

    def _meter(self, row):
        digits = row.address.lstrip("0")
        for meter in self.meters:
            if meter.address.lstrip("0") == digits and not meter.state.silent:
                return meter
        return None

    def poll(self):
        """Read every meter of the list that answers."""
        self.polled = self.local_now()
        for row in self.rows.values():
            meter = self._meter(row)
            if meter:
                self.held[row.point] = (self.polled, _by_rate(meter, meter.index()))

    def _row_of(self, point):
        return next((row for row in self.rows.values() if row.point == point), None)

    # === SESSION === #

    def start(self):
        started = super().start()
        self._poller = asyncio.create_task(self._poll_now_and_then())
        return started

    async def stop(self):
        self._poller.cancel()
        await super().stop()

    async def _poll_now_and_then(self):
        while True:
            await asyncio.sleep(POLL)
            self.poll()

    def framers(self):
        self.logged_in.clear()
        return [self.protocol.Framer()]

    def serve(self, raw, transport):
        if self.dark:
            return
        frame = gdw376_frame.parse(raw, self.protocol.edition)
        if isinstance(frame, Fault) or frame.is_up or frame.address != self.terminal:
            return
        if frame.afn == items.CONFIRM:
            self.logged_in.set()
            return
        self.requests.append(raw)
        self._spawn(self._work(frame, raw, transport))

    async def _work(self, frame, raw, transport):
        if self.delay_ms:
            await asyncio.sleep(self.delay_ms / 1000)
        if self.silent:
            return
        if self.drop_replies:
            self.drop_replies -= 1
            return
        self._reply_to(transport, self.answer(frame, raw))

    # === ANSWERS === #

    def answer(self, frame, raw):
        """Frames that answer a request."""
        work = getattr(self, f"_afn_{frame.afn:02x}", None)
        units = work(frame) if work else None
        if units is None:
            return [self._reply(frame, items.CONFIRM, units_of([0], items.ALL_DENIED))]
        if units == []:
            return [self._reply(frame, frame.afn, b"", gdw376_frame.NO_DATA)]
        if isinstance(units, bytes):
            return [self._reply(frame, items.CONFIRM, units)]
        return self._cut(frame, units)

    def _reply(self, frame, afn, data, function=gdw376_frame.DATA, seq=SINGLE, more=0):
        return gdw376_frame.build(
            self.terminal,
            ANSWER | function,
            afn,
            seq | (frame.number + more) % 16,
            data,
            station=frame.station,
            edition=frame.edition,
        )

    def _cut(self, frame, units):
        """Frames with whole units each, none longer than a frame has room for."""
        parts = [b""]
        for unit in units:
            if parts[-1] and len(parts[-1]) + len(unit) > FRAME_ROOM:
                parts.append(b"")
            parts[-1] += unit
        last = len(parts) - 1
        return [
            self._reply(
                frame,
                frame.afn,
                part,
                seq=(gdw376_frame.FIRST if not number else 0)
                | (gdw376_frame.LAST if number == last else 0),
                more=number,
            )
            for number, part in enumerate(parts)
        ]

    def _asked(self, frame):
        """(point, Fn, stamp text or None) of a request, every point by its number."""
        for (point, fn), stamp in asked_units(frame).items():
            points = [point] if point is not None else sorted(self._points())
            for one in points:
                yield one, fn, stamp and stamp[1]

    def _points(self):
        return {row.point for row in self.rows.values()}

    def _afn_0c(self, frame):
        units = []
        for point, fn, _stamp in self._asked(frame):
            if fn == items.CLOCK:
                body = formats.pack_clock(self.local_now())
            elif fn == items.COLLECTING:
                body = self._collecting()
            elif fn == self.protocol.now_item and point in self.held:
                body = self._registers(*self.held[point])
            else:
                body = self._nothing(point, fn)
            if body is not None:
                units.append(units_of([point], fn, body, frame.edition))
        return units

    def _afn_0d(self, frame):
        units = []
        for point, fn, stamp in self._asked(frame):
            body = self._freeze(point, fn, stamp)
            if body is None:
                body = self._nothing(point, fn)
            if body is not None:
                body = _pack_stamp(fn, stamp) + body
                units.append(units_of([point], fn, body, frame.edition))
        return units

    def _freeze(self, point, fn, stamp):
        protocol = self.protocol
        if fn not in (protocol.day_item, protocol.month_item):
            return None
        name = "freeze_day" if fn == protocol.day_item else "freeze_month"
        moment = items.freeze_moment(name, stamp)
        row = self._row_of(point)
        meter = self._meter(row) if row else None
        if not meter or moment > meter.local_now():
            return None
        index = meter.index_on(moment.date())
        if index is None:
            return None
        return self._registers(moment + timedelta(minutes=5), _by_rate(meter, index))

    def _registers(self, read_at, values):
        """Time and index; by 130-2005 also three reactive registers, which stand."""
        body = _registers(read_at, values)
        if self.protocol.edition is gdw376_frame.GDW130:
            body += bytes(3 * 4 * len(values))
        return body

    def _nothing(self, point, fn):
        if self.no_data != "ee" or not self._row_of(point):
            return None
        rates = self._row_of(point).rates
        return bytes([NOTHING]) * (5 + 1 + 5 * (rates + 1))

    def _collecting(self):
        """F11: one block for each port, all of this poll."""
        ports = sorted({row.port for row in self.rows.values()})
        body = bytes([len(ports)])
        for port in ports:
            points = [row.point for row in self.rows.values() if row.port == port]
            read = [p for p in points if self.held.get(p, (None,))[0] == self.polled]
            body += bytes([port]) + len(points).to_bytes(2, "little") + b"\x00"
            body += len(read).to_bytes(2, "little") + b"\x00"
            body += formats.pack_clock(self.polled) * 2
        return body

    def _afn_0a(self, frame):
        if (0, items.ARCHIVES) not in asked_units(frame):
            return None
        data = frame.data[4:]
        count = int.from_bytes(data[:2], "little")
        numbers = [
            int.from_bytes(data[n : n + 2], "little")
            for n in range(2, 2 + 2 * count, 2)
        ]
        rows = [self.rows[number] for number in numbers if number in self.rows]
        body = len(rows).to_bytes(2, "little") + b"".join(
            map(gdw376_archive.pack, rows)
        )
        return [units_of([0], items.ARCHIVES, body)]

    def _afn_04(self, frame):
        if (0, items.ARCHIVES) not in asked_units(frame):
            return None
        data = frame.data[4 : -frame.edition.code_size]
        for start in range(2, len(data), gdw376_archive.ROW):
            row = gdw376_archive.unpack(data[start : start + gdw376_archive.ROW])
            self.held.pop(row.point, None)
            if row.point:
                self.rows[row.number] = row._replace(password="0" * 12)
            else:
                self.rows.pop(row.number, None)
        self.on_change()
        return units_of([0], items.ALL_ACCEPTED)

    def _afn_05(self, frame):
        ((_point, fn),) = list(asked_units(frame))[:1] or [(0, 0)]
        if fn == items.SET_CLOCK:
            wanted = datetime.fromisoformat(formats.read("A1", frame.data[4:10]))
            self.clock_offset += round((wanted - self.local_now()).total_seconds())
        elif fn in (items.RESUME_READING, items.READ_AGAIN):
            self.poll()
        else:
            return None
        return units_of([0], items.ALL_ACCEPTED)

    def _afn_10(self, frame):
        request = forwarded(frame)
        for meter in self.meters:
            kind, reply = meter.answer(request) if request else ("other", None)
            if reply is None or meter.fault(kind) == "drop":
                continue
            if kind in ("relay", "credit"):
                self.on_change()
            body = frame.data[4:5] + len(reply).to_bytes(2, "little") + reply
            return [units_of([0], items.TRANSPARENT, body)]
        return None

    # === FOR TESTS AND THE CONTROL PORT === #

    def adjust(self, changes):
        for name in ("silent", "drop_replies", "clock_offset", "no_data", "delay_ms"):
            if name in changes:
                setattr(self, name, changes[name])
        if changes.get("poll"):
            self.poll()
        if changes.get("alarm"):
            self.alarm(**changes["alarm"])
        if changes.get("logout"):
            self.log_out()


def _archives(row, meters):
    """The list of a concentrator that has been set up: its own meters."""
    for number, (one, meter) in enumerate(
        zip(row.get("meters", []), meters, strict=True)
    ):
        yield gdw376_archive.Archive(
            number=number + 1,
            point=int(one.get("point", number + 1)),
            address=meter.address,
            protocol=meter.protocol.name,
            rates=4 if isinstance(meter, ElectricityMeter) else 1,
            collector=str(one.get("collector", "0")),
        )


def _by_rate(meter, index):
    """Total and rates of an index."""
    if isinstance(meter, ElectricityMeter):
        return [index, *spread(index)]
    return [index, index]


def _registers(moment, values):
    body = formats.pack_moment(moment) + bytes([len(values) - 1])
    return body + b"".join(bcd.pack_number(Decimal(value), 5, 4) for value in values)


def _pack_stamp(fn, stamp):
    if items.stamp_size(fn) == 3:
        return formats.pack_day(date.fromisoformat(stamp))
    return formats.pack_month(date.fromisoformat(f"{stamp}-01"))
