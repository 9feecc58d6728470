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


def test_decode_survives_what_is_no_text_and_no_end():
    """Bytes that are no text, a line of megabytes, a lone 68 without a line end."""
    data = b"\xff\xfe\x00binary\n" + b"6810" * 1_000_000 + b"\n" + b"68"
    stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
    binary, long, lone = console.run(["decode", "-"], stream)
    assert binary["error"].startswith("This is no hex")
    assert long["error"] == "A line has 65536 characters at most."
    assert lone["error"] == "The frame is truncated: 1 bytes only."
    assert [run("decode", text)[0]["values"] for text in ("", "68" * 40_000)] == [
        [],
        [],
    ]


def test_decode_says_what_is_wrong():
    (answer,) = run("decode", "6801000000000068110433333433FF16")
    assert answer["error"] == "The checksum is wrong: FF received, B3 computed."


def test_decode_skips_noise_before_a_frame():
    (answer,) = run("decode", "68FF00 112233" + READ)
    assert (answer["protocol"], answer["data_id"]) == ("dlt645-2007", "00010000")


@pytest.mark.parametrize(
    "protocol, frame, address, data_id, values",
    [
        (
            "dlt645-1997",
            "682759630300016881 0643C3AC594733C316",
            "010003635927",
            "9010",
            [{"name": "forward_active.total", "value": "1426.79", "unit": "kWh"}],
        ),
        (
            "gdw376",
            "6832003200 68C90002341200 0271000001008516",
            "02001234",
            "02 F1",
            [{"name": "link", "value": "login", "unit": ""}],
        ),
    ],
)
def test_decode_finds_every_protocol(protocol, frame, address, data_id, values):
    for options in ((), ("--protocol", protocol)):
        (answer,) = run("decode", *options, frame)
        assert answer["error"] is None
        assert answer["protocol"] == protocol
        assert (answer["address"], answer["data_id"]) == (address, data_id)
        assert answer["values"] == values


#: Every request of every protocol, decoded again: (options, data_id of each frame).
ROUND_TRIPS = [
    ("dlt645-1997", "--address 1 --index", ["901F"]),
    ("dlt645-1997", "--address 1 --settlement 1", ["941F"]),
    ("dlt645-1997", "--address 1 --clock", ["C010", "C011"]),
    (
        "dlt645-1997",
        "--address 1 --set-clock 2026-11-21T10:30:00 --password 00123456",
        ["C010", "C011"],
    ),
    ("dlt645-1997", "--read-address", ["9010"]),
    ("dlt645-1997", "--write-address 77", [None]),
    ("dlt645-2007", "--address 1 --settlement 12", ["0001FF0C"]),
    ("dlt645-2007", "--address 1 --clock", ["04000101", "04000102"]),
    (
        "dlt645-2007",
        "--address 1 --set-clock 2026-11-21T10:30:00 --password 02123456",
        ["04000101", "04000102"],
    ),
    ("dlt645-2007", "--read-address", [None]),
    ("dlt645-2007", "--write-address 77", [None]),
    ("dlt645-2007", "--address 1 --relay open --password 02123456", [None]),
    ("gdw376", "--address 02001234/5 --index", ["0C F129"]),
    ("gdw376", "--address 02001234/5 --day 2026-11-20", ["0D F161"]),
    ("gdw376", "--address 02001234/5 --month 2026-10", ["0D F177"]),
    ("gdw376", "--address 02001234 --clock", ["0C F2"]),
    ("gdw376", "--address 02001234 --set-clock 2026-11-21T10:30:00", ["05 F31"]),
    ("gdw376", "--address 02001234 --item 0A03", ["0A F3"]),
    ("gdw376", f"--address 02001234 --forward {READ}", ["10 F1"]),
]


@pytest.mark.parametrize("protocol, options, items", ROUND_TRIPS)
def test_encode_and_decode_are_each_other_s_reverse(protocol, options, items):
    frames = run("encode", "--protocol", protocol, *options.split())
    answers = [run("decode", frame)[0] for frame in frames]
    assert [answer["protocol"] for answer in answers] == [protocol] * len(items)
    assert [answer["error"] for answer in answers] == [None] * len(items)
    assert [answer["data_id"] for answer in answers] == items


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
        (["cjt188", "--address", "1", "--day", "2026-11-20"], "no such request"),
        (["dlt645-1997", "--address", "1", "--daily", "1"], "not offer daily freezes"),
        (["dlt645-1997", "--address", "1", "--settlement", "3"], "number 3 is not one"),
        (["gdw376", "--address", "02001234", "--index"], "names a terminal and no"),
        (["gdw376", "--address", "1", "--clock"], "“1” is not valid"),
        (["gdw376", "--address", "02001234", "--day", "2026-11-20"], "Name the meter"),
        (["gdw376", "--address", "02001234/1", "--day", "x"], "“x” is no date"),
        (["gdw376", "--address", "02001234", "--item", "0D01"], "without more"),
        (["gdw376", "--address", "02001234", "--forward", "6"], "“6” is no hex"),
        (["dlt645-2007", "--address", "1", "--set-clock", "x"], "“x” is no time"),
        (["dlt645-2007", "--address", "1", "--relay", "open"], "must have 8 digits"),
    ],
)
def test_encode_says_what_is_wrong(args, sentence):
    with pytest.raises(console.ConsoleError, match=sentence):
        run("encode", "--protocol", *args)
