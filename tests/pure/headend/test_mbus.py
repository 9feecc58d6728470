"""M-Bus: frames of real meters, names and units, addressing, noise, and a real read."""

import asyncio
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from headend.protocols import mbus_frames, mbus_records, registry
from headend.protocols.base import AddressError, Decoded, Unsupported
from headend.simulator.mbus import MbusMeter
from hypothesis import given
from hypothesis import strategies as st
from meterbus import MeasureUnit, VIFTable

MBUS = registry.get("mbus")
GIGAJOULES = registry.get("mbus", index_unit="GJ")
DTU = "10372001"
LINK = f"dtu:{DTU}"
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=8))).timestamp()

#: rscada/libmbus, test/test-frames/NAME.hex with the values of NAME.norm.xml.
PUBLISHED = {
    "frame2": (  # the worked example of the M-Bus documentation, 6.5
        "681F1F680802727856341224400107550000000313153100DA023B13018B60043718021816",
        {"volume": "12.565", "flow.s5.max": "0.113", "energy.t2.u1": "218.370"},
        "12.565",
    ),
    "itron_cyble_m-bus_v1.4_water": (
        "6856566808017271000012770414070A3000000C78710000120D7C084449202E747375630A45"
        "4C4259432054534554046D2B0D9811027C09656D6974202E746162F21004143D300000049"
        "47F140000004414000000000F10011F2F16",
        {"volume": "123.49", "volume.s1": "0"},
        "123.49",
    ),
    "els_falcon": (
        "684A4A680801724523117093150A07020000000C1367452301046D3A0DE602426CE1014C1351"
        "69450042EC7E0111123B3917426C0111023BF9170F0E42200101010005085E01203D12083D12"
        "0800C016",
        {"volume": "1234.567", "clock": "2007-02-06 13:58", "flow": "6.137"},
        "1234.567",
    ),
    "allmess_cf50": (
        "683D3D6808017200512002824D0204008800000407000000000C15030000000B2E0000000B3B"
        "0000000A5A88120A5E16050B61237700026C8C110227370D0F60006716",
        {
            "energy": "0",
            "volume": "0.3",
            "flow_temperature": "128.8",
            "return_temperature": "51.6",
            "temperature_difference": "77.23",
        },
        "0",
    ),
    "nzr_dhz_5_63": (
        "6832326808057208061030523B0102010000000403FA04000004837FFA04000002FD48440902"
        "FD5B0000022B00000C78080610300F0E7116",
        {"energy": "1.274", "voltage": "237.2", "power": "0"},
        "1.274",
    ),
    "oms_frame1": (
        "6820206808FD7278563412931533032A0000000C1427048502046D32371F1502FD1700008916",
        {"volume": "28504.27", "clock": "2008-05-31 23:50"},
        "28504.27",
    ),
    "sen_pollutherm": (
        "6842426808087276000521184E3104510000000C07640800000C14929879000C7B020300000C"
        "2C585400000A5A55070A5E94050B607660010C78760005210CFD10760005211FB316",
        {"energy": "8640", "volume": "7998.92", "power": "54.58"},
        "8640",
    ),
    "example_data_01": (
        "6831316808017245585703B40534049E0027B60306F934150315C6004D052E00000000053D00"
        "000000055B22F32642055FC7DA0D42FA16",
        {
            "energy": "1389817",
            "volume": "504647.0",
            "flow_temperature": "41.737434",
            "return_temperature": "35.46365",
        },
        "1389817",
    ),
    "LGB_G350": (  # a gas meter that tells the frozen volume only
        "6840406808017258200812E2304003400000002F2F4C1392408310466D0000081627000D7811"
        "34313835303238303231393537313030478940FD1A0101FD170001FD670F3816",
        {"volume.s1": "10834.092"},
        None,
    ),
}


def numbers(decoded):
    return {one.name: one.value for one in decoded.values}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_telegrams(name):
    text, values, total = PUBLISHED[name]
    raw = bytes.fromhex(text)
    decoded = MBUS.decode(raw)
    assert decoded.error is None
    found = numbers(decoded)
    for key, value in values.items():
        wanted = value if ":" in value else Decimal(value)
        assert found[key] == wanted, key
    assert MBUS.index_from(decoded) == ({"total": Decimal(total)} if total else {})
    assert registry.detect(raw) == "mbus"


