"""Read task after read task over a line that fails, and nothing is lost or doubled.

``AMR_SOAK=30`` goes on for so many minutes over 2,000 meters, with power cuts on top.
It commits as people and jobs do, and leaves its meters in the database: give it a copy.
What happened is in the log, line by line.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import requests

from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.simulator import Simulator
from odoo.addons.queue_job.job import Job

from .common import GatewayCommon
from .head_end import TOKEN, WithHeadEnd

_logger = logging.getLogger(__name__)

MINUTES = float(os.environ.get("AMR_SOAK", "0"))
PATIENCE = 900 if MINUTES else 60
#: Links, meters behind each, read tasks at least.
LINKS, METERS = (40, 50) if MINUTES else (8, 12)
ROUNDS = 4
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
#: Every minute of a long soak some lines break, and some have no power for a while.
SCRIPT = [
    {"at": 60 * minute + 20 * place, **step}
    for minute in range(int(MINUTES))
    for place, step in enumerate(
        (
            {"do": "disconnect", "dtus": 0.1},
            {"do": "power_cut", "dtus": 0.05, "seconds": 4},
        )
    )
]
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
        return memory(self.process.pid)

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


def memory(process="self"):
    """Return the resident megabytes of a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


def wait_for(answer, what):
    """Return what ``answer`` returns as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := answer():
            return found
        time.sleep(0.02)
    raise AssertionError(f"no answer within {PATIENCE} s from {what}")


@tagged("post_install", "-at_install")
class TestSoak(WithHeadEnd, GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parameters = cls.env["ir.config_parameter"]
        parameters.set_param("amr.reply_timeout", str(REPLY_TIMEOUT))
        cls.links = cls.env["amr.link"].create(
            [
                {
                    "name": f"DTU {TERMINAL + number}",
                    "terminal": str(TERMINAL + number),
                    "community_id": cls.community.id,
                }
                for number in range(LINKS)
            ]
        )
        numbers = [str(ADDRESS + place) for place in range(LINKS * METERS)]
        cls.meters = cls._remote_meters(numbers)
        for number, link in enumerate(cls.links):
            cls.meters[number * METERS : (number + 1) * METERS].link_id = link
        cls.config = [link._prepare_head_end_config() for link in cls.links]
        if MINUTES:
            cls.env.flush_all()
            type(cls.cr).commit(cls.cr)

    def setUp(self):
        super().setUp()
        self.head_end = HeadEndProcess(self.make_folder(), self.config)
        self.addCleanup(self.head_end.stop)
        self.site = SimulatorThread(
            {
                "headend": f"127.0.0.1:{self.head_end.dtu_port}",
                "control_port": 0,
                "seed": 5,
                "faults": FAULTS,
                "timeline": SCRIPT,
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
        self.use_head_end(self.head_end.url)

    @contextmanager
    def _work(self):
        """Work in the test's transaction; a long soak in one of its own, committed.

        Within one transaction no row is ever cleaned up behind those that replace it,
        and each task takes longer than the one before.
        """
        if not MINUTES:
            yield
            return
        with self.registry.cursor() as cr, patch.object(self, "env", self.env(cr=cr)):
            yield

    def run_job(self, record):
        if not MINUTES:
            super().run_job(record)
            return
        job = Job.load(self.env, record.uuid)
        job.set_started()
        self._store(job)
        job.perform()
        job.set_done()
        self._store(job)

    def _store(self, job):
        """Commit a job's state before and after it, as queue_job does."""
        job.store()
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self.env.invalidate_all()

    def _shown(self):
        """Return what each meter shows now, by address; a little more every time."""
        shown = {}
        for address, meter in self.site.simulator.meters.items():
            meter.adjust({"index": meter.index() + 1})
            shown[address] = float(meter.index())
        return shown

    def _read_all(self):
        """Return the id of a read task that is done."""
        with self._work():
            task = self.env["amr.read.task"].create(
                {"scope": "meters", "meter_ids": self.meters.ids}
            )
            task.action_start()

        def done():
            with self._work():
                self.run_jobs()
                return self.env["amr.read.task"].browse(task.id).state == "done"

        wait_for(done, "the read task")
        return task.id

    def test_every_reading_is_kept_once_or_missed_with_a_reason(self):
        begun, memories, read = time.monotonic(), [], 0
        while len(memories) < ROUNDS or time.monotonic() - begun < 60 * MINUTES:
            started, shown = time.monotonic(), self._shown()
            task_id = self._read_all()
            with self._work():
                read += self._check(self.env["amr.read.task"].browse(task_id), shown)
            memories.append(self.head_end.memory())
            self._tell(len(memories), read, time.monotonic() - started)
        with self._work():
            readings = self.env["amr.reading"]._read_group(
                [("meter_id", "in", self.meters.ids), ("register", "=", "total")],
                ["meter_id", "index"],
                ["__count"],
            )
            self.assertEqual(len(readings), read)
            self.assertEqual({count for _meter, _index, count in readings}, {1})
        self.assertTrue(sum(one.count for one in self._faults()))
        self.assertLess(memories[-1] - memories[0], GROWTH)

    def _faults(self):
        return [dtu.faults for dtu in self.site.simulator.dtus.values()]

    def _tell(self, rounds, read, took):
        exchanges = sum(one.exchanges for one in self._faults())
        faults = sum(one.count for one in self._faults())
        _logger.info(
            "soak: %s tasks, the last in %.0f s; %s exchanges, %s faults, %s readings, "
            "%s missed with an exception; head-end %.1f MB, Odoo with the simulator "
            "%.1f MB",
            rounds,
            took,
            exchanges,
            faults,
            read,
            rounds * len(self.meters) - read,
            self.head_end.memory(),
            memory(),
        )

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
