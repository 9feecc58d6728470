"""Requests, replies and sentences of both protocols."""

from datetime import datetime
from decimal import Decimal

import pytest
from headend.protocols import bcd, cjt188, dlt645, registry
from headend.protocols.authenticator import (
    AuthenticationMissing,
    SimulatorAuthenticator,
    from_environment,
)
from headend.protocols.base import (
    AddressError,
    EncodeError,
    ProtocolError,
    UnknownProtocol,
    Unsupported,
)
from hypothesis import given
from hypothesis import strategies as st

DLT = registry.get("dlt645-2007")
CJT = registry.get("cjt188")
KEY = SimulatorAuthenticator("key")


def reply(item, data, control=0x91, address="1"):
    """Decoded DL/T 645 reply with plain ``data`` in hex."""
    raw = item.to_bytes(4, "little") + bytes.fromhex(data)
    return DLT.decode(dlt645.build(address, control, raw))


def credit(**changes):
    values = {
        "purchase_no": 7,
        "amount": Decimal("50.00"),
        "customer_no": "10001",
        "authenticator": KEY,
        **changes,
    }
    return DLT.credit("1", **values)


# === REGISTRY === #


def test_protocols_are_found_by_name():
    assert {"dlt645-2007", "dlt645-1997", "cjt188", "gdw376"} <= set(registry.names())
    with pytest.raises(UnknownProtocol, match="“morse”; known are: .*dlt645-2007"):
        registry.get("morse")


def test_a_model_may_change_options_without_changing_the_protocol():
    hot = registry.get("cjt188", meter_type=cjt188.METER_TYPES["hot_water"])
    assert hot.read_index("1")[0][4] == 0x11
    assert CJT.read_index("1")[0][4] == 0x10


# === SENTENCES FOR BAD INPUT === #


@pytest.mark.parametrize("address", ["12AB", "1" * 13, "", "１２", "-1", "12 3"])
def test_a_bad_address_gets_a_sentence(address):
    with pytest.raises(AddressError, match="must have 1 to 12 digits"):
        DLT.read_index(address)


def test_a_bad_water_address_gets_a_sentence():
    with pytest.raises(AddressError, match="“12AB” is not valid.*1 to 14 digits"):
        CJT.read_index("12AB")


@pytest.mark.parametrize(
    "frame, code, sentence",
    [
        ("", "frame", "There is no frame in these bytes (no start byte 68)."),
        ("FEFE", "frame", "There is no frame in these bytes (no start byte 68)."),
        ("6801000000", "truncated", "The frame is truncated: 5 bytes only."),
        (
            "68010000000000689108333334336A",
            "truncated",
            "The frame is truncated: 15 of 20 bytes.",
        ),
        (
            "680100000000006811043333343300" + "16",
            "checksum",
            "The checksum is wrong: 00 received, B3 computed.",
        ),
        (
            "68010000000000681104333334 33B317",
            "frame",
            "The frame ends with 17 instead of 16.",
        ),
        (
            "68010000000000691104333334 33B316",
            "frame",
            "This is no DL/T 645 frame: the second 68 is missing.",
        ),
    ],
)
def test_a_broken_frame_gets_a_sentence(frame, code, sentence):
    decoded = DLT.decode(bytes.fromhex(frame))
    assert (decoded.error, decoded.error.code) == (sentence, code)
    assert decoded.values == []


@pytest.mark.parametrize(
    "frame, code",
    [
        ("6810010000", "truncated"),
        ("681001000000000000010390" + "1F", "truncated"),
        ("68100100000000000001039 01F00 0016", "checksum"),
        ("68FF0100000000000001039 01F00 0016", "frame"),
    ],
)
def test_a_broken_water_frame_gets_a_sentence(frame, code):
    decoded = CJT.decode(bytes.fromhex(frame.replace(" ", "")))
    assert decoded.error.code == code


def test_a_value_that_is_no_number_is_an_error_and_not_zero():
    decoded = reply(0x00010000, "0A000000")
    assert decoded.error == (
        "The value of forward_active.total is no decimal number: 0000000A."
    )
    assert decoded.error.code == "bcd"
    assert DLT.index_from(decoded) == {}


@pytest.mark.parametrize("filler", ["FFFFFFFF", "EEEEEEEE"])
def test_a_filler_is_no_value_and_not_zero(filler):
    decoded = reply(0x00010000, filler)
    assert decoded.error is None
    assert decoded.value("forward_active.total") is None
    assert DLT.index_from(decoded) == {}


def test_no_record_is_told():
    decoded = reply(0x05060101, "")
    assert decoded.error.code == "no_data"
    assert decoded.error == "The meter has no record for this item."


def test_a_value_that_is_too_short_is_told():
    decoded = reply(0x00010000, "1200")
    assert decoded.error == "The value of forward_active.total is too short: 2 bytes."


# === READING === #


def test_the_block_of_the_index_names_all_registers():
    decoded = reply(0x0001FF00, "1000000004000000030000000200000001000000")
    assert DLT.index_from(decoded) == {
        "total": Decimal("0.10"),
        "t1": Decimal("0.04"),
        "t2": Decimal("0.03"),
        "t3": Decimal("0.02"),
        "t4": Decimal("0.01"),
    }


