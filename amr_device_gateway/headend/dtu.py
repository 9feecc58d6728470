"""TCP sessions of DTUs: the registration packet, then a transparent serial line."""

import asyncio
import logging
import re
from bisect import bisect_left

from .protocols import registry
from .session import NEW, ONLINE, Session

_logger = logging.getLogger(__name__)

MAX_REGISTRATION = 256


class DtuSession(Session):
    """One connection of a DTU."""

    kind = "dtu"

    def __init__(self, gateway):
        super().__init__(gateway)
        self._hello = b""
        self._timer = None

    def forget(self):
        self._cancel_timer()

    def received(self, data):
        if self.state == ONLINE:
            self.link.received(data)
        elif self.state == NEW:
            self._registering(data)

    # === REGISTRATION === #

    def _registering(self, data):
        """Collect the registration packet; it ends when known, or with silence."""
        self._cancel_timer()
        self._hello += data
        if len(self._hello) > MAX_REGISTRATION:
            self.close("no registration packet in the first bytes")
            return
        if self.gateway.certain(self._hello):
            self._registered()
            return
        gap = self.gateway.config.registration_gap
        self._timer = asyncio.get_running_loop().call_later(gap, self._registered)

    def _registered(self):
        self._cancel_timer()
        hello, rest = split_hello(self._hello)
        self._hello = b""
        self.gateway.registered(self, hello)
        if rest and self.state == ONLINE:
            self.link.received(rest)

    def _cancel_timer(self):
        if self._timer:
            self._timer.cancel()
            self._timer = None


class Registration:
    """How DTUs name themselves: a pattern for all, and one of their own for some."""

    def __init__(self, pattern):
        self._general = re.compile(pattern)
        self._special = {}
        self._terminals = []

    def learn(self, links):
        """Take the patterns and terminals of the configured links."""
        self._terminals = sorted({link["terminal"] for link in links})
        self._special = {}
        for link in links:
            text = link.get("registration_regex")
            try:
                if text:
                    self._special[link["terminal"]] = re.compile(text)
            except re.error:
                _logger.warning(
                    "link %s: the registration pattern is not valid", link["link"]
                )

    def certain(self, hello):
        """Whether the packet is complete beyond doubt: a known terminal's number that
        no other known terminal's number continues."""
        text = clean(hello)
        place = bisect_left(self._terminals, text)
        same, after = [*self._terminals[place : place + 2], "", ""][:2]
        return bool(text) and same == text and not after.startswith(text)

    def terminal(self, hello):
        """The terminal number in a registration packet, None when there is none."""
        text = clean(hello)
        for terminal, pattern in self._special.items():
            match = pattern.search(text)
            if match and match.group(match.lastindex or 0) == terminal:
                return terminal
        match = self._general.fullmatch(text)
        return match.group(match.lastindex or 0) if match else None


def split_hello(hello):
    """Registration packet, and the meter frames that came in the same breath."""
    framer = registry.any_framer()
    start = hello.find(framer.START)
    while start >= 0:
        if framer.frame_at(hello, start):
            return hello[:start].rstrip(b"\xfe"), hello[start:]
        start = hello.find(framer.START, start + 1)
    return hello, b""


def clean(packet):
    """Text of a registration packet without the line ends and zeros around it."""
    return packet.decode("latin-1").strip(" \r\n\t\x00")


def heartbeat_bytes(text):
    """Bytes of a configured heartbeat: text, or hex after ``hex:``.

    :raises ValueError: not hex
    """
    text = text or ""
    if text.startswith("hex:"):
        return bytes.fromhex(text[4:])
    return text.encode()
