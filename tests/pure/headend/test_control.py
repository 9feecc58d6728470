"""The control port and its client: who may ask, bad requests, and breakdowns."""

import asyncio
import logging
from datetime import datetime
from decimal import Decimal

import aiohttp
import pytest
from headend.client import (
    HeadEndClient,
    HeadEndError,
    HeadEndFailed,
    HeadEndLost,
    HeadEndUnavailable,
    Reply,
)
from headend.protocols import registry
from headend.protocols.authenticator import SimulatorAuthenticator
from headend_world import CREDIT_KEY, TOKEN

DLT = registry.get("dlt645-2007")
DTU = "10372001"
LINK = f"dtu:{DTU}"


def test_health_needs_no_token_and_the_rest_does(world):
    async def body(place):
        gateway = await place.gateway()
        url = f"http://127.0.0.1:{gateway.control.port}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/healthz") as response:
                health = await response.json()
                assert (health["status"], health["name"]) == ("ok", "test")
            for path in ("/v1/links", "/v1/control"):
                async with session.get(url + path) as response:
                    assert response.status == 401
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with session.get(f"{url}/v1/links", headers=headers) as response:
                assert await response.json() == []

    world(body)


def test_a_token_that_is_no_text_is_a_wrong_one(world):
    async def body(place):
        gateway = await place.gateway()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", gateway.control.port
        )
        writer.write(
            b"GET /v1/links HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Bearer \xff\xfe\r\n\r\n"
        )
        assert b" 401 " in await reader.readline()
        writer.close()

    world(body)


def test_a_wrong_token_gets_a_sentence(world):
    async def body(place):
        gateway = await place.gateway()
        url = f"http://127.0.0.1:{gateway.control.port}"
        async with HeadEndClient(url, "wrong") as client:
            with pytest.raises(HeadEndError, match="refuses the token"):
                await client.links()
            assert "wrong" not in repr(client)

    world(body)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"op": "dance"}, "There is no operation “dance”."),
        ({"protocol": "morse"}, "There is no protocol “morse”"),
        ({"protocol": None}, "There is no protocol"),
        ({"frames": []}, "must be a list of hex strings"),
        ({"frames": "6816"}, "must be a list of hex strings"),
        ({"frames": ["xyz"]}, "Frame 1 is no hex string."),
        ({"frames": [1]}, "Frame 1 is no hex string."),
        (
            {"frames": ["680100000000006811043333343300" + "16"]},
            "Frame 1 is no dlt645-2007 request: The checksum is wrong",
        ),
        ({"frames": ["6801"]}, "The frame is truncated"),
        ({"frames": ["00" * 600]}, "too long"),
        ({"deadline": 0}, "“deadline” must be a positive number"),
        ({"deadline": "soon"}, "“deadline” must be a positive number"),
        ({"timeout": -1}, "“timeout” must be a positive number"),
    ],
)
def test_a_bad_request_gets_a_sentence(world, change, sentence):
    async def body(place):
        gateway = await place.gateway()
        client = await place.client(gateway)
        message = {
            "op": "exchange",
            "link": LINK,
            "protocol": DLT.name,
            "frames": [DLT.read_index("1")[0].hex()],
            **change,
        }
        with pytest.raises(HeadEndError) as caught:
            await client._call(message, 5)
        assert sentence in str(caught.value)
        assert await client.links() == []  # the connection lives on

    world(body)


@pytest.mark.parametrize("text", ["nonsense", "[1, 2]", '"text"'])
def test_a_message_that_is_no_object_gets_a_sentence(world, text):
    async def body(place):
        gateway = await place.gateway()
        client = await place.client(gateway)
        await client.links()
        url = f"http://127.0.0.1:{gateway.control.port}/v1/control"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.ws_connect(url) as socket:
                await socket.send_str(text)
                answer = await socket.receive_json(timeout=5)
        assert answer["error"] == "bad_request" and "no JSON" in answer["message"]

    world(body)


