"""Modbus RTU and TCP: published frames, register maps as data, noise, a real read."""

import asyncio
import math
import struct
from decimal import Decimal

import pytest
from headend.protocols import modbus_frames, modbus_map, models, registry
from headend.protocols.base import AddressError, Decoded, EncodeError
from headend.simulator.modbus import ModbusMeter
from hypothesis import given
from hypothesis import strategies as st

RTU = registry.get("modbus")
TCP = registry.get("modbus-tcp")
SDM = registry.get("modbus", model="eastron_sdm120")
SDM_TCP = registry.get("modbus-tcp", model="eastron_sdm120")
DTU = "10372001"
LINK = f"dtu:{DTU}"


def rtu(text):
    body = bytes.fromhex(text)
    return body + modbus_frames.crc(body)


# === PUBLISHED FRAMES === #


def test_crc_example_of_the_serial_line_specification():
    # MODBUS over Serial Line V1.02, 6.2.2: 02 07 has the CRC 1241, sent 41 12
    assert modbus_frames.crc(bytes.fromhex("0207")) == bytes.fromhex("4112")


@pytest.mark.parametrize(
    "source, request_hex, reply_hex, item, data",
    [
        (
            "MODBUS Application Protocol V1.1b3, 6.3",
            "01 03 006B 0003",
            "01 03 06 022B 0000 0064",
            "03006B03",
            "06022B00000064",
        ),
        (
            "MODBUS Application Protocol V1.1b3, 6.4",
            "01 04 0008 0001",
            "01 04 02 000A",
            "04000801",
            "02000A",
        ),
        (
            "simplymodbus.ca FC03: 11 03 006B 0003 7687",
            "11 03 006B 0003",
            "11 03 06 AE41 5652 4340",
            "03006B03",
            "06AE4156524340",
        ),
    ],
)
def test_examples_of_the_specification(source, request_hex, reply_hex, item, data):
    request, reply = rtu(request_hex), rtu(reply_hex)
    assert RTU.decode(request).data_id == item, source
    assert RTU.read_item(str(request[0]), int(item, 16)) == request
    assert RTU.matches(request, reply)
    assert RTU.decode(reply).value("data") == data
    assert registry.detect(request) == registry.detect(reply) == "modbus"


def test_published_frames_with_their_own_checksums():
    # simplymodbus.ca FC03
    assert rtu("11 03 006B 0003").hex() == "1103006b00037687"
    assert rtu("11 03 06 AE41 5652 4340").hex() == "110306ae415652434049ad"
    # Eastron SDM120-Modbus protocol, example: voltage 230.2 V
    request = bytes.fromhex("01 04 0000 0002 71CB")
    reply = bytes.fromhex("01 04 04 4366 3334 1B38")
    assert RTU.read_item("1", 0x04000002) == request
    assert RTU.matches(request, reply)
    words = modbus_frames.registers(modbus_frames.parse_rtu(reply))
    voltage = modbus_map.Register("voltage.a", 0, "float32", "V")
    assert voltage.value(words) == Decimal("230.20001")  # the float after 230.2


def test_an_exception_is_a_refusal():
    # MODBUS Application Protocol V1.1b3, 7: coil 04A1 does not exist
    decoded = RTU.decode(rtu("0A 81 02"))
    assert decoded.error == "The meter refused: there is no such register."
    assert (decoded.error.code, decoded.error.flags) == ("meter", ("no_data",))
    assert RTU.matches(rtu("0A 01 04A1 0001"), rtu("0A 81 02"))
    assert not RTU.matches(rtu("0A 03 04A1 0001"), rtu("0A 81 02"))


def test_tcp_example():
    # MODBUS Messaging on TCP/IP V1.0b, 4.4.2.1: transaction 1501, unit FF
    request = bytes.fromhex("1501 0000 0006 FF 03 0004 0001")
    reply = bytes.fromhex("1501 0000 0005 FF 03 02 0005")
    assert TCP.matches(request, reply)
    assert TCP.decode(request).data_id == "03000401"
    assert TCP.decode(reply).value("data") == "020005"
    assert registry.detect(reply) == "modbus-tcp"
    assert not TCP.matches(request, b"\x15\x02" + reply[2:])


# === READING A MODEL === #


