"""Who is there: registration, strangers, silence, and Odoo being away."""

import asyncio
import json

import pytest
from headend.config import Config, ConfigError
from headend.dtu import Registration, heartbeat_bytes, split_hello
from headend.gateway import Gateway
from headend.protocols import dlt645, registry

DLT = registry.get("dlt645-2007")
DTU = "10372001"
LINK = f"dtu:{DTU}"


def rows(*terminals, **more):
    return [
        {"link": f"dtu:{one}", "kind": "dtu", "terminal": one, **more}
        for one in terminals
    ]


# === REGISTRATION PACKETS === #


@pytest.mark.parametrize("packet", [b"10372001", b" 10372001\r\n", b"10372001\x00\x00"])
def test_a_registration_packet_is_a_number(packet):
    assert Registration(Config().registration_pattern).terminal(packet) == DTU


@pytest.mark.parametrize(
    "packet", [b"", b"\r\n", b"GET / HTTP/1.1\r\n", b"\x7b\x01\x00\x16", b"1" * 41]
)
def test_what_is_no_registration_packet(packet):
    assert Registration(Config().registration_pattern).terminal(packet) is None


def test_a_link_may_have_a_pattern_of_its_own():
    registration = Registration(Config().registration_pattern)
    registration.learn(rows(DTU, registration_regex=r"ID=(\d+);"))
    assert registration.terminal(b"\x01ID=10372001;v2") == DTU
    assert registration.terminal(b"\x01ID=10372002;v2") is None
    registration.learn(rows(DTU, registration_regex="("))  # kept out, not fatal
    assert registration.terminal(DTU.encode()) == DTU


def test_a_number_is_certain_when_no_longer_one_begins_with_it():
    registration = Registration(Config().registration_pattern)
    registration.learn(rows("1037", "10372001"))
    assert registration.certain(b"10372001")
    assert not registration.certain(b"1037")
    assert not registration.certain(b"9999")


def test_frames_that_come_with_the_registration_are_kept():
    frame = dlt645.build("1", 0x91, b"1234")
    hello = DTU.encode() + frame
    assert split_hello(hello) == (DTU.encode(), frame[4:])
    assert split_hello(DTU.encode()) == (DTU.encode(), b"")
    assert split_hello(b"hh68h") == (b"hh68h", b"")


def test_heartbeats_are_text_or_hex():
    assert heartbeat_bytes("HB") == b"HB"
    assert heartbeat_bytes("hex:fe 01") == b"\xfe\x01"
    assert heartbeat_bytes(None) == b""


# === LOG-IN === #


