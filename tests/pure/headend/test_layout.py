"""Frames piece by piece: every byte is in one piece, secrets in none."""

from datetime import datetime

import pytest
from headend.protocols import registry
from headend.protocols.layout import pieces
from headend.simulator.electricity import ElectricityMeter
from headend.simulator.electricity_1997 import OldElectricityMeter
from headend.simulator.mbus import MbusMeter
from headend.simulator.modbus import ModbusMeter
from headend.simulator.water import cjt188_meter
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 21, 12)
CHINT = {"model": "chint_ddsu666"}


def _meter(kind, protocol, address, **row):
    row = {"protocol": protocol, "address": address, "index": "12.5", **row}
    return kind(row, lambda: 1_790_000_000.0)


METERS = {
    "dlt645-2007": _meter(ElectricityMeter, "dlt645-2007", "1"),
    "dlt645-1997": _meter(OldElectricityMeter, "dlt645-1997", "1"),
    "cjt188": _meter(cjt188_meter, "cjt188", "1"),
    "modbus": _meter(ModbusMeter, "modbus", "1", **CHINT),
    "modbus-tcp": _meter(ModbusMeter, "modbus-tcp", "1", **CHINT),
    "mbus": _meter(MbusMeter, "mbus", "00000001"),
}


def _frames(meter):
    """A request for the index, its steps, and the answers."""
    [request] = meter.protocol.read_index(meter.address)
    yield request
    for step in meter.protocol.steps(request):
        yield step
        yield meter.answer(step)[1]


@pytest.mark.parametrize("name", METERS)
def test_every_byte_is_in_one_piece(name):
    meter = METERS[name]
    for frame in _frames(meter):
        found = pieces(meter.protocol, frame)
        assert "".join(one.hex for one in found) == frame.hex().upper()
        assert "rest" not in [one.name for one in found]
        assert "frame" not in [one.name for one in found]


@pytest.mark.parametrize("name", METERS)
def test_the_answer_tells_the_index_and_who_says_it(name):
    meter = METERS[name]
    *_others, answer = _frames(meter)
    found = {one.name: one.says for one in pieces(meter.protocol, answer)}
    assert found["control"] == "answer"
    assert "12" in found["data"]
    assert found["address"].strip("0")


def test_an_electricity_meters_answer_byte_by_byte():
    meter = METERS["dlt645-2007"]
    frame = meter.answer(meter.protocol.read_item("1", 0x00010000))[1]
    assert [(one.hex, one.name, one.says) for one in pieces(meter.protocol, frame)] == [
        ("FEFEFEFE", "wake_up", ""),
        ("68", "start", ""),
        ("010000000000", "address", "000000000001"),
        ("68", "start", ""),
        ("91", "control", "answer"),
        ("08", "length", "8"),
        ("33333433", "item", "00010000"),
        ("83453333", "data", "forward_active.total = 12.50 kWh"),
        ("65", "checksum", ""),
        ("16", "end", ""),
    ]


def test_a_password_is_in_no_piece():
    dlt = registry.get("dlt645-2007")
    frame = dlt.relay("1", True, now=NOON, password="02123456", operator="7")
    found = pieces(dlt, frame)
    data = next(one for one in found if one.name == "data")
    assert data.hex.startswith("****************")
    assert "123456" not in data.says


@given(st.sampled_from(registry.names()), st.binary(max_size=60))
def test_whatever_the_bytes_nothing_escapes(name, raw):
    found = pieces(registry.get(name), raw)
    assert "".join(one.hex for one in found) == registry.get(name).redact(raw).upper()


@given(
    st.sampled_from(sorted(METERS)), st.integers(0, 200), st.integers(0, 255), st.data()
)
def test_a_spoilt_frame_is_still_shown_whole(name, place, value, data):
    meter = METERS[name]
    frame = bytearray(data.draw(st.sampled_from(list(_frames(meter)))))
    frame[place % len(frame)] = value
    found = pieces(meter.protocol, bytes(frame))
    text = meter.protocol.redact(bytes(frame)).upper()
    assert "".join(one.hex for one in found) == text