def test_the_index_of_a_model():
    (request,) = SDM.read_index("7")
    assert request == rtu("07 04 0046 0006")
    words = struct.pack(">fff", 50.02, 12345.67, 0)
    decoded = SDM.decode(rtu(f"07 04 0C {words.hex()}"))
    assert decoded.error is None and decoded.data_id == "04004606"
    assert SDM.index_from(decoded) == {"total": Decimal("12345.67")}
    assert decoded.value("frequency") == Decimal("50.02")
    assert (decoded.address, decoded.control) == ("7", "04")


def test_values_are_scaled_exactly():
    words = struct.pack(">16f", 230.5, *[0] * 2, 1.5, *[0] * 2, 2300.5, *[0] * 9)
    decoded = SDM.decode(rtu(f"07 04 40 {words.hex()}"))
    found = {one.name: (one.value, one.unit) for one in decoded.values}
    assert found["voltage.a"] == (Decimal("230.5"), "V")
    assert found["current.a"] == (Decimal("1.5"), "A")
    assert found["active_power.total"] == (Decimal("2.3005"), "kW")
    assert SDM.index_from(decoded) == {}


def test_registers_counted_from_one():
    schneider = registry.get("modbus", model="schneider_iem2150")
    assert schneider.read_index("1") == [rtu("01 03 B02B 0004")]  # 45099
    assert schneider.read_block("1", "voltage") == rtu("01 03 0BD3 0002")  # 3027


@pytest.mark.parametrize("number", [math.inf, -math.inf, -1.0])
def test_an_index_that_cannot_be_is_an_error(number):
    words = struct.pack(">fff", 50, number, 0)
    decoded = SDM.decode(rtu(f"07 04 0C {words.hex()}"))
    assert decoded.error.code == "bcd" and SDM.index_from(decoded) == {}


def test_not_a_number_is_no_value():
    words = struct.pack(">fff", 50, math.nan, 0)
    decoded = SDM.decode(rtu(f"07 04 0C {words.hex()}"))
    assert decoded.error is None and decoded.value("total") is None
    assert SDM.index_from(decoded) == {}


@pytest.mark.parametrize("address", ["0", "248", "", "1A", "-1", "１"])
def test_a_bad_unit_gets_a_sentence(address):
    with pytest.raises(AddressError, match="a Modbus unit is a number from 1 to 247"):
        SDM.read_index(address)


@pytest.mark.parametrize("item", [0x03000000, 0x0300007E, 0x05000001, 0x03FFFF02])
def test_registers_that_cannot_be_asked_for(item):
    with pytest.raises(EncodeError):
        RTU.read_item("1", item)


def test_without_a_model_nothing_is_guessed():
    with pytest.raises(models.ModelError, match="known are: chint_ddsu666, eastron"):
        RTU.read_index("1")
    with pytest.raises(EncodeError, match="no block “heat”"):
        SDM.read_block("1", "heat")
    decoded = RTU.decode(rtu("07 04 0C" + "00" * 12))
    assert RTU.index_from(decoded) == {}


# === MATCHING === #


def test_only_the_right_reply_matches():
    request = rtu("07 04 0046 0006")
    answer = rtu("07 04 0C" + "00" * 12)
    assert SDM.matches(request, answer)
    assert not SDM.matches(request, rtu("08 04 0C" + "00" * 12))
    assert not SDM.matches(request, rtu("07 03 0C" + "00" * 12))
    assert not SDM.matches(request, rtu("07 04 08" + "00" * 8))
    assert not SDM.matches(request, request)  # an echo of the line
    write = rtu("07 06 0001 0003")
    assert RTU.matches(write, write) and not RTU.matches(write, rtu("07 06 0001 0004"))


def test_a_late_reply_to_another_block_never_matches():
    for model in modbus_map.names():
        for name in ("modbus", "modbus-tcp"):
            protocol = registry.get(name, model=model)
            meter = ModbusMeter(
                {"protocol": name, "model": model, "address": "1"}, lambda: 0.0
            )
            requests = [protocol.read_block("1", one.name) for one in protocol.blocks]
            replies = [meter.answer(one)[1] for one in requests]
            for number, request in enumerate(requests):
                fits = [protocol.matches(request, reply) for reply in replies]
                assert fits == [number == other for other in range(len(replies))]


# === REGISTER MAPS === #


@pytest.mark.parametrize("model", modbus_map.names())
def test_every_map_is_sound_and_names_its_source(model):
    assert models.load(modbus_map.MODELS, model)["source"]
    assert any(block.has_index for block in modbus_map.load(model))


