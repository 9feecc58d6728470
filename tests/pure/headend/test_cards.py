"""Card readers: serial on a real pty, PC/SC commands, and the rules above both."""

import asyncio
import json
import logging
import sys
import types

import pytest
from headend.cards import pcsc, serial_reader, session
from headend.cards.base import CardError
from headend.client import HeadEndError
from headend.simulator.app import Simulator, SimulatorError
from headend.simulator.card import Sle4442
from hypothesis import given
from hypothesis import strategies as st

SECRET = bytes.fromhex("a1b2c3")
CARD = {"data": "a2131091", "secret": SECRET.hex()}


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    profile = serial_reader.load("amr_simulator")
    quick = {**vars(profile), "timeout": 0.3}
    monkeypatch.setattr(
        serial_reader, "load", lambda name: serial_reader.Profile(**quick)
    )


class Desk:
    """A head-end with nothing but a reader, its simulator, and its client."""

    def __init__(self, slot, client):
        self.slot = slot
        self.client = client
        self.key = f"amr_simulator:{slot.port}"

    async def read(self):
        return await self.client.card("read", reader=self.key)

    async def write(self, start, data, secret=SECRET, **more):
        return await self.client.card(
            "write", reader=self.key, secret=secret, start=start, data=data, **more
        )


@pytest.fixture
def desk(world):
    """Run a test body with a :class:`Desk`."""

    def run(body, card=CARD):
        async def main(place):
            port = str(place.folder / "card-reader")
            gateway = await place.gateway(card_ports=f"{place.folder}/card-*")
            row = {"name": "desk", "port": port, "card": card}
            simulator = await place.simulator(gateway, readers=[row])
            client = await place.client(gateway)
            await body(Desk(simulator.readers["desk"], client))

        world(main)

    return run


# === THE SERIAL READER === #


def test_a_reader_is_found_by_scanning_and_its_card_is_read(desk):
    async def body(one):
        found = await one.client.card("scan")
        (reader,) = found["readers"]
        assert reader["key"] == one.key
        assert reader["label"] == f"AMR-READER 1, {one.slot.port}"
        card = await one.read()
        assert (card["kind"], card["tries"]) == ("sle4442", 3)
        assert bytes.fromhex(card["data"])[:5] == b"\xa2\x13\x10\x91\xff"
        assert len(card["data"]) == 512
        assert one.slot.card.presented == []

    desk(body)


def test_what_is_written_is_read_again(desk):
    async def body(one):
        data = bytes(range(100))
        before = bytes.fromhex((await one.read())["data"])
        answer = await one.write(64, data, expected=before)
        assert bytes.fromhex(answer["before"]["data"]) == before
        assert bytes.fromhex(answer["after"]["data"])[64:164] == data
        assert one.slot.card.data[64:164] == data
        assert one.slot.card.presented == [SECRET]
        again = await one.write(64, data)
        assert again["before"] == again["after"]
        assert one.slot.card.presented == [SECRET]  # nothing to write, nothing tried

    desk(body)


@pytest.mark.parametrize("tries, sentence", [(2, "2 of 3 tries"), (0, "for ever")])
def test_the_secret_is_never_tried_when_the_counter_is_not_full(desk, tries, sentence):
    async def body(one):
        answer = await one.write(64, b"x")
        assert (answer["error"], sentence in answer["message"]) == ("counter", True)
        assert one.slot.card.presented == []
        assert one.slot.card.tries == tries
        assert (await one.read())["tries"] == tries

    desk(body, {**CARD, "tries": tries})


def test_a_wrong_secret_is_tried_once_and_then_never_again(desk):
    async def body(one):
        for code in ("secret", "counter", "counter"):
            answer = await one.write(64, b"x", secret=b"abc")
            assert answer["error"] == code
        assert one.slot.card.presented == [b"abc"]
        assert one.slot.card.tries == 2

    desk(body)


def test_another_card_than_the_one_that_was_read_is_left_alone(desk):
    async def body(one):
        before = bytes.fromhex((await one.read())["data"])
        one.slot.adjust({"card": {**CARD, "data": "a2131092"}})
        answer = await one.write(64, b"x", expected=before)
        assert answer["error"] == "changed"
        assert one.slot.card.presented == []

    desk(body)


def test_a_write_is_not_believed(desk):
    async def body(one):
        one.slot.adjust({"weak": 1})
        assert (await one.write(64, b"x"))["error"] == "not_written"
        one.slot.adjust({"weak": 1})
        answer = await one.write(100, bytes(range(100)))  # the second piece only
        assert answer["error"] == "mismatch"
        one.slot.adjust({"pull": True})
        answer = await one.write(64, b"x")
        assert (answer["error"], "read it again" in answer["message"]) == (
            "unknown",
            True,
        )

    desk(body)


