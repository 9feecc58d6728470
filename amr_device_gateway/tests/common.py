import time
from contextlib import contextmanager
from unittest.mock import patch

from odoo import fields

from odoo.addons.amr_device_gateway.headend.client import (
    HeadEndError,
    HeadEndLost,
    HeadEndUnavailable,
    Reply,
)
from odoo.addons.amr_device_gateway.headend.simulator.electricity import (
    ElectricityMeter,
)
from odoo.addons.amr_device_gateway.headend.simulator.water import WaterMeter
from odoo.addons.amr_metering.tests.common import MeteringCommon
from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.job import Job

CLIENT = "odoo.addons.amr_device_gateway.tools.exchange.HeadEndClient"
JOB_MODELS = ("amr.command", "amr.read.task", "amr.meter", "amr.concentrator")
FIXED_CLOCK = 1_790_000_000.0


class Killed(BaseException):
    """The process died here: nothing after it happens, not even error handling."""


class FakeHeadEnd:
    """Head-end, DTUs and meters in one process: the simulator's meters, no sockets.

    Faults: a link in ``offline``; ``down`` (the head-end cannot be reached); ``lost``
    (the connection breaks after the frames have arrived); ``kill`` (a callable that is
    asked with the kind of each frame, after the meter has worked it; true = die).
    """

    def __init__(self):
        self.links_up = {}
        self.offline = set()
        self.problems = {}
        self.down = False
        self.lost = False
        self.kill = lambda kind: False
        self.frames = []  # (link, kind of frame, priority)
        self.queue = {}  # of a LoRaWAN network server
        self.handed_over = 0
        self.refused = None

    def add(self, link, row, authenticator=None):
        """Put a simulated meter behind a link and return it.

        :param str link: key of the link
        :param dict row: state of the meter, as the simulator's file has it
        """
        kind = WaterMeter if row.get("protocol") == "cjt188" else ElectricityMeter
        meter = kind(row, time.time, None, authenticator)
        self.links_up.setdefault(link, []).append(meter)
        return meter

    def kinds(self):
        """Return the kinds of the frames that reached a meter, in order."""
        return [kind for _link, kind, _priority in self.frames]

    # === The client's interface === #

    def __call__(self, _url, _token):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_exc):
        return None

    async def links(self, link=None):
        if self.down:
            raise HeadEndUnavailable("down")
        online = [
            {"link": key, "state": "online", "peer": "127.0.0.1:5"}
            for key in self.links_up
            if key not in self.offline
        ]
        return online + [
            {"link": key, "state": "offline", "problem": problem}
            for key, problem in self.problems.items()
        ]

    async def exchange(
        self, link, protocol, frames, *, deadline=30, priority=0, timeout=None
    ):
        if self.down:
            raise HeadEndUnavailable("down")
        if link not in self.links_up:
            return [Reply(frame, None, "unknown_link", 0, False) for frame in frames]
        if link in self.offline:
            return [Reply(frame, None, "offline", 0, False) for frame in frames]
        replies = [self._answer(link, frame, priority) for frame in frames]
        if self.lost:
            raise HeadEndLost("lost")
        return replies

    async def downlink(self, device, application, port, frame, number, expires):
        """The network server's queue: ``queue`` by number, and who was to get it."""
        if self.down:
            raise HeadEndUnavailable("down")
        if self.refused:
            raise HeadEndError(self.refused)
        self.queue[number] = (device, application, port, frame)
        self.expires = expires
        self.handed_over += 1
        if self.kill("downlink"):
            raise Killed
        if self.lost:
            raise HeadEndLost("lost")

    def _answer(self, link, frame, priority):
        for meter in self.links_up[link]:
            kind, reply = meter.answer(frame)
            if reply is None:
                continue
            self.frames.append((link, kind, priority))
            if self.kill(kind):
                raise Killed
            if meter.fault(kind) is None:
                return Reply(frame, reply, None, 5, True)
            break
        return Reply(frame, None, "timeout", 5, True)


