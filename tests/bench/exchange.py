"""Requests a second through control port, head-end and simulated meters."""

import asyncio
import multiprocessing
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _headend import HeadEnd, run, running  # noqa: E402
from headend.protocols import registry  # noqa: E402

LINKS, METERS, ROUNDS = 20, 50, 4
TERMINAL, ADDRESS = 10000001, 100000000001
ITEM = 0x00010000
DLT = registry.get("dlt645-2007")


def bench_exchange():
    """As many requests over as many connections, one at a time on each of them."""
    fleet = {
        "dtus": LINKS,
        "meters": METERS,
        "terminal": TERMINAL,
        "address": ADDRESS,
        "index": [0, 90000],
        "heartbeat": 0,
    }
    headend = HeadEnd([str(TERMINAL + number) for number in range(LINKS)])
    simulator = headend.simulator({"fleet": [fleet]})
    with running(headend.process, simulator):
        headend.wait_online(LINKS)
        ours = run(_through_headend(headend))
    yield {
        "name": "exchange",
        "value": round(ours),
        "unit": "requests/s",
        "baseline": round(_echo()),
        "note": f"{LINKS} links, {METERS} meters each; baseline: a bare asyncio echo "
        "server and client, the same frames over as many connections",
    }


async def _through_headend(headend):
    async with headend.client() as client:

        async def read(number):
            first = ADDRESS + number * METERS
            frames = [
                DLT.read_item(str(first + one), 0x00010000) for one in range(METERS)
            ]
            for _round in range(ROUNDS):
                replies = await client.exchange(
                    f"dtu:{TERMINAL + number}", DLT.name, frames, deadline=120
                )
                assert all(one.reply for one in replies), replies

        await asyncio.gather(*map(read, range(LINKS)))  # everything is warm
        begun = time.perf_counter()
        await asyncio.gather(*map(read, range(LINKS)))
        return LINKS * METERS * ROUNDS / (time.perf_counter() - begun)


def _echo():
    """The same with a server that sends back what comes."""
    ports = multiprocessing.Queue()
    server = multiprocessing.Process(target=_serve, args=(ports,), daemon=True)
    server.start()
    try:
        port = ports.get(timeout=20)
        return max(run(_ask(port)) for _time in range(2))
    finally:
        server.kill()
        server.join()


def _serve(ports):
    async def echo(reader, writer):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    run(main())


async def _ask(port):
    frame = DLT.read_item(str(ADDRESS), ITEM)

    async def ask():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _request in range(METERS * ROUNDS):
            writer.write(frame)
            await writer.drain()
            await reader.readexactly(len(frame))
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(ask() for _link in range(LINKS)))
    return LINKS * METERS * ROUNDS / (time.perf_counter() - begun)
