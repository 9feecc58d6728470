"""Uplinks of platforms: HTTP push and MQTT through a real Mosquitto, into the spool."""

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import shutil
import socket
import sqlite3
from datetime import datetime
from decimal import Decimal

import aiohttp
import aiomqtt
import pytest
from headend.client import HeadEndError, HeadEndLost
from headend.config import ConfigError
from headend.gateway import Gateway
from headend.protocols import registry
from headend.simulator.electricity import ElectricityMeter
from headend.simulator.water import WaterMeter
from headend.uplinks import downlinks, mqtt, onenet, profile
from headend.uplinks.profile import MessageError, ProfileError
from hypothesis import given
from hypothesis import strategies as st

TOKEN = "uplink-secret"
IMEI = "861234567890123"
EUI = "0102030405060708"
MOSQUITTO = shutil.which("mosquitto") or shutil.which(
    "mosquitto", path="/usr/sbin:/usr/local/sbin"
)
DLT, CJT = registry.get("dlt645-2007"), registry.get("cjt188")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(mqtt, "FIRST_PAUSE", 0.02)


def electricity(index="100.5", address="1"):
    """What an electricity meter says of its index."""
    meter = ElectricityMeter({"address": address, "index": index}, lambda: 0.0)
    return meter.answer(DLT.read_index(address)[0])[1]


def water(index="5.25", address="7"):
    meter = WaterMeter({"address": address, "index": index}, lambda: 0.0)
    return meter.answer(CJT.read_index(address)[0])[1]


def plain(frame, **more):
    return {
        "device": IMEI,
        "time": "2026-03-01T16:00:00+08:00",
        "payload": frame.hex(),
        **more,
    }


def chirpstack(frame, count=1, eui=EUI):
    """The event up as ChirpStack v4 writes it, as far as anybody looks at it."""
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-03-01T08:00:00.775023242+00:00",
        "deviceInfo": {"applicationName": "water", "devEui": eui},
        "devAddr": "00189440",
        "fCnt": count,
        "fPort": 2,
        "confirmed": False,
        "data": base64.b64encode(frame).decode(),
        "rxInfo": [{"gatewayId": "1", "rssi": -36}],
    }


def index_of(event):
    protocol = registry.get(event["protocol"])
    decoded = protocol.decode(bytes.fromhex(event["frame"]))
    return protocol.index_from(decoded)["total"]


# === PROFILES === #


def taken(name, message):
    uplinks, refused = profile.load(name).uplinks(json.dumps(message).encode())
    assert not refused
    return uplinks


def test_every_profile_loads_and_says_where_it_comes_from():
    assert set(profile.names()) >= {"plain", "ctwing", "chirpstack"}
    for name in profile.names():
        assert profile.load(name).source
    with pytest.raises(ProfileError, match="no profile “x”; known are: chirpstack"):
        profile.load("x")


def test_platforms_wrap_frames_in_their_own_way():
    frame = electricity()
    (one,) = taken("plain", plain(frame))
    assert (one.link, one.protocol) == (f"nbiot:{IMEI}", "dlt645-2007")
    assert one.at == "2026-03-01T08:00:00.000+00:00"
    (one,) = taken("chirpstack", chirpstack(water()))
    assert (one.link, one.protocol) == (f"lora:{EUI}", "cjt188")
    assert one.at == "2026-03-01T08:00:00.775+00:00"
    ctwing = {
        "tenantId": "1",
        "IMEI": IMEI,
        "messageType": "dataReport",
        "timestamp": 1772352000000,
        "payload": {"APPdata": base64.b64encode(frame).decode()},
    }
    (one,) = taken("ctwing", ctwing)
    assert (one.terminal, one.at) == (IMEI, "2026-03-01T08:00:00.000+00:00")
    assert taken("ctwing", {**ctwing, "messageType": "deviceOnlineOffline"}) == []


