"""Processes are killed at random, again and again, while meters are read and switched.

Whatever died, and whenever, the end is the same: each command was carried out once,
each meter of each read task has one reading or an open exception.

``AMR_KILLS=50`` kills so many times, without it nobody is killed here (it takes many
minutes); ``AMR_KILLS_SEED`` repeats the choices of a run.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter

import pytest
from runtime import wait_until

PATIENCE = 300
KILLS = int(os.environ.get("AMR_KILLS", "3"))
VICTIMS = ("headend", "odoo", "worker")
#: Meters that are switched before each kill, and the latest moment of it in seconds.
SWITCHED, LATEST = 6, 2.5
OPPOSITE = {"open": "closed", "closed": "open"}
ACTION = {"open": "action_open_relay", "closed": "action_close_relay"}


class Killer:
    """Kills a process of the stack, whichever comes, and has it back.

    The job worker is a process of its own here: Odoo with workers.
    """

    def __init__(self, stack, chance):
        self.stack = stack
        self.chance = chance
        more = (chance.choice(VICTIMS) for _kill in range(KILLS))
        # one of each comes first, so that a short run has seen them all
        self.victims = [*VICTIMS, *more][:KILLS]
        self.hit = Counter()

    def strike(self, victim):
        """Kill a process at a moment that nobody knows before."""
        time.sleep(self.chance.uniform(0, LATEST))
        jobs = self._started("method_name")
        self.hit.update((victim, job) for job in jobs or ["nothing"])
        if victim == "worker":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._worker(), signal.SIGKILL)
            self.stack.odoo.wait_until_healthy(PATIENCE)
        else:
            process = getattr(self.stack, victim)
            process.kill()
            self.stack.restart(process)

    def _worker(self):
        """The process of a job, else of anything that Odoo does."""
        master = self.stack.odoo.pid
        with open(f"/proc/{master}/task/{master}/children") as stream:
            alive = {int(pid) for pid in stream.read().split()}
        busy = {int(pid) for pid in self._started("worker_pid") if pid} & alive
        return self.chance.choice(sorted(busy or alive))

    def _started(self, column):
        """A column of the jobs that are being worked now."""
        query = f"SELECT {column} FROM queue_job WHERE state = 'started'"
        rows = self.stack.cluster.psql(self.stack.database, query)
        return [value for (value,) in rows]


class Work:
    """Read tasks and relay commands, and what must have become of them."""

    def __init__(self, story, chance):
        self.story = story
        self.chance = chance
        self.reader = story.operator("reader")
        self.admin = story.operator("community_admin")
        self.tasks = []
        self.since = {
            model: max(
                self.admin.call(model, "search", [], limit=1, order="id desc"),
                default=0,
            )
            for model in ("amr.command", "amr.reading")
        }
        found = self.admin.find("amr.meter", self._remote(), ["address"])
        self.meters = {one["id"]: one["address"] for one in found}
        self.before = self._shown()
        self.wanted = {one: state["relay"] for one, state in self.before.items()}
        self.orders = Counter()

    def _remote(self):
        return [
            ("community_id", "=", self.story.community["id"]),
            ("model_id.protocol", "=", "dlt645-2007"),
            ("prepaid", "=", False),
        ]

    def _shown(self):
        """What each meter says of itself."""
        ask = self.story.meters.ask
        return {one: ask(address) for one, address in self.meters.items()}

    def _new(self, model, domain=()):
        return [("id", ">", self.since[model]), *domain]

    def begin(self):
        """Have a read task running, and switch some meters over."""
        if not self.tasks or self._task()["state"] == "done":
            self.tasks.append(self.story.start_reading())
        chosen = self.chance.sample(sorted(self.meters), SWITCHED)
        for state, action in ACTION.items():
            ids = [one for one in chosen if self.wanted[one] == OPPOSITE[state]]
            if ids:
                self.admin.press("amr.meter", ids, action)
        for one in chosen:
            self.wanted[one] = OPPOSITE[self.wanted[one]]
            self.orders[one] += 1

    def _task(self):
        return self.story.reading(self.tasks[-1])

    def is_over(self):
        self.story.stack.wake_runner()
        running = self._new("amr.command", [("state", "in", ["queued", "sent"])])
        return (
            not self.admin.count("amr.command", running)
            and self._task()["state"] == "done"
        )

    def check_commands(self):
        """See that each command is done, and each meter switched once for each of its
        own.

        :return: how many there were
        """
        # a concentrator's own are no order of ours
        commands = self.admin.find(
            "amr.command",
            self._new("amr.command", [("meter_id", "!=", False)]),
            ["meter_id", "kind", "state", "outcome", "result", "tries"],
        )
        assert [one for one in commands if one["state"] != "done"] == []
        assert Counter(one["meter_id"][0] for one in commands) == self.orders
        known = self.admin.find("amr.meter", self._remote(), ["relay_state"])
        believed = {one["id"]: one["relay_state"] for one in known}
        for one, shown in self._shown().items():
            switches = shown["switches"] - self.before[one]["switches"]
            assert switches == self.orders[one], self.meters[one]
            if self.orders[one]:
                assert shown["relay"] == believed[one] == self.wanted[one]
        return len(commands)

    def check_readings(self):
        """See that each line has a reading of its own, but for the silent meter, and
        that there is no other reading.

        :return: how many there were
        """
        # those of a plan whose time came meanwhile are no other
        lines = self.reader.find(
            "amr.read.task.line",
            [
                ("task_id", ">=", self.tasks[0]),
                ("meter_id.community_id", "=", self.story.community["id"]),
            ],
            ["task_id", "meter_id", "state", "reading_id", "error"],
        )
        missing = [one for one in lines if one["state"] == "missing"]
        assert len({one["meter_id"][0] for one in missing}) == 1, missing
        assert len(missing) == len({one["task_id"][0] for one in lines})
        silent = [("kind", "=", "missing"), ("state", "=", "open")]
        silent.append(("meter_id", "=", missing[0]["meter_id"][0]))
        assert self.reader.count("amr.exception", silent)
        done = [one for one in lines if one["state"] == "done"]
        assert len(done) + len(missing) == len(lines)
        new = [
            ("meter_id.community_id", "=", self.story.community["id"]),
            ("register", "=", "total"),
        ]
        readings = self.reader.find(
            "amr.reading", self._new("amr.reading", new), ["meter_id"]
        )
        assert {one["id"] for one in readings} == {one["reading_id"][0] for one in done}
        assert len(readings) == len(done)
        return len(readings)


@pytest.fixture
def chance():
    """Where choices come from, so that they can be had again."""
    seed = os.environ.get("AMR_KILLS_SEED") or str(time.time_ns() % 10**9)
    print(f"\nAMR_KILLS={KILLS} AMR_KILLS_SEED={seed}", flush=True)
    return random.Random(seed)


@pytest.fixture
def workers(stack):
    """Odoo with worker processes, as in production."""
    alone = stack.odoo.command
    for command in ([*alone, "--workers=3"], alone):
        stack.odoo.stop()
        stack.odoo.command = command
        stack.restart(stack.odoo)
        if command is not alone:
            yield


def test_killed_again_and_again(story, stack, workers, chance):
    killer, work = Killer(stack, chance), Work(story, chance)
    for victim in killer.victims:
        work.begin()
        killer.strike(victim)
    wait_until(work.is_over, PATIENCE, "the end of all orders")
    commands, readings = work.check_commands(), work.check_readings()
    print(
        f"{len(killer.victims)} kills: {dict(killer.hit)}; {commands} commands, "
        f"{len(work.tasks)} tasks, {readings} readings"
    )
    assert (commands, len(work.tasks) > 0) == (SWITCHED * KILLS, True)
