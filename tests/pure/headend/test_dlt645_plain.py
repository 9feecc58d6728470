"""The short way of decoding says what the long way says."""

import pytest
from headend.protocols import dlt645, dlt645_2007, dlt645_items
from headend.protocols.dlt645_plain import MOST_LAYOUTS, PlainReplies
from hypothesis import given
from hypothesis import strategies as st

EDITION = dlt645_2007.EDITION
PLAIN = [0x00010000, 0x0001FF00, 0x02010100, 0x02030000, 0x02060000, 0x05060101]
ITEMS = [*dlt645_items.ITEMS, *PLAIN, 0x0001FF0C, 0x05060001, 0x03330101, 0x12345678]
BCD = st.integers(0, 99).map(lambda number: int(f"{number:02}", 16))
SPECIAL = st.sampled_from([0xFF, 0xEE, 0x80, 0x9A, 0xA0])


def long_way(frame):
    parsed = dlt645.parse(frame)
    return dlt645_2007._Decoder(EDITION, parsed).decoded()


@given(
    item=st.sampled_from(ITEMS),
    value=st.lists(BCD | SPECIAL, max_size=24).map(bytes),
    control=st.sampled_from([0x91, 0x91, 0x91, 0xB1, 0xD1, 0x11, 0x81]),
)
def test_both_ways_agree(item, value, control):
    data = item.to_bytes(4, "little") + value
    frame = dlt645.build("123456789012", control, data, wake_up=False)
    short = dlt645_2007.PLAIN.decode(frame)
    assert short is None or short == long_way(frame)


@pytest.mark.parametrize("item", PLAIN)
@given(digits=st.lists(BCD, min_size=20, max_size=20).map(bytes))
def test_plain_replies_go_the_short_way(item, digits):
    known = dlt645_items.find(item)
    size = 20 if known.repeat else sum(field.size for field in known.fields)
    value = digits[:size]
    if any(field.signed for field in known.fields):
        value = value[:-1] + bytes([value[-1] & 0x7F])
    data = item.to_bytes(4, "little") + value
    frame = dlt645.build("123456789012", 0x91, data, wake_up=False)
    short = dlt645_2007.PLAIN.decode(frame)
    assert short == long_way(frame) == dlt645_2007.PROTOCOL.decode(frame)
    assert short.error is None and short.values


@given(data=st.binary(max_size=40), place=st.integers(0, 30), bit=st.integers(0, 7))
def test_a_broken_frame_never_goes_the_short_way(data, place, bit):
    assert dlt645_2007.PLAIN.decode(data) is None or dlt645.parse(data)
    number = (0x00010000).to_bytes(4, "little") + bytes([0x78, 0x56, 0x34, 0x12])
    frame = bytearray(dlt645.build("1", 0x91, number, wake_up=False))
    frame[place % len(frame)] ^= 1 << bit
    assert dlt645_2007.PLAIN.decode(bytes(frame)) is None


def test_items_that_devices_make_up_do_not_fill_the_memory():
    replies = PlainReplies(EDITION)
    for number in range(MOST_LAYOUTS + 10):
        data = (0xF0000000 + number).to_bytes(4, "little")
        assert replies.decode(dlt645.build("1", 0x91, data, wake_up=False)) is None
    assert len(replies._layouts) == 10
