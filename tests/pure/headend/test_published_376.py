"""Q/GDW 376.1 frames that others published decode to what they published.

Each vector names its source. Only bytes and values are taken over.
"""

import pytest
from headend.protocols import gdw376_frame, registry

GDW = registry.get("gdw376")
DLT = registry.get("dlt645-2007")

# A master station in JavaScript logs its exchanges; found by its text
# "通电状态查询(断开)" and "68 32 00 32 00 68 C9 00 02 34 12 00"
MASTER = "exchange logged by a 376.1 master station"
# A Go program's Ptl1376_1BuildReplyPacket, in its comment
GO = "Ptl1376_1BuildReplyPacket"
# A Java explanation of the log-in, byte by byte, found by "com.liyh" and
# "68 32 00 32 00 68 C9 03 44 04 00 00"
JAVA = "集中器登录主站注册帧报文, explained in Java"
# A C++ head-end, HBFrame, in its comment
CPP = "HBFrame of a C++ concentrator server"
# A Java parser of captures, found by "68 32 00 32 00 68 C9 21 05 AA AA"
BREAKER = "GBProtocolBreakerPool test"

LINKS = [
    (MASTER, "68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16", "02001234"),
    (JAVA, "68 32 00 32 00 68 C9 03 44 04 00 00 02 71 00 00 01 00 88 16", "44030004"),
    (GO, "68 32 00 32 00 68 C9 21 45 03 00 00 02 74 00 00 01 00 A9 16", "45210003"),
    (
        BREAKER,
        "68 32 00 32 00 68 C9 21 05 AA AA 00 02 79 00 00 01 00 BF 16",
        "0521AAAA",
    ),
]


@pytest.mark.parametrize("source, frame, address", LINKS)
def test_a_log_in(source, frame, address):
    raw = bytes.fromhex(frame)
    decoded = GDW.decode(raw)
    assert decoded.error is None, source
    assert (decoded.address, decoded.data_id) == (address, "02 F1")
    assert decoded.value("link") == "login"
    assert registry.detect(raw) == "gdw376"


def test_a_heartbeat_with_the_terminal_s_clock():
    raw = bytes.fromhex(  # GO
        "68 4A 00 4A 00 68 C9 34 08 94 04 00 02 75 00 00 04 00 33 30 14 12 D2 20 93 16"
    )
    decoded = GDW.decode(raw)
    assert decoded.value("link") == "heartbeat"
    assert decoded.value("clock") == "2020-12-12 14:30:33"


CONFIRMATIONS = [
    (  # MASTER: log-in, all confirmed
        "68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16",
        False,
        "68 32 00 32 00 68 0B 00 02 34 12 00 00 61 00 00 01 00 B5 16",
    ),
    (  # MASTER: heartbeat
        "68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 04 00 88 16",
        False,
        "68 32 00 32 00 68 0B 00 02 34 12 00 00 61 00 00 01 00 B5 16",
    ),
    (  # JAVA
        "68 32 00 32 00 68 C9 03 44 04 00 00 02 71 00 00 01 00 88 16",
        False,
        "68 32 00 32 00 68 0B 03 44 04 00 00 00 61 00 00 01 00 B8 16",
    ),
    (  # CPP: heartbeat, confirmed unit by unit
        "68 32 00 32 00 68 C9 20 21 07 00 00 02 71 00 00 04 00 88 16",
        True,
        "68 4A 00 4A 00 68 0B 20 21 07 00 00 00 61 00 00 04 00 02 00 00 04 00 00 BE 16",
    ),
]


@pytest.mark.parametrize("frame, by_unit, answer", CONFIRMATIONS)
def test_confirmations(frame, by_unit, answer):
    made = GDW.confirm(bytes.fromhex(frame), by_unit=by_unit)
    assert made == bytes.fromhex(answer)
    assert GDW.decode(made).error is None
    assert GDW.confirm(made) is None  # a confirmation is not confirmed


