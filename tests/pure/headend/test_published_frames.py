"""Frames that others published decode to what they published.

Each vector names repository and path. Only bytes and values are taken over.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from headend.protocols import cjt188, dlt645, registry

DLT = registry.get("dlt645-2007")
CJT = registry.get("cjt188")

# hupengwu/Fox-Edge-Server, fox-edge-server-protocol/fox-edge-server-protocol-
# dlt645-1997/src/main/java/cn/foxtech/device/protocol/v1/dlt645/demo/TestUtils07.java
FOX_645 = "hupengwu/Fox-Edge-Server TestUtils07.java"
# hupengwu/Fox-Edge-Server, fox-edge-server-protocol/fox-edge-server-protocol-
# cjt188/src/main/java/cn/foxtech/device/protocol/v1/cjt188/Demo.java
FOX_188 = "hupengwu/Fox-Edge-Server cjt188/Demo.java"
# rulego/rulego-components-iot, external/dlt645/dlt645_test.go
RULEGO = "rulego/rulego-components-iot external/dlt645/dlt645_test.go"
# dwdcth/go645, dlt_test.go
GO645 = "dwdcth/go645 dlt_test.go"
# VaccariaSeed/go-dlt645-2007, master_test.go
VACCARIA = "VaccariaSeed/go-dlt645-2007 master_test.go"
# fdxxw/rs-dlt645, src/frame.rs
RUST = "fdxxw/rs-dlt645 src/frame.rs"
# A master station in JavaScript logs what a concentrator passed through (Q/GDW 376.1,
# AFN 10 F1); public source, found by its text "通电状态查询(断开)".
FORWARDED = "exchange logged by a 376.1 master station"
# A Java class with frames of a real meter, found by "68 37 03 00 92 81 39 68 91 08".
JAVA = "DLT645FrameUtils.main"

REPLIES = [
    (
        FOX_645,  # one byte of the maker's own behind the value
        "FE FE FE FE 68 01 00 00 00 00 00 68 91 09 33 33 34 33 6A 59 33 33 34 95 16",
        "000000000001",
        "00010000",
        {"forward_active.total": "26.37"},
    ),
    (
        FOX_645,
        "FE FE FE FE 68 01 00 00 00 00 00 68 91 09 33 33 34 33 45 33 33 33 34 4A 16",
        "000000000001",
        "00010000",
        {"forward_active.total": "0.12"},
    ),
    (
        RULEGO,
        "68 01 00 00 00 00 00 68 91 08 33 33 34 33 AB 89 67 45 17 16",
        "000000000001",
        "00010000",
        {"forward_active.total": "123456.78"},
    ),
    (
        GO645,
        "68 08 02 02 41 22 00 68 91 0A 35 37 33 37 3B 35 35 74 55 33 51 16",
        "002241020208",
        "04000402",
        {"meter_number": "002241020208"},
    ),
    (
        GO645,
        "68 01 00 00 00 00 00 68 93 06 34 33 33 33 33 33 9D 16",
        "000000000001",
        None,
        {"address": "000000000001"},
    ),
    (
        GO645,  # 11228026 in the source's comment: 112280.26 kWh
        "68 01 00 00 00 00 00 68 91 08 33 33 34 33 59 b3 55 44 dc 16",
        "000000000001",
        "00010000",
        {"forward_active.total": "112280.26"},
    ),
    (
        VACCARIA,
        "FE FE FE FE 68 00 51 44 18 11 17 68 91 06 35 33 B3 35 36 83 45 16",
        "171118445100",
        "02800002",
        {"frequency": "50.03"},
    ),
    (
        FORWARDED,
        "68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16",
        "151230011061",
        "00010000",
        {"forward_active.total": "6.78"},
    ),
    (
        FORWARDED,  # "relay state: cut"
        "68 61 10 01 30 12 15 68 91 06 36 38 33 37 83 33 BE 16",
        "151230011061",
        "04000503",
        {"status_word_3": "0050", "relay": "open"},
    ),
    (
        FORWARDED,  # "relay state: supplied"
        "68 61 10 01 30 12 15 68 91 06 36 38 33 37 33 33 6E 16",
        "151230011061",
        "04000503",
        {"status_word_3": "0000", "relay": "closed"},
    ),
    (
        JAVA,
        "68 37 03 00 92 81 39 68 91 08 33 33 34 33 37 33 33 33 8C 16",
        "398192000337",
        "00010000",
        {"forward_active.total": "0.04"},
    ),
]


@pytest.mark.parametrize("source, frame, address, item, values", REPLIES)
def test_dlt645_reply(source, frame, address, item, values):
    decoded = DLT.decode(bytes.fromhex(frame))
    assert decoded.error is None, source
    assert (decoded.address, decoded.data_id) == (address, item)
    told = {one.name: str(one.value) for one in decoded.values}
    assert values.items() <= told.items()
    assert set(told) - set(values) <= {name for name in told if "status_word" in name}
    assert registry.detect(bytes.fromhex(frame)) == DLT.name


def test_dlt645_published_frame_with_a_wrong_checksum():
    # JAVA prints this one with checksum B6; its bytes add up to DA
    raw = bytes.fromhex("68 37 03 00 92 81 39 68 91 06 33 34 34 35 C7 56 B6 16")
    assert DLT.decode(raw).error.code == "checksum"
    right = raw[:-2] + b"\xda\x16"
    assert DLT.decode(right).value("voltage.a") == Decimal("239.4")


def test_dlt645_published_index_is_an_index():
    frame = bytes.fromhex(REPLIES[2][1])
    assert DLT.index_from(DLT.decode(frame)) == {"total": Decimal("123456.78")}


def test_dlt645_published_relay_state():
    states = [DLT.relay_from(DLT.decode(bytes.fromhex(REPLIES[n][1]))) for n in (8, 9)]
    assert states == ["open", "closed"]


def test_dlt645_published_refusal():
    # RULEGO: error byte 03
    frame = bytes.fromhex("68 01 00 00 00 00 00 68 D1 01 36 D9 16")
    decoded = DLT.decode(frame)
    assert decoded.error == "The meter refused: other error, no such data."
    assert decoded.error.flags == ("other", "no_data")
    assert not DLT.index_from(decoded)


REQUESTS = [
    # RULEGO
    ("1", 0x00010000, "68 01 00 00 00 00 00 68 11 04 33 33 34 33 B3 16"),
    ("123456789012", 0x02010100, "68 12 90 78 56 34 12 68 11 04 33 34 34 35 6B 16"),
    # RUST
    ("202208310002", 0x028022FF, "68 02 00 31 08 22 20 68 11 04 32 55 b3 35 d1 16"),
    # GO645
    ("002241020208", 0x04000402, "68 08 02 02 41 22 00 68 11 04 35 37 33 37 2A 16"),
    # FORWARDED
    ("151230011061", 0x04000503, "68 61 10 01 30 12 15 68 11 04 36 38 33 37 86 16"),
]


@pytest.mark.parametrize("address, item, frame", REQUESTS)
def test_dlt645_request(address, item, frame):
    assert DLT.read_item(address, item) == dlt645.WAKE_UP + bytes.fromhex(frame)


def test_dlt645_request_for_the_address():
    # GO645 and many others
    frame = "FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16"
    assert DLT.read_address() == bytes.fromhex(frame)
    reply = bytes.fromhex(REPLIES[4][1])
    assert DLT.matches(bytes.fromhex(frame), reply)


def test_dlt645_relay_command():
    # FORWARDED: trip, valid until 2099-12-30 00:00:00
    frame = "68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4D 33 33 33 33 63 45"
    trip = bytes.fromhex(frame + "CC 2C 16")
    made = DLT.relay(
        "151230011061",
        False,
        now=datetime(2099, 12, 30) - timedelta(minutes=5),
        password="02020637",
        operator="1",
    )
    assert made == dlt645.WAKE_UP + trip
    assert DLT.decode(trip).value("relay_command") == "open"
    acknowledgement = bytes.fromhex("68 61 10 01 30 12 15 68 9C 00 35 16")
    assert DLT.matches(trip, acknowledgement)
    assert DLT.decode(acknowledgement).error is None


WATER = [
    (
        FOX_188,
        "FE FE FE 68 10 01 00 00 05 08 00 00 81 16 90 1F 00 00 23 01 00 2C "
        "00 00 00 00 2C 00 00 00 00 00 00 00 00 00 48 16",
        "00000805000001",
        "123.00",
        "0000",
    ),
    (
        FOX_188,
        "FE FE FE 68 10 18 02 12 20 20 00 00 81 16 90 1F 00 00 02 00 00 2C "
        "00 02 00 00 2C 00 00 00 00 00 00 00 00 FF 85 16",
        "00002020120218",
        "2.00",
        "00FF",
    ),
    (
        FOX_188,  # item sent low byte first, as in the standard's own example
        "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C "
        "00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16",
        "78330011223344",
        "556677.00",
        "2184",
    ),
    (
        # a C# sample class FrameCJT188_2004Sample (Friendcom.Protocol.Sample)
        "Friendcom FrameCJT188_2004Sample.cs",
        "68 10 88 05 27 10 15 20 00 81 16 90 1F 01 00 00 00 00 2C "
        "00 00 00 00 2C 06 20 17 09 01 17 20 00 00 8E 16",
        "00201510270588",
        "0.00",
        "0000",
    ),
    (
        # Java class with a ReceiveDataHelper; the clock of this meter is in sixties
        "ReceiveDataHelper.main",
        "68 10 01 00 23 09 18 20 00 81 16 90 1F 01 60 00 00 00 2C "
        "60 00 00 00 2C 60 20 20 00 00 00 00 00 00 DC 16",
        "00201809230001",
        "0.60",
        "0000",
    ),
    (
        # Go gateway; a wildcard request, missing fields filled with FF
        "wildcard read, 68 10 45 41 10 05 15 33 78",
        "FE FE 68 10 45 41 10 05 15 33 78 81 16 90 1F AA 00 59 59 00 2C "
        "FF FF FF FF 2C FF FF FF FF FF FF FF 00 00 C2 16",
        "78331505104145",
        "5959.00",
        "0000",
    ),
]


@pytest.mark.parametrize("source, frame, address, total, status", WATER)
def test_cjt188_meter_data(source, frame, address, total, status):
    raw = bytes.fromhex(frame)
    decoded = CJT.decode(raw)
    assert decoded.error is None, source
    assert (decoded.address, decoded.data_id) == (address, "901F")
    assert decoded.value("status") == status
    assert CJT.index_from(decoded) == {"total": Decimal(total)}
    assert registry.detect(raw) == CJT.name


def test_cjt188_missing_value_is_no_zero():
    decoded = CJT.decode(bytes.fromhex(WATER[5][1]))
    assert decoded.value("settlement_total") is None
    assert "settlement_total" in [one.name for one in decoded.values]


def test_cjt188_clock():
    assert CJT.decode(bytes.fromhex(WATER[3][1])).value("clock") == (
        "2017-01-09 17:20:06"
    )


def test_cjt188_request():
    # Friendcom FrameCJT188_2004Sample.cs
    frame = "68 10 88 05 27 10 15 20 00 01 03 90 1F 01 25 16"
    made = CJT.read_item("00201510270588", cjt188.METER_DATA, serial=1)
    assert made == cjt188.WAKE_UP + bytes.fromhex(frame)


def test_cjt188_request_low_byte_first():
    # FOX_188
    frame = "68 10 01 00 00 05 08 00 00 01 03 1F 90 00 39 16"
    option = registry.get("cjt188", low_first=True)
    made = option.read_index("00000805000001")
    assert made == [cjt188.WAKE_UP + bytes.fromhex(frame)]


def test_cjt188_valve_reply_of_a_maker_with_its_own_control_code():
    # FOX_188: control code 2A / AA, valve shut
    reply = bytes.fromhex(
        "FE FE FE 68 10 01 00 00 05 08 00 00 AA 05 A0 17 00 01 FF EC 16"
    )
    maker = registry.get("cjt188", valve_control=0x2A)
    request = maker.relay("00000805000001", False)
    assert maker.matches(request, reply)
    assert maker.relay_from(maker.decode(reply)) == "open"


def test_cjt188_published_frame_with_a_wrong_checksum():
    # The text example that is copied over the web with CS 08 (right is 13): FOX_188's
    # third frame with the other checksum.
    raw = bytes.fromhex(WATER[2][1])
    wrong = raw[:-2] + b"\x08" + raw[-1:]
    assert CJT.decode(wrong).error.code == "checksum"
    assert CJT.Framer().feed(wrong) == []
