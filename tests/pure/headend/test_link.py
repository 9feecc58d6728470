"""One link at a time: order, priority, deadlines, noise, and what is told of each."""

import asyncio
import json
import types
from decimal import Decimal

import pytest
from headend.exchange import Request
from headend.protocols import dlt645, registry
from hypothesis import given
from hypothesis import strategies as st

DLT = registry.get("dlt645-2007")
DTU = "10372001"
LINK = f"dtu:{DTU}"
TOTAL = 0x00010000


def answer(request, total="1.00"):
    """A meter's reply to a request for the total."""
    frame = dlt645.parse(request)
    value = bytes(reversed(bytes.fromhex(total.replace(".", "").zfill(8))))
    return dlt645.build(frame.address, 0x91, frame.data[:4] + value, wake_up=False)


def read(address):
    return DLT.read_item(address, TOTAL)


def total(reply):
    return DLT.index_from(DLT.decode(reply.reply))["total"]


async def line_up(place, **options):
    """A head-end with one DTU online whose far end is the test."""
    place.odoo.allow(DTU)
    gateway = await place.gateway(**options)
    line = await place.dial(gateway, DTU.encode())
    await place.odoo.event("link_up", link=LINK)
    return gateway, line, await place.client(gateway)


def start(client, *frames, **options):
    """Begin an exchange without waiting for it."""
    return asyncio.create_task(client.exchange(LINK, DLT.name, frames, **options))


