"""A simulated DTU: dials the head-end, names itself, and passes bytes to its meters."""

import asyncio
import logging

from ..protocols import registry
from .faults import Faults
from .line import LineSpeed

_logger = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.2, 5.0
#: Noise that looks like the beginning of a frame of either protocol.
NOISE = b"\x00\xff\x68\x10\x68\x16\xfe"


class Connection(asyncio.Protocol):
    """One connection of a DTU: cuts what comes in into frames, for it to serve."""

    def __init__(self, dtu):
        self.dtu = dtu
        self.transport = None
        #: Done when the connection is over.
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self._framers = self.dtu.framers()

    def data_received(self, data):
        self.dtu.line.put(len(data))
        for framer in self._framers:
            frames = framer.feed(data)
            if framer.pending:
                frames += framer.flush()
            for frame in frames:
                self.dtu.serve(frame, self.transport)

    def connection_lost(self, exc):
        if not self.gone.done():
            self.gone.set_result(exc)


class Dtu:
    """One DTU with the meters behind its serial line."""

    def __init__(self, row, meters, host, port, on_change, faults=None):
        self.terminal = str(row["terminal"])
        self.heartbeat = float(row.get("heartbeat", 60))
        self.packet = row.get("registration", self.terminal).encode()
        self.beat = row.get("heartbeat_packet", self.terminal).encode()
        self.meters = meters
        self.host, self.port = host, port
        self.on_change = on_change
        self.faults = faults or Faults(0, self.terminal)
        self.line = LineSpeed(row.get("baud", 0))
        self.dark = False
        self.online = True
        self.connects = 0
        self.connected = asyncio.Event()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._transport = None
        self._task = None
        self._answers = set()
        #: Meters by their address as it is in a frame: with thousands of meters most
        #: of the time would go into asking those that are not meant.
        self._by_wire = {}
        for meter in meters:
            if wire := meter.wire():
                self._by_wire.setdefault(wire, []).append(meter)

    def start(self):
        self._task = asyncio.create_task(self._run())

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def disconnect(self):
        """Break the connection now; it is dialled again unless kept offline."""
        if self._transport:
            self._transport.abort()

    def set_online(self, online):
        """Keep away from the head-end, or come back."""
        self.online = online
        if online:
            self._wanted.set()
        else:
            self._wanted.clear()
            self.disconnect()

    def cut_power(self, seconds):
        """No power at DTU and meters: nothing is said, the connection is left hanging,
        and dialled anew when the power is back."""
        if self.dark:
            return
        self._set_dark(True)
        self._wanted.clear()
        asyncio.get_running_loop().call_later(seconds, self._power_back)

    def _power_back(self):
        self._set_dark(False)
        self.set_online(self.online)
        self.disconnect()

    def _set_dark(self, dark):
        self.dark = dark
        for meter in self.meters:
            meter.cut_power(dark)

    def uplink(self, frame):
        """Send bytes that nobody asked for."""
        if self._transport:
            self._transport.write(frame)

    async def _run(self):
        pause = FIRST_PAUSE
        while True:
            await self._wanted.wait()
            loop = asyncio.get_running_loop()
            try:
                _transport, connection = await loop.create_connection(
                    lambda: Connection(self), self.host, self.port
                )
            except OSError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE)
                continue
            pause = FIRST_PAUSE
            await self._session(connection)
            await asyncio.sleep(pause)

    async def _session(self, connection):
        self._transport = connection.transport
        beats = asyncio.create_task(self._beat())
        self._transport.write(self.packet)
        self.connects += 1
        self.connected.set()
        try:
            await connection.gone
        finally:
            self.connected.clear()
            beats.cancel()
            for task in self._answers:
                task.cancel()
            self._transport.close()
            self._transport = None

    def framers(self):
        """One for all frames that show where they begin, one for each other kind."""
        spoken = {one.protocol.name: one.protocol for one in self.meters}.values()
        others = [one.Framer() for one in spoken if not one.recognisable]
        return [registry.framer_of(spoken), *others]

    async def _beat(self):
        while self.heartbeat > 0:
            await asyncio.sleep(self.heartbeat)
            if not self.dark:
                self._transport.write(self.beat)

    def _spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def serve(self, frame, transport):
        """Let the addressed meter answer; without a task where nothing takes time."""
        if self.line.seconds:
            self._spawn(self._carry(frame, transport))
        else:
            self._answer(frame, transport)

    async def _carry(self, frame, transport):
        await self.line.carried()
        self._answer(frame, transport)

    def _answer(self, frame, transport):
        """What the meter did is on disk before it says so."""
        if self.dark:
            return
        for meter in self._meant(frame):
            kind, reply = meter.answer(frame)
            if reply is None:
                continue
            if kind in ("relay", "credit"):
                self.on_change()
            late = meter.state.delay_ms / 1000
            self._reply_to(transport, [reply], meter.fault(kind), late)
            return

    def _meant(self, frame):
        """Meters that may answer: by the address where DL/T 645 or CJ/T 188 have it."""
        by_wire = self._by_wire
        return by_wire.get(frame[1:7]) or by_wire.get(frame[2:9]) or self.meters

    def _reply_to(self, transport, replies, fault=None, late=0.0):
        """Send the answer to a request, or what faults make of it."""
        chance = self.faults.draw()
        fault = fault or chance.kind
        if fault:
            replies = [spoil(reply, fault) for reply in replies]
        if late or chance.late or self.line.seconds:
            self._spawn(self._later(late + chance.late, transport, replies, chance))
        else:
            self._send(transport, replies, chance)

    async def _later(self, late, transport, replies, chance):
        if late:
            await asyncio.sleep(late)
        for reply in replies:
            self.line.put(len(reply), follows=not late)
            await self.line.carried()
            self._send(transport, [reply], chance)

    def _send(self, transport, replies, chance):
        if self.dark:
            return
        if chance.kind == "disconnect":
            transport.abort()
            return
        for reply in replies:
            transport.write(reply)


def spoil(reply, fault):
    """The bytes that really go out when ``fault`` befalls ``reply``."""
    if fault == "drop":
        return b""
    if fault == "corrupt":
        return reply[:-2] + bytes([reply[-2] ^ 0x5A]) + reply[-1:]
    if fault == "garble":
        return NOISE + reply
    if fault == "repeat":
        return reply + reply
    return reply