def test_one_message_may_hold_several_frames_and_one_push_several_messages():
    both = b"\x00\x01" + electricity() + water()
    found = taken("plain", [plain(both), plain(water("6"))])
    assert [one.protocol for one in found] == ["dlt645-2007", "cjt188", "cjt188"]
    assert len({one.id for one in found}) == 3


def test_a_payload_that_is_no_frame_is_kept_whole():
    (one,) = taken("plain", plain(b"\x01\x02\x03"))
    assert (one.protocol, one.frame) == (None, b"\x01\x02\x03")


def test_the_same_uplink_has_the_same_id_and_another_one_has_not():
    frame = electricity()
    first = taken("plain", plain(frame))[0].id
    assert taken("plain", plain(frame))[0].id == first
    later = plain(frame, time="2026-03-01T16:00:01+08:00")
    for other in (later, plain(electricity("101")), plain(frame, device="8612345")):
        assert taken("plain", other)[0].id != first
    timeless = plain(frame)
    del timeless["time"]
    ids = {taken("plain", timeless)[0].id for _ in range(2)}
    assert len(ids) == 2  # perhaps a meter that stands still: never thrown away


@pytest.mark.parametrize(
    "message, sentence",
    [
        (5, "must be a JSON object"),
        ({}, "names no device in “device”"),
        (plain(b"x", device="a b"), "names no device"),
        (plain(b"x", device=True), "names no device"),
        (plain(b"", payload="6z"), "The payload is no hex"),
        (plain(b"", payload=""), "has no payload in “payload”"),
        (plain(b"", payload=5), "has no payload"),
        (plain(b"", payload="00" * 5000), "at most 4096 bytes"),
        (plain(b"x", time="2026-03-01T08:00:00"), "ISO time with its zone"),
        (plain(b"x", time="yesterday"), "ISO time with its zone"),
        (plain(b"x", time=1e30), "ISO time with its zone"),
        (plain(b"x", time=[1]), "ISO time with its zone"),
    ],
)
def test_what_is_wrong_gets_a_sentence(message, sentence):
    with pytest.raises(MessageError, match=sentence):
        taken("plain", message)


ODD = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=20)
    | st.just({})
    | st.just([1])
)


@given(ODD, ODD, ODD, st.binary(max_size=60))
def test_a_message_is_taken_or_refused_and_nothing_else(device, payload, when, raw):
    encoded = base64.b64encode(raw).decode()
    messages = [
        {"device": device, "payload": payload, "time": when},
        {"device": IMEI, "payload": raw.hex(), "time": when},
        {"deviceInfo": {"devEui": device}, "data": encoded},
        {"deviceInfo": device, "data": payload},
    ]
    for name in profile.names():
        for body in (raw, json.dumps(messages[:2]), json.dumps(messages[2:])):
            with contextlib.suppress(MessageError):
                profile.load(name).uplinks(body)


# === HTTP === #


@contextlib.asynccontextmanager
async def pushing(gateway, token=TOKEN, query=False):
    """A function that pushes a message and returns (status, text)."""
    headers = {} if query else {"Authorization": f"Bearer {token}"}
    suffix = f"?token={token}" if query else ""
    async with aiohttp.ClientSession(headers=headers) as session:

        async def push(message, name="plain"):
            url = f"http://127.0.0.1:{gateway.uplinks.http.port}/uplink/{name}{suffix}"
            body = message if isinstance(message, bytes) else json.dumps(message)
            async with session.post(url, data=body) as response:
                return response.status, await response.text()

        yield push


OPEN = {"uplink_token": TOKEN, "uplink_port": 0, "uplink_host": "127.0.0.1"}