# MASTER: read, trip and close of a meter (DL/T 645-2007) through the terminal
FORWARDED = [
    (
        "68 AE 00 AE 00 68 A8 00 02 34 12 04 10 E0 00 00 01 00 1F 14 00 68 61 10 01 30 "
        "12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16 4F 00 00 06 50 23 21 05 AE 16",
        "68611001301215689108 33333433AB393333 4916",
        {"forward_active.total": "6.78"},
    ),
    (
        "68 A6 00 A6 00 68 A8 00 02 34 12 04 10 E6 00 00 01 00 1F 12 00 68 61 10 01 30 "
        "12 15 68 91 06 36 38 33 37 83 33 BE 16 4F 00 06 04 05 00 22 05 33 16",
        "68611001301215689106 363833378333 BE16",
        {"relay": "open"},
    ),
    (
        "68 A6 00 A6 00 68 A8 00 02 34 12 04 10 E8 00 00 01 00 1F 12 00 68 61 10 01 30 "
        "12 15 68 91 06 36 38 33 37 33 33 6E 16 4F 00 08 48 06 00 22 05 DC 16",
        "68611001301215689106 363833373333 6E16",
        {"relay": "closed"},
    ),
    (
        "68 8E 00 8E 00 68 A8 00 02 34 12 04 10 E7 00 00 01 00 1F 0C 00 68 61 10 01 30 "
        "12 15 68 9C 00 35 16 4F 00 07 15 06 00 22 05 2F 16",
        "68611001301215689C00 3516",
        {},
    ),
]


@pytest.mark.parametrize("frame, inner, values", FORWARDED)
def test_forwarded_answers(frame, inner, values):
    raw = bytes.fromhex(frame)
    decoded = GDW.decode(raw)
    assert decoded.error is None
    assert decoded.value("port") == 31
    assert decoded.value("event_counter.important") == 0x4F  # ACD is set
    assert GDW.forwarded_from(raw) == bytes.fromhex(inner)
    meter = DLT.decode(GDW.forwarded_from(raw))
    assert {name: str(meter.value(name)) for name in values} == values


def test_forwarded_requests():
    # MASTER: its frame has a time tag behind the code, ours has none
    published = bytes.fromhex(
        "68 E2 00 E2 00 68 4B 00 02 34 12 04 10 E6 00 00 01 00 1F 6B BC 0A 10 00 68 61 "
        "10 01 30 12 15 68 11 04 36 38 33 37 86 16 00 00 00 00 00 00 00 00 00 00 00 00 "
        "00 00 00 00 06 12 06 00 22 05 55 16"
    )
    answer = bytes.fromhex(FORWARDED[1][0])
    assert GDW.matches(published, answer)
    assert not GDW.matches(published, bytes.fromhex(FORWARDED[0][0]))
    decoded = GDW.decode(published)
    assert decoded.error is None
    assert decoded.value("line") == "6B"  # 2400 bits a second, even parity
    inner = DLT.read_item("151230011061", 0x04000503)[4:]
    made = gdw376_frame.parse(GDW.forward("02001234", inner))
    theirs = gdw376_frame.parse(published)
    assert made.data == theirs.data[:-6]


def test_a_published_relay_command_shows_no_password():
    # MASTER: trip
    raw = bytes.fromhex(
        "68 12 01 12 01 68 4B 00 02 34 12 04 10 E5 00 00 01 00 1F 6B BC 0A 1C 00 68 61 "
        "10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4D 33 33 33 33 63 45 CC 2C 16 "
        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05 34 05 00 22 05 CC 16"
    )
    assert GDW.decode(raw).error is None
    assert "356a3935" in raw.hex()
    assert "356a3935" not in GDW.redact(raw)
    assert "356A3935" not in str(GDW.decode(raw).as_dict())


def test_a_published_reset():
    # The same master station: reset with code and time tag, and its confirmation
    request = bytes.fromhex(
        "68 8A 00 8A 00 68 41 00 02 34 12 04 01 F0 00 00 01 00"
        + " 00" * 17
        + " 28 53 13 07 05 19 16"
    )
    answer = bytes.fromhex(
        "68 52 00 52 00 68 A0 00 02 34 12 04 00 E0 00 00 01 00 11 00 00 27 52 13 07 05 "
        "76 16"
    )
    assert GDW.decode(request).data_id == "01 F1"
    decoded = GDW.decode(answer)
    assert decoded.value("confirmation") == "accepted"
    assert decoded.value("event_counter.important") == 0x11
    assert GDW.matches(request, answer)


def test_frames_of_a_capture_are_cut_apart():
    # A Java test of sticky packets: a long answer, then a confirmation cut in two
    answer = bytes.fromhex(
        "68 5A 01 5A 01 68 A8 99 34 DB 28 02 13 62 00 00 04 00 1F 02"
        + " 00" * 70
        + " 5A 40 AE 16"
    )
    confirmation = bytes.fromhex(
        "68 4A 00 4A 00 68 0B 05 64 56 61 00 00 69 00 00 04 00 02 00 00 01 00 00 9B 16"
    )
    framer = registry.any_framer()
    assert framer.feed(answer + confirmation[:7]) == [answer]
    assert framer.feed(confirmation[7:]) == [confirmation]