@pytest.mark.parametrize(
    "name, text, error",
    [
        ("premature_end_of_data1", None, "A record of the telegram is cut short."),
        ("application_busy", "68040468080170088116", "The meter refused: busy."),
        (
            "manual_frame2 (fixed data, M-Bus documentation 6.3.2)",
            "6813136808057378563412 0A00 E97E 01000000 35010000 3C16",
            "The meter's data are of kind 73, which is not read",
        ),
    ],
)
def test_published_faults(name, text, error):
    if text is None:
        raw = bytes.fromhex(PUBLISHED["frame2"][0])
        text = mbus_frames.build_long(8, 2, 0x72, raw[7:-5]).hex()
    decoded = MBUS.decode(bytes.fromhex(text))
    assert str(decoded.error).startswith(error), name
    assert MBUS.index_from(decoded) == {}


def test_short_frames_of_the_documentation():
    # M-Bus documentation, 5.4: SND_NKE and REQ_UD2 to address 1
    assert MBUS.prepare("1") == bytes.fromhex("1040014116")
    assert mbus_frames.build_short(0x7B, 1) == bytes.fromhex("107B017C16")
    assert MBUS.decode(b"\xe5").control == "E5"
    # M-Bus documentation, 7.1: 68 0B 0B 68 53 FD 52 ID M V G CS 16
    select = MBUS.prepare("12345678")
    assert select == bytes.fromhex("680B0B6853FD5278563412FFFFFFFFB216")


# === NAMES AND UNITS === #


def telegram(*records, medium=7, status=0, signature=b"\0\0"):
    head = bytes.fromhex("78563412B20D01") + bytes([medium, 0, status]) + signature
    return mbus_frames.build_long(8, 1, 0x72, head + bytes.fromhex("".join(records)))


@pytest.mark.parametrize(
    "record, name, value, unit",
    [
        ("0C06 78563412", "energy", "12345678", "kWh"),
        ("0C86 00 78563412", "energy", "12345678", "kWh"),
        ("0C0E 78563412", "energy", "12345.678", "GJ"),
        ("0CFB00 78563412", "energy", "1234567800", "kWh"),
        ("0CFB09 78563412", "energy", "12345678", "GJ"),
        ("0C94 7D 78563412", "volume", "123456780", "m³"),
        ("0C94 74 78563412", "volume", "1234.5678", "m³"),
        ("0C94 3A 78563412", "volume.uncorrected", "123456.78", "m³"),
        ("0C94 3C 78563412", "volume.reverse", "123456.78", "m³"),
        ("0C94 2C 78563412", "volume.x2C", "123456.78", "m³"),
        ("4C14 78563412", "volume.s1", "123456.78", "m³"),
        ("1C14 78563412", "volume.max", "123456.78", "m³"),
        ("8C10 14 78563412", "volume.t1", "123456.78", "m³"),
        ("8C40 14 78563412", "volume.u1", "123456.78", "m³"),
        ("0414 FFFFFFFF", "volume", "-0.01", "m³"),
        ("0414 00000080", "volume", None, "m³"),
        ("0C14 785634F2", "volume", "-23456.78", "m³"),
        ("0C14 FFFFFFFF", "volume", None, "m³"),
        ("0514 0000C07F", "volume", None, "m³"),
        ("0513 79E9F642", "volume", "0.123456", "m³"),
        ("0A5A EEEE", "flow_temperature", None, "°C"),
        ("0A5A 1AB0", "flow_temperature", None, "°C"),
        ("023B 1301", "flow", "0.275", "m³/h"),
        ("0242 1301", "flow", "0.165", "m³/h"),
        ("022B 1301", "power", "0.275", "kW"),
        ("0422 10000000", "on_time", "57600", "s"),
        ("046D 329F1A1B", "clock", None, ""),
    ],
)
def test_units_storage_tariff_and_corrections(record, name, value, unit):
    decoded = MBUS.decode(telegram(record.replace(" ", "")))
    assert decoded.error is None
    (found,) = [one for one in decoded.values if one.name == name]
    if name != "clock":
        assert found[1:] == (None if value is None else Decimal(value), unit)


