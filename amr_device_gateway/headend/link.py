"""One link: the queue of requests to the devices behind it, one at a time."""

import asyncio
import heapq
import itertools
import logging
import time
from collections import deque

from .budget import Budget
from .exchange import Exchange, Order, refused
from .protocols import registry

_logger = logging.getLogger(__name__)

REMEMBERED = 32


class Link:
    """Serialises what goes to one link; higher priority overtakes between frames."""

    def __init__(self, key, kind, terminal, config, on_uplink):
        self.key = key
        self.kind = kind
        self.terminal = terminal
        self.config = config
        self.pace = config.pace
        self.on_uplink = on_uplink
        self.session = None
        self.since = None
        self.last_seen = None
        self.heartbeat = b""
        self.registration = None
        self.watch = None
        self._heap = []
        self._order = itertools.count()
        self._loop = asyncio.get_running_loop()
        #: The request that is being worked, its frames and how many of them are sent.
        self._current = None
        self._steps = ()
        self._place = 0
        self._begun = 0.0
        self._exchange = None
        self._free_at = 0.0
        #: Ends the pause before the next frame; rings when a reply is overdue.
        self._rest = None
        self._alarm = None
        self._recent = deque(maxlen=REMEMBERED)
        self._listener = None
        self._gap = None
        #: Of the link, not of the session: logging in again does not refill it.
        self.budget = Budget(config.byte_rate, time.monotonic)

    # === SESSION === #

    def attach(self, session):
        """Use ``session`` from now on; returns the one it replaces, if any."""
        old, self.session = self.session, session
        self.since = self.last_seen = time.time()
        self._listener = None
        if old:
            self._break_off()
        return old

    def detach(self, session):
        """The session is gone; False when another one has replaced it already."""
        if self.session is not session:
            return False
        self.session = None
        self._break_off()
        return True

    def _break_off(self):
        """The reply that is awaited will not come; what waits goes on in a moment."""
        if self._exchange:
            self._loop.call_soon(self._exchange.lost)

    def touch(self):
        """The device is there, whatever it said."""
        self.last_seen = time.time()

    def heard_unasked(self, name, frame):
        """A report that the device's own protocol has taken in already."""
        self.touch()
        if self.watch:
            self.watch.frame(self.key, "in", registry.get(name), frame)
        self.on_uplink(self, name, frame)

    def received(self, data):
        """Bytes from the device side."""
        self.last_seen = time.time()
        if self.heartbeat and data == self.heartbeat:
            return
        exchange = self._exchange
        if exchange:
            for frame in exchange.feed(data):
                self._unasked(exchange.protocol.name, frame)
            if exchange.is_over and exchange is self._exchange:
                self.answered()
        elif b"\x68" in data or self._listener:
            self._listen(data)

    def _listen(self, data):
        """Frames that nobody asked for, in any protocol."""
        if self._listener is None:
            self._listener = registry.any_framer()
        if self._gap:
            self._gap.cancel()
        self._heard(self._listener.feed(data))
        if self._listener.pending:
            self._gap = self._loop.call_later(self.config.byte_gap, self._silence)
        else:
            self._listener = self._gap = None

    def _silence(self):
        """Nothing more came: look behind what only seemed to begin a frame."""
        if self._listener:
            self._heard(self._listener.flush())

    def _heard(self, frames):
        for frame in frames:
            self._unasked(registry.detect(frame), frame)

    def _unasked(self, name, frame):
        """An uplink, unless it is a late or repeated reply to a recent request, or says
        not even whose it is (a bare acknowledgement)."""
        protocol = registry.get(name)
        if self.watch:
            self.watch.frame(self.key, "in", protocol, frame)
        if protocol.decode(frame).address is None or not protocol.is_report(frame):
            return
        for known, request in self._recent:
            if known == name and (protocol.matches(request, frame) or frame in request):
                _logger.debug("%s: stale reply dropped", self.key)
                return
        self.on_uplink(self, name, frame)

    # === REQUESTS === #

    async def exchange(self, protocol, frames, deadline, priority, timeout):
        """Send ``frames`` in order and return a :class:`.exchange.Request` each.

        :param deadline: seconds after which nothing more is sent
        """
        if not self.session:
            return refused(frames, "offline")
        if len(self._heap) + len(frames) > self.config.queue_limit:
            return refused(frames, "busy")
        now = self._loop.time()
        future = self._loop.create_future()
        order = Order(protocol, frames, timeout, now + deadline, future)
        for request in order.requests:
            heapq.heappush(self._heap, (-priority, next(self._order), request))
        self._go_on(now)
        expiry = self._loop.call_at(order.deadline, self._expire, order)
        try:
            await future
        finally:
            expiry.cancel()
            if order.left:  # the caller has gone: what waits is not sent
                self._expire(order)
        return order.requests

    def _expire(self, order):
        """The deadline passed: what still waits will not be sent any more."""
        for request in order.requests:
            if request is not self._current:
                request.settle("deadline")

    def _go_on(self, now):
        """Begin the next request when the line is free, and has been for long enough.

        Whoever comes during the pause may still be the next.

        :param float now: loop time; asked for once on the way from reply to request
        """
        while self._heap and not self._current and not self._rest:
            if self._free_at > now:
                self._pause(self._go_on)
                return
            _priority, _order, request = heapq.heappop(self._heap)
            if not request.is_settled:
                try:
                    self._begin(request, now)
                except Exception:
                    self._fail(request, now)

    def _fail(self, request, now):
        """A mistake of the head-end's own: it holds up none of those behind it, and
        nothing that may have left is called unsent.
        """
        _logger.exception("%s: a request failed", self.key)
        if self._exchange:
            self._exchange.stop()
        self._current = self._exchange = None
        self._free_at = now + self.pace
        request.settle("internal")

    def _pause(self, then):
        """Let the line be silent for a while, then go on with ``then``."""
        self._rest = self._loop.call_at(self._free_at, self._rested, then)

    def _rested(self, then):
        self._rest = None
        now, request = max(self._loop.time(), self._free_at), self._current
        try:
            then(now)
        except Exception:
            if request is None:
                raise
            self._fail(request, now)
            self._go_on(now)

    def _begin(self, request, now):
        order, frame = request.order, request.frame
        protocol = order.protocol
        if order.deadline <= now:
            request.settle("deadline")
            return
        if not self.session:
            request.settle("offline")
            return
        self._recent.append((protocol.name, frame))
        if protocol.is_answered(frame):
            self._current, self._begun = request, now
            self._steps, self._place = protocol.steps(frame), 0
            self._step(now)
        else:
            request.sent = True
            self._send(protocol, frame)
            self._free_at = now + self.pace
            request.settle()

    def _step(self, now):
        """Send the next frame of the request; its answer comes to :meth:`_answered`."""
        request, order = self._current, self._current.order
        until = now + order.timeout
        if until > order.deadline:
            until = order.deadline
        if not self.session or until <= now:
            self._end(None, now)
            return
        step = self._steps[self._place]
        self._place += 1
        # the last answer has to fit the whole: it knows whom the steps were for
        asked = request.frame if self._place == len(self._steps) else step
        self._exchange = Exchange(self, order.protocol, asked, until, order.timeout)
        if not self._alarm or self._alarm.when() > until:
            self._set_alarm(until)
        request.sent = True
        self._send(order.protocol, step)

    def _send(self, protocol, frame):
        self.session.send(frame)
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("%s > %s", self.key, _Hex(protocol, frame))
        if self.watch:
            self.watch.frame(self.key, "out", protocol, frame)

    def _set_alarm(self, when):
        """See to it that an overdue reply is noticed.

        Most replies come long before: the alarm is not taken back for them, it looks
        for itself when it rings.
        """
        if self._alarm:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(when, self._ring)

    def _ring(self):
        self._alarm = None
        exchange = self._exchange
        if exchange and exchange.until > self._loop.time():
            self._set_alarm(exchange.until)
        elif exchange:
            exchange.lost()

    def answered(self):
        """The exchange is over, with a reply or without."""
        now, request = self._loop.time(), self._current
        exchange, self._exchange = self._exchange, None
        self._free_at = now + self.pace
        try:
            if self.watch:
                self._show(exchange)
            if not exchange.reply or self._place == len(self._steps):
                self._end(exchange.reply, now)
            else:
                self._pause(self._step)
        except Exception:
            self._fail(request, now)
            self._go_on(now)

    def _show(self, exchange):
        protocol = exchange.protocol
        if exchange.reply:
            self.watch.frame(self.key, "in", protocol, exchange.reply)
        else:
            step = self._steps[self._place - 1]
            self.watch.silence(self.key, protocol, step, exchange.noise)

    def _end(self, reply, now):
        """Settle the request, and go on to the next."""
        request, self._current = self._current, None
        ms = round((now - self._begun) * 1000)
        if reply:
            request.settle(None, reply, ms, self.last_seen)
        else:
            request.settle("timeout", ms=ms)
        self._go_on(now)

    def stop(self):
        """Give up everything that waits, and the reply that is awaited."""
        for timer in (self._rest, self._alarm):
            if timer:
                timer.cancel()
        self._rest = self._alarm = None
        if self._exchange:
            self._exchange.stop()
        if self._current:
            self._current.settle("timeout")
        for _priority, _order, request in self._heap:
            request.settle("offline")
        self._heap.clear()
        self._current = self._exchange = None

    def as_dict(self, state):
        session = self.session
        return {
            "link": self.key,
            "kind": self.kind,
            "terminal": self.terminal,
            "peer": session.peer if session else "",
            "since": self.since,
            "last_seen": self.last_seen,
            "state": state,
        }


class _Hex:
    """A frame in a log line: hex, made only when logged, without secrets."""

    def __init__(self, protocol, frame):
        self.protocol = protocol
        self.frame = frame

    def __str__(self):
        return self.protocol.redact(self.frame)