def test_a_registration_in_pieces(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(registration_gap=5)
        line = await place.dial(gateway, b"1037")
        line.send(b"2001")
        event = await place.odoo.event("link_up")
        assert event["terminal"] == DTU and event["peer"].startswith("127.0.0.1:")

    world(body)


def test_registration_and_first_frame_in_one_packet(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        frame = dlt645.build("1", 0x91, bytes.fromhex("0000010078563412"))
        await place.dial(gateway, DTU.encode() + frame)
        event = await place.odoo.event("uplink", link=LINK)
        assert event["frame"] == frame[4:].hex()

    world(body)


def test_a_terminal_that_was_just_entered_is_let_in_at_once(world):
    async def body(place):
        gateway = await place.gateway(refresh_pause=0)
        await gateway.odoo.refresh()
        place.odoo.allow(DTU)
        await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up", link=LINK)
        assert not [e for e in place.odoo.events if e["type"] == "unknown_terminal"]

    world(body)


def test_an_unknown_terminal_is_held_apart_and_shown(world):
    async def body(place):
        place.odoo.allow("1")
        gateway = await place.gateway(refresh_pause=0)
        line = await place.dial(gateway, DTU.encode())
        event = await place.odoo.event("unknown_terminal", link=LINK)
        assert event["terminal"] == DTU
        client = await place.client(gateway)
        (row,) = await client.links()
        assert (row["link"], row["state"]) == (LINK, "quarantined")
        (reply,) = await client.exchange(LINK, DLT.name, DLT.read_index("1"))
        assert reply.error == "unknown_link" and line.idle
        place.odoo.allow(DTU)
        await gateway.odoo.refresh()
        await place.odoo.event("link_up", link=LINK)
        (row,) = await client.links()
        assert row["state"] == "online"

    world(body)


def test_an_unknown_terminal_that_leaves_is_told(world):
    async def body(place):
        gateway = await place.gateway(refresh_pause=0)
        line = await place.dial(gateway, DTU.encode())
        await place.odoo.event("unknown_terminal", link=LINK)
        line.writer.close()
        await place.odoo.event("link_down", link=LINK)

    world(body)


def test_a_visitor_that_is_no_terminal_makes_no_event(world):
    async def body(place):
        gateway = await place.gateway(refresh_pause=0)
        await place.dial(gateway, b"GET / HTTP/1.1\r\n\r\n")
        await place.dial(gateway, DTU.encode())
        await place.odoo.event("unknown_terminal", link=LINK)
        client = await place.client(gateway)
        terminals = [row["terminal"] for row in await client.links()]
        assert sorted(terminals) == [DTU, "GET / HTTP/1.1"]
        assert len(place.odoo.events) == 1

    world(body)


def test_a_link_that_is_removed_in_odoo_is_hung_up(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(refresh_pause=0)
        line = await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        place.odoo.allow()
        await gateway.odoo.refresh()
        await line.closed()
        await place.odoo.event("link_down", link=LINK)

    world(body)


# === SILENCE AND LIMITS === #


def test_a_silent_session_is_dropped(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(idle_timeout=0.2)
        line = await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        await line.closed()
        await place.odoo.event("link_down", link=LINK)

    world(body)


def test_who_never_registers_is_dropped(world):
    async def body(place):
        gateway = await place.gateway(registration_timeout=0.1, idle_timeout=0.2)
        line = await place.dial(gateway)
        await line.closed()
        assert place.odoo.events == []

    world(body)


def test_a_flood_instead_of_a_registration_is_dropped(world):
    async def body(place):
        gateway = await place.gateway(registration_gap=5)
        line = await place.dial(gateway, b"x" * 300)
        await line.closed()

    world(body)


def test_sessions_are_limited(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(max_sessions=1)
        await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        extra = await place.dial(gateway, b"2")
        await extra.closed()
        assert gateway.links[LINK].session

    world(body)


def test_a_second_log_in_of_a_dtu_is_told(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        old = await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        await place.dial(gateway, DTU.encode())
        await old.closed()
        event = await place.odoo.event("link_replaced", link=LINK)
        assert event["old"] and event["peer"] and event["old"] != event["peer"]

    world(body)


def test_strangers_are_limited(world):
    async def body(place):
        gateway = await place.gateway(max_quarantined=1, refresh_pause=0)
        await place.dial(gateway, b"111")
        await place.odoo.event("unknown_terminal", terminal="111")
        extra = await place.dial(gateway, b"222")
        await extra.closed()

    world(body)


def test_so_many_strangers_are_told_of_in_an_hour(world, monkeypatch):
    monkeypatch.setattr("headend.gateway.STRANGERS_PER_HOUR", 2, raising=False)

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(refresh_pause=0)
        for terminal in ("111", "222"):
            await place.dial(gateway, terminal.encode())
            await place.odoo.event("unknown_terminal", terminal=terminal)
        line = await place.dial(gateway, b"333")
        while not any(
            one.state == "quarantined" and one.terminal == "333"
            for one in gateway.sessions
        ):
            await asyncio.sleep(0.01)
        await gateway.odoo.refresh()
        again = await place.dial(gateway, b"111")  # one that was told of
        await place.odoo.event("unknown_terminal", number=2, terminal="111")
        place.odoo.allow("333")  # entered all the same
        await gateway.odoo.refresh()
        await place.odoo.event("link_up", terminal="333")
        told = [e for e in place.odoo.events if e["type"] == "unknown_terminal"]
        assert "333" not in {event["terminal"] for event in told}
        assert line.idle and again.idle

    world(body)


# === ODOO AWAY === #


def test_events_wait_on_disk_while_odoo_is_away(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        await gateway.odoo.refresh()
        place.odoo.failing = True
        line = await place.dial(gateway, DTU.encode())
        client = await place.client(gateway)
        task = client.exchange(LINK, DLT.name, DLT.read_index("1"), timeout=0.1)
        while not gateway.links[LINK].session:
            await client.links()
        assert (await task)[0].sent  # the work goes on
        assert line
        gateway.spool.commit()
        assert gateway.spool.count() == 1
        place.odoo.failing = False
        await place.odoo.event("link_up", link=LINK)

    world(body)


def test_a_delivery_whose_answer_is_lost_is_repeated_with_the_same_id(world):
    async def body(place):
        place.odoo.allow(DTU)
        place.odoo.forgetful = True
        gateway = await place.gateway(refresh_pause=0)
        await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        while gateway.spool.count():
            await gateway.odoo.refresh()
        assert place.odoo.deliveries == 2
        assert [one["type"] for one in place.odoo.events] == ["link_up"]

    world(body)


def test_the_links_are_remembered_while_odoo_is_away(world):
    async def body(place):
        place.odoo.failing = True
        place.folder.joinpath("links.json").write_text(json.dumps({"links": rows(DTU)}))
        gateway = await place.gateway()
        await place.dial(gateway, DTU.encode())
        place.odoo.failing = False
        await place.odoo.event("link_up", link=LINK)

    world(body)


def test_nobody_is_called_unknown_before_odoo_was_asked(world):
    async def body(place):
        place.odoo.failing = True
        gateway = await place.gateway(refresh_pause=0)
        await place.dial(gateway, DTU.encode())
        client = await place.client(gateway)
        while not await client.links():
            pass
        place.odoo.allow(DTU)
        place.odoo.failing = False
        await place.odoo.event("link_up", link=LINK)
        assert [one["type"] for one in place.odoo.events] == ["link_up"]

    world(body)


def test_a_broken_cache_or_list_is_not_fatal(world):
    async def body(place):
        place.folder.joinpath("links.json").write_text("{nonsense")
        gateway = await place.gateway(refresh_pause=0)
        place.odoo.allow(DTU)
        assert await gateway.odoo.refresh()
        place.odoo.links = [{"nonsense": 1}]
        assert not await gateway.odoo.refresh()
        assert LINK in gateway.links

    world(body)


def test_a_clean_stop_reports_everybody_down(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        place.gateways.remove(gateway)
        await gateway.stop()
        await place.odoo.event("link_down", link=LINK)

    world(body)


def test_no_token_no_start(tmp_path):
    with pytest.raises(ConfigError, match="headend_token is missing"):
        Gateway(Config(state_dir=str(tmp_path)))
