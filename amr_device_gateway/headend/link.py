"""One link: the queue of requests to the devices behind it, one at a time."""

import asyncio
import heapq
import itertools
import logging
import time
from collections import deque

from .budget import Budget
from .protocols import registry

_logger = logging.getLogger(__name__)

REMEMBERED = 32
NOISE = 256
#: Frames of one reply; a hundred meters' freezes come in about ten.
MAX_PARTS = 64


class Request:
    """One frame waiting for its reply."""

    __slots__ = ("frame", "protocol", "timeout", "deadline", "priority", "future")

    def __init__(self, protocol, frame, timeout, deadline, priority, future):
        self.protocol = protocol
        self.frame = frame
        self.timeout = timeout
        self.deadline = deadline
        self.priority = priority
        self.future = future


class Outcome:
    """What became of a request: a reply, or an error word; never both.

    ``sent`` tells whether a byte left for the device: after "offline", "deadline" and
    "busy" none did, after "timeout" one did and the device's state is unknown.
    """

    __slots__ = ("request", "reply", "error", "ms", "sent", "at")

    def __init__(self, request, reply=None, error=None, ms=0, sent=False):
        self.request = request
        self.reply = reply
        self.error = error
        self.ms = ms
        self.sent = sent
        self.at = time.time() if reply else None

    def as_dict(self):
        return {
            "request": self.request.hex(),
            "reply": self.reply.hex() if self.reply else None,
            "error": self.error,
            "ms": self.ms,
            "sent": self.sent,
            "at": self.at,
        }


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
        self._worker = None
        self._current = None
        self._exchange = None
        self._free_at = 0.0
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
        if self._exchange and old:
            self._exchange.lost()
        return old

    def detach(self, session):
        """The session is gone; False when another one has replaced it already."""
        if self.session is not session:
            return False
        self.session = None
        if self._exchange:
            self._exchange.lost()
        return True

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
        self.touch()
        if self.heartbeat and data == self.heartbeat:
            return
        if self._exchange:
            for frame in self._exchange.feed(data):
                self._unasked(self._exchange.protocol.name, frame)
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
            loop = asyncio.get_running_loop()
            self._gap = loop.call_later(self.config.byte_gap, self._silence)
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
        """Send ``frames`` in order and return an :class:`Outcome` for each.

        :param deadline: seconds after which nothing more is sent
        """
        if not self.session:
            return [Outcome(frame, error="offline") for frame in frames]
        if len(self._heap) + len(frames) > self.config.queue_limit:
            return [Outcome(frame, error="busy") for frame in frames]
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        requests = [
            Request(protocol, frame, timeout, end, priority, loop.create_future())
            for frame in frames
        ]
        for request in requests:
            heapq.heappush(self._heap, (-priority, next(self._order), request))
        if not self._worker:
            self._worker = asyncio.create_task(self._work())
        expiry = loop.call_at(end, self._expire, requests)
        try:
            # the last one first: to be woken once, not once for each
            for request in reversed(requests):
                await request.future
            return [request.future.result() for request in requests]
        finally:
            expiry.cancel()
            for request in requests:
                request.future.cancel()

    def _expire(self, requests):
        """The deadline passed: what still waits will not be sent any more."""
        for request in requests:
            if request is not self._current and not request.future.done():
                request.future.set_result(Outcome(request.frame, error="deadline"))

    async def _work(self):
        try:
            while self._heap:
                # whoever comes during the pause may still be the next
                await self._pause()
                if not self._heap:
                    break
                _priority, _order, request = heapq.heappop(self._heap)
                if request.future.done():
                    continue
                self._current = request
                outcome = await self._one(request)
                self._current = None
                if not request.future.done():
                    request.future.set_result(outcome)
        finally:
            self._worker = self._current = None

    async def _pause(self):
        """Wait until the line has been silent for long enough."""
        pause = self._free_at - asyncio.get_running_loop().time()
        if pause > 0:
            await asyncio.sleep(pause)

    async def _one(self, request):
        loop = asyncio.get_running_loop()
        left = request.deadline - loop.time()
        if left <= 0:
            return Outcome(request.frame, error="deadline")
        if not self.session:
            return Outcome(request.frame, error="offline")
        self._recent.append((request.protocol.name, request.frame))
        start = loop.time()
        if not request.protocol.is_answered(request.frame):
            self._tell(request)
            return Outcome(request.frame, sent=True)
        steps = request.protocol.steps(request.frame)
        for number, step in enumerate(steps, 1):
            if number > 1:
                await asyncio.sleep(self.pace)
            reply, left = None, request.deadline - loop.time()
            if not self.session or left <= 0:
                break
            # the last answer has to fit the whole: it knows whom the steps were for
            asked = request.frame if number == len(steps) else step
            reply = await self._step(request, step, asked, left)
            if reply is None:
                break
        ms = round((loop.time() - start) * 1000)
        error = None if reply else "timeout"
        return Outcome(request.frame, reply, error, ms, sent=True)

    def _tell(self, request):
        """Send what nobody answers."""
        self.session.send(request.frame)
        if self.watch:
            self.watch.frame(self.key, "out", request.protocol, request.frame)
        self._free_at = asyncio.get_running_loop().time() + self.pace

    async def _step(self, request, step, asked, left):
        """Send one frame of a request and return the reply, or None."""
        loop = asyncio.get_running_loop()
        self._exchange = Exchange(request.protocol, asked, self.config.byte_gap)
        try:
            self.session.send(step)
            if _logger.isEnabledFor(logging.DEBUG):
                _logger.debug("%s > %s", self.key, _Hex(request.protocol, step))
            if self.watch:
                self.watch.frame(self.key, "out", request.protocol, step)
            reply = await self._exchange.wait(min(request.timeout, left))
            if self.watch:
                self._show(request.protocol, step, reply)
            return reply
        finally:
            self._exchange = None
            self._free_at = loop.time() + self.pace

    def _show(self, protocol, step, reply):
        if reply:
            self.watch.frame(self.key, "in", protocol, reply)
        else:
            self.watch.silence(self.key, protocol, step, self._exchange.noise)

    def stop(self):
        """Give up everything that waits, and the reply that is awaited."""
        if self._worker:
            self._worker.cancel()
        if self._current and not self._current.future.done():
            error = "timeout" if self._exchange else "offline"
            self._current.future.set_result(
                Outcome(self._current.frame, error=error, sent=bool(self._exchange))
            )
        for _priority, _order, request in self._heap:
            if not request.future.done():
                request.future.set_result(Outcome(request.frame, error="offline"))
        self._heap.clear()

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


