"""Q/GDW 130-2005: what it writes differently from 376.1, and a real read."""

import asyncio
from datetime import date, datetime
from decimal import Decimal

import pytest
from headend.protocols import gdw376_frame, registry
from headend.protocols.base import EncodeError, Unsupported
from headend.protocols.gdw376_forward import Forwarded
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = registry.get("gdw130"), registry.get("gdw376")
EDITION = gdw376_frame.GDW130
TERMINAL = "02001234"
LINK = f"concentrator:{TERMINAL}"
PATIENCE = 10
READ_AT = "30 10 20 11 26 "  # 2026-11-20 10:30
FORWARD = "00 45 23 01 00"  # 123.4500 kWh


def up(afn, data, *, seq=0x60, edition=EDITION):
    raw = bytes.fromhex(data)
    return gdw376_frame.build(TERMINAL, 0x88, afn, seq, raw, station=2, edition=edition)


def test_the_editions_are_told_apart_by_the_number_in_the_length():
    (frame,) = OLD.read_clock(TERMINAL)
    assert frame[1] & 3 == 1
    assert OLD.decode(frame).error is None and NEW.decode(frame).error.code == "frame"
    assert registry.find(frame) == ("gdw130", frame)
    (newer,) = NEW.read_clock(TERMINAL)
    assert registry.find(newer) == ("gdw376", newer)
    line = registry.any_framer()
    assert line.feed(b"\xfe\x68" + frame + newer) + line.flush() == [frame, newer]


def test_a_group_of_points_is_a_bit():
    pairs = gdw376_frame.pack_points([1, 17, 24, 64], EDITION)
    assert [pair for pair, _points in pairs] == [b"\x01\x01", b"\x81\x04", b"\x80\x80"]
    # 376.1 reads the same bytes as points of the fourth group
    assert gdw376_frame.unpack_points(b"\x81\x04", EDITION) == [17, 24]
    assert gdw376_frame.unpack_points(b"\x81\x04") == [25, 32]
    assert gdw376_frame.unpack_points(b"\x01\x03", EDITION) == []
    with pytest.raises(EncodeError, match="0 to 64"):
        OLD.read_index(f"{TERMINAL}/65")


@given(st.sets(st.integers(0, 64), min_size=1))
def test_points_survive(points):
    pairs = gdw376_frame.pack_points(points, EDITION)
    found = [p for da, _ in pairs for p in gdw376_frame.unpack_points(da, EDITION)]
    assert found == sorted(points)


def test_the_index_is_one_of_four_registers():
    (request,) = OLD.read_index(f"{TERMINAL}/17")
    reply = up(0x0C, f"0104 0104 {READ_AT} 00 {FORWARD} {'00' * 12}")
    assert OLD.matches(request, reply)
    decoded = OLD.decode(reply)
    assert decoded.error is None
    assert OLD.points_from(decoded) == {17: {"total": Decimal("123.45")}}
    assert OLD.read_times_from(decoded) == {17: datetime(2026, 11, 20, 10, 30)}


def test_the_answer_of_the_other_edition_is_no_answer():
    (request,) = OLD.read_index(f"{TERMINAL}/17")
    data = f"0104 0104 {READ_AT} 00 {FORWARD} {'00' * 12}"
    assert not OLD.matches(request, up(0x0C, data, edition=gdw376_frame.GDW376))


def test_freezes_carry_their_day_or_month():
    day = OLD.read_day(TERMINAL, [17], date(2026, 11, 20))
    answer = f"0104 0100 201126 {READ_AT} 00 {FORWARD} {'00' * 12}"
    assert OLD.matches(day, up(0x0D, answer))
    assert not OLD.matches(day, up(0x0D, answer.replace("201126", "191126")))
    decoded = OLD.decode(up(0x0D, answer))
    assert OLD.freeze_time_from(decoded) == datetime(2026, 11, 21)
    month = OLD.read_month(TERMINAL, [17], date(2026, 10, 1))
    assert OLD.decode(month).data_id == "0D F17"


def test_a_code_has_two_bytes_and_is_not_shown():
    moment = datetime(2026, 11, 20, 10, 30)
    (frame,) = OLD.set_clock(TERMINAL, moment, password="A55A")
    assert frame[-4:-2] == b"\xa5\x5a"
    decoded = OLD.decode(frame)
    assert (decoded.error, OLD.clock_from([decoded])) == (None, moment)
    assert "a55a" not in OLD.redact(frame)
    with pytest.raises(EncodeError, match="2 bytes"):
        OLD.set_clock(TERMINAL, moment, password="00" * 16)


def test_its_list_of_meters_is_not_written():
    with pytest.raises(Unsupported, match="list of meters"):
        OLD.write_archives(TERMINAL, [])
    with pytest.raises(Unsupported, match="list of meters"):
        OLD.read_archives(TERMINAL, [1])


def test_one_of_2005_logs_in_and_its_meters_are_read(world):
    async def body(place):
        place.odoo.allow_concentrators(TERMINAL)
        gateway = await place.gateway()
        meters = [{"address": str(n), "index": f"{n}.5"} for n in range(1, 19)]
        row = {"terminal": TERMINAL, "heartbeat": 0, "meters": meters}
        row["protocol"] = OLD.name
        simulator = await place.simulator(gateway, concentrators=[row])
        device = simulator.concentrators[TERMINAL]
        await asyncio.wait_for(device.logged_in.wait(), PATIENCE)
        client = await place.client(gateway)
        requests = [OLD.read_current(TERMINAL, [1, 9, 17, 18], sequence=3)]
        meter = Forwarded(registry.get("dlt645-2007"), TERMINAL, outer=OLD)
        requests += meter.read_index("17")
        read, through = await client.exchange(LINK, OLD.name, requests)
        totals = {
            point: index["total"]
            for point, index in OLD.points_from(OLD.decode(read.reply)).items()
        }
        assert totals == {n: Decimal(f"{n}.5") for n in (1, 9, 17, 18)}
        decoded = meter.decode(through.reply)
        assert meter.index_from(decoded)["total"] == Decimal("17.5")
        device.alarm(12, 17)
        event = await place.odoo.event("uplink", link=LINK)
        assert event["protocol"] == OLD.name
        report = OLD.decode(bytes.fromhex(event["frame"]))
        assert (report.error, report.value("event.1.code")) == (None, "ERC12")
        # its point has one byte where 376.1 has two: it is not told at all
        assert report.value("event.1.point") is None

    world(body)
