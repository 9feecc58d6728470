"""A book carried over a serial line to a handheld and home, faults and all."""

from decimal import Decimal

import pytest
import serial
from handheld.book import dump, parse
from handheld.frames import Frame, Framer, encode
from handheld.host import HandheldError, Host
from handheld.simulator import Simulator
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def handheld(tmp_path):
    made = []

    def switch_on(**faults):
        for one in made:
            one.close()
        made.clear()
        simulator = Simulator(tmp_path / "memory")
        for name, value in faults.items():
            setattr(simulator, name, value)
        made.append(simulator)
        return simulator

    yield switch_on
    for one in made:
        one.close()


def office(simulator, **options):
    line = serial.Serial(simulator.port, 9600, timeout=0.02)
    return Host(line, **{"timeout": 0.4, "tries": 3, **options})


def walk(simulator, by=10):
    """Read every meter, 10 more than before; the first has no access."""
    simulator.device.walk(
        lambda meter: "no_access" if meter.sequence == 1 else meter.previous + by
    )


def test_a_round(handheld, book):
    """Made, carried out, walked, carried home."""
    simulator = handheld()
    host = office(simulator)
    host.load(dump(book))
    walk(simulator)
    data = host.collect()
    results = parse(data).book.results
    assert len(results) == 40
    assert (results[0].flag, results[0].index) == ("no_access", None)
    assert results[1].index == Decimal(210)
    # the reader's work is nowhere else: no new book before it is safe
    with pytest.raises(HandheldError, match="not collected"):
        host.load(dump(book))
    host.confirm(data)
    host.load(dump(book))
    assert not parse(simulator.device.book.read_bytes()).book.results


def test_noise_lost_and_spoilt_replies(handheld, book):
    noise = b"\x00\xff\x01AR\x01\x01AR" + bytes(range(256)) + b"\x01"
    simulator = handheld(noise=noise)
    simulator.drop += ["L", "D", "D", "F", "G", "R"]
    simulator.corrupt += ["D", "F", "G", "H"]
    host = office(simulator, tries=6, timeout=0.15)
    host.load(dump(book))
    walk(simulator)
    assert len(parse(host.collect()).book.results) == 40


def test_the_power_goes_out_while_a_book_is_loaded(handheld, book):
    """What arrived is kept; the old book stays until the new one is whole."""
    simulator = handheld()
    office(simulator).load(dump(book))
    before = simulator.device.book.read_bytes()
    new = dump(type(book)(book.header, book.meters[::-1]))
    assert new != before
    simulator = handheld(power_after=4)
    with pytest.raises(HandheldError, match="does not answer"):
        office(simulator, tries=1, timeout=0.15).load(new)
    assert simulator.device.book.read_bytes() == before
    simulator = handheld()
    offsets = []
    office(simulator, report=lambda done, _total: offsets.append(done)).load(new)
    assert offsets[0] > 1024  # went on where it stopped
    assert simulator.device.book.read_bytes() == new


def test_the_cable_is_pulled_while_results_come_home(handheld, book, tmp_path):
    partial = tmp_path / "partial"
    simulator = handheld()
    office(simulator).load(dump(book))
    walk(simulator)
    whole = simulator.device.book.read_bytes()
    simulator.unplug_after = 5
    with pytest.raises(HandheldError):
        office(simulator, tries=1, timeout=0.15).collect(partial)
    kept = len(partial.read_bytes())
    assert kept > 512
    simulator = handheld()
    offsets = []
    host = office(simulator, report=lambda done, _total: offsets.append(done))
    assert host.collect(partial) == whole
    assert offsets[0] > kept - 8  # began behind what it had
    # what changed meanwhile is not glued to the old beginning
    partial.write_bytes(partial.read_bytes()[:700])
    walk(simulator, by=20)
    again = office(simulator).collect(partial)
    assert again == simulator.device.book.read_bytes()


def test_nothing_is_connected(tmp_path):
    simulator = Simulator(tmp_path)
    simulator.power_after = 0
    try:
        with pytest.raises(HandheldError, match="cable, port"):
            office(simulator, tries=2, timeout=0.05).hello()
    finally:
        simulator.close()


def test_an_empty_handheld_says_so(handheld):
    with pytest.raises(HandheldError, match="no book"):
        office(handheld()).collect()


@given(
    st.lists(st.binary(max_size=200), max_size=6),
    st.binary(max_size=40),
    st.integers(1, 50),
)
def test_frames_are_found_among_noise(payloads, noise, step):
    """In pieces of any size; noise may hide nothing that comes after it whole."""
    sent = [Frame("D", number, one) for number, one in enumerate(payloads)]
    noise = noise.replace(b"\x01", b"")
    stream = b"".join(noise + encode(frame) for frame in sent)
    framer = Framer()
    found = []
    for at in range(0, len(stream), step):
        found += framer.feed(stream[at : at + step])
    assert found == sent


@given(st.binary(max_size=300))
def test_no_noise_breaks_the_framer(noise):
    framer = Framer()
    framer.feed(noise)
    found = []
    for _try in range(len(noise) + 1):
        found += framer.reset()
    assert Frame("D", 1, b"x") in found + framer.feed(encode(Frame("D", 1, b"x")))