def test_a_single_rate_is_an_index_and_a_settlement_is_none():
    assert DLT.index_from(reply(0x00010200, "10000000")) == {"t2": Decimal("0.10")}
    settled = reply(0x00010001, "10000000")
    assert settled.value("forward_active.total.1") == Decimal("0.10")
    assert DLT.index_from(settled) == {}
    assert DLT.index_from(reply(0x00020000, "10000000")) == {}


def test_a_daily_freeze_and_its_time():
    first, second = DLT.read_daily("1", 3)
    assert DLT.decode(first).data_id == "05060103"
    assert DLT.decode(second).data_id == "05060003"
    frozen = reply(0x05060103, "56341200" * 5)
    assert DLT.index_from(frozen)["total"] == Decimal("1234.56")
    assert DLT.is_frozen(frozen)
    assert not DLT.is_frozen(reply(0x00010000, "00000000"))
    assert not DLT.is_frozen(DLT.decode(b""))
    taken = reply(0x05060003, "0000191126")
    assert DLT.freeze_time_from(taken) == datetime(2026, 11, 19)
    assert DLT.freeze_time_from(reply(0x05060003, "FFFFFFFFFF")) is None
    assert DLT.freeze_time_from(reply(0x05060003, "0000999926")) is None


@pytest.mark.parametrize("days_back", [0, -1, 63])
def test_a_freeze_the_meter_cannot_have(days_back):
    with pytest.raises(EncodeError, match="62 daily freezes"):
        DLT.read_daily("1", days_back)


def test_water_meters_have_no_daily_freeze():
    with pytest.raises(Unsupported, match="cjt188 does not offer daily freezes"):
        CJT.read_daily("1", 1)
    with pytest.raises(Unsupported, match="prepaid credit"):
        CJT.purchase_state("1")


def test_the_sign_counts_only_where_the_standard_has_one():
    assert reply(0x02030000, "341285").value("active_power.total") == Decimal("-5.1234")
    assert reply(0x02020100, "001580").value("current.a") == Decimal("-1.500")
    unsigned = reply(0x00010000, "00000080")
    assert unsigned.value("forward_active.total") == Decimal("800000.00")


def test_an_unknown_item_keeps_its_bytes():
    assert reply(0x04001201, "0102").value("data") == "0102"


def test_litres_become_cubic_metres():
    data = "901F00" + "50123400" + "29" + "00000000" + "29" + "00" * 7 + "0000"
    frame = cjt188.build(0x10, "1", 0x81, bytes.fromhex(data))
    decoded = CJT.decode(frame)
    assert decoded.value("total") == Decimal("3412.50")
    assert CJT.index_from(decoded) == {"total": Decimal("3.41250")}


@given(st.decimals(0, Decimal("999999.99"), places=2))
def test_numbers_survive_bcd(value):
    assert bcd.number(bcd.pack_number(value, 4, 2), 2) == value


# === MATCHING === #


def test_only_the_right_reply_matches():
    request = DLT.read_item("1", 0x00010000)
    data = bytes.fromhex("0000010000000000")
    assert DLT.matches(request, dlt645.build("1", 0x91, data))
    assert DLT.matches(request, dlt645.build("1", 0xD1, b"\x02"))
    assert not DLT.matches(request, dlt645.build("2", 0x91, data))
    assert not DLT.matches(request, dlt645.build("1", 0x94))
    other = bytes.fromhex("0000020000000000")
    assert not DLT.matches(request, dlt645.build("1", 0x91, other))
    assert not DLT.matches(request, request)  # an echo of the line


def test_a_wildcard_accepts_the_true_address():
    data = bytes.fromhex("0000010000000000")
    answer = dlt645.build("123456789012", 0x91, data)
    for asked in ("A" * 12, "9" * 12):
        request = dlt645.build(asked, 0x11, data[:4])
        assert DLT.matches(request, answer)
    assert dlt645.same_meter("AAAAAA789012", "123456789012")
    assert not dlt645.same_meter("AAAAAA789013", "123456789012")


def test_water_replies_match_in_either_byte_order():
    (request,) = CJT.read_index("1")
    data = bytes.fromhex("1F9000" + "00" * 19)
    assert CJT.matches(request, cjt188.build(0x10, "1", 0x81, data))
    assert CJT.matches(request, cjt188.build(0x10, "1", 0xC1, b"\x00\x00\x00"))
    assert not CJT.matches(request, cjt188.build(0x11, "1", 0x81, data))
    assert not CJT.matches(request, cjt188.build(0x10, "2", 0x81, data))
    assert not CJT.matches(request, cjt188.build(0x10, "1", 0x84, data))
    assert not CJT.matches(request, request)


# === RELAY === #


@pytest.mark.parametrize("password", ["123", "12345678a", "", "１２３４５６７８"])
def test_a_relay_password_has_eight_digits(password):
    with pytest.raises(EncodeError, match="must have 8 digits"):
        DLT.relay("1", True, now=datetime(2026, 1, 1), password=password, operator="1")


