"""DL/T 645-1997: frames that others published, and what this edition does its own way.

Each vector names its source. Only bytes and values are taken over.
"""

from datetime import datetime
from decimal import Decimal

import pytest
from headend.protocols import dlt645, registry

OLD = registry.get("dlt645-1997")
NEW = registry.get("dlt645-2007")

# KTS-Intek/DLT645, test-exchange-dlt645-97.log: meters DTSD22 and DTSF22
KTS = "KTS-Intek/DLT645 test-exchange-dlt645-97.log"
# A JavaScript data parser for meters, found by "FE FE FE FE 68 27 59 63 03 00 01 68"
PARSER = "rawDataToProtocol, exchange in its last comment"
# A reader of 485 meters, found by "68 43 97 35 14 00 00 68 81 06 43 C3"
THREAD = "rt_test_485_entry, chat in its comment"

REPLIES = [
    (
        KTS,
        "68 95 32 06 00 00 00 68 81 06 43 C3 48 33 33 33 0B 16",
        "000000063295",
        "9010",
        {"forward_active.total": "0.15"},
    ),
    (
        KTS,  # the log's author took 36 for hexadecimal and wrote 0.54
        "68 95 32 06 00 00 00 68 81 06 43 C3 69 33 33 33 2C 16",
        "000000063295",
        "9010",
        {"forward_active.total": "0.36"},
    ),
    (
        KTS,
        "68 95 32 06 00 00 00 68 81 06 43 C4 33 33 33 33 F7 16",
        "000000063295",
        "9110",
        {"forward_reactive.total": "0.00"},
    ),
    (
        KTS,
        "68 95 32 06 00 00 00 68 81 06 53 C3 33 33 33 33 06 16",
        "000000063295",
        "9020",
        {"reverse_active.total": "0.00"},
    ),
    (
        KTS,
        "68 95 32 06 00 00 00 68 81 06 33 C3 6B 33 33 33 1E 16",
        "000000063295",
        "9000",
        {"combined_active.total": "0.38"},
    ),
    (
        KTS,  # a block: the total and four rates
        "FE FE FE FE 68 34 69 17 08 17 20 68 81 16 52 C3 36 33 33 33 33 33 33 33 "
        "36 33 33 33 33 33 33 33 33 33 33 33 71 16",
        "201708176934",
        "901F",
        {
            "forward_active.total": "0.03",
            "forward_active.t1": "0.00",
            "forward_active.t2": "0.03",
            "forward_active.t3": "0.00",
            "forward_active.t4": "0.00",
        },
    ),
    (
        KTS,
        "FE FE FE FE 68 34 69 17 08 17 20 68 81 05 63 F3 33 49 33 4E 16",
        "201708176934",
        "C030",
        {"active_constant": "1600"},
    ),
    (
        KTS,
        "FE FE FE FE 68 34 69 17 08 17 20 68 81 08 65 F3 67 9C 4A 3B 4A 53 C9 16",
        "201708176934",
        "C032",
        {"meter_number": "201708176934"},
    ),
    (
        KTS,  # 2019-07-06, a Saturday
        "FE FE FE FE 68 34 69 17 08 17 20 68 81 06 43 F3 39 39 3A 4C 78 16",
        "201708176934",
        "C010",
        {"date": "19070606"},
    ),
    (
        KTS,
        "FE FE FE FE 68 34 69 17 08 17 20 68 81 05 44 F3 37 55 55 61 16",
        "201708176934",
        "C011",
        {"time": "222204"},
    ),
    (
        PARSER,
        "FE FE FE FE 68 27 59 63 03 00 01 68 81 04 44 E9 56 35 F4 16",
        "010003635927",
        "B611",
        {"voltage.a": "223"},
    ),
    (
        PARSER,
        "FE FE FE FE 68 27 59 63 03 00 01 68 81 06 43 C3 AC 59 47 33 C3 16",
        "010003635927",
        "9010",
        {"forward_active.total": "1426.79"},
    ),
    (
        THREAD,
        "68 43 97 35 14 00 00 68 81 06 43 C3 7B 96 57 33 1B 16",
        "000014359743",
        "9010",
        {"forward_active.total": "2463.48"},
    ),
]


@pytest.mark.parametrize("source, frame, address, item, values", REPLIES)
def test_reply(source, frame, address, item, values):
    raw = bytes.fromhex(frame)
    decoded = OLD.decode(raw)
    assert decoded.error is None, source
    assert (decoded.address, decoded.data_id) == (address, item)
    assert {one.name: str(one.value) for one in decoded.values} == values
    assert registry.detect(raw) == OLD.name


