"""Q/GDW 376.1: formats, items, archives, matching, secrets."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from headend.protocols import bcd, dlt645, gdw376_frame, registry
from headend.protocols import gdw376_formats as formats
from headend.protocols.base import AddressError, EncodeError, Unsupported
from headend.protocols.gdw376_archive import Archive
from headend.protocols.gdw376_forward import Forwarded
from hypothesis import given
from hypothesis import strategies as st

GDW = registry.get("gdw376")
DLT = registry.get("dlt645-2007")
TERMINAL = "02001234"
READ_AT = "30 10 20 11 26 "  # 2026-11-20 10:30


def up(afn, data, *, seq=0x60, control=0x88, address=TERMINAL):
    """Answer of the terminal with ``data`` in hex."""
    raw = bytes.fromhex(data)
    return gdw376_frame.build(address, control, afn, seq, raw, station=2)


def decode(afn, data, **options):
    return GDW.decode(up(afn, data, **options))


def told(decoded):
    return {one.name: str(one.value) for one in decoded.values}


# === NAMES OF POINTS AND ITEMS === #


def test_points_and_items_are_bit_masks():
    # an item of the standard: F129 of p1 is 01 01 01 10; p0 is 00 00
    assert gdw376_frame.pack_points([1]) == [(b"\x01\x01", [1])]
    assert gdw376_frame.pack_points([0]) == [(b"\x00\x00", [0])]
    assert gdw376_frame.pack_points([9, 1, 8]) == [
        (b"\x81\x01", [1, 8]),
        (b"\x01\x02", [9]),
    ]
    assert gdw376_frame.pack_points([2040]) == [(b"\x80\xff", [2040])]
    assert gdw376_frame.pack_fn(129) == b"\x01\x10"
    assert gdw376_frame.pack_fn(3) == b"\x04\x00"
    assert gdw376_frame.unpack_points(b"\xff\x00") is None
    assert gdw376_frame.unpack_points(b"\x02\x00") == []


@given(st.sets(st.integers(0, 2040), min_size=1, max_size=40), st.integers(1, 248))
def test_points_and_items_survive(points, fn):
    pairs = gdw376_frame.pack_points(points)
    found = [
        point for pair, _members in pairs for point in gdw376_frame.unpack_points(pair)
    ]
    assert found == sorted(points)
    assert gdw376_frame.unpack_fns(gdw376_frame.pack_fn(fn)) == [fn]


@pytest.mark.parametrize("address", ["", "1", "0200123G", "AB001234", "020012345"])
def test_a_bad_terminal_address_gets_a_sentence(address):
    with pytest.raises(AddressError, match="is not valid: it must have 8 places"):
        GDW.read_clock(address)


@pytest.mark.parametrize("point", ["0", "2041", "x", "-1", "１"])
def test_a_bad_metering_point_gets_a_sentence(point):
    with pytest.raises(AddressError, match="is no metering point"):
        GDW.read_index(f"{TERMINAL}/{point}")


# === FORMATS === #


@pytest.mark.parametrize(
    "name, data, value",
    [
        ("A1", "33 30 14 12 D2 20", "2020-12-12 14:30:33"),
        ("A2", "34 82", "23.4"),  # published rule: power of ten 4 - 4
        ("A2", "34 92", "-23.4"),
        ("A3", "78 56 34 02", "2345678"),
        ("A3", "78 56 34 52", "-2345678000"),
        ("A5", "34 12", "123.4"),
        ("A5", "34 92", "-123.4"),
        ("A6", "34 92", "-12.34"),
        ("A7", "05 22", "220.5"),
        ("A8", "34 12", "1234"),
        ("A9", "56 34 92", "-12.3456"),
        ("A10", "56 34 12", "123456"),
        ("A11", "78 56 34 12", "123456.78"),
        ("A13", "78 56 34 12", "1234.5678"),
        ("A14", "01 90 78 56 34", "345678.9001"),
        ("A15", "05 04 03 02 26", "2026-02-03 04:05"),
        ("A19", "05 04", "04:05"),
        ("A20", "03 02 26", "2026-02-03"),
        ("A21", "02 26", "2026-02"),
        ("A22", "15", "1.5"),
        ("A23", "56 34 92", "92.3456"),
        ("A25", "56 34 92", "-123.456"),
    ],
)
def test_formats(name, data, value):
    raw = bytes.fromhex(data)
    assert len(raw) == formats.size_of(name)
    if name == "A2":
        raw = raw[:1] + bytes([raw[1] & 0x1F | 5 << 5])
    found = formats.read(name, raw)
    assert (f"{found:f}" if isinstance(found, Decimal) else found) == value
    for filler in (b"\xee", b"\xff"):
        assert formats.read(name, filler * len(raw)) is None


@given(st.sampled_from(sorted(formats.FORMATS)), st.binary(min_size=16, max_size=16))
def test_a_format_answers_a_value_or_says_that_it_is_none(name, data):
    data = data[: formats.size_of(name)]
    try:
        value = formats.read(name, data)
    except bcd.NotDecimal:
        return
    assert value is None or isinstance(value, Decimal | str)
    if isinstance(value, Decimal):
        assert value.is_finite()


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
def test_clocks_survive(moment):
    raw = formats.pack_clock(moment)
    assert formats.read("A1", raw) == f"{moment:%Y-%m-%d %H:%M:%S}"
    assert raw[4] >> 5 == moment.isoweekday()
    assert formats.read("A20", formats.pack_day(moment)) == f"{moment:%Y-%m-%d}"
    assert formats.read("A21", formats.pack_month(moment)) == f"{moment:%Y-%m}"


def test_a_date_that_no_calendar_has_is_no_value():
    decoded = decode(0x0C, "0000 0200 00 00 10 31 02 26")
    assert decoded.error.code == "bcd"
    assert decoded.values == []


# === READINGS === #


def index(number):
    return bcd.pack_number(Decimal(number), 5, 4).hex()


def test_current_index_of_two_points():
    unit = READ_AT + "01" + index("123.4567") + index("100")
    decoded = decode(0x0C, "0301 0110" + unit + READ_AT + "00" + index("7"))
    assert decoded.error is None
    assert decoded.data_id == "0C F129"
    assert decoded.value("p1.read_at") == "2026-11-20 10:30"
    assert GDW.points_from(decoded) == {
        1: {"total": Decimal("123.4567"), "t1": Decimal("100")},
        2: {"total": Decimal("7")},
    }
    assert GDW.index_from(decoded) == {}  # the address is no meter's
    assert not GDW.is_frozen(decoded)


def test_a_daily_freeze_was_taken_at_the_end_of_its_day():
    decoded = decode(0x0D, "0101 0114 20 11 26" + READ_AT + "00" + index("42.5"))
    assert GDW.points_from(decoded) == {1: {"total": Decimal("42.5")}}
    assert GDW.is_frozen(decoded)
    assert GDW.freeze_time_from(decoded) == datetime(2026, 11, 21)


def test_a_monthly_freeze_was_taken_at_the_end_of_its_month():
    decoded = decode(0x0D, "0101 0116 12 26" + READ_AT + "00" + index("42.5"))
    assert decoded.data_id == "0D F177"
    assert GDW.freeze_time_from(decoded) == datetime(2027, 1, 1)


def test_the_full_freeze_has_four_registers():
    reactive = "".join(bcd.pack_number(Decimal(n), 4, 2).hex() for n in (1, 2, 3))
    unit = "20 11 26" + READ_AT + "00" + index("9") + reactive
    values = told(decode(0x0D, "0101 0100" + unit))
    assert values["p1.forward_active.total"] == "9.0000"
    assert values["p1.forward_reactive.total"] == "1.00"
    assert values["p1.reactive_q1.total"] == "2.00"
    assert values["p1.reactive_q4.total"] == "3.00"


def test_momentary_values():
    data = READ_AT + "563412" + "000000" * 3 + "563492" + "000000" * 3
    data += "0010" * 4 + "052206220722" + "002500" * 4 + "000100" * 4
    decoded = decode(0x0C, "0101 0103" + data)
    values = told(decoded)
    assert decoded.error is None
    assert values["p1.active_power.total"] == "12.3456"
    assert values["p1.reactive_power.total"] == "-12.3456"
    assert values["p1.power_factor.c"] == "100.0"
    assert values["p1.voltage.b"] == "220.6"
    assert values["p1.neutral_current"] == "2.500"
    assert values["p1.apparent_power.total"] == "0.0100"


def test_the_clock_is_read_and_set():
    decoded = decode(0x0C, "0000 0200 33 30 14 12 D2 20")
    assert GDW.clock_from([decoded]) == datetime(2020, 12, 12, 14, 30, 33)
    (frame,) = GDW.set_clock(TERMINAL, datetime(2015, 3, 17, 7, 39))
    assert gdw376_frame.parse(frame).data[4:10].hex() == "003907174315"  # a Tuesday
    assert GDW.clock_from([GDW.decode(frame)]) == datetime(2015, 3, 17, 7, 39)


# === WHAT IS MISSING OR WRONG === #


def test_a_bad_value_leaves_the_other_meters_alone():
    good, bad = "00" + index("7"), "00" + "0A00000000"
    decoded = decode(
        0x0C, "0701 0110" + READ_AT + good + READ_AT + bad + READ_AT + good
    )
    assert decoded.error == (
        "The value of p2.forward_active.total is no decimal number: 000000000A."
    )
    assert decoded.error.flags == ("p2",)
    assert set(GDW.points_from(decoded)) == {1, 3}
    assert GDW.index_from(decoded) == {}


def test_a_meter_without_data_is_told_and_nothing_behind_it_is_guessed():
    unit = "20 11 26" + READ_AT + "00" + index("7")
    nothing = "20 11 26" + "EE" * 11
    decoded = decode(0x0D, "0701 0114" + unit + nothing + unit)
    assert (decoded.error.code, decoded.error.flags) == ("no_data", ("p2",))
    assert set(GDW.points_from(decoded)) == {1}


@pytest.mark.parametrize("places", [2, 8, 20, 24])
def test_a_unit_cut_short_has_no_value(places):
    unit = "0101 0110" + READ_AT + "00" + index("7")
    decoded = decode(0x0C, unit.replace(" ", "")[:-places])
    assert decoded.error.code == "length"
    assert GDW.points_from(decoded) == {}


def test_a_terminal_that_has_nothing_says_so():
    decoded = decode(0x0D, "0101 0114", control=0x89)
    assert decoded.error.code == "no_data"


def test_refusals():
    decoded = decode(0x00, "0000 0200")
    assert decoded.error == "The terminal refused the request."
    decoded = decode(0x00, "0000 0400 04 0000 0200 02 0101 0100 00")
    assert decoded.error == (
        "The terminal refused p0 F10 (the meter address is there twice)."
    ).replace("F10", "F2")
    assert decoded.error.code == "meter"


def test_what_a_concentrator_refuses_no_meter_has_refused():
    through = Forwarded(DLT, "03720065")
    for afn, control, data in (
        (0x00, 0x88, "0000 0200"),
        (0x00, 0x88, "0000 0400 10 0000 0100 02"),
        (0x0D, 0x89, "0101 0114"),
    ):
        said = decode(afn, data, control=control)
        assert said.error
        assert through.credit_from(said) is None
    refused = DLT.decode(dlt645.build("1", 0xC3, b"\x20\x00"))
    assert through.credit_from(refused) == "refused"
    repeat = DLT.decode(dlt645.build("1", 0xC3, b"\x02\x00"))
    assert through.credit_from(repeat) == "repeat"


@pytest.mark.parametrize("data", ["0200 0100", "0000 0000", "0000 01FF", "0000 01"])
def test_a_unit_that_names_nothing_is_a_fault(data):
    assert decode(0x0C, data).error.code in ("frame", "length")


@pytest.mark.parametrize(
    "frame, code",
    [
        ("6832003200", "truncated"),
        ("683200320068C9000234120002710000010085", "truncated"),
        ("683200320068C900023412000271000001008416", "checksum"),
        ("683200320068C900023412000271000001008517", "frame"),
        ("683200360068C900023412000271000001008516", "length"),
        ("683300330068C900023412000271000001008516", "frame"),
        ("683200320069C900023412000271000001008516", "frame"),
        ("680A000A0068C900023412000271000001008516", "length"),
    ],
)
def test_a_broken_frame_gets_a_typed_fault(frame, code):
    decoded = GDW.decode(bytes.fromhex(frame))
    assert (decoded.error.code, decoded.values) == (code, [])


# === MATCHING === #


def test_only_the_right_answer_matches():
    request = GDW.read_day(TERMINAL, [1, 2, 9], date(2026, 11, 20), sequence=5)
    unit = "20 11 26" + READ_AT + "00" + index("7")
    answer = "0201 0114" + unit
    assert GDW.matches(request, up(0x0D, answer, seq=0x65))
    assert GDW.matches(request, up(0x0D, "0102 0114" + unit, seq=0x65))
    assert GDW.matches(request, up(0x00, "0000 0200", seq=0x65))
    assert GDW.matches(request, up(0x0D, answer, seq=0x65, control=0x89))
    wrong = [
        up(0x0D, answer, seq=0x66),  # answers an earlier request
        up(0x0D, answer, seq=0x25),  # goes on with something
        up(0x0C, answer, seq=0x65),
        up(0x0D, answer, seq=0x65, address="02001235"),
        up(0x0D, answer, seq=0x65, control=0xC4),  # speaks without being asked
        up(0x0D, "0401 0114" + unit, seq=0x65),  # another meter
        up(0x0D, "0201 0214" + unit, seq=0x65),  # another item
        up(0x0D, "0201 0114 19" + unit[2:], seq=0x65),  # another day
        request,
    ]
    assert [GDW.matches(request, one) for one in wrong] == [False] * len(wrong)


def test_a_forwarded_answer_must_come_from_the_meter_that_was_asked():
    inner = DLT.read_index("1")[0]
    request = GDW.forward(TERMINAL, inner, sequence=3)
    data = bytes.fromhex("00FF010000000000")

    def answer(meter):
        reply = dlt645.build(meter, 0x91, data, wake_up=False)
        unit = b"\x1f" + len(reply).to_bytes(2, "little") + reply
        return up(0x10, "0000 0100" + unit.hex(), seq=0x63), reply

    frame, reply = answer("1")
    assert GDW.matches(request, frame)
    assert GDW.forwarded_from(frame) == reply
    assert not GDW.matches(request, answer("2")[0])


def test_long_answers():
    unit = "{} 0110" + READ_AT + "00" + index("7")
    first = up(0x0C, unit.format("0101"), seq=0x45)
    second = up(0x0C, unit.format("0201"), seq=0x06)
    last = up(0x0C, unit.format("0401"), seq=0x27)
    assert GDW.continues(first, second) and GDW.continues(second, last)
    assert not GDW.continues(first, last) and not GDW.continues(last, first)
    joined = GDW.join([GDW.decode(one) for one in (first, second, last)])
    assert set(GDW.points_from(joined)) == {1, 2, 3}
    assert GDW.decode(first).more and not joined.more


# === ARCHIVES === #

ROWS = [
    Archive(1, 1, "151230011061"),
    Archive(2, 2, "78331505104145", protocol="cjt188", port=2, rates=1),
    Archive(3, 7, "42", protocol="dlt645-1997", baud=1200, digits=(4, 1), kind=(5, 1)),
]


def test_archives_go_down_and_come_back_the_same():
    frame = GDW.write_archives(TERMINAL, ROWS)
    data = gdw376_frame.parse(frame).data
    assert len(data) == 4 + 2 + 3 * 27 + 16
    answer = up(0x0A, data[:-16].hex())
    for decoded in (GDW.decode(frame), GDW.decode(answer)):
        values = told(decoded)
        assert decoded.error is None
        assert values["archive.1.address"] == "151230011061"
        assert values["archive.2.address"] == "78331505104145"
        assert values["archive.2.protocol"] == "cjt188"
        assert (values["archive.3.point"], values["archive.3.baud"]) == ("7", "1200")
        assert values["archive.3.digits"] == "4.1"
        assert values["archive.3.kind"] == "5/1"
        assert not [name for name in values if "password" in name]


def test_archives_are_asked_for_by_number():
    decoded = GDW.decode(GDW.read_archives(TERMINAL, [1, 300]))
    assert told(decoded) == {"archive.1": "1", "archive.2": "300"}


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"point": 2041},
        {"port": 0},
        {"baud": 300},
        {"protocol": "morse"},
        {"rates": 13},
        {"digits": (8, 2)},
        {"address": "1" * 13},
        {"kind": (16, 0)},
    ],
)
def test_an_archive_row_that_does_not_fit_gets_a_sentence(change):
    with pytest.raises((EncodeError, AddressError)):
        GDW.write_archives(TERMINAL, [ROWS[0]._replace(**change)])


# === SECRETS === #


def test_secrets_are_starred_out():
    relay = DLT.relay(
        "1", True, now=datetime(2026, 1, 1), password="02123456", operator="1"
    )
    code = bytes(range(0x41, 0x51))
    frame = GDW.forward(TERMINAL, relay, code=code)
    text = GDW.redact(frame)
    assert len(text) == 2 * len(frame)
    assert code.hex() in frame.hex() and code.hex() not in text
    assert DLT.redact(relay) in text
    assert "*" in GDW.decode(frame).value("forwarded")
    rows = [ROWS[0]._replace(password="123456")]
    frame = GDW.write_archives(TERMINAL, rows)
    assert "563412" in frame.hex() and "563412" not in GDW.redact(frame)
    (read,) = GDW.read_clock(TERMINAL)
    assert GDW.redact(read) == read.hex()


def test_what_it_does_not_offer():
    with pytest.raises(Unsupported, match="gdw376 does not offer switching"):
        GDW.relay(TERMINAL, True, now=None, password=None, operator=None)
    with pytest.raises(EncodeError, match="not a freeze of this kind"):
        GDW.read_day(TERMINAL, [1], date(2026, 11, 20), fn=177)
    with pytest.raises(EncodeError, match="16 bytes"):
        GDW.set_clock(TERMINAL, datetime(2026, 1, 1), password="1234")
    with pytest.raises(EncodeError, match="cannot be set"):
        GDW.forward(TERMINAL, b"x", baud=1)