def test_a_pushed_uplink_reaches_odoo_once(world):
    async def body(place):
        gateway = await place.gateway(**OPEN)
        async with pushing(gateway) as push:
            for _delivery in range(2):
                assert await push(plain(electricity())) == (200, '{"taken": 1}')
            event = await place.odoo.event("uplink")
            assert (await push(plain(electricity("101"), number=2)))[0] == 200
            await place.odoo.event("uplink", number=2)
        assert index_of(event) == Decimal("100.50")
        assert event["link"] == f"nbiot:{IMEI}" and event["peer"] == "plain"
        assert event["at"] == "2026-03-01T08:00:00.000+00:00"
        ids = [one["id"] for one in place.odoo.events if one["type"] == "uplink"]
        assert len(ids) == 2

    world(body)


def test_one_bad_message_of_a_list_does_not_keep_the_good_ones_out(world):
    async def body(place):
        gateway = await place.gateway(**OPEN)
        bad = plain(electricity("7"), time="yesterday")
        batch = [plain(electricity("1")), bad, 5, plain(electricity("2"), number=2)]
        async with pushing(gateway) as push:
            for _delivery in range(2):
                status, text = await push(batch)
                answer = json.loads(text)
                assert (status, answer["taken"]) == (200, 2)
                assert [one["place"] for one in answer["refused"]] == [2, 3]
                assert "ISO time" in answer["refused"][0]["error"]
            kept = await place.odoo.event("bad_uplink")
            assert json.loads(kept["message"]) == bad
            assert kept["problem"] == answer["refused"][0]["error"]
            await place.odoo.event("bad_uplink", number=2)
            await place.odoo.event("uplink", number=2)
            assert (await push(bad))[0] == 400  # alone, its sender hears of it
        kinds = [one["type"] for one in place.odoo.events]
        assert (kinds.count("uplink"), kinds.count("bad_uplink")) == (2, 2)

    world(body)


def test_a_wrong_token_a_wrong_name_and_a_wrong_message(world, caplog):
    caplog.set_level(logging.DEBUG)

    async def body(place):
        gateway = await place.gateway(**OPEN)
        for token, query in (("wrong", False), ("wrong", True), ("", False)):
            async with pushing(gateway, token, query) as push:
                assert (await push(plain(electricity())))[0] == 401
        async with pushing(gateway, query=True) as push:
            assert (await push(plain(electricity())))[0] == 200
            status, text = await push(plain(electricity()), "unheard-of")
            assert (status, "There is no profile" in text) == (404, True)
            status, text = await push(b"{")
            assert (status, text) == (400, "The message is no JSON.")
        await place.odoo.event("uplink")

    world(body)
    assert TOKEN not in caplog.text


def test_while_odoo_is_down_uplinks_wait_on_disk_over_a_restart(world):
    async def body(place):
        place.odoo.failing = True
        gateway = await place.gateway(**OPEN)
        async with pushing(gateway) as push:
            for number in range(5):
                await push(plain(electricity(str(number)), number=number))
        # no stop: what was answered is on disk, whatever happens to the process
        other = place.config(**OPEN).path("spool.sqlite")
        assert gateway.spool.count() == 5 and other.exists()
        await gateway.stop()
        place.gateways.remove(gateway)
        place.odoo.failing = False
        await place.gateway()
        await place.odoo.event("uplink", number=5)
        found = [index_of(one) for one in place.odoo.events if "frame" in one]
        assert found == [0, 1, 2, 3, 4]

    world(body)


def test_a_disk_that_is_full_is_told_the_platform(world, monkeypatch):
    async def body(place):
        gateway = await place.gateway(**OPEN)
        monkeypatch.setattr("headend.uplinks.sink.DURABLE_WITHIN", 0.05)
        monkeypatch.setattr(gateway.spool, "commit", lambda: None)
        async with pushing(gateway) as push:
            status, text = await push(plain(electricity()))
        assert (status, "send this again" in text) == (503, True)
        monkeypatch.undo()

    world(body)


# === ONENET === #