class GatewayMixin:
    """Two links in two communities, remote meters, and jobs worked in the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parameters = cls.env["ir.config_parameter"]
        delays = ("retry_delay", "offline_delay", "command_retry_delay", "start_wait")
        for name in delays:
            parameters.set_param(f"amr.{name}", "0")
        parameters.set_param("amr.read_flush", "0.05")
        cls.link = cls._link("990000371", cls.community)
        cls.other_link = cls._link("990000374", cls.other_community)
        cls.meter_model.write({"protocol": "dlt645-2007", "has_relay": True})
        cls.meter.link_id = cls.link
        cls.water_model = cls.env["amr.meter.model"].create(
            {
                "name": "LXS",
                "utility_id": cls.cold_water.id,
                "protocol": "cjt188",
                "has_relay": True,
            }
        )

    @classmethod
    def _link(cls, terminal, community, **vals):
        return cls.env["amr.link"].create(
            {
                "name": f"DTU {terminal}",
                "terminal": terminal,
                "community_id": community.id,
                **vals,
            }
        )

    @classmethod
    def _remote_meter(cls, number, room=None, link=None, model=None):
        """Return a meter installed in a room and connected to a link."""
        with patch.object(cls, "meter_model", model or cls.meter_model):
            _point, meter = cls._install(number, room or cls._room(number[-4:]))
        meter.link_id = link or cls.link
        return meter

    @classmethod
    def _remote_meters(cls, numbers, **vals):
        """Return electricity meters, each installed in a room of its own.

        :param list numbers: their numbers and addresses
        :param vals: what they are connected to, and other fields of theirs
        """
        rooms = cls.env["amr.room"].create(
            [
                {"name": number[-5:], "building_id": cls.building.id}
                for number in numbers
            ]
        )
        points = cls.env["amr.metering.point"].create(
            [{"utility_id": cls.electricity.id, "room_id": room.id} for room in rooms]
        )
        meters = cls.env["amr.meter"].create(
            [
                {
                    "number": number,
                    "address": number,
                    "model_id": cls.meter_model.id,
                    **vals,
                }
                for number in numbers
            ]
        )
        cls.env["amr.installation"].create(
            [
                {
                    "meter_id": meter.id,
                    "point_id": point.id,
                    "date_from": "2025-12-31 16:00:00",
                    "start_index": 0,
                }
                for meter, point in zip(meters, points, strict=True)
            ]
        )
        return meters

    @contextmanager
    def fake_headend(self):
        """Replace head-end and devices; gives the :class:`FakeHeadEnd`."""
        head_end = FakeHeadEnd()
        with self.patch_headend(head_end):
            yield head_end

    def patch_headend(self, head_end):
        """Return the patch that puts a :class:`FakeHeadEnd` in the client's place."""
        return patch(CLIENT, head_end)

    def _jobs(self):
        return self.env["queue.job"].search(
            [
                ("state", "=", "pending"),
                ("model_name", "in", JOB_MODELS),
                "|",
                ("eta", "=", False),
                ("eta", "<=", fields.Datetime.now()),
            ],
            order="priority, id",
        )

    def run_jobs(self, rounds=20):
        """Work the gateway's jobs that are due, and those that they enqueue.

        :param int rounds: how often to look for more
        """
        for _round in range(rounds):
            jobs = self._jobs()
            if not jobs:
                return
            for job in jobs:
                self.run_job(job)

    def run_job(self, record):
        """Work one job in a cursor of its own, as queue_job does."""
        with self._test_mode():
            job = Job.load(self.env, record.uuid)
            job.set_started()
            job.store()
            self.env.flush_all()
            try:
                job.perform()
                job.set_done()
            except RetryableJobError as error:
                job.set_pending(reset_retry=False)
                job.eta = error.seconds
            except Killed:
                job.set_done("killed")
            job.store()
            self.env.flush_all()
        self.env.invalidate_all()

    @contextmanager
    def _test_mode(self):
        """Let new cursors share the test's transaction."""
        if type(self)._registry_patched:
            yield
        else:
            with self.enter_registry_test_mode():
                yield

    def run_commands(self, commands):
        """Enqueue commands and work them until nothing is due."""
        commands._enqueue()
        self.run_jobs()
        return commands


class GatewayCommon(GatewayMixin, MeteringCommon):
    """Base of the gateway's tests without HTTP."""