def test_one_request_at_a_time_in_order(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        task = start(client, read("1"), read("2"), read("3"))
        for address in ("1", "2", "3"):
            request = await line.request()
            assert DLT.decode(request).address == address.zfill(12)
            assert line.idle
            line.send(answer(request, f"{address}.00"))
        replies = await task
        assert [total(one) for one in replies] == [1, 2, 3]
        assert all(one.sent and one.error is None for one in replies)

    world(body)


def test_a_relay_command_overtakes_reads_that_wait(world):
    async def body(place):
        gateway, line, client = await line_up(place)
        reads = start(client, read("1"), read("2"))
        first = await line.request()
        urgent = start(client, read("9"), priority=1)
        while len(gateway.links[LINK]._heap) < 2:
            await client.links()  # a round trip: the exchange has arrived by then
        line.send(answer(first))
        for address in ("9", "2"):
            request = await line.request()
            assert DLT.decode(request).address == address.zfill(12)
            line.send(answer(request))
        assert [one.error for one in await urgent + await reads] == [None] * 3

    world(body)


def test_a_relay_command_overtakes_a_read_task_on_a_slow_line(world):
    """Ten meters are being read at 2,400 baud; the relay switches after the one that
    is on the line, and the reading goes on behind it."""

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(pace=0.02)
        meters = [{"address": str(n), "index": "1"} for n in range(1, 11)]
        simulator = await place.simulator(
            gateway, {"terminal": DTU, "baud": 2400, "heartbeat": 0, "meters": meters}
        )
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        frames = [read(str(number)) for number in range(1, 11)]
        reads = start(client, *frames, deadline=60, timeout=5)
        while not gateway.links[LINK]._exchange:
            await client.links()
        now = simulator.meters["9"].local_now()
        frame = DLT.relay("9", False, now=now, password="02000000", operator="0")
        [switched] = await client.exchange(
            LINK, DLT.name, [frame], priority=1, timeout=5
        )
        assert switched.error is None
        assert simulator.meters["9"].state.relay == "open"
        assert not reads.done()
        left = len(gateway.links[LINK]._heap)
        assert left >= 7, f"{left} reads wait behind it"
        assert [one.error for one in await reads] == [None] * 10
        bits = 11 * sum(len(one.request) + len(one.reply) for one in reads.result())
        line = sum(one.ms for one in reads.result()) / 1000
        assert line >= bits / 2400  # the line was as slow as it is

    world(body)


def test_noise_strangers_and_late_replies_do_not_disturb(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        task = start(client, read("1"), read("2"), timeout=0.15)
        late = await line.request()
        second = await line.request()  # the first one has timed out by now
        line.send(b"\x68\x10\x00" + answer(late, "7.00"))
        line.send(answer(second, "2.00"))
        replies = await task
        assert [one.error for one in replies] == ["timeout", None]
        assert replies[0].sent and total(replies[1]) == 2
        line.send(answer(late, "7.00"))  # once more, while nothing is asked
        third = start(client, read("3"))
        line.send(answer(await line.request(), "3.00"))
        assert total((await third)[0]) == 3
        assert not [one for one in place.odoo.events if one["type"] == "uplink"]

    world(body)


def test_a_false_start_before_the_reply_costs_a_moment_only(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        task = start(client, read("1"))
        request = await line.request()
        line.send(b"\x68" + b"\x11" * 6 + b"\x68\x91\xc8" + answer(request))
        (reply,) = await task
        assert total(reply) == 1 and reply.ms < 1500

    world(body)


def test_a_wrong_checksum_is_no_reply(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        task = start(client, read("1"), timeout=0.2)
        reply = bytearray(answer(await line.request()))
        reply[-2] ^= 1
        line.send(bytes(reply))
        (outcome,) = await task
        assert (outcome.reply, outcome.error, outcome.sent) == (None, "timeout", True)

    world(body)


def test_after_the_deadline_nothing_is_sent(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        task = start(client, read("1"), read("2"), read("3"), deadline=0.2)
        await line.request()
        replies = await task
        assert [one.error for one in replies] == ["timeout", "deadline", "deadline"]
        assert [one.sent for one in replies] == [True, False, False]
        again = start(client, read("4"))
        request = await line.request()
        assert DLT.decode(request).address == "4".zfill(12)
        line.send(answer(request))
        assert (await again)[0].error is None

    world(body)


def test_a_broken_connection_tells_what_was_sent(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        task = start(client, read("1"), read("2"))
        await line.request()
        line.writer.transport.abort()
        replies = await task
        assert [(one.error, one.sent) for one in replies] == [
            ("timeout", True),
            ("offline", False),
        ]
        await place.odoo.event("link_down", link=LINK)
        (reply,) = await client.exchange(LINK, DLT.name, [read("1")])
        assert (reply.error, reply.sent) == ("offline", False)

    world(body)


def test_unknown_link_and_full_queue(world):
    async def body(place):
        _gateway, line, client = await line_up(place, queue_limit=2)
        (reply,) = await client.exchange("dtu:1", DLT.name, [read("1")])
        assert (reply.error, reply.sent) == ("unknown_link", False)
        task = start(client, read("1"), read("2"))
        request = await line.request()
        replies = await client.exchange(LINK, DLT.name, [read("3"), read("4")])
        assert [one.error for one in replies] == ["busy", "busy"]
        line.send(answer(request))
        line.send(answer(await line.request()))
        assert [one.error for one in await task] == [None, None]

    world(body)


def test_a_newer_log_in_replaces_the_older_without_a_gap(world):
    async def body(place):
        gateway, old, client = await line_up(place)
        task = start(client, read("1"), read("2"))
        await old.request()
        new = await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up", number=2, link=LINK)
        await old.closed()
        request = await new.request()
        assert DLT.decode(request).address == "2".zfill(12)
        new.send(answer(request))
        replies = await task
        assert [(one.error, one.sent) for one in replies] == [
            ("timeout", True),
            (None, True),
        ]
        (row,) = await client.links()
        assert row["state"] == "online" and row["peer"]
        assert not [one for one in place.odoo.events if one["type"] == "link_down"]

    world(body)


def test_an_asker_that_goes_away_stops_what_was_not_sent(world):
    async def body(place):
        gateway, line, client = await line_up(place)
        start(client, read("1"), read("2")).add_done_callback(
            lambda task: task.exception()
        )
        request = await line.request()
        await client.close()
        other = await place.client(gateway)
        await other.links()
        line.send(answer(request))
        task = start(other, read("5"))
        request = await line.request()
        assert DLT.decode(request).address == "5".zfill(12)
        line.send(answer(request))
        assert (await task)[0].error is None

    world(body)


def test_a_frame_that_nobody_asked_for_is_an_uplink(world):
    async def body(place):
        _gateway, line, _client = await line_up(place)
        frame = answer(read("77"), "12.34")
        line.send(b"\x00\x68\x10" + frame[:9])
        line.send(frame[9:])
        event = await place.odoo.event("uplink", link=LINK)
        assert (event["protocol"], event["frame"]) == (DLT.name, frame.hex())
        assert event["terminal"] == DTU
        decoded = DLT.decode(bytes.fromhex(event["frame"]))
        assert DLT.index_from(decoded)["total"] == Decimal("12.34")

    world(body)


def test_heartbeats_between_and_inside_exchanges(world):
    async def body(place):
        _gateway, line, client = await line_up(place)
        line.send(DTU.encode())
        task = start(client, read("1"))
        request = await line.request()
        line.send(DTU.encode())
        line.send(answer(request))
        assert total((await task)[0]) == 1

    world(body)


# === Mistakes of the head-end's own, at each moment of a request === #


class Mistake(Exception):
    pass


def once(function=None):
    """A function that fails the first time, and then does what it is for."""
    calls = []

    def call(*args, **options):
        calls.append(args)
        if len(calls) == 1:
            raise Mistake
        return function(*args, **options) if function else None

    return call


class Watching:
    """A watch that fails when it is shown a frame of one direction."""

    def __init__(self, direction):
        self.fail = once()
        self.direction = direction

    def frame(self, _key, direction, *_more):
        if direction == self.direction:
            self.fail()

    silence = frame


@pytest.mark.parametrize(
    "moment, sent, seen",
    [("before", False, 0), ("sending", True, 0), ("sent", True, 1), ("heard", True, 1)],
)
def test_a_mistake_says_whether_a_byte_may_have_left(world, caplog, moment, sent, seen):
    """Nothing that may have left is ever called unsent, and the next one goes on."""

    async def body(place):
        gateway, line, client = await line_up(place)
        link = gateway.links[LINK]
        if moment == "before":
            link._step = once(link._step)
        elif moment == "sending":
            link.session.send = once(link.session.send)
        else:
            link.watch = Watching("out" if moment == "sent" else "in")
        task = start(client, read("1"), read("2"), deadline=1)
        for _number in range(seen):
            line.send(answer(await line.request()))
        line.send(answer(await line.request()))
        first, second = await task
        assert (first.error, first.sent) == ("internal", sent)
        assert total(second) == 1

    world(body)
    assert "a request failed" in caplog.text


def test_a_stop_between_the_steps_of_a_request_says_that_it_began(world):
    async def body(place):
        gateway, line, client = await line_up(place)
        link = gateway.links[LINK]
        link.pace = 60  # the pause between two steps
        steps = [read("1"), read("2")]
        protocol = types.SimpleNamespace(
            name=DLT.name,
            is_answered=DLT.is_answered,
            steps=lambda _frame: steps,
            Framer=DLT.Framer,
            matches=DLT.matches,
            goes_on=DLT.goes_on,
        )
        link.watch = None
        task = asyncio.create_task(link.exchange(protocol, [read("2")], 90, 1, 5))
        line.send(answer(await line.request()))
        while not (link._current and link._current.sent and not link._exchange):
            await client.links()
        link.stop()
        (outcome,) = await task
        assert (outcome.reply, outcome.error, outcome.sent) == (None, "timeout", True)

    world(body)


@given(
    st.binary(min_size=1, max_size=30),
    st.none() | st.binary(min_size=1, max_size=30),
    st.none() | st.sampled_from(["timeout", "deadline", "internal"]),
    st.integers(0, 10**6),
    st.booleans(),
    st.none() | st.floats(1e9, 4e9),
)
def test_what_became_of_a_request_is_sound_json(frame, reply, error, ms, sent, at):
    request = Request(frame, types.SimpleNamespace(settled=lambda: None))
    request.sent = sent
    request.settle(error, reply, ms, at)
    request.settle("deadline")  # the first outcome counts
    assert json.loads(request.as_json()) == {
        "request": frame.hex(),
        "reply": reply.hex() if reply else None,
        "error": error,
        "ms": ms,
        "sent": sent,
        "at": at,
    }
