"""The head-end as a process: killed at any moment, stopped politely."""

import asyncio
import re
import signal
import sys

import aiohttp
from headend_world import PATIENCE, TOKEN

DTU = "10372001"
LINK = f"dtu:{DTU}"
PROGRAM = """
import argparse, sys
sys.path.insert(0, sys.argv.pop(1))
from headend import main
main.run_headend(argparse.ArgumentParser(), sys.argv[1:])
"""


class Process:
    """A head-end in a process of its own, on ports that it chooses."""

    def __init__(self, place):
        self.place = place
        self.process = None
        self.log = []
        self.dtu_port = self.control_port = 0
        self._reader = None

    async def start(self):
        addon = next(path for path in sys.path if path.endswith("amr_device_gateway"))
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, addon),
            *("--dtu-host", "127.0.0.1", "--dtu-port", "0", "--control-port", "0"),
            *("--concentrator-host", "127.0.0.1", "--concentrator-port", "0"),
            *("--odoo-url", self.place.odoo.url, "--state-dir", self.place.folder),
            env={"AMR_HEADEND_TOKEN": TOKEN, "AMR_REFRESH_PAUSE": "0"},
            stderr=asyncio.subprocess.PIPE,
        )
        ports = await self.line(r"DTUs on .*:(\d+), control on .*:(\d+)")
        self.dtu_port, self.control_port = (int(port) for port in ports.groups())
        self._reader = asyncio.create_task(self._drain())
        return self

    async def line(self, pattern):
        """Wait for a line of the log."""
        while True:
            text = await asyncio.wait_for(self.process.stderr.readline(), PATIENCE)
            assert text, "".join(self.log)
            self.log.append(text.decode())
            if match := re.search(pattern, self.log[-1]):
                return match

    async def _drain(self):
        while text := await self.process.stderr.readline():
            self.log.append(text.decode())

    async def end(self, how):
        self.process.send_signal(how)
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self._reader
        return code

    async def dial(self):
        _reader, writer = await asyncio.open_connection("127.0.0.1", self.dtu_port)
        self.place.closers.append(writer)
        writer.write(DTU.encode())

    async def spooled(self, number):
        """Wait until so many events are on disk."""
        url = f"http://127.0.0.1:{self.control_port}/healthz"
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(url) as response:
                    if (await response.json())["spool"] >= number:
                        return


def test_killed_while_odoo_is_away_nothing_is_lost(world):
    async def body(place):
        place.odoo.allow(DTU)
        first = await Process(place).start()
        await first.dial()
        await place.odoo.event("link_up", link=LINK)
        place.odoo.failing = True
        await first.dial()  # a second log-in that Odoo does not hear of
        await first.spooled(2)  # and that it replaced the first
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL
        place.odoo.failing = False
        second = await Process(place).start()
        await place.odoo.event("link_up", number=2, link=LINK)
        await place.odoo.event("link_down", link=LINK)  # the crash, told afterwards
        await second.dial()
        await place.odoo.event("link_up", number=3, link=LINK)
        types = [event["type"] for event in place.odoo.events]
        log_ins = ["link_up", "link_up", "link_replaced"]
        assert types == [*log_ins, "link_down", "link_up"]
        assert await second.end(signal.SIGTERM) == 0

    world(body)


def test_terminated_politely(world):
    async def body(place):
        place.odoo.allow(DTU)
        process = await Process(place).start()
        await process.dial()
        await place.odoo.event("link_up", link=LINK)
        assert await process.end(signal.SIGTERM) == 0
        await place.odoo.event("link_down", link=LINK)
        assert TOKEN not in "".join(process.log)
        assert "Traceback" not in "".join(process.log)

    world(body)
