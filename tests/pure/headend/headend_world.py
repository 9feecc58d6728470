"""A real head-end, a simulator and a stand-in for Odoo, all over real sockets."""

import asyncio

from aiohttp import web
from headend.client import HeadEndClient
from headend.config import Config
from headend.gateway import Gateway
from headend.protocols import registry
from headend.simulator import Simulator

TOKEN = "test-token"
CREDIT_KEY = "test-key"
PATIENCE = 10


class FakeOdoo:
    """Serves the two routes of the interface and remembers what it was told."""

    def __init__(self):
        self.links = []
        self.events = []
        self.config_calls = 0
        self.deliveries = 0
        self.failing = False
        self.forgetful = False
        self.changed = asyncio.Condition()
        self.runner = None
        self.port = 0

    async def start(self, port=0):
        app = web.Application()
        app.router.add_get("/amr/headend/v1/config", self._config)
        app.router.add_post("/amr/headend/v1/events", self._events)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", port).start()
        self.port = self.runner.addresses[0][1]

    async def stop(self):
        if self.runner:
            await self.runner.cleanup()
            self.runner = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def allow(self, *terminals):
        self.links = [
            {"link": f"dtu:{one}", "kind": "dtu", "terminal": one} for one in terminals
        ]

    def allow_concentrators(self, *terminals):
        self.links += [
            {"link": f"concentrator:{one}", "kind": "concentrator", "terminal": one}
            for one in terminals
        ]

    async def _config(self, request):
        self._check(request)
        self.config_calls += 1
        return web.json_response({"links": self.links})

    async def _events(self, request):
        self._check(request)
        body = await request.json()
        self.deliveries += 1
        async with self.changed:
            known = {event["id"] for event in self.events}
            for event in body["events"]:
                if event["id"] not in known:
                    self.events.append(event)
            self.changed.notify_all()
        if self.forgetful:
            self.forgetful = False
            raise web.HTTPBadGateway
        return web.json_response({"accepted": [one["id"] for one in body["events"]]})

    def _check(self, request):
        if self.failing:
            raise web.HTTPServiceUnavailable
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"

    async def event(self, kind, number=1, **match):
        """Wait for the ``number``-th event of a kind and return it."""

        def found():
            events = [
                event
                for event in self.events
                if event["type"] == kind
                and all(event[key] == value for key, value in match.items())
            ]
            return events[number - 1] if len(events) >= number else None

        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(found), PATIENCE)
        return found()


class World:
    """Starts what a test needs and stops all of it."""

    def __init__(self, folder):
        self.folder = folder
        self.odoo = FakeOdoo()
        self.gateways = []
        self.simulators = []
        self.clients = []
        self.closers = []

    def config(self, **options):
        values = {
            "name": "test",
            "token": TOKEN,
            "odoo_url": self.odoo.url,
            "state_dir": str(self.folder),
            "dtu_host": "127.0.0.1",
            "dtu_port": 0,
            "concentrator_host": "127.0.0.1",
            "concentrator_port": 0,
            "control_port": 0,
            "reply_timeout": 2.0,
            "registration_gap": 0.05,
            "byte_gap": 0.05,
            "pace": 0.0,
        }
        return Config(**{**values, **options})

    async def gateway(self, **options):
        gateway = Gateway(self.config(**options))
        self.gateways.append(gateway)
        await gateway.start()
        return gateway

    async def simulator(self, gateway, *dtus, clock=None, **config):
        options = {"clock": clock} if clock else {}
        simulator = Simulator(
            {
                "headend": f"127.0.0.1:{gateway.dtu_port}",
                "concentrator_headend": f"127.0.0.1:{gateway.concentrator_port}",
                "control_port": 0,
                "credit_key": CREDIT_KEY,
                "dtus": list(dtus),
                **config,
            },
            **options,
        )
        self.simulators.append(simulator)
        await simulator.start()
        return simulator

    async def client(self, gateway):
        client = HeadEndClient(f"http://127.0.0.1:{gateway.control.port}", TOKEN)
        self.clients.append(client)
        return await client.__aenter__()

    async def dial(self, gateway, packet=b"", protocol=None, port=None):
        """A bare TCP connection to the DTU port, or another one."""
        port = port or gateway.dtu_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self.closers.append(writer)
        if packet:
            writer.write(packet)
        return Line(protocol or registry.get("dlt645-2007"), reader, writer)

    async def stop(self):
        for client in self.clients:
            await client.close()
        for simulator in self.simulators:
            await simulator.stop()
        for writer in self.closers:
            writer.close()
        for gateway in self.gateways:
            await gateway.stop()
        await self.odoo.stop()


class Line:
    """The far end of a DTU, played by the test: sees requests, sends what it likes."""

    def __init__(self, protocol, reader, writer):
        self.reader, self.writer = reader, writer
        self._framer = protocol.Framer()
        self._frames = []

    async def request(self):
        """The next whole request that arrives."""
        while not self._frames:
            data = await asyncio.wait_for(self.reader.read(4096), PATIENCE)
            assert data, "the head-end closed the connection"
            self._frames += self._framer.feed(data)
        return self._frames.pop(0)

    @property
    def idle(self):
        """True when nothing more has arrived so far."""
        return not self._frames and not self.reader._buffer

    def send(self, data):
        self.writer.write(data)

    async def closed(self):
        """Wait until the head-end hangs up."""
        try:
            while await asyncio.wait_for(self.reader.read(4096), PATIENCE):
                pass
        except ConnectionError:
            pass
