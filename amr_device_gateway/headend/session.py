"""A connection that a device opened: what DTUs and concentrators have in common."""

import asyncio
import logging
import socket
import time

from .budget import Budget

_logger = logging.getLogger(__name__)

#: A peer that is gone is noticed after a minute and a half at the latest.
KEEP_ALIVE = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": 60,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 90_000,
}

NEW, ONLINE, QUARANTINED, CLOSED = "new", "online", "quarantined", "closed"


class Session(asyncio.Protocol):
    """One connection of a device; told apart only by what it says first."""

    #: Kind of the links that such devices log in to.
    kind = ""

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
        self._budget = Budget(gateway.config.byte_rate, time.monotonic)

    @property
    def key(self):
        """Name of the link that the device says it is."""
        return f"{self.kind}:{self.terminal}"

    @property
    def idle_timeout(self):
        """Seconds without a byte after which it counts as gone."""
        return self.gateway.config.idle_timeout

    def connection_made(self, transport):
        self.transport = transport
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        keep_alive(transport.get_extra_info("socket"))
        self.gateway.opened(self)

    def connection_lost(self, exc):
        self.forget()
        self.gateway.closed(self)
        self.state = CLOSED

    def data_received(self, data):
        self.heard = time.monotonic()
        budget = self.link.budget if self.link else self._budget
        if not budget.take(len(data)):
            _logger.warning("%s: sends without end, dropped", self)
            self.close("it sends more than a meter line can carry")
        else:
            self.received(data)

    def received(self, data):
        """Bytes of the device."""
        raise NotImplementedError

    def admitted(self, old):
        """Its link is known: the device is in.

        One that replaced an open session is told of: either the older line broke
        unnoticed, or two devices have the same number.

        :param old: the open session that it replaced, or None
        """
        if old:
            spool = self.gateway.spool
            spool.put("link_replaced", self.key, self.terminal, self.peer, old=old.peer)

    def forget(self):
        """Cancel what is pending: the connection is gone."""

    def send(self, data):
        self.transport.write(data)

    def close(self, why):
        """Drop the connection; what is unsent is thrown away."""
        if self.state != CLOSED:
            _logger.info("%s: closing (%s)", self, why)
            self.transport.abort()

    def __str__(self):
        return f"{self.kind} {self.terminal or '?'} from {self.peer}"


def keep_alive(sock):
    """Let the system notice peers that vanished without a word."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
