"""Reading everything behind slow lines, against the time that their bits alone need."""

import asyncio
import contextlib
import importlib
import json
import shutil
import sys
import time

from demo_stack import answer
from process import Process
from runtime import ROOT, free_port, odoo_command, wait_until
from test_database import FOLDER

sys.path.append(str(ROOT / "amr_device_gateway"))

from headend.client import HeadEndClient  # noqa: E402
from headend.protocols import registry  # noqa: E402
from headend.simulator.electricity import ElectricityMeter  # noqa: E402

LINES, METERS, BAUD = 40, 100, 2400
#: Start bit, eight data bits, parity, stop bit: 8E1 of DL/T 645.
BITS = 11
TERMINAL, ADDRESS = 10000001, 100000000001
TOKEN, PATIENCE = "bench", 60
LIMIT = 300
DLT = registry.get("dlt645-2007")


def bench_airtime():
    """40 lines × 100 meters at 2,400 baud, read as a read task's job reads them.

    Head-end and simulator are processes of their own; the pause between an answer and
    the next request is the head-end's usual one.
    """
    reader = _slice_reader()
    with _field() as url:
        seconds, overtaken = asyncio.run(_read_all(url, reader))
    limit = METERS * _bits(_exchange()) / BAUD
    yield {
        "name": "airtime",
        "value": round(limit, 2),
        "unit": "s",
        "baseline": round(seconds, 2),
        "note": f"bits alone, of {LINES} lines × {METERS} meters at {BAUD} baud; "
        "baseline: what reading them all took (so the ratio is the use of the line)",
    }
    yield {
        "name": "airtime_relay",
        "value": round(overtaken, 3),
        "unit": "s",
        "baseline": round(2 * _bits(_exchange()) / BAUD, 3),
        "note": "a relay command's answer while its line is being read; baseline: the "
        "bits of two reads (the one on the line ends first)",
    }


def _exchange():
    """Request and reply of one reading."""
    [request] = DLT.read_index(str(ADDRESS))
    meter = ElectricityMeter({"address": str(ADDRESS)}, time.time)
    return request, meter.answer(request)[1]


def _bits(frames):
    return BITS * sum(map(len, frames))


def _addresses(number):
    first = ADDRESS + number * METERS
    return [str(first + place) for place in range(METERS)]


async def _read_all(url, reader):
    """Seconds until every meter is read, and until a relay command is answered."""
    requests = [
        reader.MeterRequest(
            int(address), f"dtu:{TERMINAL + number}", DLT, DLT.read_index(address)
        )
        for number in range(LINES)
        for address in _addresses(number)
    ]
    async with HeadEndClient(url, TOKEN) as client:
        begun = time.perf_counter()
        relay = asyncio.create_task(_relay(client))
        results = []
        slices = reader.SliceReader(client, requests, LIMIT, 10)
        async for batch in slices.batches(0.5):
            results += batch
        # the last batch is handed over when the last meter has answered
        seconds = time.perf_counter() - begun
        missing = [one for one in results if one.error]
        assert len(results) == len(requests) and not missing, missing[:3]
        return seconds, await relay


async def _relay(client):
    """Seconds until a meter of a line that is being read tells of its relay."""
    await asyncio.sleep(5)
    address = _addresses(0)[-1]
    begun = time.perf_counter()
    [reply] = await client.exchange(
        f"dtu:{TERMINAL}", DLT.name, [DLT.relay_state(address)], priority=1
    )
    assert reply.reply, reply
    return time.perf_counter() - begun


def _slice_reader():
    """The module that read tasks read with."""
    importlib.import_module("odoo.init")
    addons = importlib.import_module("odoo.addons")
    addons.__path__.append(str(ROOT))
    return importlib.import_module("odoo.addons.amr_device_gateway.tools.slice_reader")


@contextlib.contextmanager
def _field():
    """Head-end, DTUs and meters; gives the address of the control port."""
    folder = FOLDER / "bench_airtime"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dtu_port, port, simulator_port = (free_port(20500 + 100 * n) for n in range(3))
    terminals = [str(TERMINAL + number) for number in range(LINES)]
    links = [
        {"link": f"dtu:{one}", "kind": "dtu", "terminal": one} for one in terminals
    ]
    (folder / "links.json").write_text(json.dumps({"links": links}))
    dtus = [
        {"terminal": terminal, "heartbeat": 0, "baud": BAUD, "meters": meters}
        for terminal, meters in zip(terminals, map(_meters, range(LINES)), strict=True)
    ]
    file = folder / "simulator.json"
    file.write_text(
        json.dumps(
            {
                "headend": f"127.0.0.1:{dtu_port}",
                "control_port": simulator_port,
                "dtus": dtus,
            }
        )
    )
    environ = {
        "AMR_HEADEND_TOKEN": TOKEN,
        "AMR_CONTROL_PORT": str(port),
        "AMR_DTU_PORT": str(dtu_port),
        "AMR_CONCENTRATOR_PORT": "0",
        "AMR_STATE_DIR": str(folder),
    }
    url = f"http://127.0.0.1:{port}"
    programs = (
        ("headend", ("amr_headend",), f"{url}/healthz"),
        (
            "simulator",
            ("amr_simulator", "-c", file),
            f"http://127.0.0.1:{simulator_port}/healthz",
        ),
    )
    running = []
    try:
        for name, args, health in programs:
            command = odoo_command(*args, "--log-level", "warning")
            process = Process(
                name, command, folder, environ, lambda health=health: answer(health)
            )
            process.start()
            running.append(process)
            process.wait_until_healthy(PATIENCE)
        wait_until(lambda: _online(url) == LINES, PATIENCE, f"{LINES} DTUs")
        yield url
    finally:
        for process in reversed(running):
            process.stop()


def _meters(number):
    return [
        {"protocol": "dlt645-2007", "address": address, "index": "123.45"}
        for address in _addresses(number)
    ]


def _online(url):
    return json.loads(answer(f"{url}/healthz") or "{}").get("online")