def test_units_of_pymeterbus_are_those_of_the_standard():
    # EN 13757-3, table 10: E000 0nnn = 10^(nnn-3) Wh, and so on
    for code in range(8):
        for base, start, unit in (
            (0x00, -3, MeasureUnit.WH),
            (0x08, 0, MeasureUnit.J),
            (0x10, -6, MeasureUnit.M3),
            (0x28, -3, MeasureUnit.W),
            (0x38, -6, MeasureUnit.M3_H),
        ):
            factor, found, _kind = VIFTable.lut[base + code]
            assert Decimal(repr(factor)) == Decimal(1).scaleb(start + code)
            assert found == unit
    for code in range(4):
        for base in (0x58, 0x5C, 0x60, 0x64):
            factor = VIFTable.lut[base + code][0]
            assert Decimal(repr(factor)) == Decimal(1).scaleb(code - 3)


@pytest.mark.parametrize(
    "records, medium, index",
    [
        (["0C14 78563412"], 7, {"total": "123456.78"}),
        (["0C14 78563412", "0C14 78563412"], 7, {"total": "123456.78"}),
        (["0C14 78563412", "0C14 79563412"], 7, {}),  # which of them?
        (["0C06 78563412", "0C14 78563412"], 7, {"total": "123456.78"}),
        (["0C06 78563412", "0C14 78563412"], 4, {"total": "12345678"}),
        (["0C06 78563412", "0C0E 11110000"], 4, {"total": "12345678"}),
        (["0C0E 78563412"], 4, {}),  # GJ where kWh are wanted
        (["0C06 03000000", "8C1006 01000000"], 2, {"total": "3", "t1": "1"}),
        (["0C06 03000000", "8C1006 01000000"], 4, {"total": "3"}),
        (["4C14 78563412"], 7, {}),
        (["0414 FFFFFFFF"], 7, {}),
        (["0C14 78563412"], 0x0E, {}),
    ],
)
def test_the_index_is_the_one_of_the_medium(records, medium, index):
    raw = telegram(*(one.replace(" ", "") for one in records), medium=medium)
    decoded = MBUS.decode(raw)
    wanted = {key: Decimal(value) for key, value in index.items()}
    assert MBUS.index_from(decoded) == wanted


def test_options_of_a_model():
    raw = telegram("0C0E78563412", "0C1478563412", medium=4)
    decoded = MBUS.decode(raw)
    assert GIGAJOULES.index_from(decoded) == {"total": Decimal("12345.678")}
    volume = registry.get("mbus", quantity="volume")
    assert volume.index_from(decoded) == {"total": Decimal("123456.78")}


def test_a_counter_that_is_no_number_is_an_error():
    decoded = MBUS.decode(telegram("0C14785A3412"))
    assert decoded.error.code == "bcd" and MBUS.index_from(decoded) == {}
    assert MBUS.decode(telegram("05140000807F")).error.code == "bcd"  # infinite


def test_header_status_and_secrets():
    decoded = MBUS.decode(telegram("0C1478563412", status=0x0C))
    found = numbers(decoded)
    assert found["identification"] == "12345678"
    assert (found["manufacturer"], found["medium"]) == ("CMR", "water")
    assert (found["status"], found["battery"]) == ("0C", "low")
    assert found["permanent_error"] == "yes"
    secret = MBUS.decode(telegram("0C1478563412", signature=b"\x10\x05"))
    assert secret.error.code == "encrypted" and MBUS.index_from(secret) == {}
    more = MBUS.decode(telegram("0C1478563412", "1F"))
    assert more.value("more_records") == "yes"


# === ADDRESSES AND MATCHING === #


@pytest.mark.parametrize(
    "address", ["", "0", "251", "255", "1234", "ABCDEFGH", "F" * 8]
)
def test_a_bad_address_gets_a_sentence(address):
    with pytest.raises(AddressError, match="M-Bus has primary addresses from 1 to 250"):
        MBUS.read_index(address)


def test_single_items_are_not_offered():
    with pytest.raises(Unsupported, match="all its values at once"):
        MBUS.read_item("1", 0)


