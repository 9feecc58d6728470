"""The head-end process: listens for devices, answers Odoo, loses nothing."""

import asyncio
import logging
import signal
import time
from pathlib import Path

from .cards.desk import CardDesk
from .concentrator import ConcentratorSession
from .config import ConfigError
from .control import ControlPort
from .dtu import DtuSession, Registration, clean, heartbeat_bytes
from .link import Link
from .odoo import OdooSide
from .outgoing import Diallers, pace_of
from .session import NEW, ONLINE, QUARANTINED
from .spool import Spool
from .uplinks.doors import UplinkDoors
from .watch import Watch

_logger = logging.getLogger(__name__)

SWEEP_INTERVAL = 5.0
#: Unknown terminals that Odoo is told of in an hour: more than it lists (60), so that
#: it hears of a flood, and not as many as a flood has.
STRANGERS_PER_HOUR = 240
HOUR = 3600.0


class Gateway:
    """Owns every socket; one per process."""

    def __init__(self, config):
        if not config.token:
            raise ConfigError(
                "headend_token is missing: set it in section [amr] of the "
                "configuration or in AMR_HEADEND_TOKEN."
            )
        self.config = config
        self.links = {}
        self.sessions = set()
        self.strangers = {}
        self.started = time.time()
        self.registration = Registration(config.registration_pattern)
        self.spool = Spool(config.path("spool.sqlite"))
        self.odoo = OdooSide(config, self.spool, self.use_links)
        self.control = ControlPort(self)
        self.diallers = Diallers(self)
        self.watch = Watch()
        self.uplinks = UplinkDoors(config, self.spool)
        self.cards = CardDesk(self._serial_ports, config.card_ports)
        self._server = None
        self._concentrators = None
        self._sweeper = None
        self._tasks = set()

    # === LIFE === #

    async def start(self):
        """Open all ports; what a crashed predecessor left online is reported down."""
        for key, terminal, peer in self.spool.online():
            self.spool.put("link_down", key, terminal, peer)
        await self.odoo.start()
        config = self.config
        self._server = await self._listen(DtuSession, config.dtu_host, config.dtu_port)
        self._concentrators = await self._listen(
            ConcentratorSession, config.concentrator_host, config.concentrator_port
        )
        await self.control.start()
        await self.uplinks.start()
        self._sweeper = asyncio.create_task(self._sweep())
        _logger.info(
            "head-end %s: concentrators on %s:%s, DTUs on %s:%s, control on %s:%s",
            self.config.name,
            self.config.concentrator_host,
            self.concentrator_port,
            self.config.dtu_host,
            self.dtu_port,
            self.config.control_host,
            self.control.port,
        )

    async def _listen(self, session, host, port):
        """A server for devices that dial in; None when the port is negative."""
        if port < 0:
            return None
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: session(self), host, port)

    @property
    def dtu_port(self):
        return _port_of(self._server)

    @property
    def concentrator_port(self):
        return _port_of(self._concentrators)

    async def stop(self):
        """Close everything in order; the spool is on disk when this returns."""
        _logger.info("head-end %s: stopping", self.config.name)
        if self._sweeper:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        servers = [one for one in (self._server, self._concentrators) if one]
        for server in servers:
            server.close()
        await self.uplinks.stop()
        await self.control.stop()
        await self.diallers.stop()
        for link in self.links.values():
            link.stop()
        for session in list(self.sessions):
            session.close("the head-end stops")
        for server in servers:
            await server.wait_closed()
        while self.sessions:
            await asyncio.sleep(0)
        self.spool.commit()
        await self.odoo.stop()
        self.spool.close()

    async def _sweep(self):
        """Drop sessions that have been silent for too long."""
        config = self.config
        shortest = min(config.idle_timeout, config.concentrator_idle_timeout)
        pause = min(SWEEP_INTERVAL, shortest / 4)
        while True:
            await asyncio.sleep(pause)
            now = time.monotonic()
            for session in list(self.sessions):
                limit = session.idle_timeout
                if session.state == NEW:
                    limit = config.registration_timeout
                if now - session.heard > limit:
                    session.close(f"silent for {now - session.heard:.0f} s")

    # === LINKS === #

    def use_links(self, rows):
        """Take the list of links; known ones keep their sessions and queues."""
        wanted = {}
        for row in rows:
            key = row["link"]
            link = self.links.get(key) or Link(
                key, row["kind"], row["terminal"], self.config, self._uplink
            )
            link.watch = self.watch
            link.terminal = row["terminal"]
            link.heartbeat = _heartbeat(row)
            link.pace = pace_of(row, self.config.pace)
            wanted[key] = link
        removed = [self.links[key] for key in self.links.keys() - wanted.keys()]
        self.links = wanted
        self.registration.learn([row for row in rows if row["kind"] == "dtu"])
        for dialler in self.diallers.use(rows):
            self._spawn(dialler.stop())
        for link in removed:
            self._remove(link)
        for session in list(self.sessions):
            if session.state == QUARANTINED and session.known_form:
                link = self.links.get(session.key)
                self._let_in(session, link) if link else self._announce(session)

    def _serial_ports(self):
        """Ports of meters: nobody looks for card readers there."""
        return [one.terminal for one in self.links.values() if one.kind == "serial"]

    def _remove(self, link):
        link.stop()
        if link.session:
            link.session.close("its link was removed in Odoo")

    def state(self, key):
        """Rows of ``/v1/links``: links with a session, and quarantined sessions."""
        rows = [link.as_dict("online") for link in self.links.values() if link.session]
        rows += [
            {
                "link": session.key,
                "kind": session.kind,
                "terminal": session.terminal,
                "peer": session.peer,
                "since": session.since,
                "last_seen": time.time() - time.monotonic() + session.heard,
                "state": "quarantined",
            }
            for session in self.sessions
            if session.state == QUARANTINED
        ]
        rows += self.diallers.state()
        return [row for row in rows if not key or row["link"] == key]

    def known(self):
        """All links of the configuration, in order, then the quarantined ones."""
        rows = {row["link"]: row for row in self.state(None)}
        for key, link in self.links.items():
            rows.setdefault(key, link.as_dict("offline"))
        return sorted(rows.values(), key=lambda row: (row["kind"], row["terminal"]))

    def about(self):
        """How this head-end is, and where its files are."""
        config = self.config
        return {
            "name": config.name,
            "since": self.started,
            "state_dir": str(Path(config.state_dir).resolve()),
            "log_file": config.log_file and str(Path(config.log_file).resolve()),
            "dtu_port": self.dtu_port,
            "sessions": len(self.sessions),
            "links": len(self.links),
            "online": sum(1 for link in self.links.values() if link.session),
            "spool": self.spool.count(),
        }

    async def refresh(self):
        """Ask Odoo for the links and hand over the events now, not when it is time.

        :return: whether Odoo answered
        """
        self.spool.changed.set()
        return await self.odoo.refresh()

    # === SESSIONS === #

    def opened(self, session):
        self.sessions.add(session)
        if len(self.sessions) > self.config.max_sessions:
            session.close("too many sessions")

    def closed(self, session):
        self.sessions.discard(session)
        link = session.link
        if link and link.detach(session):
            _logger.info("%s: link down", session)
            self.spool.put("link_down", link.key, link.terminal, session.peer)
        elif session.announced and not link and not self._held(session.key):
            self.spool.put("link_down", session.key, session.terminal, session.peer)

    def _held(self, key):
        """Whether another session of this unknown terminal is there."""
        return any(one.state == QUARANTINED and one.key == key for one in self.sessions)

    def certain(self, hello):
        return self.registration.certain(hello)

    def registered(self, session, hello):
        """A DTU has sent its registration packet."""
        terminal = self.registration.terminal(hello)
        if terminal:
            self.named(session, terminal)
            return
        session.terminal = printable(hello)
        session.state = QUARANTINED
        _logger.warning("%s: no registration packet, quarantined", session)
        self._hold(session)

    def named(self, session, terminal):
        """A session has said who it is; a stranger makes us ask Odoo once."""
        session.terminal = terminal
        session.known_form = True
        link = self.links.get(session.key)
        if link:
            self._let_in(session, link)
            return
        session.state = QUARANTINED
        self._spawn(self._ask_for(session))
        self._hold(session)

    def _hold(self, session):
        """Keep a session apart, unless there are too many of them."""
        held = sum(1 for one in self.sessions if one.state == QUARANTINED)
        if held > self.config.max_quarantined:
            session.close("too many unknown terminals")

    async def _ask_for(self, session):
        """Refresh the links. While Odoo is away nobody knows whether it is a stranger:
        it waits for the next list."""
        asked = asyncio.get_running_loop().time()
        if await self.odoo.refresh(asked) or not self.config.odoo_url:
            self._announce(session)

    def _announce(self, session):
        """Tell Odoo of a stranger. Nothing is ever sent to it.

        One too many is told of with a later list of links, if it is still there.
        """
        if session.state != QUARANTINED or session.announced:
            return
        if self._is_flood(session.key):
            return
        session.announced = True
        _logger.warning("%s: unknown terminal, quarantined", session)
        self.spool.put("unknown_terminal", session.key, session.terminal, session.peer)

    def _is_flood(self, key):
        """Whether Odoo has been told of too many other strangers within the hour."""
        now = time.monotonic()
        self.strangers = {
            one: at for one, at in self.strangers.items() if at > now - HOUR
        }
        if key not in self.strangers and len(self.strangers) >= STRANGERS_PER_HOUR:
            return True
        self.strangers.setdefault(key, now)
        return False

    def _let_in(self, session, link):
        """A session that dialled in belongs to a known link."""
        old = link.session
        self._admit(session, link)
        session.admitted(old)

    def _admit(self, session, link):
        """Bind a session to its link; a newer log-in replaces an older one."""
        session.state, session.link = ONLINE, link
        session.terminal = link.terminal
        old = link.attach(session)
        if old and old is not session:
            old.close("replaced by a newer log-in")
        _logger.info("%s: link up", session)
        self.spool.put("link_up", link.key, link.terminal, session.peer)

    def dialled(self, session):
        """A link that this head-end opens itself is open."""
        if self.links.get(session.link.key) is session.link:
            self._admit(session, session.link)
        else:
            session.close("its link was removed in Odoo")

    def _uplink(self, link, protocol, frame):
        """A device spoke without being asked."""
        _logger.info("%s: uplink of %s bytes (%s)", link.key, len(frame), protocol)
        peer = link.session.peer if link.session else ""
        self.spool.put(
            "uplink",
            link.key,
            link.terminal,
            peer,
            protocol=protocol,
            frame=frame.hex(),
        )

    def _spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _heartbeat(row):
    try:
        return heartbeat_bytes(row.get("heartbeat"))
    except ValueError:
        _logger.warning("link %s: the heartbeat is not valid hex", row["link"])
        return b""


def _port_of(server):
    """The port that a server listens on, -1 for no server."""
    return server.sockets[0].getsockname()[1] if server else -1


def printable(packet):
    """A packet for a log line or a screen: its text, else hex."""
    text = clean(packet)[:40]
    return text if text.isascii() and text.isprintable() else packet[:40].hex()


async def run(config, ready=None, stopping=None):
    """Run a head-end until SIGTERM or SIGINT, or until ``stopping`` is set."""
    stopping = stopping or asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    gateway = Gateway(config)
    try:
        await gateway.start()
        if ready:
            ready(gateway)
        await stopping.wait()
    finally:
        await gateway.stop()