def sound_map(**changes):
    register = {"name": "total", "at": 10, "type": "float32", "unit": "kWh"}
    block = {"name": "energy", "function": 3, "start": 10, "count": 2}
    for key, value in changes.items():
        (register if key in modbus_map.REGISTER_KEYS - {"name"} else block)[key] = value
    block = {"registers": [register], **block}
    return {"source": "test", "block": [block]}


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"type": "float"}, "the type “float” is none of int16, uint16, int32"),
        ({"at": 11}, "the register “total” reaches beyond the block"),
        ({"at": 9}, "at must be a number from 10"),
        ({"function": 6}, "block “energy”: function must be a number from 3 to 4"),
        ({"count": 126}, "count must be a number from 1 to 125"),
        ({"start": 65535, "at": 65535}, "start must be a number from 0 to 65534"),
        ({"unit": "Wh"}, "an index must be in kWh, m³, GJ; scale it to that"),
        ({"words": "middle"}, "words must be big or little"),
        ({"scale": 0}, "scale must be a number above zero"),
        ({"scale": "10"}, "scale must be a number above zero"),
        ({"missing": "FF"}, "missing must be 8 hex digits"),
        ({"registers": []}, "block “energy” has no registers"),
        ({"colour": 1}, "has “colour”, which means nothing; known are count"),
    ],
)
def test_a_wrong_map_gets_a_sentence(changes, sentence):
    with pytest.raises(models.ModelError, match="The register map odd is wrong: ") as e:
        modbus_map.check("odd", sound_map(**changes))
    assert sentence in str(e.value)


def test_blocks_that_could_be_mistaken_for_each_other_are_refused():
    rows = sound_map()
    (block,) = rows["block"]
    other = {**block, "name": "voltage", "start": 90}
    other["registers"] = [{"name": "voltage.a", "at": 90, "type": "float32"}]
    rows["block"] = [block, other]
    with pytest.raises(models.ModelError, match="blocks energy and voltage are read"):
        modbus_map.check("odd", rows)
    other["function"] = 4
    assert len(modbus_map.check("odd", rows)) == 2
    other["registers"][0].update(name="total", unit="kWh")
    with pytest.raises(models.ModelError, match="the register “total” is there twice"):
        modbus_map.check("odd", rows)
    overlap = sound_map()
    overlap["block"][0]["registers"].append({"name": "x", "at": 11, "type": "uint16"})
    with pytest.raises(models.ModelError, match="“total” and “x” overlap"):
        modbus_map.check("odd", overlap)
    nothing = sound_map()
    nothing["block"][0]["registers"][0]["name"] = "voltage.a"
    with pytest.raises(models.ModelError, match="no register “total” to bill from"):
        modbus_map.check("odd", nothing)
    with pytest.raises(models.ModelError, match="the file has no “source”"):
        modbus_map.check("odd", {"block": []})


@pytest.mark.parametrize(
    "kind, options, words, value",
    [
        ("uint16", {}, "FFFE", "65534"),
        ("int16", {}, "FFFE", "-2"),
        ("uint32", {}, "00010002", "65538"),
        ("uint32", {"words": "little"}, "00020001", "65538"),
        ("uint32", {"bytes": "little"}, "01000200", "65538"),
        ("uint32", {"words": "little", "bytes": "little"}, "02000100", "65538"),
        ("int32", {"scale": Decimal("0.01")}, "FFFFFF9C", "-1.00"),
        ("uint64", {}, "0000000000010002", "65538"),
        ("int64", {}, "FFFFFFFFFFFFFFFF", "-1"),
        ("float32", {}, "42F6E979", "123.456"),
        ("float32", {"words": "little"}, "E97942F6", "123.456"),
        ("float32", {}, "4B800000", "16777216"),
        ("float64", {}, "3FB999999999999A", "0.1"),
        ("bcd16", {}, "1234", "1234"),
        ("bcd32", {"scale": Decimal("0.01")}, "00123456", "1234.56"),
        ("bcd32", {"words": "little"}, "34560012", "123456"),
        ("uint32", {"missing": "ffffffff"}, "FFFFFFFF", None),
    ],
)
def test_types_and_orders(kind, options, words, value):
    register = modbus_map.Register("voltage.a", 0, kind, **options)
    raw = bytes.fromhex(words)
    found = register.value(list(struct.unpack(f">{len(raw) // 2}H", raw)))
    assert found == (Decimal(value) if value else None)


