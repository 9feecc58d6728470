"""Framing survives whatever a line does to the bytes; decoders never raise."""

from decimal import Decimal

import pytest
from headend.protocols import cjt188, dlt645, gdw376_frame, registry
from headend.protocols.base import Decoded
from hypothesis import assume, given
from hypothesis import strategies as st

DLT = registry.get("dlt645-2007")
CJT = registry.get("cjt188")
OLD = registry.get("dlt645-1997")
GDW = registry.get("gdw376")
PROTOCOLS = (DLT, OLD, CJT, GDW)
#: Where a damaged byte makes the frame end elsewhere.
LENGTHS = {DLT: (9,), OLD: (9,), CJT: (10,), GDW: (1, 2, 3, 4)}

addresses = st.integers(0, 10**12 - 1).map(lambda number: f"{number:012d}")
long_addresses = st.integers(0, 10**14 - 1).map(lambda number: f"{number:014d}")


#: An address of a kind of its own.
ADDRESS = {GDW: "00000001/1"}


def bare(frame):
    """A frame without the bytes that wake the line up."""
    return frame.lstrip(b"\xfe")


dlt_frames = st.builds(
    lambda *args: bare(dlt645.build(*args)),
    addresses,
    st.integers(0, 255),
    st.binary(max_size=60),
)
cjt_frames = st.builds(
    lambda *args: bare(cjt188.build(*args)),
    st.sampled_from([0x10, 0x11, 0x20, 0x30, 0xAA]),
    long_addresses,
    st.integers(0, 255),
    st.binary(max_size=60),
)
gdw_frames = st.builds(
    lambda region, number, control, afn, seq, data: gdw376_frame.build(
        f"{region:04d}{number:04X}", control, afn, seq, data
    ),
    st.integers(0, 9999),
    st.integers(0, 0xFFFF),
    st.integers(0, 255),
    st.sampled_from([0, 2, 4, 5, 10, 12, 13, 14, 16, 99]),
    st.integers(0, 255),
    st.binary(max_size=60),
)
protocol_and_frames = st.one_of(
    st.tuples(st.just(DLT), st.lists(dlt_frames, max_size=4)),
    st.tuples(st.just(OLD), st.lists(dlt_frames, max_size=4)),
    st.tuples(st.just(CJT), st.lists(cjt_frames, max_size=4)),
    st.tuples(st.just(GDW), st.lists(gdw_frames, max_size=4)),
)
one_frame = st.one_of(
    st.tuples(st.sampled_from([DLT, OLD]), dlt_frames),
    st.tuples(st.just(CJT), cjt_frames),
    st.tuples(st.just(GDW), gdw_frames),
)
#: Noise without a start byte cannot hide a frame.
quiet_noise = st.binary(max_size=30).map(lambda noise: noise.replace(b"\x68", b"\x67"))


def pieces(data, cuts):
    """``data`` cut at the given places."""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@given(protocol_and_frames, st.lists(st.integers(0, 10**6), max_size=10), st.data())
def test_frames_are_found_split_merged_and_between_noise(case, cuts, data):
    protocol, frames = case
    stream = data.draw(quiet_noise)
    for frame in frames:
        stream += frame + data.draw(quiet_noise)
    framer = protocol.Framer()
    found = [one for part in pieces(stream, cuts) for one in framer.feed(part)]
    assert found == frames
    assert not framer.pending


@given(st.lists(st.one_of(dlt_frames, cjt_frames, gdw_frames), max_size=4))
def test_frames_of_all_protocols_on_one_line(frames):
    # a frame of one protocol can hold the bytes of one of the other only by chance
    for frame in frames:
        others = [one for one in (DLT, CJT, GDW) if one.Framer().feed(frame) == [frame]]
        assume(len(others) == 1)
    framer = registry.any_framer()
    assert framer.feed(b"".join(frames)) == frames


@given(one_frame, st.binary(max_size=40))
def test_noise_before_a_frame_costs_nothing_but_silence(case, noise):
    """Noise that looks like a beginning hides a frame only until the line is quiet."""
    protocol, frame = case
    assume(not protocol.Framer().feed(noise + frame[:-1]))  # no frame by mere chance
    framer = protocol.Framer()
    found = framer.feed(noise + frame) + framer.flush()
    assert frame in found or any(frame in longer for longer in found)


@given(one_frame, st.integers(0, 10**6), st.integers(1, 255))
def test_a_damaged_byte_never_makes_a_wrong_value(case, place, change):
    protocol, frame = case
    place = 1 + place % (len(frame) - 1)
    assume(place not in LENGTHS[protocol])  # then the frame ends elsewhere: see below
    broken = bytearray(frame)
    broken[place] ^= change
    decoded = protocol.decode(bytes(broken))
    assert decoded.error is not None
    assert decoded.values == []
    assert frame not in protocol.Framer().feed(bytes(broken))