@pytest.mark.parametrize("written, told", [(0, "no_answer"), (32, "mismatch")])
def test_a_driver_that_fails_in_the_middle_of_a_write(desk, monkeypatch, written, told):
    """Not an error that readers are known for: the card is looked at all the same."""
    write_bytes = serial_reader.SerialReader.write_bytes

    def fail(reader, start, data):
        if written:
            write_bytes(reader, start, data[:written])
        raise RuntimeError("unplugged")

    monkeypatch.setattr(serial_reader.SerialReader, "write_bytes", fail)

    async def body(one):
        assert (await one.write(64, bytes(64)))["error"] == told

    desk(body)


def test_a_reader_that_is_gone_after_a_write_leaves_the_card_unknown(desk, monkeypatch):
    def fail(_reader, *_args):
        raise RuntimeError("unplugged")

    def unplug(reader, start, data):
        monkeypatch.setattr(serial_reader.SerialReader, "insert", fail)
        fail(reader)

    monkeypatch.setattr(serial_reader.SerialReader, "write_bytes", unplug)

    async def body(one):
        answer = await one.write(64, b"x")
        assert answer["error"] == "unknown"
        assert "read it again" in answer["message"]

    desk(body)


def test_permanent_bytes_stay(desk):
    async def body(one):
        assert (await one.write(0, b"\x00"))["error"] == "protected"
        assert one.slot.card.data[0] == 0xA2

    desk(body, {**CARD, "protected": [0, 1, 2, 3]})


def test_no_card_no_reader_and_noise_are_told(desk):
    async def body(one):
        one.slot.adjust({"corrupt": 1})
        assert (await one.read())["error"] == "no_answer"
        one.slot.adjust({"card": None})
        assert (await one.read())["message"] == "There is no card in the reader."
        one.slot.adjust({"silent": True})
        assert (await one.read())["error"] == "no_answer"
        assert (await one.client.card("scan"))["readers"] == []
        for key in ("amr_simulator:/dev/none", "x:y", None, "pcsc:"):
            answer = await one.client.card("read", reader=key)
            assert answer["error"] == "no_reader" and answer["message"].endswith(".")

    desk(body)


@pytest.mark.parametrize(
    "start, data",
    [(-1, b"x"), (256, b"x"), (250, b"1234567"), (0, b""), ("1", b"x"), (True, b"x")],
)
def test_places_that_are_not_on_the_card_are_refused(desk, start, data):
    async def body(one):
        assert (await one.write(start, data))["error"] == "range"
        assert one.slot.card.presented == []

    desk(body)


def test_messages_that_are_wrong_get_a_sentence(desk):
    async def body(one):
        answer = await one.client.card("eat")
        assert answer["message"] == "There is no card action “eat”."
        answer = await one.client.card(
            "write", reader=one.key, secret="zz", data="", start=0
        )
        assert answer["message"] == "“secret” must be hexadecimal."
        answer = await one.write(64, b"x", secret=b"1234")
        assert answer["message"] == "A secret has 3 bytes."
        assert one.slot.card.presented == []

    desk(body)


def test_two_at_one_reader_take_turns(desk):
    async def body(one):
        answers = await asyncio.gather(
            one.write(64, b"one"), one.write(70, b"two"), one.read()
        )
        assert not any("error" in answer for answer in answers)
        assert one.slot.card.data[64:73] == b"one\xff\xff\xfftwo"

    desk(body)


def test_secrets_are_in_no_log(desk, caplog):
    caplog.set_level(logging.DEBUG)

    async def body(one):
        await one.write(64, b"x")
        await one.write(64, b"y", secret=b"abc")

    desk(body)
    assert SECRET.hex() not in caplog.text and b"abc".hex() not in caplog.text


def test_ports_of_meters_are_not_scanned(world):
    async def body(place):
        port = str(place.folder / "card-reader")
        row = {"link": f"serial:{port}", "kind": "serial", "terminal": port}
        place.odoo.links = [row]
        gateway = await place.gateway(
            card_ports=f"{place.folder}/card-*", refresh_pause=0.0
        )
        await gateway.odoo.refresh()
        slot = {"name": "desk", "port": port, "card": CARD}
        await place.simulator(gateway, readers=[slot])
        client = await place.client(gateway)
        assert (await client.card("scan"))["readers"] == []

    world(body)