def test_digits_that_are_none_are_an_error():
    with pytest.raises(modbus_map.BadValue, match="is no decimal number: 12A4"):
        modbus_map.Register("x", 0, "bcd16").value([0x12A4])


@given(
    st.sampled_from([*modbus_map.TYPES, *modbus_map.BCD_TYPES]),
    st.sampled_from(["big", "little"]),
    st.sampled_from(["big", "little"]),
    st.integers(0, 9999),
    st.sampled_from(["1", "0.01", "0.001", "10"]),
)
def test_what_is_packed_is_read(kind, words, order, number, scale):
    register = modbus_map.Register(
        "x", 0, kind, words=words, bytes=order, scale=Decimal(scale)
    )
    value = number * Decimal(scale)
    packed = register.pack(value)
    assert len(packed) == register.size
    assert register.value(packed) == value


@given(
    st.sampled_from([*modbus_map.TYPES, *modbus_map.BCD_TYPES]), st.binary(max_size=8)
)
def test_any_registers_are_a_finite_value_none_or_an_error(kind, data):
    register = modbus_map.Register("total", 0, kind, "kWh")
    data = data.ljust(2 * register.size, b"\xff")[: 2 * register.size]
    try:
        value = register.value(list(struct.unpack(f">{register.size}H", data)))
    except modbus_map.BadValue:
        return
    assert value is None or (value.is_finite() and value >= 0)


# === FRAMING === #

units = st.integers(1, 247)
rtu_frames = st.one_of(
    st.builds(lambda u, s, n: rtu(f"{u:02X}03{s:04X}{n:04X}"), units, units, units),
    st.builds(
        lambda u, data: rtu(f"{u:02X}04{2 * len(data):02X}{(data + data).hex()}"),
        units,
        st.binary(min_size=1, max_size=40),
    ),
    st.builds(lambda u, code: rtu(f"{u:02X}83{code:02X}"), units, st.integers(1, 11)),
)
#: No byte of it can be a function code, so no frame seems to begin in it.
quiet = st.lists(st.integers(0x20, 0x7F), max_size=12).map(bytes)


def mbap(frame):
    body = frame[:-2]
    return b"\x12\x34\0\0" + len(body).to_bytes(2, "big") + body


@given(
    st.lists(st.tuples(quiet, rtu_frames), max_size=4),
    st.integers(1, 20),
    st.booleans(),
)
def test_frames_are_found_split_merged_and_between_noise(parts, step, over_tcp):
    protocol = TCP if over_tcp else RTU
    framer, found, wanted = protocol.Framer(), [], []
    for noise, frame in parts:
        wanted.append(mbap(frame) if over_tcp else frame)
        stream = noise + wanted[-1]
        for place in range(0, len(stream), step):
            found += framer.feed(stream[place : place + step])
        # noise and a unit number may look like a unit and a function: silence tells
        found += framer.flush()
    assert found == wanted


@pytest.mark.parametrize("protocol", [SDM, SDM_TCP], ids=lambda one: one.name)
def test_a_false_start_is_given_up_when_the_line_falls_silent(protocol):
    (request,) = protocol.read_index("7")
    framer = protocol.Framer()
    start = b"\x12\x34\0\0\0\xf0\x01\x03" if protocol is SDM_TCP else b"\x01\x03\xf0"
    assert framer.feed(start + request) == []
    assert framer.flush() == [request]
    assert not framer.pending


#: Bytes in which frames seem to begin as often as can be, of the longest sizes.
HOSTILE = {
    "longest replies": b"\x03\x03\xfb",
    "longest writes": b"\x10\x10\x10\x10\x10\xf6\xf6",
    "short requests": b"\x03",
    "refusals": b"\x83",
    "headers": b"\0\0\0\0\0\xfd\x03\x03",
    "everything": bytes(range(256)),
}


