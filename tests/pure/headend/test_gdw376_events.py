"""Alarm reports of 376.1 terminals: records, acknowledgement, odd lengths."""

import pytest
from headend.protocols import gdw376_events, gdw376_frame, registry
from headend.protocols.gdw376_formats import size_of
from hypothesis import given
from hypothesis import strategies as st

GDW = registry.get("gdw376")
TIME = "30 10 20 11 26 "  # 2026-11-20 10:30


def report(*records, fn=1, control=0xC4, seq=0x75, counters="05 02"):
    """A frame that reports ``records``: code, and body in hex."""
    data = f"0000 0{fn}00 {counters} 00 {len(records):02X}"
    for code, body in records:
        raw = bytes.fromhex(body)
        data += f"{code:02X}{len(raw):02X}{raw.hex()}"
    return gdw376_frame.build("02001234", control, 0x0E, seq, bytes.fromhex(data))


def told(frame):
    decoded = GDW.decode(frame)
    assert decoded.error is None
    return {one.name: str(one.value) for one in decoded.values}


def test_a_report_is_read_and_acknowledged():
    frame = report((24, TIME + "07 80 81 0523 0522 0521"), (14, TIME + "40102011 26"))
    values = told(frame)
    assert GDW.decode(frame).data_id == "0E F1"
    assert values["important_events"] == "5"
    assert values["event.1.code"] == "ERC24"
    assert values["event.1.name"] == "voltage over limit"
    assert values["event.1.time"] == "2026-11-20 10:30"
    assert (values["event.1.point"], values["event.1.state"]) == ("7", "began")
    assert values["event.1.voltage.a"] == "230.5"
    assert values["event.2.name"] == "terminal power off or on"
    assert values["event.2.power_on_at"] == "2026-11-20 10:40"
    answer = gdw376_frame.parse(GDW.confirm(frame))
    assert (answer.control, answer.afn, answer.seq) == (0x00, 0x00, 0x65)
    assert answer.data == bytes.fromhex("00000100")
    by_unit = gdw376_frame.parse(GDW.confirm(frame, by_unit=True))
    assert by_unit.data == bytes.fromhex("00000400 0E 00000100 00")


def test_a_report_that_wants_no_answer_gets_none():
    assert GDW.confirm(report((21, TIME + "04"), seq=0x65)) is None
    assert GDW.confirm(report((21, TIME + "04"), control=0x88)) is None


@pytest.mark.parametrize(
    "code, body, values",
    [
        (1, "03 31303030 31303031", {"version_after": "1001"}),
        (9, "0100 01 0522 0522 0522 002500 002500 002500 0000030201", {"point": "1"}),
        (12, "0380", {"point": "3", "state": "began"}),
        (13, "0300 10", {"flags": "10"}),
        (21, "04", {"fault": "4"}),
        (25, "0100 01 002500 002500 012500", {"current.c": "2.501"}),
        (
            27,
            "0100 0000030201 0000020201",
            {"before": "10203.0000", "after": "10202.0000"},
        ),
        (
            31,
            "0500 0008201126 0000030201 00000100",
            {"last_read_at": "2026-11-20 08:00", "forward_active.total": "10203.0000"},
        ),
        (32, "00100000 00080000", {"traffic_month": "4096", "traffic_limit": "2048"}),
        (
            41,
            "0100 000010 20B126 000510 20B126",
            {"clock_after": "2026-11-20 10:05:00"},
        ),
    ],
)
def test_records_of_known_codes(code, body, values):
    found = told(report((code, TIME + body)))
    for name, value in values.items():
        assert found[f"event.1.{name}"] == value


def test_a_record_of_another_length_keeps_its_bytes_and_its_time():
    values = told(
        report((24, TIME + "07 80"), (99, TIME + "0102"), (20, TIME + "41" * 17))
    )
    assert values["event.1.data"] == "0780"
    assert values["event.2.name"] == "unknown event"
    assert values["event.2.data"] == "0102"
    assert values["event.3.time"] == "2026-11-20 10:30"
    assert not [name for name in values if name.startswith("event.3.data")]


def test_a_record_cut_short_is_a_fault():
    frame = report((24, TIME + "07 80 81 0523 0522 0521"))
    parsed = gdw376_frame.parse(frame)
    short = gdw376_frame.build("02001234", 0xC4, 0x0E, 0x75, parsed.data[:-2])
    assert GDW.decode(short).error.code == "length"


def test_every_layout_has_a_name_and_formats_that_exist():
    assert set(gdw376_events.LAYOUTS) <= set(gdw376_events.NAMES)
    for layout in gdw376_events.LAYOUTS.values():
        assert all(form == "point" or size_of(form) for _name, form, _unit in layout)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=6),
    st.integers(1, 2),
)
def test_any_records_are_read_or_a_fault(records, fn):
    frame = report(*[(code, body.hex()) for code, body in records], fn=fn)
    decoded = GDW.decode(frame)
    assert decoded.error is None or decoded.error.code in ("bcd", "length")
    codes = [one.value for one in decoded.values if one.name.endswith(".code")]
    assert codes == [f"ERC{code}" for code, _body in records]


def test_events_are_asked_for_by_pointer():
    frame = GDW.read_events("02001234", 3, 5, sequence=2)
    decoded = GDW.decode(frame)
    assert decoded.data_id == "0E F1"
    assert (decoded.value("first"), decoded.value("last")) == (3, 5)
    answer = report((21, TIME + "04"), control=0x88, seq=0x62)
    assert GDW.matches(frame, answer)
    assert not GDW.matches(
        frame, report((21, TIME + "04"), fn=2, seq=0x62, control=0x88)
    )
