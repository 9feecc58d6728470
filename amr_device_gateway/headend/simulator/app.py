"""The simulator: DTUs, meters, their file, and a control port for tests and demos."""

import asyncio
import json
import logging
import os
import signal
import time
from datetime import timedelta, timezone
from pathlib import Path

import tomllib
from aiohttp import web

from ..protocols.authenticator import KEY_VARIABLE, SimulatorAuthenticator
from ..protocols.base import ProtocolError
from . import fleet
from .card import CardReaders
from .concentrator import Concentrator
from .dtu import Dtu
from .electricity import ElectricityMeter
from .electricity_1997 import OldElectricityMeter
from .faults import FaultError, Faults, Timeline
from .fleet import FleetError
from .mbus import MbusMeter
from .modbus import ModbusMeter
from .serial_server import SerialServer
from .water import cjt188_meter

_logger = logging.getLogger(__name__)

KINDS = {
    "dlt645-1997": OldElectricityMeter,
    "dlt645-2007": ElectricityMeter,
    "cjt188": cjt188_meter,
    "mbus": MbusMeter,
    "modbus": ModbusMeter,
    "modbus-tcp": ModbusMeter,
}
SAVE_INTERVAL = 10.0


class SimulatorError(ValueError):
    """The configuration cannot be used; the message is a sentence."""


def load(path, environ=None):
    """Configuration from a JSON or TOML file.

    Meters of a JSON file remember; the file of their state defaults to its neighbour.
    """
    path = Path(path)
    environ = os.environ if environ is None else environ
    is_toml = path.suffix == ".toml"
    try:
        text = path.read_text(encoding="utf-8")
        config = _toml(text) if is_toml else json.loads(text)
    except (OSError, ValueError) as error:
        raise SimulatorError(f"{path} cannot be read: {error}") from error
    known = isinstance(config, dict) and {"dtus", "fleet"} & config.keys()
    if not known or not isinstance(config.get("dtus", []), list):
        raise SimulatorError(
            f"{path} must be an object with a list “dtus”, or have tables [[fleet]]."
        )
    if not is_toml:
        config.setdefault("state", str(path.with_suffix(".state.json")))
    config.setdefault("credit_key", environ.get(KEY_VARIABLE, ""))
    return config


def _toml(text):

    return tomllib.loads(text)