def signed(message, nonce="aQ9xZ1bc", name="msg_signature", token=TOKEN):
    """A push of OneNET as it comes over the line."""
    text = message if isinstance(message, str) else json.dumps(message)
    inner = json.dumps(text) if isinstance(message, str) else text
    mine = base64.b64encode(hashlib.md5(f"{token}{nonce}{text}".encode()).digest())
    return (
        f'{{"nonce": "{nonce}", "{name}": "{mine.decode()}" ,"msg" : {inner}}}'.encode()
    )


def data_point(frame, **more):
    return {
        "type": 1,
        "dev_id": 518484131,
        "imei": IMEI,
        "ds_id": "3200_0_5750",
        "at": 1772352000000,
        "value": frame.hex(),
        **more,
    }


def test_onenet_checks_the_address_and_pushes_what_it_signed(world, caplog):
    caplog.set_level(logging.DEBUG)

    async def body(place):
        gateway = await place.gateway(**OPEN)
        url = f"http://127.0.0.1:{gateway.uplinks.http.port}/uplink/onenet"
        # the published rule: base64 of md5 of token, nonce and msg
        proof = hashlib.md5(f"{TOKEN}abcdefghhello".encode()).digest()
        query = {"msg": "hello", "nonce": "abcdefgh"}
        right = {**query, "signature": base64.b64encode(proof).decode()}
        async with aiohttp.ClientSession() as session:
            async with session.get(url, params=right) as response:
                assert (response.status, await response.text()) == (200, "hello")
            for wrong in (query, {**query, "signature": "x"}, {**right, "msg": "x"}):
                async with session.get(url, params=wrong) as response:
                    assert response.status == 401
            plain_url = url.replace("onenet", "plain")
            async with session.get(plain_url, params=right) as response:
                assert response.status == 405

            async def push(data):
                async with session.post(url, data=data) as response:
                    return response.status, await response.text()

            frame = electricity()
            for _delivery in range(2):
                assert await push(signed(data_point(frame))) == (200, '{"taken": 1}')
            event = await place.odoo.event("uplink")
            assert (event["link"], index_of(event)) == (
                f"nbiot:{IMEI}",
                Decimal("100.5"),
            )
            assert event["at"] == "2026-03-01T08:00:00.000+00:00"
            # several at once, and the newer platform's text
            both = [data_point(water(), at=2), data_point(water("6"), at=3)]
            assert (await push(signed(both)))[1] == '{"taken": 2}'
            text = json.dumps(data_point(electricity("7"), at=4))
            assert (await push(signed(text, name="signature")))[1] == '{"taken": 1}'
            # what is no reading is taken without a word
            for kind in (2, 7):
                point = {"type": kind, "imei": IMEI, "at": 1, "status": 1}
                assert await push(signed(point)) == (200, '{"taken": 0}')
            forged = [
                signed(data_point(frame), token="another"),
                signed(data_point(frame)).replace(b"518484131", b"518484132"),
                json.dumps({"msg": data_point(frame)}).encode(),
                json.dumps({"msg": None, "nonce": "x", "signature": "y"}).encode(),
                b"[1]",
            ]
            for data in forged:
                assert (await push(data))[0] == 401, data
            assert (await push(b"{"))[0] == 400
            status, text = await push(b'{"enc_msg": "x"}')
            assert (status, "choose plain text" in text) == (400, True)
            await place.odoo.event("uplink", number=4)
        uplinks = [one for one in place.odoo.events if one["type"] == "uplink"]
        assert len(uplinks) == 4

    world(body)
    assert TOKEN not in caplog.text


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_whatever_comes_instead_of_a_signed_push_is_refused(raw):
    for body in (raw, b'{"msg":' + raw, b'{"nonce":"x","msg":' + raw + b"}"):
        with contextlib.suppress(MessageError, onenet.NotSigned):
            onenet.unwrap(TOKEN, body)
            raise AssertionError(body)