@pytest.mark.parametrize("size", [1, 7, 1460])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_cost_no_more_than_an_effort_each(name, size):
    flood = HOSTILE[name] * (1_500 // len(HOSTILE[name]))
    for framer in (RTU.Framer(), TCP.Framer()):
        for start in range(0, len(flood), size):
            framer.feed(flood[start : start + size])
            assert len(framer._buffer) <= modbus_frames.MAX_RTU + 4
        looks = 3 * len(flood)  # one as it comes, and again while it waits
        most = modbus_frames.EFFORT * len(flood) + 2 * modbus_frames.MAX_RTU
        assert framer.work <= looks + most


def test_silence_after_hostile_bytes_costs_no_checksums_without_end():
    framer = RTU.Framer()
    framer.feed(HOSTILE["longest replies"] * 84)
    for _silence in range(20):
        framer.flush()
    looks = 21 * modbus_frames.MAX_RTU
    most = modbus_frames.EFFORT * 252 + 2 * modbus_frames.MAX_RTU
    assert framer.work <= looks + most


@given(st.binary(max_size=200), rtu_frames)
def test_a_frame_behind_noise_by_chance_is_found(noise, frame):
    framer = RTU.Framer()
    found = framer.feed(noise + frame) + framer.flush()
    assert found[-1:] == [frame] or framer.flush()[-1:] == [frame]


@given(st.binary(max_size=80))
def test_any_bytes_decode_to_something(data):
    for protocol in (SDM, SDM_TCP, RTU, TCP):
        decoded = protocol.decode(data)
        assert isinstance(decoded, Decoded)
        assert protocol.index_from(decoded) == {} or decoded.error is None
        framer = protocol.Framer()
        for frame in framer.feed(data) + framer.flush():
            assert protocol.decode(frame).error in (None, protocol.decode(frame).error)
        protocol.matches(protocol.read_item("1", 0x04004606), data)


@given(st.sampled_from(modbus_map.names()), st.integers(0, 255), st.binary(max_size=66))
def test_any_body_in_a_sound_frame_is_a_value_or_a_fault(model, function, data):
    protocol = registry.get("modbus", model=model)
    body = bytes([1, function]) + bytes([len(data) & 0xFE]) + data[: len(data) & 0xFE]
    decoded = protocol.decode(body + modbus_frames.crc(body))
    for value in protocol.index_from(decoded).values():
        assert value.is_finite() and value >= 0


@given(rtu_frames, st.integers(0, 10**6), st.integers(1, 255))
def test_a_frame_with_one_wrong_byte_is_no_frame(frame, place, error):
    spoilt = bytearray(frame)
    spoilt[place % len(frame)] ^= error
    framer = RTU.Framer()
    assert bytes(spoilt) not in framer.feed(bytes(spoilt)) + framer.flush()


def test_frames_of_others_are_not_taken_for_modbus():
    frame = rtu("68 03 006B 0003")  # a unit whose number is the start byte of others
    assert registry.any_framer().feed(frame) == []
    dlt = registry.get("dlt645-2007").read_index("1")[0]
    assert registry.detect(dlt) == "dlt645-2007"


# === OVER REAL SOCKETS === #


def test_modbus_meters_behind_one_dtu_are_read(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        rows = [
            {"protocol": "modbus", "model": model, "address": str(n), "index": f"{n}.5"}
            for n, model in enumerate(modbus_map.names(), 1)
        ]
        rows.append({"protocol": "cjt188", "address": "9", "index": "9"})
        simulator = await place.simulator(gateway, {"terminal": DTU, "meters": rows})
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)

        async def read(row):
            protocol = registry.get(row["protocol"], model=row["model"])
            (frame,) = protocol.read_index(row["address"])
            (reply,) = await client.exchange(LINK, protocol.name, [frame])
            assert reply.error is None
            return protocol.index_from(protocol.decode(reply.reply))["total"]

        simulator.meters["2"].adjust({"garble_replies": 1, "repeat_replies": 1})
        found = await asyncio.gather(*(read(row) for row in rows[:-1]))
        assert found == [Decimal(row["index"]) for row in rows[:-1]]
        protocol = registry.get("modbus", model="eastron_sdm120")
        (reply,) = await client.exchange(
            LINK, "modbus", [protocol.read_item("2", 0x04900002)]
        )
        assert protocol.decode(reply.reply).error.flags == ("no_data",)
        cjt = registry.get("cjt188")
        (reply,) = await client.exchange(LINK, "cjt188", cjt.read_index("9"))
        assert cjt.index_from(cjt.decode(reply.reply)) == {"total": 9}
        assert not [one for one in place.odoo.events if one["type"] == "uplink"]

    world(body)
