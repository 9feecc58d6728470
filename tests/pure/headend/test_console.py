"""Decoding and encoding by hand."""

import io

import pytest
from headend import console

READ = "FEFEFEFE6801000000000068110433333433B316"


def run(*args, text=""):
    return list(console.run(args, io.StringIO(text)))


def test_decode_finds_the_protocol():
    (answer,) = run("decode", "68 01 00 00 00 00 00 68 91 08 3333 3433 AB896745 17 16")
    assert answer == {
        "protocol": "dlt645-2007",
        "address": "000000000001",
        "control": "91",
        "data_id": "00010000",
        "error": None,
        "values": [
            {"name": "forward_active.total", "value": "123456.78", "unit": "kWh"}
        ],
    }


def test_decode_a_stream():
    lines = READ + "\n\nnonsense\n68\n"
    first, second, third = run("decode", "-", text=lines)
    assert first["data_id"] == "00010000"
    assert second["error"].startswith("This is no hex")
    assert third["error"] == "The frame is truncated: 1 bytes only."
    assert third["protocol"] is None


def test_decode_says_what_is_wrong():
    (answer,) = run("decode", "6801000000000068110433333433FF16")
    assert answer["error"] == "The checksum is wrong: FF received, B3 computed."


@pytest.mark.parametrize(
    "args, frames",
    [
        (["--item", "00010000"], [READ]),
        (["--index"], ["FEFEFEFE6801000000000068110433323433B216"]),
        (["--relay-state"], ["FEFEFEFE6801000000000068110436383337BE16"]),
    ],
)
def test_encode(args, frames):
    base = ["encode", "--protocol", "dlt645-2007", "--address", "1"]
    assert run(*base, *args) == frames


def test_encode_freeze_and_purchase_state():
    base = ["encode", "--protocol", "dlt645-2007", "--address", "1"]
    assert len(run(*base, "--daily", "1")) == 2
    assert len(run(*base, "--purchase-state")) == 2


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["dlt645-2007", "--address", "12AB", "--index"], "“12AB” is not valid"),
        (["cjt188", "--address", "1", "--daily", "1"], "does not offer daily freezes"),
        (["dlt645-2007", "--address", "1", "--item", "xyz"], "no data identification"),
        (["cjt188", "--address", "1", "--item", "00010000"], "no data identification"),
    ],
)
def test_encode_says_what_is_wrong(args, sentence):
    with pytest.raises(console.ConsoleError, match=sentence):
        run("encode", "--protocol", *args)