class Exchange:
    """The request that is on the line now, and the search for its reply.

    A reply of several frames that the device sends by itself is handed over as one:
    its frames, one behind the other. When the rest does not come, what came is handed
    over; the last frame tells that it is not the end.
    """

    def __init__(self, protocol, request, byte_gap):
        self.protocol = protocol
        self._request = request
        self._framer = protocol.Framer()
        self._byte_gap = byte_gap
        self._loop = asyncio.get_running_loop()
        self._future = self._loop.create_future()
        self._gap = None
        #: The last bytes that came in, for people who wonder why there is no reply.
        self.noise = b""
        self._parts = []
        self._patience = None
        self._timeout = 0.0

    def feed(self, data):
        """Take in bytes; returns the frames that do not answer the request."""
        self.noise = (self.noise + data)[-NOISE:]
        others = self._take(self._framer.feed(data))
        if self._gap:
            self._gap.cancel()
        if self._framer.pending and not self._future.done():
            self._gap = self._loop.call_later(self._byte_gap, self._silence)
        return others

    def _take(self, frames):
        others = []
        for frame in frames:
            if self._future.done() or not self._belongs(frame):
                others.append(frame)
            else:
                self._keep(frame)
        return others

    def _belongs(self, frame):
        if self._parts:
            return self.protocol.continues(self._parts[-1], frame)
        return self.protocol.matches(self._request, frame)

    def _keep(self, frame):
        """Take a frame of the reply; while more are to come, wait for each anew."""
        self._parts.append(frame)
        if self.protocol.goes_on(frame) and len(self._parts) < MAX_PARTS:
            self._wait_on()
        else:
            self._future.set_result(b"".join(self._parts))

    def _wait_on(self):
        if self._patience:
            self._patience.cancel()
        self._patience = self._loop.call_later(self._timeout, self.lost)

    def _silence(self):
        """The line is quiet but a frame seems unfinished: look behind it."""
        self._take(self._framer.flush())

    def lost(self):
        """Nothing more will come: the session broke, or the time is up."""
        if not self._future.done():
            self._future.set_result(b"".join(self._parts) or None)

    async def wait(self, timeout):
        """The reply, or None.

        :param timeout: seconds for the first frame, and again for each further one
        """
        self._timeout = timeout
        self._wait_on()
        try:
            return await self._future
        finally:
            self._patience.cancel()
            if self._gap:
                self._gap.cancel()


class _Hex:
    """A frame in a log line: hex, made only when logged, without secrets."""

    def __init__(self, protocol, frame):
        self.protocol = protocol
        self.frame = frame

    def __str__(self):
        return self.protocol.redact(self.frame)
