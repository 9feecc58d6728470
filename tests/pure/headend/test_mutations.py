"""Frames of every protocol that somebody has bent: changed, cut, doubled, and signed
anew, so that they reach the innermost decoder. It answers with a value or an error."""

import json
import time

from headend.protocols import modbus_frames, registry
from headend.simulator.app import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

SIGNED_BY_SUM = {
    **{"dlt645-2007": 0, "dlt645-1997": 0, "cjt188": 0},
    **{"gdw376": 6, "gdw130": 6},
}
METERS = {
    "dlt645-2007": {"address": "1", "index": "12.34", "prepaid": True, "balance": 5},
    "dlt645-1997": {"address": "1", "index": "12.34"},
    "cjt188": {"address": "1", "index": "12.34"},
    "mbus": {"address": "12345678", "index": "12.34"},
    "modbus": {"address": "1", "index": "12.34", "model": "eastron_sdm120"},
    "modbus-tcp": {"address": "1", "index": "12.34", "model": "eastron_sdm120"},
}
LOGIN = "683200320068C900023412000271000001008516"


def _requests(protocol, address):
    """Whatever can be asked of a meter."""
    asks = ("read_index", "identify", "read_clock", "purchase_state", "relay_state")
    found = []
    for ask in asks:
        try:
            frames = getattr(protocol, ask)(address)
        except Exception:  # not offered
            continue
        found += [frames] if isinstance(frames, bytes) else frames
    return found


def _samples():
    """(protocol, frame): requests, and the answers of simulated meters."""
    for name, row in METERS.items():
        meter = KINDS[name]({**row, "protocol": name}, time.time)
        protocol = meter.protocol
        for request in _requests(protocol, row["address"]):
            for step in protocol.steps(request):
                yield protocol, step.lstrip(b"\xfe")
                if reply := meter.answer(step)[1]:
                    yield protocol, reply.lstrip(b"\xfe")
    gdw, older = registry.get("gdw376"), registry.get("gdw130")
    terminal = "02001234"
    for protocol in (gdw, older):
        yield protocol, protocol.read_index(f"{terminal}/5")[0]
        yield protocol, protocol.read_clock(terminal)[0]
    yield gdw, bytes.fromhex(LOGIN)


SAMPLES = list(_samples())


def signed(name, frame):
    """The same bytes with a checksum that is right."""
    if len(frame) < 4:
        return frame
    if name == "modbus":
        return frame[:-2] + modbus_frames.crc(frame[:-2])
    if name in SIGNED_BY_SUM:
        start = SIGNED_BY_SUM[name]
        return frame[:-2] + bytes([sum(frame[start:-2]) % 256]) + frame[-1:]
    if name == "mbus":
        start = 4 if frame[:1] == b"\x68" else 1
        return frame[:-2] + bytes([sum(frame[start:-2]) % 256]) + frame[-1:]
    return frame


@st.composite
def bent(draw):
    """(protocol, frame): a sample after a few changes."""
    protocol, frame = draw(st.sampled_from(SAMPLES))
    for _change in range(draw(st.integers(1, 3))):
        places = st.integers(0, len(frame))
        first, last = sorted((draw(places), draw(places)))
        byte = draw(st.binary(min_size=1, max_size=1))
        frame = draw(
            st.sampled_from(
                [
                    frame[:first] + byte + frame[first + 1 :],  # changed
                    frame[:first] + byte + frame[first:],  # longer
                    frame[:first] + frame[last:],  # cut
                    frame[:last] + frame[first:],  # doubled
                ]
            )
        )
    return protocol, signed(protocol.name, frame) if draw(st.booleans()) else frame


def test_there_is_a_sample_of_every_protocol():
    assert {protocol.name for protocol, _frame in SAMPLES} == set(registry.names())
    for protocol, frame in SAMPLES:
        assert signed(protocol.name, frame) == frame
        assert protocol.fault_of(frame) is None, (protocol.name, frame.hex())


@settings(max_examples=100)
@given(bent(), st.sampled_from(SAMPLES))
def test_a_bent_frame_is_a_value_or_an_error_to_every_protocol(case, other):
    own, frame = case
    for protocol in (own, *map(registry.get, registry.names())):
        decoded = protocol.decode(frame)
        shown = json.loads(json.dumps(decoded.as_dict()))
        assert shown["error"] or protocol.fault_of(frame) is None
        assert isinstance(protocol.index_from(decoded), dict)
        assert isinstance(protocol.redact(frame), str)
        # what follows a whole frame is none of it
        assert sum(size for size, _name, _said in protocol.layout(frame)) <= len(frame)
        for ask in (frame, other[1]):
            assert protocol.matches(ask, frame) in (True, False)
            assert protocol.matches(frame, ask) in (True, False)
        assert protocol.steps(frame) or protocol.fault_of(frame)
        assert protocol.is_answered(frame) in (True, False)
        assert protocol.goes_on(frame) in (True, False)
        protocol.relay_from(decoded)
        protocol.freeze_time_from(decoded)
        protocol.clock_from([decoded])