def test_a_relay_command_says_until_when_it_counts():
    frame = DLT.relay(
        "1", False, now=datetime(2026, 12, 31, 23, 58), password="02123456", operator=9
    )
    decoded = DLT.decode(frame)
    assert decoded.value("relay_command") == "open"
    assert decoded.value("valid_until") == "270101000300"


def test_secrets_are_starred_out():
    relay = DLT.relay(
        "1", True, now=datetime(2026, 1, 1), password="02123456", operator="1"
    )
    text = DLT.redact(relay)
    secret = bytes((one + 0x33) % 256 for one in bytes.fromhex("02563412")).hex()
    assert secret in relay.hex() and secret not in text
    assert len(text) == 2 * len(relay)
    assert text.count("*") == 16 + 2  # 8 bytes and the checksum that would tell them
    money = DLT.redact(credit())
    assert money.count("*") == 2 * 26 + 2
    (read,) = DLT.read_index("1")
    assert DLT.redact(read) == read.hex()
    assert "123456" not in str(DLT.decode(relay).as_dict())


def test_valve_words():
    assert CJT.relay("1", True)[-3] == 0x55
    assert CJT.relay("1", False)[-3] == 0x99
    decoded = CJT.decode(CJT.relay("1", False))
    assert decoded.value("valve_command") == "close"


@pytest.mark.parametrize(
    "bit, status, relay",
    [(0, 0, "closed"), (0, 1, "open"), (1, 1, "closed"), (1, 2, "open"), (0, 3, None)],
)
def test_the_bit_of_a_shut_valve_is_an_option(bit, status, relay):
    protocol = registry.get("cjt188", closed_bit=bit)
    data = bytes.fromhex("A01700") + bytes([status, 0])
    decoded = protocol.decode(cjt188.build(0x10, "1", 0x84, data))
    assert protocol.relay_from(decoded) == relay


# === PREPAID === #


def test_a_credit_is_the_same_to_the_last_bit():
    assert credit() == credit()
    assert credit() != credit(purchase_no=8)
    assert credit() != credit(amount=Decimal("50.01"))
    assert credit() != credit(customer_no="10002")
    assert credit() != credit(authenticator=SimulatorAuthenticator("other"))


def test_an_area_code_joins_the_key():
    area = KEY.for_area("731946")
    assert credit(authenticator=area) == credit(authenticator=KEY.for_area("731946"))
    others = (
        KEY,
        KEY.for_area("731947"),
        SimulatorAuthenticator("b").for_area("731946"),
    )
    for other in others:
        assert credit(authenticator=area) != credit(authenticator=other)
    for code in ("", "12345", "1234567", "12345a", "１２３４５６", None):
        with pytest.raises(AuthenticationMissing, match="six digits"):
            KEY.for_area(code)
    assert "731946" not in repr(area) + repr(vars(area))


def test_the_amount_is_hundredths_in_binary():
    frame = dlt645.parse(credit(amount=Decimal("655.37")))
    assert frame.control == 0x03 and len(frame.data) == 30
    assert frame.data[8:12] == (65537).to_bytes(4, "little")
    assert frame.data[12:16] == (7).to_bytes(4, "little")


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "42949672.96", "NaN"])
def test_an_amount_that_cannot_be_credited(amount):
    with pytest.raises(EncodeError):
        credit(amount=Decimal(amount))


def test_a_credit_needs_a_key():
    with pytest.raises(AuthenticationMissing, match="AMR_CREDIT_KEY"):
        from_environment({})
    assert from_environment({"AMR_CREDIT_KEY": "key"})("1", b"x") == KEY("1", b"x")
    assert len(KEY("1", b"x")) == 4
    assert "key" not in repr(KEY)


def test_purchase_state_from_the_replies():
    status = "8813000000000000070000000000000001000100000000000000"
    decodeds = [
        reply(0x078102FF, status, control=0x83),
        reply(0x00900100, "00500000"),
    ]
    assert DLT.purchase_from(decodeds) == (7, Decimal("50.00"))
    assert DLT.purchase_from(decodeds[:1]) == (7, Decimal("50.00"))
    with pytest.raises(ProtocolError, match="did not tell its purchase number"):
        DLT.purchase_from(decodeds[1:])


def test_the_answer_to_a_credit():
    assert DLT.credit_from(reply(0x070102FF, "", control=0x83)) == "booked"
    repeat = DLT.decode(dlt645.build("1", 0xC3, b"\x02\x00"))
    assert DLT.credit_from(repeat) == "repeat"
    assert repeat.error == "The meter refused: this purchase is already booked."
    refused = DLT.decode(dlt645.build("1", 0xC3, b"\x20\x00"))
    assert DLT.credit_from(refused) == "refused"
    other_function = DLT.decode(dlt645.build("1", 0xD1, b"\x20"))
    assert DLT.credit_from(other_function) is None
    assert DLT.credit_from(DLT.decode(b"")) is None
    assert DLT.credit_from(reply(0x00010000, "00000000")) is None
