"""TCP sessions of DTUs: the registration packet, then a transparent serial line."""

import asyncio
import logging
import re
import socket
import time
from bisect import bisect_left

from .budget import Budget
from .protocols import registry

_logger = logging.getLogger(__name__)

MAX_REGISTRATION = 256

#: A peer that is gone is noticed after a minute and a half at the latest.
KEEP_ALIVE = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": 60,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 90_000,
}

NEW, ONLINE, QUARANTINED, CLOSED = "new", "online", "quarantined", "closed"


class DtuSession(asyncio.Protocol):
    """One connection of a DTU; told apart only by what it says first."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.transport = None
        self.peer = ""
        self.state = NEW
        self.link = None
        self.terminal = ""
        self.known_form = False
        self.announced = False
        self.since = time.time()
        self.heard = time.monotonic()
        self._hello = b""
        self._timer = None
        self._budget = Budget(gateway.config.byte_rate, time.monotonic)

    # === TRANSPORT === #

    def connection_made(self, transport):
        self.transport = transport
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        keep_alive(transport.get_extra_info("socket"))
        self.gateway.opened(self)

    def connection_lost(self, exc):
        self._cancel_timer()
        self.gateway.closed(self)
        self.state = CLOSED

    def data_received(self, data):
        self.heard = time.monotonic()
        budget = self.link.budget if self.link else self._budget
        if not budget.take(len(data)):
            _logger.warning("%s: sends without end, dropped", self)
            self.close("it sends more than a meter line can carry")
        elif self.state == ONLINE:
            self.link.received(data)
        elif self.state == NEW:
            self._registering(data)

    def send(self, data):
        self.transport.write(data)

    def close(self, why):
        """Drop the connection; what is unsent is thrown away."""
        if self.state != CLOSED:
            _logger.info("%s: closing (%s)", self, why)
            self.transport.abort()

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

    def __str__(self):
        return f"dtu {self.terminal or '?'} from {self.peer}"


def keep_alive(sock):
    """Let the system notice peers that vanished without a word."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


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