def test_a_head_end_with_nothing_but_a_reader_listens_for_no_device(world):
    async def body(place):
        gateway = await place.gateway(dtu_port=-1, concentrator_port=-1, odoo_url="")
        assert (gateway.dtu_port, gateway.concentrator_port) == (-1, -1)
        client = await place.client(gateway)
        assert "readers" in await client.card("scan")

    world(body)


def test_who_has_no_token_uses_no_reader(world):
    async def body(place):
        gateway = await place.gateway()
        client = await place.client(gateway)
        client._session.headers["Authorization"] = "Bearer wrong"
        with pytest.raises(HeadEndError, match="refuses the token"):
            await client.card("scan")

    world(body)


def test_a_simulated_card_that_is_none_is_refused():
    for card in ({"data": "00" * 300}, {"secret": "00"}, {"data": "zz"}):
        row = {"name": "x", "port": "/x", "card": card}
        with pytest.raises(SimulatorError, match="Card reader"):
            Simulator({"dtus": [], "readers": [row]})


# === PROFILES === #


def test_every_profile_loads():
    for name in serial_reader.names():
        assert serial_reader.load(name).source


@given(st.binary(max_size=80))
def test_noise_on_the_line_is_an_error_and_never_bytes_of_a_card(noise):
    class Line:
        def __init__(self):
            self.left = noise

        def reset_input_buffer(self):
            pass

        def write(self, _data):
            pass

        def read(self, count):
            part, self.left = self.left[:count], self.left[count:]
            return part

    profile = serial_reader.load("amr_simulator")
    reader = serial_reader.SerialReader(profile, "x")
    reader._line = Line()
    try:
        reader.read_bytes(0, 4)
    except CardError:
        return
    assert noise.startswith(profile.frame(0, noise[4:8]))


# === PC/SC === #


class FakeConnection:
    """A PC/SC connection to an ACS reader, as far as its manual describes it."""

    def __init__(self, card):
        self.card = card

    def connect(self):
        if self.card is None:
            raise FakeNoCard("no card")
        self.card.open = False

    def disconnect(self):
        pass

    def transmit(self, command):
        head, rest = tuple(command[:2]), command[2:]
        card = self.card
        if head == (0xFF, 0xA4):
            return [], 0x90, 0x00
        if head == (0xFF, 0xB0):
            return list(card.data[rest[1] : rest[1] + rest[2]]), 0x90, 0x00
        if head == (0xFF, 0xB1):
            return [(1 << card.tries) - 1, 0, 0, 0], 0x90, 0x00
        if head == (0xFF, 0x20):
            card.verify(bytes(rest[3:]))
            return [], 0x90, (1 << card.tries) - 1
        if head == (0xFF, 0xD0):
            done = card.store(rest[1], bytes(rest[3:]))
            return [], 0x90 if done else 0x63, 0x00
        return [], 0x6D, 0x00


class FakeTrouble(Exception):
    pass


class FakeNoCard(FakeTrouble):
    pass


@pytest.fixture
def acs(monkeypatch):
    """The name of a PC/SC reader, and the connection to its card."""
    connection = FakeConnection(Sle4442(CARD))

    class Reader:
        def __str__(self):
            return "ACS ACR38U 00 00"

        def createConnection(self):
            return connection

    system = types.SimpleNamespace(readers=lambda: [Reader()])
    package = types.ModuleType("smartcard")
    package.System = system
    errors = types.ModuleType("smartcard.Exceptions")
    errors.NoCardException, errors.SmartcardException = FakeNoCard, FakeTrouble
    monkeypatch.setitem(sys.modules, "smartcard", package)
    monkeypatch.setitem(sys.modules, "smartcard.Exceptions", errors)
    return connection


def test_a_pcsc_reader_reads_and_writes_by_the_same_rules(acs):
    (name,) = pcsc.find()
    assert name.key == "pcsc:ACS ACR38U 00 00"
    with pcsc.PcscReader(name.label) as reader:
        assert session.read(reader).tries == 3
        _before, after = session.write(reader, SECRET, 32, bytes(200))
        assert after.data[32:232] == bytes(200)
        acs.card.tries = 2
        with pytest.raises(CardError, match="2 of 3 tries are left"):
            session.write(reader, SECRET, 32, b"x")
        assert acs.card.presented == [SECRET]
        acs.card.tries = 3
        with pytest.raises(CardError, match="refused the secret"):
            session.write(reader, b"abc", 32, b"x")
        acs.card = None
        with pytest.raises(CardError, match="no card in the reader"):
            session.read(reader)
    with pytest.raises(CardError, match="is not there"), pcsc.PcscReader("other"):
        pass


def test_without_pyscard_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(CardError, match="libpcsclite-dev") as caught:
        pcsc.find()
    assert caught.value.code == "no_driver"
    json.dumps(str(caught.value))
