"""The console against a running head-end with simulated meters."""

import asyncio
import contextlib
import io
import json
import os
import sys
import tty
from datetime import datetime
from pathlib import Path

import pytest
from headend import shell
from headend.operate import OperatorError, as_words
from headend.protocols import registry
from headend.watch import WAITING, Watch
from headend_world import TOKEN

DTU, EMPTY = "10372001", "10372002"
LINK = f"dtu:{DTU}"
POWER, WATER = "000000000042", "00000000000077"
METERS = [
    {"address": POWER, "index": "1234.56", "prepaid": True, "balance": "20"},
    {"address": WATER, "protocol": "cjt188", "index": "5.25"},
    {"address": "43", "silent": True},
]


class Console:
    """The command line of a person on the head-end's machine."""

    def __init__(self, gateway, monkeypatch):
        monkeypatch.setenv("AMR_HEADEND_TOKEN", TOKEN)
        monkeypatch.delenv("ODOO_RC", raising=False)
        self.url = f"http://127.0.0.1:{gateway.control.port}"

    async def __call__(self, *words, text="", is_json=True):
        """Exit code and answers of a command, or of lines from standard input."""
        args = ["--url", self.url, *(["--json"] if is_json else []), *words]
        out = io.StringIO()
        code = await asyncio.to_thread(shell.main, args, io.StringIO(text), out)
        lines = out.getvalue().splitlines()
        return code, [json.loads(line) for line in lines] if is_json else lines


@pytest.fixture
def site(world, monkeypatch):
    """A head-end with one DTU that is there and one that is not: ``site(body)``."""

    def run(body):
        async def main(place):
            place.odoo.allow(DTU, EMPTY)
            gateway = await place.gateway(reply_timeout=0.2, refresh_pause=0)
            await place.simulator(gateway, {"terminal": DTU, "meters": METERS})
            await place.odoo.event("link_up", link=LINK)
            await body(Console(gateway, monkeypatch), place, gateway)

        world(main)

    return run


def values(answer):
    return {one["name"]: one["value"] for one in answer["values"]}


def test_the_session_of_the_manual(site):
    async def body(console, _place, _gateway):
        code, answers = await console(
            text=f"?:all\n\n?:2\nl:\no:1\ng:{POWER}\ni:4,{POWER}\nc:\nf:\nn:\nexit\ng:1\n"
        )
        assert code == 0
        formats = [one["format"] for one in answers if "format" in one]
        assert (
            formats.count(
                "run 2 METER [DAYS]: the daily freeze, DAYS midnights ago"
                " (1 is the last)"
            )
            == 2
        )
        links = [one for one in answers if "number" in one]
        assert [(one["number"], one["link"], one["state"]) for one in links] == [
            (1, LINK, "online"),
            (2, f"dtu:{EMPTY}", "offline"),
        ]
        index, date, time = (one for one in answers if "values" in one)
        assert values(index)["forward_active.total"] == "1234.56"
        assert (index["protocol"], index["address"]) == ("dlt645-2007", POWER)
        assert set(values(date)) | set(values(time)) == {"date", "time"}
        notified = answers[-1]
        assert (notified["reached"], notified["links"]) == (True, 2)

    site(body)


def test_one_command_by_arguments(site):
    async def body(console, _place, _gateway):
        code, [answer] = await console("--link", LINK, "read", WATER)
        assert (code, answer["protocol"]) == (0, "cjt188")
        assert values(answer)["total"] == "5.25"
        code, answers = await console("--link", "1", "run", "5", POWER)
        assert code == 0
        assert [one["error"] for one in answers] == [None, None]
        code, lines = await console("--link", LINK, f"g:{WATER}", is_json=False)
        assert lines[0].startswith(f"{LINK} > FE")
        assert "total = 5.25 m³" in lines[2]

    site(body)


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["dance"], "There is no command “dance”"),
        (["read", "1"], "Open a link first"),
        (["read"], "is used like this: read M"),
        (["open", "9"], "There is no link 9: there are 2."),
        (["open", "dtu:5"], "There is no link “dtu:5”"),
        (["open", "2"], f"dtu:{EMPTY}: The link is not online"),
        (["list", "99"], "There is no command 99"),
        (["--link", "1", "run", "6", "42"], "used like this: run 6 METER ITEM"),
        (["--link", "1", "run", "6", "42", "xyz"], "“xyz”"),
        (["--link", "1", "read", "12AB"], "“12AB” is not valid"),
        (["--link", "2", "read", "42"], f"dtu:{EMPTY}: The link is not online"),
        (["--link", "1", "--protocol", "cjt188", "run", "2", "1"], "not offer daily"),
        (["--link", "1", "--protocol", "dlt645-2007", "read", "43"], "did not answer"),
    ],
)
def test_what_went_wrong_is_a_sentence_and_an_exit_code(site, words, sentence):
    async def body(console, _place, _gateway):
        code, answers = await console(*words)
        assert code == 1
        assert sentence in answers[-1]["error"]

    site(body)


