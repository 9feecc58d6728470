"""Read task after read task over a line that fails, and nothing is lost or doubled.

``AMR_SOAK=30`` goes on for so many minutes over 2,000 meters.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import requests

from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.simulator import Simulator
from odoo.addons.amr_device_gateway.tools import GatewaySettings

from .common import GatewayCommon

TOKEN = "soak-token"
PATIENCE = 900 if os.environ.get("AMR_SOAK") else 60
MINUTES = float(os.environ.get("AMR_SOAK", "0"))
#: Links, meters behind each, read tasks at least.
LINKS, METERS = (40, 50) if MINUTES else (4, 6)
ROUNDS = 3
REPLY_TIMEOUT = 0.4
#: 5 % of the exchanges go wrong; a delayed reply comes when nobody waits any more.
FAULTS = {
    "silence": 0.01,
    "corrupt": 0.01,
    "noise": 0.005,
    "duplicate": 0.005,
    "delay": 0.01,
    "delay_ms": [450, 900],
    "disconnect": 0.01,
}
TERMINAL, ADDRESS = 99600001, 996000000001
#: Megabytes by which the head-end may grow after the first task.
GROWTH = 8


class HeadEndProcess:
    """A head-end as a process of its own, on ports that it chooses."""

    def __init__(self, folder, links):
        folder = Path(folder)
        (folder / "links.json").write_text(json.dumps({"links": links}))
        addons = Path(__file__).resolve().parents[2]
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "odoo", f"--addons-path={addons}", "amr_headend"]
            + ["--dtu-host", "127.0.0.1", "--dtu-port", "0", "--control-port", "0"],
            env={
                **{k: v for k, v in os.environ.items() if k != "ODOO_RC"},
                "AMR_HEADEND_TOKEN": TOKEN,
                "AMR_ODOO_URL": "",
                "AMR_CONCENTRATOR_PORT": "0",
                "AMR_STATE_DIR": str(folder),
                "AMR_REPLY_TIMEOUT": str(REPLY_TIMEOUT),
            },
            stderr=self.log,
        )
        self.dtu_port, self.control_port = self._ports(folder / "log")

    def _ports(self, log):
        def found():
            for line in log.read_text().splitlines():
                if "DTUs on" in line:
                    part = line.split("DTUs on ")[1].split(", control on ")
                    return [int(one.rsplit(":", 1)[1]) for one in part]

        return wait_for(found, f"the head-end: {log.read_text()}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.control_port}"

    def online(self):
        return requests.get(f"{self.url}/healthz", timeout=5).json()["online"]

    def memory(self):
        """Resident megabytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()


class SimulatorThread(threading.Thread):
    """Simulated DTUs in a thread; the test may ask what their meters show."""

    def __init__(self, config):
        super().__init__(daemon=True)
        self.simulator = Simulator(config)
        self.loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()

    def run(self):
        self.loop.run_until_complete(self._serve())

    async def _serve(self):
        await self.simulator.start()
        await self._stopping.wait()
        await self.simulator.stop()

    def stop(self):
        self.loop.call_soon_threadsafe(self._stopping.set)
        self.join(PATIENCE)
        self.loop.close()


def wait_for(answer, what):
    """Return what ``answer`` returns as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := answer():
            return found
        time.sleep(0.02)
    raise AssertionError(f"no answer within {PATIENCE} s from {what}")


@tagged("post_install", "-at_install")
class TestSoak(GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parameters = cls.env["ir.config_parameter"]
        parameters.set_param("amr.reply_timeout", str(REPLY_TIMEOUT))
        cls.links = cls.env["amr.link"]
        cls.meters = cls.env["amr.meter"]
        for number in range(LINKS):
            link = cls._link(str(TERMINAL + number), cls.community)
            cls.links |= link
            for place in range(number * METERS, (number + 1) * METERS):
                room = cls._room(f"S{place:04}")
                cls.meters |= cls._remote_meter(str(ADDRESS + place), room, link)

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        links = self.env["amr.link"]._head_end_config()["links"]
        terminals = set(self.links.mapped("terminal"))
        self.head_end = HeadEndProcess(
            folder.name, [link for link in links if link["terminal"] in terminals]
        )
        self.addCleanup(self.head_end.stop)
        self.site = SimulatorThread(
            {
                "headend": f"127.0.0.1:{self.head_end.dtu_port}",
                "control_port": 0,
                "seed": 5,
                "faults": FAULTS,
                "fleet": [
                    {
                        "dtus": LINKS,
                        "meters": METERS,
                        "terminal": TERMINAL,
                        "address": ADDRESS,
                        "index": [100, 900],
                        "heartbeat": 0,
                    }
                ],
            }
        )
        self.site.start()
        self.addCleanup(self.site.stop)
        wait_for(lambda: self.head_end.online() == LINKS, "the simulated DTUs")
        settings = GatewaySettings(self.head_end.url, TOKEN, "02000000", "00000000")
        self.startPatcher(
            patch(
                "odoo.addons.amr_device_gateway.tools.exchange.gateway_settings",
                lambda: settings,
            )
        )

    def _shown(self):
        """Return what each meter shows now, by address; a little more every time."""
        shown = {}
        for address, meter in self.site.simulator.meters.items():
            meter.adjust({"index": meter.index() + 1})
            shown[address] = float(meter.index())
        return shown

    def _read_all(self):
        task = self.env["amr.read.task"].create(
            {"scope": "meters", "meter_ids": self.meters.ids}
        )
        task.action_start()

        def done():
            self.run_jobs()
            return task.state == "done"

        wait_for(done, "the read task")
        return task

    def test_every_reading_is_kept_once_or_missed_with_a_reason(self):
        end, rounds, memory, produced = time.monotonic() + 60 * MINUTES, 0, None, 0
        while rounds < ROUNDS or time.monotonic() < end:
            shown = self._shown()
            task = self._read_all()
            produced += self._check(task, shown)
            rounds += 1
            memory = memory or self.head_end.memory()
        readings = self.env["amr.reading"].search(
            [("meter_id", "in", self.meters.ids), ("register", "=", "total")]
        )
        remote = readings.filtered(lambda one: one.source == "remote")
        self.assertEqual(len(remote), produced)
        counts = Counter((one.meter_id.id, one.index) for one in remote)
        self.assertEqual(set(counts.values()), {1})
        faults = sum(dtu.faults.count for dtu in self.site.simulator.dtus.values())
        self.assertTrue(faults)
        self.assertLess(self.head_end.memory() - memory, GROWTH)

    def _check(self, task, shown):
        """Each line has the reading of its meter, or an open exception.

        :return: how many were read
        """
        self.assertEqual(task.line_ids.meter_id, self.meters)
        missing = task.line_ids.filtered(lambda line: line.state != "done")
        for line in task.line_ids - missing:
            self.assertEqual(line.reading_id.meter_id, line.meter_id)
            self.assertEqual(line.reading_id.index, shown[line.meter_id.address])
        explained = self.env["amr.exception"].search(
            [("task_id", "=", task.id), ("kind", "=", "missing")]
        )
        self.assertEqual(explained.meter_id, missing.meter_id)
        return len(task.line_ids - missing)
