"""Concentrators of 376.1 against the head-end, over real sockets."""

import asyncio
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from headend.protocols import gdw376_frame, gdw376_items, registry
from headend.protocols.gdw376_archive import Archive
from headend.protocols.gdw376_forward import Forwarded
from headend.protocols.gdw376_request import units_of
from headend.simulator.concentrator import Concentrator
from headend_world import PATIENCE

GDW = registry.get("gdw376")
DLT = registry.get("dlt645-2007")
TERMINAL = "03720065"
LINK = f"concentrator:{TERMINAL}"
NOON = datetime(2026, 11, 21, 4, tzinfo=timezone.utc).timestamp()  # 12:00 in +8


def meters(count, first=1, **more):
    return [
        {"address": str(1000 + n), "index": str(100 + n), "per_hour": "1", **more}
        for n in range(first, first + count)
    ]


def concentrator(*rows, terminal=TERMINAL, **more):
    return {"terminal": terminal, "heartbeat": 0, "meters": list(rows), **more}


async def started(place, *rows, clock=None, allow=True, **more):
    """Head-end, client and a simulated concentrator that is logged in."""
    if allow:
        place.odoo.allow_concentrators(TERMINAL)
    gateway = await place.gateway()
    row = concentrator(*rows, **more)
    simulator = await place.simulator(gateway, clock=clock, concentrators=[row])
    device = simulator.concentrators[TERMINAL]
    if allow:
        await asyncio.wait_for(device.logged_in.wait(), PATIENCE)
    return gateway, await place.client(gateway), device


def frame_of(fn, *, terminal=TERMINAL, afn=0x02, number=0, control=0xC9, data=b""):
    units = units_of([0], fn, data)
    return gdw376_frame.build(terminal, control, afn, 0x70 | number, units)


async def dial(place, gateway, packet=b""):
    return await place.dial(gateway, packet, GDW, gateway.concentrator_port)


async def ask(client, *frames, **more):
    return await client.exchange(LINK, "gdw376", list(frames), **more)


def points_of(reply):
    """{point: total} of a reply of one or more frames."""
    found = {}
    for frame in GDW.Framer().feed(reply):
        decoded = GDW.decode(frame)
        for point, index in GDW.points_from(decoded).items():
            found[point] = index["total"]
    return found


# === LOGGING IN === #


def test_a_known_concentrator_logs_in_and_is_confirmed(world):
    async def body(place):
        _gateway, client, device = await started(place, *meters(1))
        event = await place.odoo.event("link_up", link=LINK)
        assert event["terminal"] == TERMINAL
        (row,) = await client.links()
        assert (row["link"], row["kind"], row["state"]) == (
            LINK,
            "concentrator",
            "online",
        )
        assert device.connects == 1

    world(body)


