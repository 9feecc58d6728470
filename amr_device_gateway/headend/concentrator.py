"""TCP sessions of concentrators: log-in, heartbeat, log-out and reports of 376.1.

One that speaks the older Q/GDW 130-2005 is answered by it: the number in its frames
tells.

A concentrator names itself in the frame of its log-in and wants it confirmed; so do
its heartbeats and reports. Source: Q/GDW 376.1-2009, 5.3 (AFN 02H), 5.1 (AFN 00H).
"""

import asyncio
import logging

from .protocols import gdw376_frame, gdw376_items, registry
from .session import NEW, ONLINE, Session

_logger = logging.getLogger(__name__)

PROTOCOLS = ("gdw376", "gdw130")
KIND = "concentrator"
#: A log-in, or the heartbeat of one that thinks it is still logged in.
NAMING = ("login", "heartbeat")
WORDS = {
    gdw376_items.LOGIN: "login",
    gdw376_items.LOGOUT: "logout",
    gdw376_items.HEARTBEAT: "heartbeat",
}
#: What is neither frame nor the beginning of one, until somebody gives up.
MAX_NOISE = 4096


class ConcentratorSession(Session):
    """One connection of a concentrator."""

    kind = KIND

    def __init__(self, gateway):
        super().__init__(gateway)
        self._protocols = [registry.get(name) for name in PROTOCOLS]
        self._framer = registry.framer_of(self._protocols)
        self._noise = 0
        self._gap = None
        #: Log-in that waits for its confirmation until its link is known.
        self._login = None

    @property
    def idle_timeout(self):
        return self.gateway.config.concentrator_idle_timeout

    def forget(self):
        if self._gap:
            self._gap.cancel()

    def received(self, data):
        frames = self._framer.feed(data)
        self._noise = 0 if frames else self._noise + len(data)
        if self.state == NEW and self._noise > MAX_NOISE:
            self.close("no log-in in the first bytes")
            return
        self._take(frames)
        self.forget()
        if self._framer.pending:
            loop = asyncio.get_running_loop()
            gap = self.gateway.config.byte_gap
            self._gap = loop.call_later(gap, self._silence)

    def _silence(self):
        """Nothing more came: look behind what only seemed to begin a frame."""
        self._take(self._framer.flush())

    def _take(self, frames):
        for frame in frames:
            protocol = self._spoken(frame)
            parsed = gdw376_frame.parse(frame, protocol.edition)
            if self.terminal and parsed.address != self.terminal:
                self.close(f"it names itself anew, as {parsed.address}")
                return
            if protocol.is_report(frame):
                self._told(frame, parsed)
            elif self.state == ONLINE:
                self.link.received(frame)

    def _spoken(self, frame):
        """The edition a frame is of."""
        number = frame[1] & 3
        return next(one for one in self._protocols if one.edition.number == number)

    def _told(self, frame, parsed):
        """The concentrator spoke of itself: about the link, or a report."""
        word = None
        if parsed.afn == gdw376_items.LINK:
            word = _word(parsed.data)
        if self.state == NEW:
            if word in NAMING:
                self._log_in(frame, parsed)
        elif self.state == ONLINE:
            self._confirm(frame)
            if word == "logout":
                self.close("it logged out")
            elif word is None:
                self.link.heard_unasked(self._spoken(frame).name, frame)
        elif word == "login":
            self._login = frame

    def _log_in(self, frame, parsed):
        self._login = frame
        self.gateway.named(self, parsed.address)

    def admitted(self, old):
        """Confirm the log-in."""
        if self._login:
            self._confirm(self._login)
            self._login = None
        return super().admitted(old)

    def _confirm(self, frame):
        answer = self._spoken(frame).confirm(frame)
        if answer:
            self.send(answer)
        if self.link:
            self.link.touch()


def _word(data):
    """What a frame of AFN 02H says of the link, None when it is none of it."""
    numbers = gdw376_frame.unpack_fns(data[2:4]) if len(data) >= 4 else []
    return WORDS.get(numbers[0]) if numbers else None