@given(one_frame, st.integers(1, 255))
def test_a_damaged_length_byte_does_not_lose_the_next_frame(case, change):
    protocol, frame = case
    broken = bytearray(frame)
    broken[LENGTHS[protocol][0]] ^= change
    (after,) = protocol.read_index(ADDRESS.get(protocol, "1"))
    framer = protocol.Framer()
    found = framer.feed(bytes(broken) + after)
    found += framer.flush()
    assert bare(after) in found


@given(one_frame, st.integers(0, 10**6))
def test_a_truncated_frame_is_no_frame(case, cut):
    protocol, frame = case
    part = frame[: cut % len(frame)]
    decoded = protocol.decode(part)
    assert decoded.error.code in ("truncated", "frame", "length")
    assert decoded.values == []


@given(st.binary(max_size=300))
def test_decoders_never_raise(noise):
    for protocol in PROTOCOLS:
        decoded = protocol.decode(noise)
        assert isinstance(decoded, Decoded)
        assert decoded.error is not None or decoded.address
        assert protocol.matches(noise, noise) is False
        assert isinstance(protocol.redact(noise), str)
        assert isinstance(protocol.index_from(decoded), dict)
        assert protocol.relay_from(decoded) in (None, "open", "closed")
        framer = protocol.Framer()
        framer.feed(noise)
        framer.flush()
    registry.detect(noise)


@given(dlt_frames)
def test_decoding_any_sound_dlt645_frame_never_raises(frame):
    decoded = DLT.decode(frame)
    assert decoded.address is not None
    for one in decoded.values:
        assert one.value is None or isinstance(one.value, Decimal | str)
    assert DLT.credit_from(decoded) in (None, "booked", "repeat", "refused")
    DLT.freeze_time_from(decoded)


@given(
    st.sampled_from(
        [0x0001FF00, 0x00010000, 0x05060101, 0x05060001, 0x04000503, 0x00900100]
        + [0x02010100, 0x02020100, 0x078102FF, 0x03320201, 0x04000101, 0x0201FF00]
    ),
    st.binary(max_size=40),
)
def test_replies_with_any_data_decode_to_values_or_a_fault(item, data):
    control = 0x83 if item == 0x078102FF else 0x91
    frame = dlt645.build("1", control, item.to_bytes(4, "little") + data)
    decoded = DLT.decode(frame)
    for one in decoded.values:
        if isinstance(one.value, Decimal):
            assert one.value.is_finite()
    assert all(value >= 0 for value in DLT.index_from(decoded).values())


@given(cjt_frames)
def test_decoding_any_sound_cjt188_frame_never_raises(frame):
    decoded = CJT.decode(frame)
    assert decoded.address is not None
    for value in CJT.index_from(decoded).values():
        assert value.is_finite()


@given(dlt_frames)
def test_every_byte_survives_the_offset(frame):
    parsed = dlt645.parse(frame)
    again = bare(dlt645.build(parsed.address, parsed.control, parsed.data))
    assert again == frame


@given(gdw_frames, gdw_frames)
def test_decoding_any_sound_376_frame_never_raises(frame, other):
    decoded = GDW.decode(frame)
    assert decoded.address is not None
    for one in decoded.values:
        assert one.value is None or isinstance(one.value, Decimal | str)
    for registers in GDW.points_from(decoded).values():
        assert all(value >= 0 for value in registers.values())
    GDW.freeze_time_from(decoded)
    GDW.clock_from([decoded])
    GDW.confirm(frame)
    GDW.matches(frame, other)
    GDW.continues(frame, other)
    GDW.redact(frame)
    GDW.forwarded_from(frame)


@given(dlt_frames, dlt_frames)
def test_decoding_any_sound_frame_as_1997_never_raises(frame, other):
    decoded = OLD.decode(frame)
    assert decoded.address is not None
    for one in decoded.values:
        assert one.value is None or isinstance(one.value, Decimal | str)
    for protocol in (OLD, DLT):
        parts = [protocol.decode(one) for one in (frame, other)]
        protocol.clock_from(parts)
        protocol.join(parts)
        protocol.next_request(frame, parts)
        protocol.matches(frame, other)


@pytest.mark.parametrize("protocol", [DLT, CJT], ids=lambda one: one.name)
def test_a_false_start_is_given_up_when_the_line_falls_silent(protocol):
    (request,) = protocol.read_index("1")
    frame = bare(request)
    start = b"\x68\x10" + b"\x11" * 5 + b"\x68\x11\x30\x50"
    framer = protocol.Framer()
    assert framer.feed(start + frame) == []
    assert framer.flush() == [frame]
    assert not framer.pending


def test_a_slow_frame_is_not_given_up():
    frame = bare(DLT.read_index("1")[0])
    framer = DLT.Framer()
    assert framer.feed(frame[:8]) == []
    assert framer.flush() == []
    assert framer.feed(frame[8:]) == [frame]


def test_the_buffer_stays_small():
    framer = DLT.Framer()
    for _ in range(200):
        framer.feed(b"\x68" * 100)
    assert len(framer._buffer) < 300
