"""Links that the head-end opens itself: local serial ports, and serial servers by TCP.

Nobody logs in on them: a link is up as soon as its port is open or its connection
stands, which says nothing of the meters behind it.
"""

import asyncio
import contextlib
import logging
import re
from typing import NamedTuple

import serial
import serial_asyncio_fast

from .session import CLOSED, NEW, keep_alive

_logger = logging.getLogger(__name__)

SERIAL, TCP = "serial", "tcp"
KINDS = (SERIAL, TCP)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
CONNECT_TIMEOUT = 10.0
#: A connection that stood for so long was a good one: the next pause is short again.
STEADY = 20.0
#: COM2 9600 N 8 1 of the manual; electricity and M-Bus lines are mostly 2400 8E1.
DEFAULT_LINE = "9600 8N1"
LINE = re.compile(r"(\d{3,6})[ ,]+(?:([78])([NEO])|([NEO])[ ,]+([78])[ ,]+)([12])")
#: Characters of silence that end a frame (MODBUS over Serial Line V1.02, 2.5.1.1).
SILENCE = 3.5
BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class LineSettings(NamedTuple):
    """How a serial port is opened; there is no flow control (xon off)."""

    baudrate: int
    bytesize: int
    parity: str
    stopbits: int


def line_settings(text):
    """:class:`LineSettings` of ``2400 8E1`` or ``9600 N 8 1``; empty = the default.

    :raises ValueError: a sentence
    """
    match = LINE.fullmatch((text or DEFAULT_LINE).strip().upper())
    if not match or int(match[1]) not in BAUD_RATES:
        raise ValueError(
            f"“{text}” is no line setting: write it like 2400 8E1 (baud rate, data "
            "bits, parity N, E or O, stop bits)."
        )
    baud, bits, parity, other_parity, other_bits, stop = match.groups()
    return LineSettings(
        int(baud), int(bits or other_bits), parity or other_parity, int(stop)
    )


def pace_of(row, default):
    """Seconds between an answer and the next request on a link.

    What its row says (``pace``); else ``default``, and on a serial port of known speed
    at least 3.5 characters: a shorter silence does not end a Modbus frame.
    """
    if "pace" in row or not row.get("line"):
        return row.get("pace", default)
    try:
        settings = line_settings(row["line"])
    except ValueError:
        return default  # told where the port is opened
    bits = 1 + settings.bytesize + (settings.parity != "N") + settings.stopbits
    return max(default, SILENCE * bits / settings.baudrate)


def host_port(text):
    """(host, port) of ``HOST:PORT``, an IPv6 address in brackets.

    :raises ValueError: a sentence
    """
    host, colon, port = (text or "").strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_number = port.isascii() and port.isdigit()
    if not colon or not host or not is_number or not 0 < int(port) < 1 << 16:
        raise ValueError(f"“{text}” is no address to dial: write it like HOST:PORT.")
    return host, int(port)


class OutgoingSession(asyncio.Protocol):
    """One open port or connection; what comes in goes to its link."""

    known_form = announced = False

    def __init__(self, gateway, link, peer):
        self.gateway = gateway
        self.link = link
        self.terminal = link.terminal
        self.peer = peer
        self.state = NEW
        self.transport = None
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        keep_alive(transport.get_extra_info("socket"))
        self.gateway.dialled(self)

    def connection_lost(self, exc):
        self.gateway.closed(self)
        self.state = CLOSED
        if not self.gone.done():
            self.gone.set_result(exc)

    def data_received(self, data):
        if self.link.budget.take(len(data)):
            self.link.received(data)
        else:
            self.close("it sends more than a meter line can carry")

    def send(self, data):
        self.transport.write(data)

    def close(self, why):
        """Close the port; what is unsent is thrown away."""
        if self.transport and self.state != CLOSED and not self.transport.is_closing():
            _logger.info("%s: closing (%s)", self, why)
            self.transport.abort()

    def __str__(self):
        return f"{self.link.key} to {self.peer}"


class Dialler:
    """Keeps one link open, however often it breaks."""

    def __init__(self, gateway, link, row):
        self.gateway = gateway
        self.link = link
        self.row = row
        self.problem = ""
        self._session = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def change(self, row):
        """Open the link anew with other settings."""
        self.row = row
        self._changed.set()
        if self._session:
            self._session.close("its settings changed in Odoo")

    async def stop(self):
        """Close the port and wait until that is done."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._session and self._session.transport:
            self._session.close("no longer wanted")
            await asyncio.wait([self._session.gone], timeout=CONNECT_TIMEOUT)

    async def _run(self):
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while True:
            begun = loop.time()
            try:
                await self._open()
                self.problem = ""
                await self._session.gone
            except asyncio.TimeoutError:
                self._failed(f"It did not answer within {self._dial_wait:.0f} s.")
            except (OSError, serial.SerialException, ValueError) as error:
                self._failed(_sentence(error))
            if loop.time() - begun > STEADY:
                pause = FIRST_PAUSE
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _open(self):
        """Open the port or connection.

        :raises OSError: it cannot be opened
        :raises ValueError: its settings are wrong
        """
        self._changed.clear()
        loop, terminal = asyncio.get_running_loop(), self.row["terminal"]
        self._session = session = OutgoingSession(self.gateway, self.link, terminal)
        if self.row["kind"] == TCP:
            host, port = host_port(terminal)
            opening = loop.create_connection(lambda: session, host, port)
        elif "://" in terminal:
            raise ValueError(f"“{terminal}” is no serial port of this machine.")
        else:
            settings = line_settings(self.row.get("line"))
            opening = serial_asyncio_fast.create_serial_connection(
                loop, lambda: session, terminal, exclusive=True, **settings._asdict()
            )
        await asyncio.wait_for(opening, self._dial_wait)

    @property
    def _dial_wait(self):
        return self.row.get("dial_wait", CONNECT_TIMEOUT)

    async def _sleep(self, pause):
        """Wait, but not when the settings have changed."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), pause)

    def _failed(self, why):
        """Say it in the log when it is news, and keep it for the list of links."""
        if why != self.problem:
            _logger.warning("%s cannot be opened: %s", self.link.key, why)
        self.problem = why


class Diallers:
    """All links that this head-end opens itself."""

    def __init__(self, gateway):
        self.gateway = gateway
        self._diallers = {}

    def use(self, rows):
        """Open what is new, open anew what changed; returns what is gone, to be
        stopped.

        A row may name the one head-end (``headend``) that opens it.
        """
        name = self.gateway.config.name
        wanted = {
            row["link"]: row
            for row in rows
            if row["kind"] in KINDS and row.get("headend", name) == name
        }
        gone = [self._diallers.pop(key) for key in self._diallers.keys() - wanted]
        for key, row in wanted.items():
            dialler = self._diallers.get(key)
            if dialler is None:
                link = self.gateway.links[key]
                self._diallers[key] = Dialler(self.gateway, link, row)
            elif dialler.row != row:
                dialler.change(row)
        return gone

    def state(self):
        """Rows of the links that are not open, with the reason."""
        return [
            {**one.link.as_dict("offline"), "problem": one.problem}
            for one in self._diallers.values()
            if not one.link.session
        ]

    async def stop(self):
        tasks = [one.stop() for one in self._diallers.values()]
        self._diallers = {}
        await asyncio.gather(*tasks)


def _sentence(error):
    """What the system says, without the noise around it."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
