"""A terminal that sends without end costs little, and is dropped."""

import pytest
from headend.budget import Budget
from headend.protocols import dlt645, gdw376_frame, registry
from hypothesis import given
from hypothesis import strategies as st

DTU = "10372001"
LINK = f"dtu:{DTU}"

#: The longest frame, whose checksum a start byte can make the framer read.
LONGEST = gdw376_frame.MAX_LENGTH + gdw376_frame.HEAD + gdw376_frame.TAIL

SOUND = registry.get("dlt645-2007").read_index("1")[0][4:]
#: Bytes that look like frames as often as can be.
FLOODS = {
    "start bytes": b"\x68",
    "645 heads": b"\x68" * 8 + b"\x68\xff",
    "645 frames with a wrong checksum": SOUND[:-2] + b"\x00\x16",
    "sound 645 frames": SOUND,
    "188 heads": b"\x68\x10" * 5 + b"\x64",
    "376 heads": b"\x68\xfe\x1f\xfe\x1f\x68",
    "376 heads of frames that end": b"\x68\x32\x00\x32\x00\x68\x16",
    "ends": b"\x16",
    "noise": bytes(range(256)),
}


def work_of(data, size, flush=False):
    """Work of the framer for ``data`` that comes in pieces of ``size``."""
    framer = registry.any_framer()
    for start in range(0, len(data), size):
        framer.feed(data[start : start + size])
        if flush:
            framer.flush()
    assert len(framer._buffer) <= LONGEST
    return framer.work


@pytest.mark.parametrize("size", [7, 1460])
@pytest.mark.parametrize("name", FLOODS)
def test_the_work_grows_with_the_bytes_and_no_faster(name, size):
    flood = FLOODS[name] * (8_000 // len(FLOODS[name]))
    once, twice = work_of(flood, size), work_of(flood * 2, size)
    assert twice - once <= 1.1 * once + LONGEST


def test_start_bytes_cost_a_look_each():
    flood = b"\x68" * 8_000
    framers = len(registry.any_framer()._framers)
    assert work_of(flood, 1460) <= (framers + 1) * len(flood)


@given(st.lists(st.sampled_from([0x68, 0x16, 0x10, 0x32, 0x00, 0xFE]), max_size=400))
def test_any_mixture_of_heads_and_ends_stays_in_bounds(mixture):
    data = bytes(mixture)
    assert work_of(data, 64) <= (len(data) + 1) * (LONGEST + 8)


def test_many_frames_behind_a_false_start_are_found_without_going_deep():
    hidden = SOUND * 100
    framer = registry.any_framer()
    found = framer.feed(b"\x68\xfe\x1f\xfe\x1f\x68" + (hidden + b"\x68\x11") * 1)
    found += framer.flush()
    assert found == [SOUND] * 100


def test_editions_that_share_their_framing_share_the_framer():
    kinds = [type(framer) for framer in registry.any_framer()._framers]
    assert kinds.count(dlt645.Dlt645Framer) == 1


def test_a_budget_fills_up_again():
    now = [0.0]
    budget = Budget(100, lambda: now[0])
    assert budget.take(400) and not budget.take(1)
    now[0] = 1.0
    assert budget.take(100) and not budget.take(1)
    now[0] = 1000.0
    assert budget.take(400) and not budget.take(1)
    assert Budget(0, lambda: now[0]).take(10**9)


def test_a_flooding_terminal_is_dropped_with_an_event_and_stays_out(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(byte_rate=500)
        line = await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up", link=LINK)
        line.send(b"\x68" * 20_000)
        await line.closed()
        await place.odoo.event("link_down", link=LINK)
        again = await place.dial(gateway, DTU.encode())  # its budget is still spent
        await place.odoo.event("link_up", number=2, link=LINK)
        again.send(b"\x68" * 4_000)
        await again.closed()
        await place.odoo.event("link_down", number=2, link=LINK)

    world(body)


def test_a_flooding_stranger_is_dropped(world):
    async def body(place):
        gateway = await place.gateway(byte_rate=500, refresh_pause=0)
        line = await place.dial(gateway, DTU.encode())
        await place.odoo.event("unknown_terminal", link=LINK)
        line.send(b"x" * 20_000)
        await line.closed()

    world(body)
