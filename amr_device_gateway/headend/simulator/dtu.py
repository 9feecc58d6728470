"""A simulated DTU: dials the head-end, names itself, and passes bytes to its meters."""

import asyncio
import contextlib
import logging

from ..protocols import registry
from .faults import Faults
from .line import LineSpeed

_logger = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.2, 5.0
#: Noise that looks like the beginning of a frame of either protocol.
NOISE = b"\x00\xff\x68\x10\x68\x16\xfe"


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
        self._writer = None
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
        if self._writer:
            self._writer.transport.abort()

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
        if self._writer:
            self._writer.write(frame)

    async def _run(self):
        pause = FIRST_PAUSE
        while True:
            await self._wanted.wait()
            try:
                reader, self._writer = await asyncio.open_connection(
                    self.host, self.port
                )
            except OSError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE)
                continue
            pause = FIRST_PAUSE
            await self._session(reader)
            await asyncio.sleep(pause)

    async def _session(self, reader):
        beats = asyncio.create_task(self._beat())
        self._writer.write(self.packet)
        self.connects += 1
        self.connected.set()
        try:
            with contextlib.suppress(ConnectionError):
                await self._listen(reader, self._writer)
        finally:
            self.connected.clear()
            beats.cancel()
            for task in self._answers:
                task.cancel()
            self._writer.close()
            self._writer = None

    async def _listen(self, reader, writer):
        """Answer the requests from ``reader`` until it ends."""
        framers = self._framers()
        while data := await reader.read(4096):
            self.line.put(len(data))
            for framer in framers:
                for frame in framer.feed(data) + framer.flush():
                    self._serve(frame, writer)

    def _framers(self):
        """One for all frames that show where they begin, one for each other kind."""
        spoken = {one.protocol.name: one.protocol for one in self.meters}
        others = [one.Framer() for one in spoken.values() if not one.recognisable]
        return [registry.any_framer(), *others]

    async def _beat(self):
        while self.heartbeat > 0:
            await asyncio.sleep(self.heartbeat)
            if not self.dark:
                self._writer.write(self.beat)

    def _spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _serve(self, frame, writer):
        """Let the addressed meter answer; without a task where nothing takes time."""
        if self.line.seconds:
            self._spawn(self._carry(frame, writer))
        else:
            self._answer(frame, writer)

    async def _carry(self, frame, writer):
        await self.line.carried()
        self._answer(frame, writer)

    def _answer(self, frame, writer):
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
            self._reply_to(writer, [reply], meter.fault(kind), late)
            return

    def _meant(self, frame):
        """Meters that may answer: by the address where DL/T 645 or CJ/T 188 have it."""
        by_wire = self._by_wire
        return by_wire.get(frame[1:7]) or by_wire.get(frame[2:9]) or self.meters

    def _reply_to(self, writer, replies, fault=None, late=0.0):
        """Send the answer to a request, or what faults make of it."""
        chance = self.faults.draw()
        replies = [spoil(reply, fault or chance.kind) for reply in replies]
        if late or chance.late or self.line.seconds:
            self._spawn(self._later(late + chance.late, writer, replies, chance))
        else:
            self._send(writer, replies, chance)

    async def _later(self, late, writer, replies, chance):
        if late:
            await asyncio.sleep(late)
        for reply in replies:
            self.line.put(len(reply), follows=not late)
            await self.line.carried()
            self._send(writer, [reply], chance)

    def _send(self, writer, replies, chance):
        if self.dark:
            return
        if chance.kind == "disconnect":
            writer.transport.abort()
            return
        for reply in replies:
            writer.write(reply)


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