def test_a_published_refusal():
    # KTS: error byte 02, its own log reads it before subtracting 33H
    decoded = OLD.decode(bytes.fromhex("68 95 32 06 00 00 00 68 C1 01 35 94 16"))
    assert decoded.error == "The meter refused: no such data identification."
    assert decoded.error.flags == ("no_data",)
    # KTS: writing the date with a wrong password
    decoded = OLD.decode(
        bytes.fromhex("FE FE FE FE 68 34 69 17 08 17 20 68 C4 01 37 BF 16")
    )
    assert decoded.error.flags == ("password",)


def test_published_requests():
    # KTS; its meters answer reads to the broadcast address with their own
    request = bytes.fromhex("68 99 99 99 99 99 99 68 01 02 43 C3 6F 16")
    assert OLD.read_address() == dlt645.WAKE_UP + request
    reply = bytes.fromhex(REPLIES[0][1])
    assert OLD.matches(request, reply)
    assert not OLD.matches(OLD.read_item("77", 0x9010), reply)
    assert not OLD.matches(OLD.read_item("63295", 0x9020), reply)
    # KTS: write the date 2019-07-06
    write = bytes.fromhex(
        "68 99 99 99 99 99 99 68 04 0A 43 F3 33 33 33 33 39 39 3A 4C 6E 16"
    )
    made = OLD.set_clock(
        "999999999999", datetime(2019, 7, 6, 22, 22, 4), password="00000000"
    )
    assert made[0][4:] == write


def test_a_meter_may_answer_with_the_wildcard():
    # A concentrator's source: "some 97 meters answer with the wildcard"
    request = bytes.fromhex("68 AA AA AA AA AA AA 68 01 02 43 C3 D5 16")
    reply = bytes.fromhex("68 AA AA AA AA AA AA 68 81 06 43 C3 94 A5 35 33 FA 16")
    assert OLD.matches(request, reply)
    assert OLD.index_from(OLD.decode(reply)) == {"total": Decimal("272.61")}


def test_index_clock_and_settlement():
    block = OLD.decode(bytes.fromhex(REPLIES[5][1]))
    assert OLD.index_from(block)["t2"] == Decimal("0.03")
    clock = [OLD.decode(bytes.fromhex(REPLIES[n][1])) for n in (8, 9)]
    assert OLD.clock_from(clock) == datetime(2019, 7, 6, 22, 22, 4)
    assert OLD.clock_from(clock[:1]) is None
    settled = dlt645.build("1", 0x81, bytes.fromhex("1F94" + "50000000" * 5))
    decoded = OLD.decode(settled)
    assert decoded.value("settled.1.forward_active.t4") == Decimal("0.50")
    assert OLD.index_from(decoded) == {}  # not the index of now
    single = OLD.decode(dlt645.build("1", 0x81, bytes.fromhex("109850000000")))
    assert single.value("forward_active.total.2") == Decimal("0.50")
    assert OLD.index_from(single) == {}


def test_marks_between_the_values_of_a_block_never_make_a_wrong_value():
    data = bytes.fromhex("1F90" + "AA".join(["12345600"] * 5))
    decoded = OLD.decode(dlt645.build("1", 0x81, data))
    assert decoded.error.code == "bcd"
    assert OLD.index_from(decoded) == {}


def test_a_long_answer_is_asked_for_and_joined_without_numbers():
    request = OLD.read_index("1")[0]
    first = dlt645.build("1", 0xA1, bytes.fromhex("1F90" + "10000000" + "2000"))
    rest = dlt645.build("1", 0x82, bytes.fromhex("1F90" + "0000" + "30000000"))
    decoded = OLD.decode(first)
    assert decoded.more and OLD.index_from(decoded) == {}
    follow = OLD.next_request(request, [decoded])
    assert follow[4:] == dlt645.build("1", 0x02, b"\x1f\x90", wake_up=False)
    assert OLD.matches(follow, rest)
    parts = [decoded, OLD.decode(rest)]
    assert OLD.next_request(request, parts) is None
    index = OLD.index_from(OLD.join(parts))
    assert index == {
        "total": Decimal("0.10"),
        "t1": Decimal("0.20"),
        "t2": Decimal("0.30"),
    }


def test_the_editions_are_told_apart():
    for frame in (OLD.read_index("1")[0], OLD.write_address("7")):
        assert registry.detect(frame) == OLD.name
    for frame in (NEW.read_index("1")[0], NEW.read_address(), NEW.write_address("7")):
        assert registry.detect(frame) == NEW.name


def test_a_password_is_starred_out():
    frame = OLD.set_clock("1", datetime(2026, 1, 1), password="00123456")[0]
    secret = bytes((one + 0x33) % 256 for one in bytes.fromhex("00563412")).hex()
    assert secret in frame.hex()
    assert secret not in OLD.redact(frame)
    assert OLD.redact(frame).count("*") == 8 + 2