def test_a_platform_that_stops_when_refused_is_told_yes_and_the_rest_is_kept(world):
    """CTWing cools down after a hundred failures, and pushes signal reports, too."""

    async def body(place):
        gateway = await place.gateway(**OPEN)
        report = {
            "IMEI": IMEI,
            "deviceId": "d1",
            "messageType": "dataReport",
            "timestamp": 1772352000000,
            "protocol": "lwm2m",
            "payload": {"rsrp": 100, "sinr": 0},
        }
        frame = {"APPdata": base64.b64encode(electricity()).decode()}
        older = {"Updata": base64.b64encode(water()).decode()}
        async with pushing(gateway, query=True) as push:
            status, text = await push(report, "ctwing")
            assert (status, json.loads(text)["taken"]) == (200, 0)
            assert "no payload" in text
            kept = await place.odoo.event("bad_uplink")
            assert json.loads(kept["message"]) == report
            assert (await push({**report, "payload": frame}, "ctwing"))[0] == 200
            undefined = {**report, "payload": older, "IMEI": "undefined"}
            assert (await push(undefined, "ctwing"))[0] == 200
        await place.odoo.event("uplink", number=2)
        found = [one for one in place.odoo.events if one["type"] == "uplink"]
        assert [one["terminal"] for one in found] == [IMEI, "d1"]

    world(body)


def test_an_uplink_of_the_network_itself_is_none_of_a_meter():
    event = {**chirpstack(b""), "data": ""}
    assert taken("chirpstack", event) == []
    del event["data"]
    assert taken("chirpstack", event) == []


# === MQTT === #


class Broker:
    """A real Mosquitto on a free port, with a user and a password."""

    USER, PASSWORD = "headend", "broker-secret"

    def __init__(self, folder):
        assert MOSQUITTO, "mosquitto is missing: setup/install installs it"
        self.folder = folder / "mosquitto"
        self.folder.mkdir()
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.process = None

    async def start(self):
        passwords = self.folder / "passwords"
        passwords.write_text(f"{self.USER}:{self.PASSWORD}\n")
        tool = shutil.which("mosquitto_passwd", path="/usr/bin:/usr/sbin")
        hashing = await asyncio.create_subprocess_exec(tool, "-U", passwords)
        await hashing.wait()
        passwords.chmod(0o644)
        conf = self.folder / "mosquitto.conf"
        conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"password_file {passwords}\nuser root\n"
        )
        self.process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", conf, stderr=asyncio.subprocess.DEVNULL
        )
        while True:  # until it listens
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            assert self.process.returncode is None, "mosquitto does not start"
            await asyncio.sleep(0.01)

    async def stop(self):
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    def options(self):
        return {
            "mqtt_url": f"mqtt://127.0.0.1:{self.port}",
            "mqtt_user": self.USER,
            "mqtt_password": self.PASSWORD,
        }

    async def publish(self, *messages, eui=EUI):
        async with self.client() as client:
            for message in messages:
                body = message if isinstance(message, bytes) else json.dumps(message)
                topic = f"application/a1/device/{eui}/event/up"
                await client.publish(topic, body, qos=1)

    def client(self):
        return aiomqtt.Client(
            "127.0.0.1", self.port, username=self.USER, password=self.PASSWORD
        )


def test_chirpstack_events_come_through_mosquitto(world, caplog):
    caplog.set_level(logging.DEBUG, logger="headend")

    async def body(place):
        broker = Broker(place.folder)
        await broker.start()
        gateway = await place.gateway(**broker.options())
        await gateway.uplinks.mqtt.connected.wait()
        event = chirpstack(water())
        await broker.publish(b"no JSON", event, event, chirpstack(water("6"), 2))
        await place.odoo.event("uplink", number=2)
        found = [one for one in place.odoo.events if one["type"] == "uplink"]
        assert [index_of(one) for one in found] == [Decimal("5.25"), 6]
        assert {one["link"] for one in found} == {f"lora:{EUI}"}
        await gateway.stop()
        place.gateways.remove(gateway)
        await broker.stop()

    world(body)
    assert "an uplink on application/a1/device" in caplog.text
    assert Broker.PASSWORD not in caplog.text


