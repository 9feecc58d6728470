"""Ten thousand DTUs that say nothing, and a command to one of them."""

import asyncio
import random
import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _headend import HeadEnd, run, running  # noqa: E402
from headend.protocols import dlt645, registry  # noqa: E402

SESSIONS, COMMANDS = 10_000, 300
#: Connections that are made at a time, and the addresses they go to in turn.
AT_ONCE, HOSTS = 200, 4
TERMINAL, ADDRESS = 10000001, "100000000001"
#: Files a process needs beside its sessions.
SPARE = 200
DLT = registry.get("dlt645-2007")
ITEM = 0x00010000
REPLY = dlt645.build(
    ADDRESS, 0x91, ITEM.to_bytes(4, "little") + bytes(4), wake_up=False
)


class Device(asyncio.Protocol):
    """A DTU that names itself, and a meter that answers everything alike."""

    def __init__(self, terminal):
        self.terminal = terminal

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.terminal.encode())

    def data_received(self, _data):
        self.transport.write(REPLY)


def bench_sessions():
    """Memory of a session, and how long a command to one of them takes."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(SESSIONS, hard - SPARE)
    terminals = [str(TERMINAL + number) for number in range(count)]
    headend = HeadEnd(terminals)
    with running(headend.process):
        yield from run(_measure(headend, terminals))


async def _measure(headend, terminals):
    before, begun = headend.memory(), time.perf_counter()
    devices = await _connect(headend, terminals)
    await asyncio.to_thread(headend.wait_online, len(terminals))
    took = time.perf_counter() - begun
    memory = (headend.memory() - before) / len(terminals)
    times = await _command(headend, terminals)
    for device in devices:
        device.abort()
    note = f"{len(terminals):,} idle sessions, logged in within {took:.1f} s"
    return [
        {
            "name": "sessions_memory",
            "value": round(memory, 1),
            "unit": "kB/session",
            "note": note,
        },
        {
            "name": "sessions_command",
            "value": round(statistics.median(times), 1),
            "unit": "ms",
            "baseline": 50,
            "note": f"median of {COMMANDS} commands to one of {len(terminals):,} "
            f"sessions; slowest {max(times):.0f} ms; baseline: the aim",
        },
    ]


async def _connect(headend, terminals):
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)

    async def connect(number, terminal):
        async with gate:
            host = f"127.0.0.{1 + number % HOSTS}"
            transport, _device = await loop.create_connection(
                lambda: Device(terminal), host, headend.dtu_port
            )
            return transport

    pairs = enumerate(terminals)
    return await asyncio.gather(*(connect(*pair) for pair in pairs))


async def _command(headend, terminals):
    """Milliseconds of each of some commands, to links drawn from a seed."""
    draw, times = random.Random(1), []
    frame = DLT.read_item(ADDRESS, ITEM)
    async with headend.client() as client:
        for _command in range(COMMANDS):
            link = f"dtu:{draw.choice(terminals)}"
            begun = time.perf_counter()
            [reply] = await client.exchange(link, DLT.name, [frame], priority=1)
            times.append((time.perf_counter() - begun) * 1000)
            assert reply.reply, reply
    return times
