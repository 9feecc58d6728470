"""A request on its way to a device, and the search for its reply."""

import asyncio

NOISE = 256
#: Frames of one reply; a hundred meters' freezes come in about ten.
MAX_PARTS = 64


class Order:
    """The requests of one caller.

    :param float deadline: loop time after which nothing more is sent
    :param float timeout: seconds for each reply
    """

    __slots__ = ("protocol", "timeout", "deadline", "future", "requests", "left")

    def __init__(self, protocol, frames, timeout, deadline, future):
        self.protocol = protocol
        self.timeout = timeout
        self.deadline = deadline
        #: Done when every request has its outcome.
        self.future = future
        self.requests = [Request(frame, self) for frame in frames]
        #: How many have no outcome yet.
        self.left = len(self.requests)

    def settled(self):
        """One more of them has its outcome."""
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(None)


class Request:
    """One frame that waits for its turn and its reply, and what became of it: a reply,
    or an error word; never both.

    ``sent`` tells whether a byte may have left for the device: it is set before the
    first one can, and never taken back. After "offline", "deadline" and "busy" none
    did, after "timeout" one did and the device's state is unknown. "internal" is a
    mistake of the head-end's own, at any moment.

    :param order: the :class:`Order` that is told of its outcome
    """

    __slots__ = ("frame", "order", "is_settled", "sent", "reply", "error", "ms", "at")

    def __init__(self, frame, order=None):
        self.frame = frame
        self.order = order
        self.is_settled = self.sent = False
        self.reply = self.error = self.at = None
        self.ms = 0

    def settle(self, error=None, reply=None, ms=0, at=None):
        """Give it its outcome; the first one counts.

        :param ms: how long it took on the line
        :param float at: when the reply came, seconds since 1970
        """
        if not self.is_settled:
            self.is_settled = True
            self.error, self.reply, self.ms, self.at = error, reply, ms, at
            self.order.settled()

    def as_json(self):
        """A JSON object. Everything in it is hex, a number or a word without quotes:
        :mod:`json` would take as long to say so as the way from reply to request."""
        reply = f'"{self.reply.hex()}"' if self.reply else "null"
        error = f'"{self.error}"' if self.error else "null"
        sent = "true" if self.sent else "false"
        return (
            f'{{"request": "{self.frame.hex()}", "reply": {reply}, "error": {error}, '
            f'"ms": {self.ms}, "sent": {sent}, "at": {self.at or "null"}}}'
        )


def refused(frames, error):
    """Requests that are not taken on, with their outcome."""
    requests = [Request(frame) for frame in frames]
    for request in requests:
        request.error, request.is_settled = error, True
    return requests


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
        framer = self._framer
        others = self._take(framer.feed(data))
        if self._gap:
            self._gap.cancel()
            self._gap = None
        if not self.is_over:
            self.noise = (self.noise + data)[-NOISE:]
            if framer.pending:
                loop = asyncio.get_running_loop()
                self._gap = loop.call_later(self._link.config.byte_gap, self._silence)
        return others

    def _take(self, frames):
        """Keep what belongs to the reply; while more is to come, wait for each anew."""
        others, parts, protocol = [], self._parts, self.protocol
        for frame in frames:
            if self.is_over:
                is_mine = False
            elif parts:
                is_mine = protocol.continues(parts[-1], frame)
            else:
                is_mine = protocol.matches(self._request, frame)
            if not is_mine:
                others.append(frame)
                continue
            parts.append(frame)
            if protocol.goes_on(frame) and len(parts) < MAX_PARTS:
                self.until = asyncio.get_running_loop().time() + self._timeout
            else:
                self._end()
        return others

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