def test_the_broker_keeps_what_comes_while_the_head_end_is_away(world):
    async def body(place):
        broker = Broker(place.folder)
        await broker.start()
        gateway = await place.gateway(**broker.options())
        await gateway.uplinks.mqtt.connected.wait()
        await gateway.stop()
        place.gateways.remove(gateway)
        await broker.publish(*(chirpstack(water(str(n)), n) for n in range(1, 4)))
        place.odoo.failing = True
        gateway = await place.gateway(**broker.options())
        while gateway.spool.count() < 3:
            await asyncio.sleep(0.01)
        place.odoo.failing = False
        await place.odoo.event("uplink", number=3)
        await broker.stop()
        while gateway.uplinks.mqtt.connected.is_set():
            await asyncio.sleep(0.01)
        await broker.start()
        await gateway.uplinks.mqtt.connected.wait()
        await broker.publish(chirpstack(water("9"), 9))
        await place.odoo.event("uplink", number=4)
        await gateway.stop()
        place.gateways.remove(gateway)
        await broker.stop()

    world(body)


def test_a_message_that_breaks_the_reader_stops_no_other(world):
    """The broker would bring it for ever, and nothing behind it."""

    async def body(place):
        broker = Broker(place.folder)
        await broker.start()
        gateway = await place.gateway(**broker.options())
        await gateway.uplinks.mqtt.connected.wait()
        half = {**chirpstack(water("6"), 2), "fCnt": "\ud800"}
        await broker.publish(b"[" * 100_000, half, chirpstack(water()))
        found = [await place.odoo.event("uplink", number=2)]
        assert index_of(found[0]) == Decimal("5.25")
        await gateway.stop()
        place.gateways.remove(gateway)
        await broker.stop()

    world(body)


def test_the_broker_keeps_what_a_full_disk_does_not_take(world, monkeypatch):
    async def body(place):
        broker = Broker(place.folder)
        await broker.start()
        gateway = await place.gateway(**broker.options())
        await gateway.uplinks.mqtt.connected.wait()
        refused = asyncio.Event()

        def full(_events):
            refused.set()
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(gateway.spool, "_write", full)
        await broker.publish(chirpstack(water()))
        await refused.wait()
        # killed: what was only in memory is gone
        await gateway.stop()
        place.gateways.remove(gateway)
        gateway = await place.gateway(**broker.options())
        await place.odoo.event("uplink")
        await gateway.stop()
        place.gateways.remove(gateway)
        await broker.stop()

    world(body)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"mqtt_url": "http://x"}, "mqtt_url must be like"),
        ({"mqtt_url": "mqtt://user:secret@x"}, "settings of their own"),
        ({"mqtt_url": "mqtt://x", "mqtt_profile": "y"}, "no profile “y”"),
    ],
)
def test_wrong_settings_are_refused_at_the_start(tmp_path, options, sentence):
    from headend.config import Config

    with pytest.raises(ConfigError, match=sentence):
        Gateway(Config(token="x", state_dir=str(tmp_path), **options))


# === DOWNLINKS === #

NUMBER = "5a1c9c7e-63a7-4f5c-9a0b-0d9f6d0f3a11"
VALVE = CJT.relay("7", False, now=None, password="", operator="")