def test_a_heartbeat_is_confirmed_with_its_own_number(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        line = await dial(place, gateway, frame_of(gdw376_items.LOGIN, number=3))
        answer = gdw376_frame.parse(await line.request())
        assert (answer.afn, answer.number, answer.control) == (0, 3, 0x0B)
        line.send(frame_of(gdw376_items.HEARTBEAT, number=4))
        answer = gdw376_frame.parse(await line.request())
        assert (answer.afn, answer.number, answer.address) == (0, 4, TERMINAL)

    world(body)


def test_a_log_out_is_confirmed_and_ends_the_session(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        line = await dial(place, gateway, frame_of(gdw376_items.LOGIN))
        await line.request()
        line.send(frame_of(gdw376_items.LOGOUT, number=5))
        assert gdw376_frame.parse(await line.request()).number == 5
        await line.closed()
        await place.odoo.event("link_down", link=LINK)

    world(body)


def test_a_stranger_is_held_apart_and_never_sent_anything(world):
    async def body(place):
        gateway = await place.gateway(refresh_pause=0)
        line = await dial(place, gateway, frame_of(gdw376_items.LOGIN))
        event = await place.odoo.event("unknown_terminal", link=LINK)
        assert event["terminal"] == TERMINAL
        client = await place.client(gateway)
        assert [row["state"] for row in await client.links()] == ["quarantined"]
        assert line.idle
        place.odoo.allow_concentrators(TERMINAL)
        await gateway.odoo.refresh()
        # let in, its log-in is confirmed at last
        assert gdw376_frame.parse(await line.request()).afn == gdw376_items.CONFIRM
        await place.odoo.event("link_up", link=LINK)

    world(body)


def test_the_newest_log_in_wins_and_is_told(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        old = await dial(place, gateway, frame_of(gdw376_items.LOGIN))
        await old.request()
        new = await dial(place, gateway, frame_of(gdw376_items.LOGIN, number=1))
        assert gdw376_frame.parse(await new.request()).number == 1
        await old.closed()
        event = await place.odoo.event("link_replaced", link=LINK)
        assert event["old"] != event["peer"]
        assert gateway.links[LINK].session.peer == event["peer"]
        types = [one["type"] for one in place.odoo.events]
        assert "link_down" not in types

    world(body)


def test_garbage_around_a_log_in_does_no_harm(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        frame = frame_of(gdw376_items.LOGIN)
        line = await dial(place, gateway, b"\x00\x68\x32\x00\x68" + frame[:7])
        line.send(frame[7:])
        assert gdw376_frame.parse(await line.request()).afn == gdw376_items.CONFIRM

    world(body)


def test_one_that_never_logs_in_is_dropped(world):
    async def body(place):
        gateway = await place.gateway(
            registration_timeout=0.05, concentrator_idle_timeout=0.2
        )
        line = await dial(place, gateway, b"hello")
        await line.closed()
        noisy = await dial(place, gateway, bytes(5000))
        await noisy.closed()
        assert place.odoo.events == []

    world(body)


def test_a_silent_session_is_dropped_and_reported(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway(concentrator_idle_timeout=0.2)
        line = await dial(place, gateway, frame_of(gdw376_items.LOGIN))
        await line.request()
        await line.closed()
        await place.odoo.event("link_down", link=LINK)

    world(body)


def test_one_that_changes_its_name_is_dropped(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        line = await dial(place, gateway, frame_of(gdw376_items.LOGIN))
        await line.request()
        line.send(frame_of(gdw376_items.LOGIN, terminal="03720066"))
        await line.closed()

    world(body)


# === READING === #


def test_a_hundred_daily_freezes_come_with_one_request(world):
    async def body(place):
        _gateway, client, device = await started(
            place, *meters(100), clock=lambda: NOON
        )
        day = date(2026, 11, 20)
        frame = GDW.read_day(TERMINAL, range(1, 101), day)
        (reply,) = await ask(client, frame)
        assert reply.error is None
        # twelve hours of 1 kWh since the midnight that closed the 20th
        assert points_of(reply.reply) == {
            n: Decimal(100 + n - 12) for n in range(1, 101)
        }
        assert len(GDW.Framer().feed(reply.reply)) > 3
        assert device.requests == [frame]

    world(body)


def test_month_freezes_and_current_data(world):
    async def body(place):
        _gateway, client, device = await started(place, *meters(2), clock=lambda: NOON)
        month, now = await ask(
            client,
            GDW.read_month(TERMINAL, [1, 2], date(2026, 10, 1)),
            GDW.read_current(TERMINAL, [2]),
        )
        hours = 20 * 24 + 12  # since 1 November, 00:00
        expected = {n: max(Decimal(100 + n - hours), Decimal(0)) for n in (1, 2)}
        assert points_of(month.reply) == expected
        assert points_of(now.reply) == {2: Decimal(102)}
        decoded = GDW.decode(now.reply)
        assert GDW.read_times_from(decoded) == {2: datetime(2026, 11, 21, 12)}
        device.meters[1].adjust({"index": "150"})
        (held,) = await ask(client, GDW.read_current(TERMINAL, [2]))
        assert points_of(held.reply) == {2: Decimal(102)}
        await ask(client, GDW.start_reading(TERMINAL, again=True))
        (fresh,) = await ask(client, GDW.read_current(TERMINAL, [2], sequence=1))
        assert points_of(fresh.reply) == {2: Decimal(150)}

    world(body)


@pytest.mark.parametrize("no_data", ["omit", "ee"])
def test_what_a_concentrator_has_not_is_not_invented(world, no_data):
    async def body(place):
        rows = [*meters(2), *meters(1, 3, silent=True), *meters(1, 4)]
        _gateway, client, _device = await started(
            place, *rows, clock=lambda: NOON, no_data=no_data
        )
        (reply,) = await ask(client, GDW.read_current(TERMINAL, [1, 2, 3, 4]))
        found = points_of(reply.reply)
        assert found.keys() == ({1, 2, 4} if no_data == "omit" else {1, 2})
        (none,) = await ask(client, GDW.read_current(TERMINAL, [9], sequence=1))
        assert GDW.decode(none.reply).error.code == "no_data"

    world(body)


def test_an_answer_that_breaks_off_is_kept_as_far_as_it_came(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        simulator = await place.simulator(
            gateway, clock=lambda: NOON, concentrators=[concentrator(*meters(60))]
        )
        device = simulator.concentrators[TERMINAL]
        await asyncio.wait_for(device.logged_in.wait(), PATIENCE)
        whole = device.answer
        device.answer = lambda *args: whole(*args)[:2]
        client = await place.client(gateway)
        frame = GDW.read_day(TERMINAL, range(1, 61), date(2026, 11, 20))
        (reply,) = await ask(client, frame, timeout=0.3)
        parts = GDW.Framer().feed(reply.reply)
        assert len(parts) == 2 and GDW.decode(parts[-1]).more
        assert 0 < len(points_of(reply.reply)) < 60

    world(body)


def test_a_lost_answer_is_a_timeout_and_the_next_one_is_not_mixed_up(world):
    async def body(place):
        _gateway, client, device = await started(place, *meters(2), clock=lambda: NOON)
        device.drop_replies = 1
        lost, found = await ask(
            client,
            GDW.read_current(TERMINAL, [1]),
            GDW.read_current(TERMINAL, [2], sequence=1),
            timeout=0.2,
        )
        assert lost.error == "timeout" and lost.sent
        assert points_of(found.reply) == {2: Decimal(102)}

    world(body)


# === THE REST === #


def test_archives_go_down_come_back_and_go(world):
    async def body(place):
        _gateway, client, device = await started(place, *meters(2), archive=False)
        rows = [Archive(n, n, str(1000 + n)) for n in (1, 2)]
        (done,) = await ask(client, GDW.write_archives(TERMINAL, rows))
        assert GDW.decode(done.reply).value("confirmation") == "accepted"
        (back,) = await ask(client, GDW.read_archives(TERMINAL, [1, 2, 3]))
        told = GDW.archives_from(GDW.decode(back.reply))
        assert [(row.number, row.point, row.address.lstrip("0")) for row in told] == [
            (1, 1, "1001"),
            (2, 2, "1002"),
        ]
        gone = rows[0]._replace(point=0)
        await ask(client, GDW.write_archives(TERMINAL, [gone], sequence=2))
        assert list(device.rows) == [2]

    world(body)


def test_collecting_starts_and_tells_how_far_it_is(world):
    async def body(place):
        rows = [*meters(3), *meters(1, 4, silent=True)]
        _gateway, client, _device = await started(place, *rows, clock=lambda: NOON)
        started_, state = await ask(
            client, GDW.start_reading(TERMINAL), GDW.read_collecting(TERMINAL)
        )
        assert GDW.decode(started_.reply).error is None
        decoded = GDW.decode(state.reply)
        assert decoded.value("port.31.meters") == 4
        assert decoded.value("port.31.read") == 3
        assert decoded.value("port.31.ended_at") == "2026-11-21 12:00:00"

    world(body)


def test_a_meter_is_switched_through_the_concentrator(world):
    async def body(place):
        _gateway, client, device = await started(place, *meters(1), clock=lambda: NOON)
        through = Forwarded(DLT, TERMINAL)
        noon = datetime(2026, 11, 21, 12)
        switch = through.relay(
            "1001", False, now=noon, password="02000000", operator="0"
        )
        _answer, state = await ask(client, switch, through.relay_state("1001"))
        assert through.relay_from(through.decode(state.reply)) == "open"
        assert device.meters[0].state.relay == "open"
        (index,) = await ask(client, *through.read_index("1001"))
        assert through.index_from(through.decode(index.reply))["total"] >= 101
        (nobody,) = await ask(client, *through.read_index("7777"))
        assert through.decode(nobody.reply).error.code == "meter"

    world(body)


def test_the_clock_is_read_and_set(world):
    async def body(place):
        _gateway, client, _device = await started(
            place, *meters(1), clock=lambda: NOON, clock_offset=-600
        )
        (before,) = await ask(client, *GDW.read_clock(TERMINAL))
        assert GDW.clock_from([GDW.decode(before.reply)]) == datetime(
            2026, 11, 21, 11, 50
        )
        wanted = datetime(2026, 11, 21, 12)
        await ask(client, *GDW.set_clock(TERMINAL, wanted))
        (after,) = await ask(client, *GDW.read_clock(TERMINAL, sequence=1))
        assert GDW.clock_from([GDW.decode(after.reply)]) == wanted

    world(body)


def test_an_alarm_is_confirmed_and_handed_on(world):
    async def body(place):
        _gateway, _client, device = await started(place, *meters(1), clock=lambda: NOON)
        device.logged_in.clear()
        device.alarm(31, 1)
        await asyncio.wait_for(device.logged_in.wait(), PATIENCE)  # confirmed
        event = await place.odoo.event("uplink", link=LINK)
        decoded = GDW.decode(bytes.fromhex(event["frame"]))
        assert decoded.value("event.1.code") == "ERC31"
        assert decoded.value("event.1.point") == 1

    world(body)


def test_one_on_a_serial_server_does_not_log_in_and_is_verified_by_its_address(world):
    async def body(place):
        gateway = await place.gateway()
        row = concentrator(*meters(2), terminal=TERMINAL)
        simulator = await place.simulator(gateway, clock=lambda: NOON)
        zone = timezone(timedelta(hours=8))
        ours = [simulator._meter(one, {}, zone, None) for one in row["meters"]]
        device = Concentrator(row, ours, "", 0, lambda: None, lambda: NOON, zone, None)

        async def serve(reader, writer):
            place.closers.append(writer)
            framer = GDW.Framer()
            while data := await reader.read(4096):
                for raw in framer.feed(data):
                    frame = gdw376_frame.parse(raw)
                    if frame.address == TERMINAL:
                        writer.writelines(device.answer(frame, raw))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = "{}:{}".format(*server.sockets[0].getsockname())
        link = f"tcp:{address}"
        place.odoo.links = [{"link": link, "kind": "tcp", "terminal": address}]
        await gateway.odoo.refresh()
        await place.odoo.event("link_up", link=link)
        client = await place.client(gateway)
        answers = await client.exchange(
            link,
            "gdw376",
            [*GDW.read_clock(TERMINAL), *GDW.read_clock("03720066")],
            timeout=0.3,
        )
        assert GDW.decode(answers[0].reply).address == TERMINAL
        assert answers[1].error == "timeout"  # nobody of that address
        day = GDW.read_day(TERMINAL, [1, 2], date(2026, 11, 20))
        (reply,) = await client.exchange(link, "gdw376", [day])
        assert points_of(reply.reply) == {1: Decimal(89), 2: Decimal(90)}
        server.close()

    world(body)
