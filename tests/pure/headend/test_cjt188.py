"""CJ/T 188: heat, gas, history, status bits, and the options of makers."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from headend.protocols import cjt188, models, registry
from headend.protocols.base import EncodeError
from headend.simulator.water import HeatMeter, WaterMeter
from hypothesis import given
from hypothesis import strategies as st

CJT = registry.get("cjt188")
HEAT = registry.get("cjt188", **cjt188.options("heat"))
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=8))).timestamp()

#: The order public decoders of heat meters agree on: settlement heat, heat, power,
#: flow, volume, two temperatures, hours, clock, status (46 bytes with DI and SER).
HEAT_DATA = (
    "901F00 00451200 05 50671200 05 00230100 17 00451200 35 00991800 2C "
    "505800 254100 563400 40301221112620 0400"
)


def reply(data, protocol=CJT, control=0x81, kind=None, address="12"):
    raw = bytes.fromhex(data)
    kind = protocol.meter_type if kind is None else kind
    return protocol.decode(cjt188.build(kind, address, control, raw))


def values(decoded):
    return {one.name: (one.value, one.unit) for one in decoded.values}


# === HEAT === #


def test_a_heat_meter_tells_everything_with_its_unit():
    assert len(bytes.fromhex(HEAT_DATA)) == 0x2E
    decoded = reply(HEAT_DATA, HEAT)
    assert decoded.error is None
    assert values(decoded) == {
        "settlement_total": (Decimal("1245.00"), "kWh"),
        "total": (Decimal("1267.50"), "kWh"),
        "power": (Decimal("123.00"), "kW"),
        "flow": (Decimal("12.4500"), "m³/h"),
        "volume": (Decimal("1899.00"), "m³"),
        "flow_temperature": (Decimal("58.50"), "°C"),
        "return_temperature": (Decimal("41.25"), "°C"),
        "operating_hours": (Decimal("3456"), "h"),
        "clock": ("2026-11-21 12:30:40", ""),
        "status": ("0400", ""),
        "valve": ("open", ""),
        "battery": ("low", ""),
    }
    assert HEAT.index_from(decoded) == {"total": Decimal("1267.50")}


@pytest.mark.parametrize(
    "unit, wanted, index",
    [
        ("05", "kWh", "1267.50"),
        ("08", "kWh", "1267500"),
        ("0A", "kWh", "126750000"),
        ("02", "kWh", "1.26750"),
        ("11", "GJ", "1267.50"),
        ("0E", "GJ", "1.26750"),
        ("13", "GJ", "126750"),
        ("01", "GJ", "0.00000126750"),
        ("11", "kWh", None),
        ("05", "GJ", None),
        ("2C", "kWh", None),
        ("99", "kWh", None),
        ("99", "", None),
    ],
)
def test_an_index_in_another_kind_of_unit_is_no_index(unit, wanted, index):
    protocol = registry.get("cjt188", meter_type=0x20, index_unit=wanted)
    data = HEAT_DATA.replace("50671200 05", f"50671200 {unit}")
    found = protocol.index_from(reply(data, protocol))
    assert found == ({"total": Decimal(index)} if index else {})


def test_a_heat_reply_cut_short_is_told_and_gives_no_index():
    decoded = reply(HEAT_DATA[:-40], HEAT)
    assert decoded.error.code == "length"
    assert HEAT.index_from(decoded) == {}


# === GAS, HISTORY === #


def test_gas_is_read_like_water():
    gas = registry.get("cjt188", **cjt188.options("gas"))
    assert gas.read_index("12")[0][4] == 0x30
    data = "901F00 50123400 2C 00000000 2C" + "00" * 9
    assert gas.index_from(reply(data, gas)) == {"total": Decimal("3412.50")}


def test_a_past_month_is_an_index_of_then():
    (request,) = CJT.read_monthly("12", 3)
    assert CJT.decode(request).data_id == "D122"
    decoded = reply("D12200 50123400 2C")
    assert decoded.value("history.3") == Decimal("3412.50")
    assert CJT.is_frozen(decoded)
    assert CJT.index_from(decoded) == {"total": Decimal("3412.50")}
    assert not CJT.is_frozen(reply("901F00 50123400 2C 00000000 2C" + "00" * 9))
    for months in (0, 13):
        with pytest.raises(EncodeError, match="keeps 12 months"):
            CJT.read_monthly("12", months)


def test_a_month_the_meter_has_not_lived_is_no_zero():
    decoded = reply("D12200 FFFFFFFF 2C")
    assert decoded.error is None and CJT.index_from(decoded) == {}


def test_settlement_and_reading_day():
    assert reply("810300 25").value("settlement_day") == 25
    assert reply("810400 01").value("reading_day") == 1
    assert reply("810200 0102").value("data") == "0102"


# === OPTIONS OF MAKERS === #


@pytest.mark.parametrize("model", models.names("cjt188_models"))
def test_every_model_file_is_sound_and_names_its_source(model):
    assert models.load("cjt188_models", model)["source"]
    protocol = registry.get("cjt188", **cjt188.options(model))
    (request,) = protocol.read_index("12")
    assert protocol.decode(request).data_id == "901F"


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("speed = 3", "“speed”, which is no option of CJ/T 188; known are: meter_type"),
        ('meter_type = "water"', "“meter_type” to 'water': it must be of kind int"),
        ("low_first = 1", "must be of kind bool"),
    ],
)
def test_a_wrong_model_file_gets_a_sentence(tmp_path, monkeypatch, text, sentence):
    monkeypatch.setattr(models, "FOLDER", tmp_path)
    (tmp_path / "cjt188_models").mkdir()
    (tmp_path / "cjt188_models" / "odd.toml").write_text(text)
    models.load.cache_clear()
    with pytest.raises(models.ModelError, match=sentence):
        cjt188.options("odd")
    with pytest.raises(models.ModelError, match="model “even”; known are: odd"):
        cjt188.options("even")
    models.load.cache_clear()


def test_an_address_may_go_the_other_way_round():
    other = registry.get("cjt188", address_high_first=True)
    (request,) = other.read_index("12345678901234")
    assert request[5:12].hex() == "12345678901234"
    assert other.decode(request).address == "12345678901234"
    assert CJT.read_index("12345678901234")[0][5:12].hex() == "34129078563412"
    data = bytes.fromhex("901F00" + "00" * 19)
    answer = cjt188.build(0x10, "12345678901234", 0x81, data, high_first=True)
    # the head-end matches without knowing the model
    assert CJT.matches(request, answer)
    assert other.decode(answer).address == "12345678901234"


@pytest.mark.parametrize("order, clock", [("seconds", "2026"), ("year", "4030")])
def test_the_clock_may_be_sent_year_first(order, clock):
    protocol = registry.get("cjt188", clock=order)
    data = "901F00 00000000 2C 00000000 2C 40301221112620 0000"
    assert reply(data, protocol).value("clock").startswith(clock)
    (request,) = protocol.set_clock("12", datetime(2026, 11, 21, 12, 30, 40))
    stamp = bytes.fromhex("40301221112620")
    assert (stamp if order == "seconds" else stamp[::-1]) in request


def test_a_clock_that_is_none_is_no_value():
    data = "901F00 00000000 2C 00000000 2C 4A301221112620 0000"
    decoded = reply(data)
    assert decoded.value("clock") is None and decoded.error is None
    assert CJT.clock_from([decoded]) is None


def test_the_clock_is_read_with_the_index():
    data = "901F00 00000000 2C 00000000 2C 40301221112620 0000"
    assert CJT.read_clock("12") == CJT.read_index("12")
    assert CJT.clock_from([reply(data)]) == datetime(2026, 11, 21, 12, 30, 40)
    assert CJT.clock_from([reply(data.replace("21112620", "31112620"))]) is None


def test_status_bits_are_data_of_the_model():
    model = registry.get(
        "cjt188", **cjt188.options("status_high_bits"), alarms=(("magnet", 0x08),)
    )
    for status, valve, battery, magnet in (
        ("0000", "open", "good", "good"),
        ("4000", "closed", "good", "good"),
        ("C000", "fault", "good", "good"),
        ("2800", "open", "low", "alarm"),
    ):
        decoded = reply(f"A01700 {status}", model, 0x84)
        found = [decoded.value(name) for name in ("valve", "battery", "magnet")]
        assert found == [valve, battery, magnet]


def test_a_maker_whose_answer_says_nothing_of_the_valve():
    model = registry.get("cjt188", **cjt188.options("kingtop"))
    decoded = reply("A01700 0100", model, 0x84)
    assert decoded.error is None and model.relay_from(decoded) is None


def test_fields_a_maker_fills_with_nines_or_zeros_are_no_values():
    nines = registry.get("cjt188", filler=0x99)
    data = "901F00 99999999 2C 99999999 2C" + "00" * 9
    assert nines.index_from(reply(data, nines)) == {}
    zeros = registry.get("cjt188", filler=0x00)
    decoded = reply("901F00 00000000 2C 00000000 2C" + "00" * 9, zeros)
    assert decoded.value("settlement_total") is None
    assert zeros.index_from(decoded) == {"total": 0}


def test_decimals_and_unit_of_a_model():
    model = registry.get("cjt188", decimals=1, unit=0x29)
    data = "901F00 50123400 00 00000000 00" + "00" * 9
    decoded = reply(data, model)
    assert decoded.value("total") == Decimal("34125.0")
    assert model.index_from(decoded) == {"total": Decimal("34.1250")}
    assert CJT.index_from(reply(data)) == {}  # a unit that is none


@given(
    st.sampled_from([0x10, 0x20, 0x30]),
    st.sampled_from([0x901F, 0xD120, 0xD12B, 0xA017, 0x8103, 0x1F90]),
    st.binary(max_size=60),
    st.sampled_from(models.names("cjt188_models")),
)
def test_any_data_gives_values_or_a_fault(kind, item, data, model):
    protocol = registry.get("cjt188", **cjt188.options(model))
    raw = item.to_bytes(2, "big") + b"\x00" + data
    decoded = protocol.decode(cjt188.build(kind, "1", 0x81, raw))
    for value in protocol.index_from(decoded).values():
        assert value.is_finite() and value >= 0
    assert protocol.relay_from(decoded) in (None, "open", "closed")
    decoded.as_dict()


# === SIMULATED METERS === #


def ask(meter, request):
    (frame,) = meter.protocol.Framer().feed(request)
    _kind, answer = meter.answer(frame)
    return meter.protocol.decode(answer)


def test_a_simulated_heat_meter_is_read():
    row = {"address": "12", "model": "heat", "index": "5000", "per_hour": "10"}
    meter = HeatMeter(row, lambda: NOON)
    decoded = ask(meter, HEAT.read_index("12")[0])
    assert HEAT.index_from(decoded) == {"total": Decimal("5000.00")}
    assert decoded.value("settlement_total") == Decimal("4880.00")
    assert decoded.value("volume") == Decimal("250.00")
    assert decoded.value("clock") == "2026-11-21 12:00:00"


def test_simulated_months_and_gas():
    row = {"address": "12", "model": "gas", "index": "5000", "per_hour": "1"}
    meter = WaterMeter(row, lambda: NOON)
    gas = meter.protocol
    months = [
        gas.index_from(ask(meter, gas.read_monthly("12", back)[0]))["total"]
        for back in (1, 2)
    ]
    assert months == [5000 - 20 * 24 - 12, 5000 - 51 * 24 - 12]
    meter.clock = lambda: NOON + 200 * 86400
    assert gas.index_from(ask(meter, gas.read_monthly("12", 6)[0])) == {}