def test_no_frames_no_work(world):
    async def body(place):
        async with HeadEndClient("http://127.0.0.1:1", TOKEN) as client:
            assert await client.exchange(LINK, DLT.name, []) == []

    world(body)


def test_a_head_end_that_is_not_there(world):
    async def body(place):
        async with HeadEndClient("http://127.0.0.1:1", TOKEN) as client:
            with pytest.raises(HeadEndUnavailable, match="cannot be reached"):
                await client.exchange(LINK, DLT.name, DLT.read_index("1"))

    world(body)


def test_a_head_end_that_stops_in_the_middle_and_comes_back(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        line = await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        port = gateway.control.port
        client = await place.client(gateway)
        task = asyncio.create_task(
            client.exchange(LINK, DLT.name, DLT.read_index("1"), timeout=30)
        )
        await line.request()
        place.gateways.remove(gateway)
        await gateway.stop()
        with pytest.raises(HeadEndLost, match="broke before it answered"):
            await task
        await place.gateway(control_port=port)
        (reply,) = await client.exchange(LINK, DLT.name, DLT.read_index("1"))
        assert reply.error == "offline"

    world(body)


def test_a_reply_that_does_not_say_so_leaves_in_doubt_what_was_sent():
    assert Reply(b"", None, "offline", 0, False).sent is False
    assert Reply(b"", None, "offline", 0).sent is True


def test_a_head_end_that_fails_leaves_in_doubt_what_was_sent(world, caplog):
    """Only what it refuses beforehand is known not to have left."""

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        await place.dial(gateway, DTU.encode())
        await place.odoo.event("link_up")
        client = await place.client(gateway)
        frames = DLT.read_index("1")
        exchange = gateway.links[LINK].exchange

        async def fail(*_args):
            raise KeyError("x")

        async def nonsense(*_args):
            return []

        for wrong in (fail, nonsense):
            gateway.links[LINK].exchange = wrong
            with pytest.raises(HeadEndFailed) as caught:
                await client.exchange(LINK, DLT.name, frames)
            assert isinstance(caught.value, HeadEndLost)
        gateway.links[LINK].exchange = exchange
        with pytest.raises(HeadEndError) as caught:
            await client.exchange(LINK, DLT.name, [b"\x68"])
        assert not isinstance(caught.value, HeadEndLost)

    world(body)
    assert "a control message failed" in caplog.text


def test_no_secret_in_the_log(world, caplog):
    """At the most talkative level: token, password, operator and codes stay out."""

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        meter = {"address": "1", "prepaid": True, "password": "02739184"}
        await place.simulator(gateway, {"terminal": DTU, "meters": [meter]})
        await place.odoo.event("link_up")
        client = await place.client(gateway)
        relay = DLT.relay(
            "1",
            False,
            now=datetime.now().replace(year=2098),
            password="02739184",
            operator="51627384",
        )
        credit = DLT.credit(
            "1",
            purchase_no=1,
            amount=Decimal("9.99"),
            customer_no="1",
            authenticator=SimulatorAuthenticator(CREDIT_KEY),
        )
        replies = await client.exchange(LINK, DLT.name, [relay, credit])
        assert [one.error for one in replies] == [None, None]
        assert DLT.decode(replies[0].reply).error is None
        secrets = [relay.hex()[28:44], credit.hex()[36:88], TOKEN, CREDIT_KEY]
        secrets += ["739184", "51627384"]
        logged = caplog.text.lower()
        assert relay.hex()[:28] in logged  # the frames are there, without secrets
        for secret in secrets:
            assert secret not in logged

    with caplog.at_level(logging.DEBUG):
        world(body)


def test_who_asks_a_client_that_was_closed_is_told_that_nothing_was_sent(world):
    async def body(place):
        client = await place.client(await place.gateway())
        await client.close()
        with pytest.raises(HeadEndUnavailable, match="was closed"):
            await client.exchange(LINK, DLT.name, DLT.read_index("1"))

    world(body)