def test_a_read_is_reset_and_question_in_one():
    (request,) = MBUS.read_index("5")
    assert request == bytes.fromhex("1040054516 107B058016")
    assert MBUS.steps(request) == [request[:5], request[5:]]
    assert MBUS.decode(request).control == "7B"
    assert MBUS.read_next("5", 1) == bytes.fromhex("105B056016")
    assert MBUS.read_next("5", 2) == bytes.fromhex("107B058016")
    with pytest.raises(Unsupported, match="by the primary address"):
        MBUS.read_next("12345678", 1)


def test_the_clock_is_read_with_the_index():
    decoded = MBUS.decode(bytes.fromhex(PUBLISHED["oms_frame1"][0]))
    assert MBUS.clock_from([decoded]) == datetime(2008, 5, 31, 23, 50)
    assert MBUS.clock_from([MBUS.decode(b"\xe5")]) is None


def test_only_the_right_reply_matches():
    answer = telegram("0C1478563412")
    for address, fits in (("1", True), ("254", True), ("2", False)):
        assert MBUS.matches(MBUS.read_index(address)[0], answer) is fits
    for address, fits in (
        ("12345678", True),
        ("1234567812345678", False),
        ("123456780DB20107", True),
        ("123456780DB20104", False),
        ("123FFFFF", True),
        ("12345679", False),
    ):
        assert MBUS.matches(MBUS.read_index(address)[0], answer) is fits, address
    reset = MBUS.prepare("1")
    assert MBUS.matches(reset, b"\xe5") and not MBUS.matches(reset, answer)
    assert not MBUS.matches(MBUS.read_index("1")[0], b"\xe5")
    assert not MBUS.matches(reset, reset)


# === FRAMING === #

long_frames = st.builds(
    mbus_frames.build_long,
    st.just(8),
    st.integers(1, 250),
    st.just(0x72),
    st.binary(max_size=60),
)
short_frames = st.builds(
    mbus_frames.build_short, st.sampled_from([0x40, 0x5B, 0x7B]), st.integers(1, 250)
)
quiet = st.binary(max_size=20).map(
    lambda noise: bytes(one for one in noise if one not in (0x10, 0x68, 0xE5))
)


@given(
    st.lists(st.tuples(quiet, st.one_of(long_frames, short_frames)), max_size=4),
    st.integers(1, 20),
)
def test_frames_are_found_split_merged_and_between_noise(parts, step):
    stream = b"".join(noise + frame for noise, frame in parts)
    framer, found = MBUS.Framer(), []
    for place in range(0, len(stream), step):
        found += framer.feed(stream[place : place + step])
    assert found == [frame for _noise, frame in parts]


def test_an_acknowledgement_counts_only_when_it_comes_alone():
    framer = MBUS.Framer()
    assert framer.feed(b"\xff\xe5") == [b"\xe5"]
    assert framer.feed(b"\xe5\x00\xe5\x01") == []


def test_a_false_start_is_given_up_when_the_line_falls_silent():
    framer, frame = MBUS.Framer(), telegram("0C1478563412")
    assert framer.feed(b"\x68\xf0\xf0\x68" + frame) == []
    assert framer.flush() == [frame]


@given(st.one_of(st.binary(max_size=80), long_frames))
def test_any_bytes_decode_to_something(data):
    decoded = MBUS.decode(data)
    assert isinstance(decoded, Decoded)
    framer = MBUS.Framer()
    framer.feed(data)
    framer.flush()
    MBUS.matches(MBUS.read_index("12345678")[0], data)
    decoded.as_dict()


records = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=8),
        st.builds(
            lambda dif, vif, data: bytes([dif, vif]) + data,
            st.sampled_from([0x0C, 0x04, 0x0A, 0x05, 0x4C, 0x8C, 0x0D, 0x07]),
            st.sampled_from(
                [0x06, 0x14, 0x94, 0xFB, 0xFD, 0x7C, 0xFC, 0x6D, 0x7F, 0xFF]
            ),
            st.binary(max_size=9),
        ),
    ),
    max_size=6,
)


@given(records, st.sampled_from([2, 3, 4, 7]))
def test_any_records_are_values_or_a_fault(parts, medium):
    decoded = MBUS.decode(telegram(b"".join(parts).hex(), medium=medium))
    for one in decoded.values:
        assert one.value is None or isinstance(one.value, Decimal | str)
    for value in MBUS.index_from(decoded).values():
        assert value.is_finite() and value >= 0
    decoded.as_dict()