def test_a_downlink_goes_through_mosquitto_and_its_receipts_come_back(world):
    async def body(place):
        broker = Broker(place.folder)
        await broker.start()
        gateway = await place.gateway(**broker.options())
        await gateway.uplinks.mqtt.connected.wait()
        client = await place.client(gateway)
        meter = WaterMeter({"address": "7", "index": "5"}, lambda: 0.0)
        async with broker.client() as server:  # the network server
            await server.subscribe("application/+/device/+/command/down", qos=1)
            for _again in range(2):  # the same number: one downlink to the server
                late = datetime(2026, 3, 4, 8)
                await client.downlink(EUI, "a1", 2, VALVE, NUMBER, late)
                message = await asyncio.wait_for(anext(server.messages), 5)
                wanted = f"application/a1/device/{EUI}/command/down"
                assert str(message.topic) == wanted
                down = json.loads(message.payload)
                assert (down["id"], down["devEui"]) == (NUMBER, EUI)
                assert (down["fPort"], down["confirmed"]) == (2, True)
                assert down["expiresAt"].startswith("2026-03-04T08:00:00")
            meter.answer(base64.b64decode(down["data"]))
            assert meter.state.relay == "open"
            about = {
                "deviceInfo": {"devEui": EUI},
                "queueItemId": NUMBER,
                "time": "2026-03-01T08:00:00.775023242+00:00",
            }
            base = f"application/a1/device/{EUI}/event"
            await server.publish(f"{base}/txack", b"{}", qos=1)
            await server.publish(f"{base}/txack", json.dumps(about), qos=1)
            for _again in range(2):
                told = json.dumps({**about, "acknowledged": True})
                await server.publish(f"{base}/ack", told, qos=1)
            await server.publish(f"{base}/ack", json.dumps(about), qos=1)
            about["context"] = {"queue_item_id": about.pop("queueItemId")}
            for code in ("UPLINK_F_CNT_RESET", "EXPIRED"):
                log = json.dumps({**about, "level": "ERROR", "code": code})
                await server.publish(f"{base}/log", log, qos=1)
        last = await place.odoo.event("downlink", number=4)
        found = [one for one in place.odoo.events if one["type"] == "downlink"]
        outcomes = ["sent", "acknowledged", "lost", "dropped"]
        assert [one["outcome"] for one in found] == outcomes
        assert {one["item"] for one in found} == {NUMBER}
        assert (last["link"], last["at"]) == (
            f"lora:{EUI}",
            "2026-03-01T08:00:00.775+00:00",
        )
        await broker.stop()
        while gateway.uplinks.mqtt.connected.is_set():
            await asyncio.sleep(0.01)
        with pytest.raises(HeadEndError, match="not connected") as caught:
            await client.downlink(EUI, "a1", 2, VALVE, NUMBER)
        assert not isinstance(caught.value, HeadEndLost)  # nothing was handed over
        await gateway.stop()
        place.gateways.remove(gateway)

    world(body)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"device": "+"}, "devEUI"),
        ({"device": EUI.upper() + "/"}, "devEUI"),
        ({"application": "a/#"}, "number of its application"),
        ({"application": None}, "number of its application"),
        ({"port": 0}, "1 to 223"),
        ({"port": "x"}, "needs port"),
        ({"frame": ""}, "at most 222"),
        ({"frame": "00" * 223}, "at most 222"),
        ({"frame": "zz"}, "needs port, frame"),
        ({"number": "1"}, "and number"),
        ({"expires": "soon"}, "ISO time"),
    ],
)
def test_a_downlink_that_is_none_is_refused(change, sentence):
    message = {"device": EUI, "application": "a1", "port": 2, "frame": "68"}
    with pytest.raises(downlinks.DownlinkError, match=sentence):
        downlinks.command({**message, "number": NUMBER, **change})


def test_a_head_end_without_a_broker_says_so(world):
    async def body(place):
        client = await place.client(await place.gateway())
        with pytest.raises(HeadEndError, match="no MQTT broker"):
            await client.downlink(EUI, "a1", 2, VALVE, NUMBER)

    world(body)


def test_an_uplink_tells_how_to_answer_it():
    event = chirpstack(water())
    event["deviceInfo"]["applicationId"] = "17c82e96-be03-4f38-aef3-f83d48582d97"
    (one,) = taken("chirpstack", event)
    assert one.route == {
        "application": "17c82e96-be03-4f38-aef3-f83d48582d97",
        "port": "2",
    }
    assert taken("plain", plain(water()))[0].route == {}
