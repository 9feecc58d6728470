"""Simulated meters: what they count, refuse, remember, and how they are disturbed."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import aiohttp
import pytest
from headend.protocols import dlt645, registry
from headend.protocols.authenticator import SimulatorAuthenticator
from headend.simulator import load
from headend.simulator.app import Simulator, SimulatorError
from headend.simulator.electricity import ElectricityMeter
from headend.simulator.water import WaterMeter
from headend_world import CREDIT_KEY

DLT = registry.get("dlt645-2007")
CJT = registry.get("cjt188")
KEY = SimulatorAuthenticator(CREDIT_KEY)
CHINA = timezone(timedelta(hours=8))
NOON = datetime(2026, 11, 21, 12, tzinfo=CHINA)


class Clock:
    """Time that a test moves by hand."""

    def __init__(self, moment=NOON):
        self.seconds = moment.timestamp()

    def __call__(self):
        return self.seconds

    def forward(self, **by):
        self.seconds += timedelta(**by).total_seconds()


@pytest.fixture
def clock():
    return Clock()


def electricity(clock, **row):
    return ElectricityMeter({"address": "1", **row}, clock, CHINA, KEY)


def ask(meter, request):
    """Decoded reply of a meter to one request."""
    (frame,) = meter.protocol.Framer().feed(request)
    _kind, reply = meter.answer(frame)
    return meter.protocol.decode(reply) if reply else None


def credit(meter, number, amount="10", **changes):
    values = {"customer_no": "0", "authenticator": KEY, **changes}
    request = DLT.credit("1", purchase_no=number, amount=Decimal(amount), **values)
    return DLT.credit_from(ask(meter, request))


def state(meter):
    return DLT.purchase_from([ask(meter, one) for one in DLT.purchase_state("1")])


def switch(meter, close, now=NOON, password="02000000"):
    local = now.replace(tzinfo=None)
    return ask(meter, DLT.relay("1", close, now=local, password=password, operator=1))


# === COUNTING === #


def test_the_index_grows_with_time(clock):
    meter = electricity(clock, index="100", per_hour="1.5")
    clock.forward(hours=10)
    index = DLT.index_from(ask(meter, DLT.read_index("1")[0]))
    assert index["total"] == Decimal("115.00")
    assert sum(index.values()) == 2 * index["total"]


def test_nothing_is_counted_while_the_relay_is_open(clock):
    meter = electricity(clock, index="100", per_hour="1")
    clock.forward(hours=1)
    assert switch(meter, False, NOON + timedelta(hours=1)).error is None
    clock.forward(hours=5)
    assert meter.index() == Decimal("101.00")
    assert DLT.relay_from(ask(meter, DLT.relay_state("1"))) == "open"
    switch(meter, True, NOON + timedelta(hours=6))
    clock.forward(hours=1)
    assert meter.index() == Decimal("102.00")


def test_daily_freezes_are_the_index_at_midnight(clock):
    meter = electricity(clock, index="100", per_hour="1")

    def frozen(back):
        replies = [ask(meter, one) for one in DLT.read_daily("1", back)]
        return DLT.freeze_time_from(replies[1]), DLT.index_from(replies[0])["total"]

    assert frozen(1) == (datetime(2026, 11, 21), Decimal("88.00"))
    assert frozen(2) == (datetime(2026, 11, 20), Decimal("64.00"))
    clock.forward(days=2)
    assert frozen(1) == (datetime(2026, 11, 23), Decimal("136.00"))
    assert frozen(3) == (datetime(2026, 11, 21), Decimal("88.00"))
    assert frozen(62)[1] == 0


def test_water_is_read_and_shut(clock):
    meter = WaterMeter({"address": "12", "index": "5.5", "per_hour": "0.1"}, clock)
    clock.forward(hours=5)
    decoded = ask(meter, CJT.read_index("12")[0])
    assert CJT.index_from(decoded) == {"total": Decimal("6.00")}
    assert decoded.value("clock") == "2026-11-21 17:00:00"
    assert CJT.relay_from(decoded) == "closed"
    assert CJT.relay_from(ask(meter, CJT.relay("12", False))) == "open"
    assert CJT.relay_from(ask(meter, CJT.relay_state("12"))) == "open"
    assert ask(meter, CJT.read_index("13")[0]) is None


# === REFUSING === #


def test_a_relay_command_out_of_date_is_refused(clock):
    meter = electricity(clock)
    refused = switch(meter, False, NOON - timedelta(minutes=6))
    assert refused.error.code == "meter"
    assert meter.state.relay == "closed"
    meter.adjust({"clock_offset": 600})  # the meter's clock is ahead
    assert switch(meter, False).error.code == "meter"


def test_a_wrong_password_is_refused(clock):
    meter = electricity(clock, password="02123456")
    refused = switch(meter, False)
    assert refused.error.flags == ("password",)
    assert switch(meter, False, password="02123456").error is None


def test_an_item_the_meter_lacks(clock):
    decoded = ask(electricity(clock), DLT.read_item("1", 0x02800007))
    assert decoded.error == "The meter refused: no such data."


def test_other_addresses_are_left_alone(clock):
    meter = electricity(clock)
    assert ask(meter, DLT.read_index("2")[0]) is None
    assert ask(meter, DLT.read_address()).value("address") == "1".zfill(12)
    broadcast = dlt645.build(dlt645.BROADCAST, 0x08, bytes(6))
    assert ask(meter, broadcast) is None


# === PREPAID === #


def test_only_the_next_purchase_is_booked(clock):
    meter = electricity(clock, prepaid=True, balance="5", purchase_no=3)
    assert credit(meter, 4) == "booked"
    assert credit(meter, 4) == "repeat"
    assert credit(meter, 3) == "refused"
    assert credit(meter, 6) == "refused"
    assert state(meter) == (4, Decimal("15.00"))
    assert [one["purchase_no"] for one in meter.state.credits] == [4]


def test_a_credit_of_somebody_else_is_refused(clock):
    meter = electricity(clock, prepaid=True, customer_no="77")
    assert credit(meter, 1, customer_no="78") == "refused"
    other = SimulatorAuthenticator("other")
    assert credit(meter, 1, customer_no="77", authenticator=other) == "refused"
    assert credit(meter, 1, customer_no="77") == "booked"


def test_a_meter_without_credit_register_refuses(clock):
    assert credit(electricity(clock), 1) == "refused"


def test_credit_runs_out_and_a_purchase_restores_supply(clock):
    meter = electricity(
        clock, index="100", per_hour="1", prepaid=True, balance="2", purchase_no=0
    )
    clock.forward(hours=5)
    assert (meter.index(), meter.balance()) == (Decimal("102.00"), 0)
    assert meter.state.relay == "open"
    assert credit(meter, 1, "10") == "booked"
    assert meter.state.relay == "closed"
    clock.forward(hours=1)
    assert (meter.index(), meter.balance()) == (Decimal("103.00"), Decimal("9.00"))


# === FILE === #


def configuration(tmp_path, **meter):
    return {
        "headend": "127.0.0.1:1",
        "control_port": 0,
        "state": str(tmp_path / "state.json"),
        "credit_key": CREDIT_KEY,
        "dtus": [{"terminal": "1", "meters": [{"address": "1", **meter}]}],
    }


def test_a_restart_keeps_what_a_meter_remembers(tmp_path, clock):
    config = configuration(tmp_path, prepaid=True, balance="5", per_hour="1")
    first = Simulator(config, clock)
    assert credit(first.meters["1"], 1) == "booked"
    first.save()
    clock.forward(hours=3)  # it goes on counting while nobody simulates it
    second = Simulator(config, clock).meters["1"]
    assert state(second) == (1, Decimal("12.00"))
    assert credit(second, 1) == "repeat"
    assert second.index() == Decimal("3.00")


def test_behaviour_comes_from_the_configuration(tmp_path, clock):
    first = Simulator(configuration(tmp_path, silent=True), clock)
    first.save()
    second = Simulator(configuration(tmp_path, delay_ms=5), clock)
    assert not second.meters["1"].state.silent
    assert second.meters["1"].state.delay_ms == 5


@pytest.mark.parametrize(
    "meter, sentence",
    [
        ({"address": "12AB"}, "The meter address “12AB” is not valid"),
        ({"protocol": "morse"}, "No simulated meter speaks morse."),
        ({"index": "many"}, "index must be a number"),
    ],
)
def test_a_wrong_meter_gets_a_sentence(tmp_path, meter, sentence):
    with pytest.raises(SimulatorError, match=sentence):
        Simulator(configuration(tmp_path, **meter))


def test_load(tmp_path):
    path = tmp_path / "sim.json"
    path.write_text(json.dumps({"dtus": []}))
    config = load(path, {"AMR_CREDIT_KEY": "k"})
    assert config["credit_key"] == "k"
    assert config["state"] == str(tmp_path / "sim.state.json")
    path.write_text("[]")
    with pytest.raises(SimulatorError, match="an object with a list “dtus”"):
        load(path)
    with pytest.raises(SimulatorError, match="cannot be read"):
        load(tmp_path / "missing.json")


# === CONTROL PORT === #


def test_the_control_port(world):
    async def body(place):
        place.odoo.allow("1")
        gateway = await place.gateway()
        meter = {
            "address": "7",
            "index": "3",
            "prepaid": True,
            "password": "02000000",
            "area_code": "731946",
        }
        simulator = await place.simulator(gateway, {"terminal": "1", "meters": [meter]})
        await place.odoo.event("link_up")
        url = f"http://127.0.0.1:{simulator.port}"
        async with aiohttp.ClientSession() as session:

            async def call(method, path, body=None):
                async with session.request(method, url + path, json=body) as response:
                    text = response.content_type == "text/plain"
                    return response.status, await (
                        response.text() if text else response.json()
                    )

            _status, health = await call("GET", "/healthz")
            health.pop("faults")
            assert health == {"status": "ok", "dtus": 1, "connected": 1, "meters": 1}
            status, row = await call("GET", "/meters/000000000007")
            assert (status, row["index"], row["balance"]) == (200, "3.00", "0.00")
            assert row["relay"] == "closed"
            assert not {"password", "area_code"} & row.keys()
            status, row = await call("POST", "/meters/7", {"silent": True, "index": 9})
            assert (row["silent"], row["index"]) == (True, "9.00")
            for wrong in ({"colour": "red"}, {"index": "many"}, [1]):
                status, text = await call("POST", "/meters/7", wrong)
                assert status == 400 and text
            assert (await call("GET", "/meters/8"))[0] == 404
            assert (await call("GET", "/dtus/8"))[0] == 404
            await call("POST", "/dtus/1", {"disconnect": True})
            await place.odoo.event("link_up", number=2)
            await call("POST", "/dtus/1", {"online": False})
            await place.odoo.event("link_down", number=2)
            _status, row = await call("GET", "/dtus/1")
            assert (row["online"], row["connected"], row["connects"]) == (
                False,
                False,
                2,
            )
            await call("POST", "/dtus/1", {"online": True})
            await place.odoo.event("link_up", number=3)
            frame = DLT.read_index("7")[0].hex()
            await call("POST", "/dtus/1", {"uplink": frame})
            await place.odoo.event("uplink", protocol=DLT.name)

    world(body)


@pytest.mark.parametrize(
    "fault, error",
    [
        ("drop_replies", "timeout"),
        ("corrupt_replies", "timeout"),
        ("garble_replies", None),
        ("repeat_replies", None),
    ],
)
def test_faults(world, fault, error):
    async def body(place):
        place.odoo.allow("1")
        gateway = await place.gateway()
        meter = {"address": "7", "index": "3"}
        simulator = await place.simulator(gateway, {"terminal": "1", "meters": [meter]})
        await place.odoo.event("link_up")
        client = await place.client(gateway)
        simulator.meters["7"].adjust({fault: 1})
        frames = DLT.read_index("7") * 2
        options = {"timeout": 0.3} if error else {}
        replies = await client.exchange("dtu:1", DLT.name, frames, **options)
        assert [one.error for one in replies] == [error, None]
        assert simulator.meters["7"].as_dict()[fault] == 0

    world(body)


def test_a_slow_and_a_silent_meter(world):
    async def body(place):
        place.odoo.allow("1")
        gateway = await place.gateway()
        meters = [{"address": "1", "delay_ms": 60}, {"address": "2", "silent": True}]
        await place.simulator(gateway, {"terminal": "1", "meters": meters})
        await place.odoo.event("link_up")
        client = await place.client(gateway)
        frames = DLT.read_index("1") + DLT.read_index("2")
        slow, silent = await client.exchange("dtu:1", DLT.name, frames, timeout=0.5)
        assert slow.error is None and slow.ms >= 55
        assert silent.error == "timeout"

    world(body)