@given(st.integers(-9_999_999, 99_999_999), st.integers(0, 7))
def test_every_number_comes_back_exactly(number, power):
    digits = f"{abs(number):08d}" if number >= 0 else f"F{abs(number):07d}"
    data = bytes.fromhex(digits)[::-1].hex()
    values, error = mbus_records.read(telegram(f"0C{0x10 + power:02X}{data}"))
    assert error is None
    if data != "ffffffff":
        assert values[0].value == Decimal(number).scaleb(power - 6)


# === SIMULATED METERS === #


def test_a_meter_that_is_not_reset_repeats_itself():
    now = [NOON]
    row = {"address": "12345678", "index": "100", "per_hour": "10", "primary": 3}
    meter = MbusMeter(row, lambda: now[0])

    def ask(request):
        for step in MBUS.steps(request):
            _kind, reply = meter.answer(step)
        return MBUS.index_from(MBUS.decode(reply))["total"]

    question = MBUS.read_index("3")[0]
    assert ask(question) == 100
    now[0] += 3600
    assert ask(MBUS.steps(question)[1]) == 100  # the old telegram once more
    assert ask(question) == 110
    now[0] += 3600
    assert ask(MBUS.read_index("12345678")[0]) == 120
    assert meter.answer(MBUS.prepare("12345679"))[1] is None
    assert meter.answer(mbus_frames.build_short(0x7B, 253))[1] is None


def test_mbus_meters_behind_one_dtu_are_read(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(pace=0.001)
        rows = [
            {"protocol": "mbus", "address": "11111111", "primary": 1, "index": "5"},
            {"protocol": "mbus", "address": "22222222", "primary": 2, "medium": 7},
            {"protocol": "dlt645-2007", "address": "9", "index": "9"},
        ]
        rows[1]["index"] = "42.25"
        simulator = await place.simulator(gateway, {"terminal": DTU, "meters": rows})
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        frames = [
            MBUS.read_index(address)[0]
            for address in ("1", "2", "11111111", "22222222", "11FFFFFF")
        ]
        simulator.meters["22222222"].adjust({"garble_replies": 1, "repeat_replies": 1})
        replies = await client.exchange(LINK, "mbus", frames)
        assert [one.error for one in replies] == [None] * 5
        found = [MBUS.index_from(MBUS.decode(one.reply))["total"] for one in replies]
        assert found == [Decimal(one) for one in ("5", "42.25", "5", "42.25", "5")]
        (lost,) = await client.exchange(
            LINK, "mbus", MBUS.read_index("33333333"), timeout=0.1
        )
        assert (lost.error, lost.sent) == ("timeout", True)
        dlt = registry.get("dlt645-2007")
        (reply,) = await client.exchange(LINK, dlt.name, dlt.read_index("9"))
        assert dlt.index_from(dlt.decode(reply.reply))["total"] == 9
        assert not [one for one in place.odoo.events if one["type"] == "uplink"]

    world(body)


def test_when_the_line_breaks_between_the_steps_nothing_is_read(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(pace=0.2)
        line = await place.dial(gateway, DTU.encode(), MBUS)
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        (request,) = MBUS.read_index("1")
        task = asyncio.create_task(client.exchange(LINK, "mbus", [request]))
        assert await line.request() == MBUS.prepare("1")
        line.send(b"\xe5")
        await line.writer.drain()
        line.writer.close()
        (outcome,) = await task
        assert (outcome.reply, outcome.error) == (None, "timeout")

    world(body)


def test_a_link_that_is_removed_between_the_steps_leaves_a_doubt(world):
    """A byte has left: the answer must not be the one of a request that never began."""

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(pace=30, refresh_pause=0)
        line = await place.dial(gateway, DTU.encode(), MBUS)
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        task = asyncio.create_task(
            client.exchange(LINK, "mbus", MBUS.read_index("1"), deadline=60)
        )
        assert await line.request() == MBUS.prepare("1")
        line.send(b"\xe5")
        while not gateway.links[LINK]._rest:
            await client.links()
        place.odoo.allow()
        await gateway.odoo.refresh()
        (outcome,) = await task
        assert (outcome.error, outcome.sent) == ("timeout", True)

    world(body)
