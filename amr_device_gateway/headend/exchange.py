"""A request on its way to a device, and the search for its reply."""

import asyncio
import time

NOISE = 256
#: Frames of one reply; a hundred meters' freezes come in about ten.
MAX_PARTS = 64


class Outcome:
    """What became of a request: a reply, or an error word; never both.

    ``sent`` tells whether a byte may have left for the device: after "offline",
    "deadline" and "busy" none did, after "timeout" one did and the device's state is
    unknown. "internal" is a mistake of the head-end's own, at any moment.
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


class Order:
    """The requests of one caller.

    :param float deadline: loop time after which nothing more is sent
    :param float timeout: seconds for each reply
    """

    __slots__ = ("protocol", "timeout", "deadline", "future", "requests", "_left")

    def __init__(self, protocol, frames, timeout, deadline, future):
        self.protocol = protocol
        self.timeout = timeout
        self.deadline = deadline
        #: Done when every request has its outcome.
        self.future = future
        self.requests = [Request(frame, self) for frame in frames]
        self._left = len(self.requests)

    def settled(self):
        self._left -= 1
        if not self._left and not self.future.done():
            self.future.set_result(None)


class Request:
    """One frame that waits for its turn and its reply.

    ``sent`` is set before the first byte can leave, and never taken back.
    """

    __slots__ = ("frame", "order", "outcome", "sent")

    def __init__(self, frame, order):
        self.frame = frame
        self.order = order
        self.outcome = None
        self.sent = False

    def settle(self, outcome):
        """Give it its outcome; the first one counts."""
        if self.outcome is None:
            self.outcome = outcome
            self.order.settled()


class Exchange:
    """The frame that is on the line now, and the search for its reply.

    A reply of several frames that the device sends by itself is handed over as one:
    its frames, one behind the other. When the rest does not come, what came is handed
    over; the last frame tells that it is not the end.

    :param link: told by :meth:`Link.answered` when it is over by itself, and not by
        what :meth:`feed` took in
    :param float until: loop time at which nobody waits for the reply any longer; the
        link looks at it
    :param float timeout: seconds to wait for each further frame of the reply
    """

    __slots__ = (
        *("protocol", "reply", "is_over", "until", "noise"),
        *("_link", "_request", "_framer", "_timeout", "_gap", "_parts"),
    )

    def __init__(self, link, protocol, request, until, timeout):
        self.protocol = protocol
        self.reply = None
        self.is_over = False
        self.until = until
        #: The last bytes that came in, for people who wonder why there is no reply.
        self.noise = b""
        self._link = link
        self._request = request
        self._framer = protocol.Framer()
        self._timeout = timeout
        self._gap = None
        self._parts = []

    def feed(self, data):
        """Take in bytes; returns the frames that do not answer the request."""
        self.noise = (self.noise + data)[-NOISE:]
        others = self._take(self._framer.feed(data))
        if self._gap:
            self._gap.cancel()
            self._gap = None
        if self._framer.pending and not self.is_over:
            loop = asyncio.get_running_loop()
            self._gap = loop.call_later(self._link.config.byte_gap, self._silence)
        return others

    def _take(self, frames):
        others = []
        for frame in frames:
            if self.is_over or not self._belongs(frame):
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
            self.until = asyncio.get_running_loop().time() + self._timeout
        else:
            self._end()

    def _end(self):
        self.reply = b"".join(self._parts) or None
        self.is_over = True

    def _silence(self):
        """The line is quiet but a frame seems unfinished: look behind it."""
        self._gap = None
        self._take(self._framer.flush())
        if self.is_over:
            self._link.answered()

    def lost(self):
        """Nothing more will come: the session broke, or the time is up."""
        if not self.is_over:
            self._end()
            self.stop()
            self._link.answered()

    def stop(self):
        if self._gap:
            self._gap.cancel()
            self._gap = None