def test_a_meter_that_nobody_answers_for_was_tried_in_every_protocol(site):
    async def body(console, _place, gateway):
        code, [answer, failure] = await console("--link", "1", "read", "99")
        assert (code, answer["protocol"]) == (1, "cjt188")
        assert failure["error"] == "The meter did not answer."

    site(body)


def test_a_failed_line_does_not_stop_the_others(site):
    async def body(console, _place, _gateway):
        lines = f"read 1\n“\nopen '\nopen {LINK}\nread {POWER}  # the shop\n"
        code, answers = await console(text=lines)
        assert code == 1
        assert [bool(one.get("error")) for one in answers] == [1, 1, 1, 0, 0]

    site(body)


def test_frames_are_watched_live_and_passwords_are_not_seen(site):
    async def body(console, place, gateway):
        client = await place.client(gateway)
        seen = []

        async def watch():
            async with contextlib.aclosing(client.watch(LINK)) as watching:
                async for frames in watching:
                    seen.extend(frames)
                    started.set()
                    if any(frame["direction"] == "none" for frame in seen):
                        return

        started = asyncio.Event()
        task = asyncio.create_task(watch())
        await started.wait()
        assert (await console("--link", LINK, "read", POWER))[0] == 0
        relay = registry.get("dlt645-2007").relay(
            POWER, False, now=datetime.now(), password="02987654", operator="87654321"
        )
        await client.exchange(LINK, "dlt645-2007", [relay])
        await client.exchange(LINK, "cjt188", registry.get("cjt188").read_index("9"))
        await task
        while gateway.watch:  # until the head-end has noticed
            await asyncio.sleep(0)
        out, back, switch, _switched, asked, silence = seen
        assert [out["direction"], back["direction"]] == ["out", "in"]
        assert back["data_id"] == "0001FF00"
        assert values(back)["forward_active.total"] == "1234.56"
        assert switch["frame"].count("*") > 8 and switch["values"] == []
        assert asked["direction"] == "out"
        assert silence["error"] == "No reply; 0 bytes that make no frame."
        shown = shell.as_text({**back, "at": "now"})
        assert shown.startswith(f"now  {LINK} < 68")
        assert "forward_active.total = 1234.56 kWh" in shown

    site(body)


def test_a_slow_onlooker_is_told_what_he_missed():
    async def body():
        watch, protocol = Watch(), registry.get("cjt188")
        [frame] = protocol.read_index("9")
        events = watch.events("dtu:1")
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        for _number in range(WAITING + 5):
            watch.frame("dtu:1", "out", protocol, frame)
            watch.frame("dtu:2", "out", protocol, frame)
        frames = await first
        assert (len(frames), frames[0]["lost"]) == (WAITING, 5)
        await events.aclose()
        assert not watch

    asyncio.run(body())


def test_nothing_listens_there(monkeypatch, capsys):
    monkeypatch.setenv("AMR_HEADEND_TOKEN", TOKEN)
    assert shell.main(["--url", "http://127.0.0.1:9", "load"], io.StringIO()) == 1
    assert capsys.readouterr().err == "The head-end cannot be reached.\n"
    monkeypatch.delenv("AMR_HEADEND_TOKEN")
    monkeypatch.delenv("ODOO_RC", raising=False)
    assert shell.main(["load"], io.StringIO()) == 1
    assert "headend_token is missing" in capsys.readouterr().err


def test_the_forms_of_the_manual():
    assert as_words("i:3,000042,7") == ["run", "3", "000042", "7"]
    assert as_words("?:all") == ["list", "all"]
    assert as_words(["o:2"]) == ["open", "2"]
    assert as_words("open dtu:10372001") == ["open", "dtu:10372001"]
    assert as_words("  # nothing") == []
    with pytest.raises(OperatorError, match="No closing quotation"):
        as_words("open 'x")


def test_a_person_at_a_terminal(site):
    """On a terminal the console asks for each command, and leaves with the manual's
    own “!”."""

    async def body(console, _place, _gateway):
        far, near = os.openpty()
        tty.setraw(near)
        with open(near) as keys, open(near, "w", closefd=False) as screen:
            args = ["--url", console.url, "--protocol", "dlt645-2007"]
            working = asyncio.create_task(
                asyncio.to_thread(shell.main, args, keys, screen)
            )

            async def see(text):
                seen = ""
                while text not in seen:
                    seen += (await asyncio.to_thread(os.read, far, 4096)).decode()
                return seen

            await see(shell.PROMPT)
            os.write(far, b"?\n")
            assert "watch [LINK]" in await see(shell.PROMPT)
            os.write(far, f"o:1\ng:{POWER}\n".encode())
            assert "online" in await see("1234.56")
            os.write(far, b"!\n")
            assert await working == 0
        os.close(far)

    site(body)


def test_odoo_s_own_command_line(site):
    async def body(console, _place, _gateway):
        addons = Path(shell.__file__).resolve().parents[2]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "odoo", f"--addons-path={addons}", "amr_console"),
            *("--url", console.url, "--link", LINK, "--json", "read", WATER),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _err = await process.communicate()
        assert process.returncode == 0
        assert values(json.loads(out))["total"] == "5.25"

    site(body)
