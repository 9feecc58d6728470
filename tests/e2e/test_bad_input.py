"""What goes wrong on the wire or at the keyboard: told in a sentence, nothing lost."""

import socket
from decimal import Decimal

import pytest
from doors import DoorError
from headend.protocols import bcd, dlt645
from runtime import wait_until

PATIENCE = 60
STRANGER = "99990042"
CHINESE = "[\u4e00-\u9fff]"
READ_REPLY, TOTAL = 0x91, (0x00010000).to_bytes(4, "little")


@pytest.fixture
def meters(story):
    """The postpaid electricity meters behind the first DTU."""
    return story.operator("admin").find(
        "amr.meter",
        [
            ("link_id.terminal", "=", "10371001"),
            ("model_id.protocol", "=", "dlt645-2007"),
            ("prepaid", "=", False),
        ],
        ["address", "number"],
        order="number desc",
    )


@pytest.fixture
def meter(meters):
    return meters[0]


def said(index, address):
    """Return the frame in which a meter tells its index without being asked."""
    return dlt645.build(address, READ_REPLY, TOTAL + bcd.pack_number(index, 4, 2))


def pushed(story, meter, index):
    """Return how many readings with this index came without being asked for."""
    return story.operator("admin").count(
        "amr.reading",
        [
            ("meter_id", "=", meter["id"]),
            ("source", "=", "push"),
            ("index", "=", float(index)),
        ],
    )


def test_reply_with_wrong_checksum_is_asked_for_again(story, meter):
    reader = story.operator("reader")
    with story.meters.fault(meter["address"], corrupt_replies=1):
        action = reader.press("amr.meter", meter["id"], "action_read_now")
        story.watch_reading(action["res_id"])
    line = reader.one(
        "amr.read.task.line",
        [("task_id", "=", action["res_id"])],
        ["state", "tries", "index"],
    )
    assert (line["state"], line["tries"]) == ("done", 2)
    assert (
        0
        <= story.meters.ask(meter["address"])["index"] - Decimal(str(line["index"]))
        < Decimal(1)
    )


def test_broken_frames_do_not_hide_a_whole_one(story, meters):
    """One with a wrong checksum, one cut short, then one that is sound."""
    meter = meters[1]
    index = story.meters.ask(meter["address"])["index"]
    spoilt = said(index + 1000, meter["address"])
    spoilt = spoilt[:-2] + bytes([spoilt[-2] ^ 1]) + spoilt[-1:]
    cut = said(index + 2000, meter["address"])[:-5]
    sound = said(index, meter["address"])
    story.meters.tell_dtu("10371001", uplink=(spoilt + cut + sound).hex())
    wait_until(lambda: pushed(story, meter, index), PATIENCE, "the sound frame")
    assert pushed(story, meter, index) == 1
    assert not pushed(story, meter, index + 1000)
    assert not pushed(story, meter, index + 2000)


def test_unknown_terminal_is_shown_and_can_be_taken_into_service(story, stack):
    admin = story.operator("admin")

    def presence():
        found = admin.find("amr.link", [("terminal", "=", STRANGER)], ["presence"])
        return found and found[0]["presence"]

    with socket.create_connection(("127.0.0.1", stack.ports["dtu"])) as stranger:
        stranger.sendall(STRANGER.encode())
        wait_until(lambda: presence() == "quarantined", PATIENCE, "the quarantine")
    link = admin.one("amr.link", [("terminal", "=", STRANGER)], ["state"])
    assert link["state"] == "unknown"
    with pytest.raises(DoorError, match=CHINESE):
        admin.press("amr.link", link["id"], "action_adopt")
    admin.call(
        "amr.link", "write", [link["id"]], {"community_id": story.community["id"]}
    )
    admin.press("amr.link", link["id"], "action_adopt")
    with socket.create_connection(("127.0.0.1", stack.ports["dtu"])) as stranger:
        stranger.sendall(STRANGER.encode())
        wait_until(lambda: presence() == "online", PATIENCE, "the adopted terminal")
    admin.call("amr.link", "write", [link["id"]], {"active": False})


def test_console_says_what_is_wrong_with_a_frame(console, meter):
    frame = said(Decimal("12.34"), meter["address"])
    wrong = console(frame[:-2] + bytes([frame[-2] ^ 1]) + frame[-1:])
    assert "checksum" in wrong["error"]
    cut = console(frame[:-4])
    assert "truncated" in cut["error"]


def test_address_with_letters_is_refused(story, meter):
    with pytest.raises(DoorError, match="10371A") as told:
        story.operator("community_admin").call(
            "amr.meter", "write", [meter["id"]], {"address": "10371A020101"}
        )
    told.match(CHINESE)
    kept = story.operator("admin").read("amr.meter", meter["id"], ["address"])
    assert kept["address"] == meter["address"]


@pytest.mark.parametrize(
    "values",
    [{"date_from": "2040-01-01", "price": -0.1}, {"date_from": "2020-06-01"}],
    ids=["negative price", "overlapping version"],
)
def test_tariff_version_is_refused(story, values):
    admin = story.operator("admin")
    tariff = admin.one("amr.tariff", [], ["version_ids"])
    with pytest.raises(DoorError, match=CHINESE):
        admin.create("amr.tariff.version", {"tariff_id": tariff["id"], **values})
    kept = admin.read("amr.tariff", tariff["id"], ["version_ids"])
    assert kept["version_ids"] == tariff["version_ids"]
