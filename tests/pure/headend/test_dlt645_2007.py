"""DL/T 645-2007: long answers, clock, freezes, status words, address."""

from datetime import datetime
from decimal import Decimal

import pytest
from headend.protocols import dlt645, registry
from headend.protocols.base import EncodeError
from hypothesis import given
from hypothesis import strategies as st

DLT = registry.get("dlt645-2007")
INDEX = 0x0001FF00


def reply(item, data, control=0x91, address="1"):
    raw = item.to_bytes(4, "little") + bytes.fromhex(data)
    return dlt645.build(address, control, raw)


def decode(item, data, **options):
    return DLT.decode(reply(item, data, **options))


def told(decoded):
    assert decoded.error is None
    return {one.name: str(one.value) for one in decoded.values}


# === LONG ANSWERS === #


def parts_of(data, cuts, item=INDEX):
    """Frames of an answer cut at ``cuts``: the first, then numbered ones."""
    edges = [0, *cuts, len(data)]
    pieces = [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    frames = []
    for number, piece in enumerate(pieces):
        more = 0x20 if number < len(pieces) - 1 else 0
        tail = bytes([number]) if number else b""
        control = (0x92 if number else 0x91) | more
        frames.append(reply(item, (piece + tail).hex(), control))
    return frames


def test_a_long_answer_is_asked_for_until_its_end_and_joined():
    (request,) = DLT.read_index("1")
    data = bytes.fromhex("1000000020000000300000004000000050000000")
    frames, decodeds = parts_of(data, [6, 13]), []
    for number, frame in enumerate(frames):
        asked = DLT.next_request(request, decodeds) if decodeds else request
        assert DLT.matches(asked, frame)
        if number:
            assert asked == DLT.read_next("1", INDEX, number)
            assert not DLT.matches(asked, frames[0])
        decodeds.append(DLT.decode(frame))
        assert DLT.index_from(decodeds[-1]) == {}  # a part has no values of its own
    assert DLT.next_request(request, decodeds) is None
    index = DLT.index_from(DLT.join(decodeds))
    assert index["total"] == Decimal("0.10") and index["t4"] == Decimal("0.50")


@given(
    st.lists(st.integers(0, 99999999), min_size=1, max_size=20),
    st.lists(st.integers(1, 79), max_size=6, unique=True),
)
def test_joined_parts_say_what_one_frame_would_have_said(numbers, cuts):
    data = b"".join(bytes.fromhex(f"{n:08d}")[::-1] for n in numbers)
    frames = parts_of(data, sorted(cut for cut in cuts if cut < len(data)))
    joined = DLT.join([DLT.decode(frame) for frame in frames])
    assert joined.values == decode(INDEX, data.hex()).values


def test_parts_that_do_not_fit_together_make_no_value():
    data = bytes.fromhex("10000000200000003000000040000000")
    first, second, third = (DLT.decode(one) for one in parts_of(data, [6, 13]))
    other = DLT.decode(reply(INDEX, "0102", 0x92, address="2"))
    refused = DLT.decode(dlt645.build("1", 0xD2, b"\x02"))
    for parts in (
        [first, third],
        [first, second],
        [first, other],
        [first, third, second],
    ):
        joined = DLT.join(parts)
        assert (joined.error.code, joined.values) == ("length", [])
    assert DLT.join([first, refused]).error.code == "meter"
    assert DLT.index_from(DLT.join([first])) == {}


# === FREEZES AND SETTLEMENTS === #


def test_settlements_are_read_and_are_no_index_of_now():
    (frame,) = DLT.read_settlement("1", 12)
    assert DLT.decode(frame).data_id == "0001FF0C"
    decoded = decode(0x00010003, "12345600")
    assert told(decoded) == {"forward_active.total.3": "5634.12"}
    assert DLT.index_from(decoded) == {}
    with pytest.raises(EncodeError, match="12 settlements"):
        DLT.read_settlement("1", 13)


@pytest.mark.parametrize(
    "item, name",
    [
        (0x05000101, "timed.forward_active.total"),
        (0x05010201, "instant.reverse_active.total"),
        (0x05020101, "zone_switch.forward_active.total"),
        (0x05030101, "slot_switch.forward_active.total"),
        (0x05060501, "daily.reactive_q1.total"),
    ],
)
def test_freezes_of_every_kind(item, name):
    assert told(decode(item, "10000000")) == {name: "0.10"}
    only_daily_forward_counts = DLT.index_from(decode(item, "10000000"))
    assert only_daily_forward_counts == {}


def test_a_freeze_the_meter_does_not_keep_is_no_value():
    assert told(decode(0x05010104, "10000000")) == {"data": "10000000"}


def test_demand_and_its_time():
    values = told(decode(0x01010000, "563412" + "3010201126"))
    assert values == {
        "forward_demand.total": "12.3456",
        "forward_demand.total.time": "2026-11-20 10:30",
    }


# === CLOCK AND ADDRESS === #


def test_the_clock_is_read_and_written():
    moment = datetime(2026, 11, 21, 10, 30, 5)  # a Saturday
    date, time = DLT.set_clock("1", moment, password="02123456", operator="7")
    parsed = dlt645.parse(date)
    assert parsed.control == 0x14
    assert parsed.data.hex() == "01010004" + "02563412" + "07000000" + "06211126"
    assert dlt645.parse(time).data[12:].hex() == "053010"
    answers = [decode(0x04000101, "06211126"), decode(0x04000102, "053010")]
    assert DLT.clock_from(answers) == moment
    assert DLT.clock_from(answers[1:]) is None
    assert DLT.clock_from([decode(0x04000101, "06219926"), answers[1]]) is None
    assert DLT.matches(date, dlt645.build("1", 0x94))
    assert not DLT.matches(date, dlt645.build("2", 0x94))
    assert "563412" not in bytes.fromhex(DLT.redact(date).replace("*", "0")).hex()


def test_a_clock_for_all_is_answered_by_none():
    frame = DLT.broadcast_clock(datetime(2026, 11, 21, 10, 30, 5))
    parsed = dlt645.parse(frame)
    assert (parsed.address, parsed.control) == ("9" * 12, 0x08)
    assert DLT.decode(frame).value("clock") == "2026-11-21 10:30:05"


def test_the_address_is_read_and_written():
    frame = DLT.write_address("42")
    assert DLT.decode(frame).value("address") == "000000000042"
    assert DLT.matches(frame, dlt645.build("42", 0x95))


# === STATUS WORDS === #


def test_status_words_name_their_bits():
    values = told(decode(0x040005FF, "0400100050010201000000000300"))
    assert values["status_word_1.flags"] == "clock battery low"
    assert values["status_word_2.flags"] == "reactive reverse A"
    assert values["relay"] == "open"
    assert values["status_word_3.relay_command"] == "open"
    assert values["status_word_3.kind"] == "prepaid energy"
    assert values["status_word_4.flags"] == "under-voltage, current cut"
    assert values["status_word_5.flags"] == ""
    assert values["status_word_7.flags"] == "voltage sequence, current sequence"


def test_relay_commands_of_every_kind():
    until = datetime(2026, 11, 21, 10, 35)
    for command in ("open", "close", "allow_close", "alarm", "keep_supply"):
        frame = DLT.relay_command(
            "1", command, until=until, password="02123456", operator="1"
        )
        assert DLT.decode(frame).value("relay_command") == command
    with pytest.raises(
        EncodeError, match="no relay command “explode”; known are: open"
    ):
        DLT.relay_command("1", "explode", until=until, password="02123456", operator=1)