class Simulator:
    """Everything a configuration describes, running.

    :param clock: seconds since the epoch, replaceable by tests
    """

    def __init__(self, config, clock=time.time):
        self.config = config
        self.clock = clock
        self.meters = {}
        self.dtus = {}
        self.concentrators = {}
        self.servers = []
        try:
            self.readers = CardReaders(config.get("readers", []))
        except ValueError as error:
            raise SimulatorError(str(error)) from error
        self._state_file = Path(config["state"]) if config.get("state") else None
        self._runner = None
        self._tasks = []
        try:
            self._build()
        except (FleetError, FaultError) as error:
            raise SimulatorError(str(error)) from error

    def _build(self):
        host, _colon, port = self.config.get("headend", "127.0.0.1:30116").rpartition(
            ":"
        )
        zone = timezone(timedelta(hours=self.config.get("utc_offset", 8)))
        key = self.config.get("credit_key")
        authenticator = SimulatorAuthenticator(key) if key else None
        saved = self._saved()
        seed, rates = self.config.get("seed", 0), self.config.get("faults")

        def meters_of(row):
            meters = [
                self._meter(one, saved, zone, authenticator)
                for one in row.get("meters", [])
            ]
            self.meters.update((_short(meter.address), meter) for meter in meters)
            return meters

        for number, row in enumerate(self.config.get("servers", ()), 1):
            faults = Faults(seed, f"server {number}", rates)
            server = SerialServer(row, meters_of(row), self.save, faults)
            self.servers.append(server)
        for row in [*self.config.get("dtus", []), *fleet.rows(self.config, "dtus")]:
            meters = meters_of(row)
            faults = Faults(seed, row["terminal"], rates)
            host = host or "127.0.0.1"
            dtu = Dtu(row, meters, host, int(port), self.save, faults)
            self.dtus[dtu.terminal] = dtu
        host, _colon, port = self.config.get(
            "concentrator_headend", f"{host}:6012"
        ).rpartition(":")
        for row in [
            *self.config.get("concentrators", []),
            *fleet.rows(self.config, "concentrators"),
        ]:
            meters = meters_of(row)
            where = (host or "127.0.0.1", int(port), self.save)
            faults = Faults(seed, row["terminal"], rates)
            one = Concentrator(row, meters, *where, self.clock, zone, faults)
            self.concentrators[one.terminal] = one
        every = {**self.dtus, **self.concentrators}
        self.timeline = Timeline(self.config.get("timeline", []), every, seed)

    def _meter(self, row, saved, zone, authenticator):
        kind = KINDS.get(row.get("protocol", "dlt645-2007"))
        if kind is None:
            raise SimulatorError(f"No simulated meter speaks {row['protocol']}.")
        address = str(row.get("address", ""))
        merged = {**row, **saved.get(_short(address), {}), "address": address}
        try:
            return kind(merged, self.clock, zone, authenticator)
        except (ProtocolError, ValueError) as error:
            raise SimulatorError(f"Meter {address}: {error}") from error

    # === LIFE === #

    async def start(self):
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/meters/{address}", self._get_meter)
        app.router.add_post("/meters/{address}", self._post_meter)
        app.router.add_get("/dtus/{terminal}", self._get_dtu)
        app.router.add_post("/dtus/{terminal}", self._post_dtu)
        app.router.add_get("/concentrators/{terminal}", self._get_dtu)
        app.router.add_post("/concentrators/{terminal}", self._post_dtu)
        self.readers.add_routes(app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        port = self.config.get("control_port", 7611)
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        for server in self.servers:
            await server.start()
        for dtu in (*self.dtus.values(), *self.concentrators.values()):
            dtu.start()
        self.readers.start()
        self._tasks = [
            asyncio.create_task(self._save_now_and_then()),
            asyncio.create_task(self.timeline.play()),
        ]
        _logger.info(
            "simulator: %s DTUs, %s meters, control on port %s",
            len(self.dtus),
            len(self.meters),
            self.port,
        )

    @property
    def port(self):
        return self._runner.addresses[0][1]

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        everything = (
            *self.dtus.values(),
            *self.concentrators.values(),
            *self.servers,
        )
        await asyncio.gather(*(one.stop() for one in everything))
        self.readers.stop()
        await self._runner.cleanup()
        self.save()

    # === STATE === #

    def _saved(self):
        if not self._state_file or not self._state_file.exists():
            return {}
        try:
            return json.loads(self._state_file.read_text(encoding="utf-8"))["meters"]
        except (OSError, ValueError, KeyError) as error:
            raise SimulatorError(
                f"The state file {self._state_file} cannot be read: {error}"
            ) from error

    def save(self):
        """Write the state of all meters, whole or not at all."""
        if not self._state_file:
            return
        rows = {key: meter.memory() for key, meter in self.meters.items()}
        part = self._state_file.with_suffix(".part")
        part.write_text(json.dumps({"meters": rows}), encoding="utf-8")
        os.replace(part, self._state_file)

    async def _save_now_and_then(self):
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            self.save()

    # === CONTROL PORT === #

    async def _health(self, _request):
        every = (*self.dtus.values(), *self.concentrators.values())
        connected = sum(1 for dtu in self.dtus.values() if dtu.connected.is_set())
        return web.json_response(
            {
                "status": "ok",
                "dtus": len(self.dtus),
                "connected": connected,
                "meters": len(self.meters),
                "faults": sum(one.faults.count for one in every),
            }
        )

    def _find_meter(self, request):
        meter = self.meters.get(_short(request.match_info["address"]))
        if meter is None:
            raise web.HTTPNotFound(text="There is no such meter.")
        return meter

    async def _get_meter(self, request):
        meter = self._find_meter(request)
        row = meter.as_dict()
        row["index"], row["balance"] = str(meter.index()), str(meter.balance())
        for secret in ("password", "area_code"):
            row.pop(secret)
        return web.json_response(row)

    async def _post_meter(self, request):
        meter = self._find_meter(request)
        try:
            meter.adjust(await request.json())
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        self.save()
        return await self._get_meter(request)

    def _find_dtu(self, request):
        known = {**self.dtus, **self.concentrators}
        dtu = known.get(request.match_info["terminal"])
        if dtu is None:
            raise web.HTTPNotFound(text="There is no such DTU or concentrator.")
        return dtu

    async def _get_dtu(self, request):
        dtu = self._find_dtu(request)
        return web.json_response(
            {
                "terminal": dtu.terminal,
                "online": dtu.online,
                "connected": dtu.connected.is_set(),
                "connects": dtu.connects,
            }
        )

    async def _post_dtu(self, request):
        dtu = self._find_dtu(request)
        try:
            changes = await request.json()
            if "online" in changes:
                dtu.set_online(bool(changes["online"]))
            if changes.get("disconnect"):
                dtu.disconnect()
            if changes.get("uplink"):
                dtu.uplink(bytes.fromhex(changes["uplink"]))
            if isinstance(dtu, Concentrator):
                dtu.adjust(changes)
        except (ValueError, TypeError, AttributeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return await self._get_dtu(request)


def _short(address):
    return str(address).lstrip("0") or "0"


async def run(config, ready=None):
    """Run a simulator until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    simulator = Simulator(config)
    await simulator.start()
    if ready:
        ready(simulator)
    try:
        await stopping.wait()
    finally:
        await simulator.stop()
