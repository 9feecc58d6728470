"""A real head-end with simulated devices, in a thread of its own, on free ports."""

import asyncio
import json
import os
import socket
import tempfile
import threading
import tty
from pathlib import Path
from unittest.mock import patch

from odoo.addons.amr_device_gateway.headend.config import Config
from odoo.addons.amr_device_gateway.headend.gateway import Gateway
from odoo.addons.amr_device_gateway.headend.simulator import Simulator
from odoo.addons.amr_device_gateway.tools import GatewaySettings

EXCHANGE = "odoo.addons.amr_device_gateway.tools.exchange"
TOKEN = "test-token"
STARTED = 20


def free_port():
    """Return a TCP port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class SerialLine:
    """A serial port (pty) with simulated meters on its far end.

    :param list rows: meters, as the simulator's file has them
    """

    def __init__(self, rows):
        self.rows = rows
        self.far, self.near = os.openpty()
        tty.setraw(self.near)
        self.path = os.ttyname(self.near)
        self._framers = []

    def start(self, simulator):
        """Answer with the meters that ``simulator`` made of the rows."""
        self.meters = [simulator.meters[row["address"]] for row in self.rows]
        self._framers = [meter.protocol.Framer() for meter in self.meters]
        asyncio.get_running_loop().add_reader(self.far, self._ready)

    def _ready(self):
        data = os.read(self.far, 4096)
        for framer, meter in zip(self._framers, self.meters, strict=True):
            for frame in framer.feed(data) + framer.flush():
                os.write(self.far, meter.answer(frame)[1] or b"")

    def stop(self):
        asyncio.get_running_loop().remove_reader(self.far)
        os.close(self.far)
        os.close(self.near)


class RealHeadEnd(threading.Thread):
    """A head-end with what dials it, what it dials, and its serial ports.

    :param list links: rows as Odoo tells them to the head-end
    :param list dtus: rows of the simulator
    :param concentrators: rows of the simulator
    :param servers: rows of the simulator: serial servers with their ``port``
    :param serial: :class:`SerialLine` or None
    :param str credit_key: what the simulated meters check credit with
    :param options: more settings of the head-end
    """

    def __init__(
        self,
        folder,
        links,
        dtus,
        servers=(),
        serial=None,
        name="",
        concentrators=(),
        credit_key="",
        **options,
    ):
        super().__init__(daemon=True)
        self.folder = Path(folder)
        self.links = links
        self.dtus = dtus
        self.concentrators = list(concentrators)
        self.servers = list(servers)
        self.serial = serial
        self.credit_key = credit_key
        self.options = options
        self.head_end_name = name
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.url = None

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self):
        self._stopping = asyncio.Event()
        (self.folder / "links.json").write_text(json.dumps({"links": self.links}))
        gateway = Gateway(
            Config(
                name=self.head_end_name,
                token=TOKEN,
                state_dir=str(self.folder),
                dtu_host="127.0.0.1",
                dtu_port=0,
                concentrator_host="127.0.0.1",
                concentrator_port=0,
                control_port=0,
                reply_timeout=0.5,
                registration_gap=0.05,
                **self.options,
            )
        )
        self.gateway = gateway
        # what is dialled is there before it is dialled
        rows = self.serial.rows if self.serial else []
        servers = [*self.servers, {"port": 0, "meters": rows}]
        dialled = Simulator({"control_port": 0, "dtus": [], "servers": servers})
        await dialled.start()
        if self.serial:
            self.serial.start(dialled)
        await gateway.start()
        self.simulator = Simulator(
            {
                "headend": f"127.0.0.1:{gateway.dtu_port}",
                "control_port": 0,
                "credit_key": self.credit_key,
                "concentrator_headend": f"127.0.0.1:{gateway.concentrator_port}",
                "dtus": self.dtus,
                "concentrators": self.concentrators,
            }
        )
        await self.simulator.start()
        for dtu in self.simulator.dtus.values():
            await asyncio.wait_for(dtu.connected.wait(), STARTED)
        while not all(link.session for link in gateway.links.values()):
            await asyncio.sleep(0.01)
        if gateway.uplinks.mqtt:
            await asyncio.wait_for(gateway.uplinks.mqtt.connected.wait(), STARTED)
        self.url = f"http://127.0.0.1:{gateway.control.port}"
        self.ready.set()
        await self._stopping.wait()
        await self.simulator.stop()
        await gateway.stop()
        await dialled.stop()
        if self.serial:
            self.serial.stop()

    def events(self, count):
        """Take ``count`` events out of the spool, as soon as they are there."""

        async def wait():
            while self.gateway.spool.count() < count:
                await asyncio.sleep(0.01)
            events = self.gateway.spool.peek()
            self.gateway.spool.accept([event["id"] for event in events])
            return events

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(STARTED)

    def stop(self):
        self.loop.call_soon_threadsafe(self._stopping.set)
        self.join(STARTED)


class WithHeadEnd:
    """For tests that speak to a head-end of their own."""

    def make_folder(self):
        """Return a folder that goes with the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def start_head_end(self, links, dtus=(), **more):
        """Return a :class:`RealHeadEnd` that runs, and that Odoo speaks to.

        :param links: ``amr.link`` records that it knows
        :param more: as :class:`RealHeadEnd` has it
        """
        rows = [link._prepare_head_end_config() for link in links]
        head_end = RealHeadEnd(self.make_folder(), rows, dtus, **more)
        head_end.start()
        self.addCleanup(head_end.stop)
        self.assertTrue(head_end.ready.wait(STARTED), "the head-end is up")
        self.use_head_end(head_end.url)
        return head_end

    def use_head_end(self, url):
        """Let Odoo speak to the head-end at an address."""
        settings = GatewaySettings(url, TOKEN, "02000000", "00000000")
        self.startPatcher(patch(f"{EXCHANGE}.gateway_settings", lambda: settings))
