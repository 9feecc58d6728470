"""Many simulated meters from a few numbers, and what goes wrong with them."""

import asyncio
from collections import Counter
from decimal import Decimal

import pytest
from headend.protocols import registry
from headend.simulator import Simulator, load
from headend.simulator.app import SimulatorError
from headend.simulator.dtu import spoil
from headend.simulator.faults import Faults, Timeline
from headend.simulator.load import DAY, SHAPES, Load
from hypothesis import given
from hypothesis import strategies as st

DLT = registry.get("dlt645-2007")
NOON = 1_790_049_600.0  # 2026-09-22 12:00 in China
TOML = """
seed = 7
control_port = 0

[[fleet]]
dtus = 200
meters = 20
index = [0, 90000]
per_hour = [0.1, 2.5]
load = "home"
clock_offset = [-300, 300]
prepaid = 0.25
balance = [5, 200]
cut = 0.05
protocol = ["dlt645-2007", "cjt188"]

[[fleet]]
concentrators = 2
terminal = 2001234
meters = 500
address = 900000000001
per_hour = 1

[faults]
silence = 0.02
corrupt = 0.02

[[timeline]]
at = 60
do = "power_cut"
dtus = 0.1
seconds = 30
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(TOML)
    return path


def test_five_thousand_meters_from_one_short_file(path):
    simulator = Simulator(load(path, environ={}), clock=lambda: NOON)
    assert (len(simulator.dtus), len(simulator.concentrators)) == (200, 2)
    meters = [meter for dtu in simulator.dtus.values() for meter in dtu.meters]
    assert len(simulator.meters) == 5000 and len(meters) == 4000
    states = [meter.state for meter in meters]
    assert Counter(one.protocol for one in states) == {
        "dlt645-2007": 2000,
        "cjt188": 2000,
    }
    assert 900 < sum(one.prepaid for one in states) < 1100
    assert 140 < sum(one.relay == "open" for one in states) < 260
    assert all(0 <= one.index <= 90000 for one in states)
    assert len({one.per_hour for one in states}) > 1500
    assert len(simulator.timeline.plan[0][1]) == 20
    assert "02001234" in simulator.concentrators


def test_the_same_seed_makes_the_same_site(path):
    def site(**changes):
        config = {**load(path, environ={}), **changes}
        config["fleet"][0]["meters"] = config["fleet"][1]["meters"] = 2
        simulator = Simulator(config, clock=lambda: NOON)
        return (
            {key: meter.memory() for key, meter in simulator.meters.items()},
            simulator.timeline.plan,
        )

    first, other = site(), site(seed=8)
    assert site() == first
    assert other[0] != first[0] and other[1] != first[1]


@pytest.mark.parametrize(
    "config, sentence",
    [
        ({"fleet": [{"meters": 3}]}, "A fleet needs a number of dtus"),
        ({"fleet": [{"dtus": 0, "meters": 3}]}, "a whole number of dtus"),
        ({"fleet": [{"dtus": 1}]}, "a whole number of meters"),
        ({"fleet": [{"dtus": 1, "meters": 1, "index": "x"}]}, "index of a fleet is a"),
        ({"fleet": [{"dtus": 1, "meters": 1, "load": "x"}]}, "no load is called x"),
        ({"dtus": [{"terminal": 1}], "faults": {"flood": 1}}, "No fault is called flo"),
        ({"dtus": [{"terminal": 1}], "faults": {"noise": 2}}, "are shares: 0 to 1"),
        ({"timeline": [{"do": "dance"}]}, "A step of the timeline does faults or"),
        ({"timeline": [{"do": "disconnect", "dtus": [5]}]}, "There is no DTU 5"),
    ],
)
def test_what_cannot_be_made_is_a_sentence(config, sentence):
    with pytest.raises(SimulatorError, match=sentence):
        Simulator(config)


# === LOAD === #


@pytest.mark.parametrize("name", SHAPES)
@given(start=st.integers(0, 2_000_000_000), days=st.integers(0, 400))
def test_every_day_counts_the_same(name, start, days):
    one = Load(name, 8 * 3600)
    counted = one.seconds(start, start + days * DAY)
    assert abs(counted - days * DAY) < Decimal("1e-12")


@given(times=st.lists(st.floats(0, 2e9), min_size=3, max_size=3).map(sorted))
def test_what_is_counted_in_two_steps_is_what_is_counted_in_one(times):
    one, (start, middle, end) = Load("home", 8 * 3600), times
    parts = one.seconds(start, middle) + one.seconds(middle, end)
    assert abs(parts - one.seconds(start, end)) < Decimal("1e-12")
    assert one.seconds(start, middle) >= 0


def test_a_home_uses_most_in_the_evening_and_its_freezes_know_it():
    times = [NOON]
    row = {"terminal": "1", "meters": [{"address": "1", "per_hour": 1, "load": "home"}]}
    row["meters"][0]["index"] = "1000"
    simulator = Simulator({"dtus": [row]}, clock=lambda: times[0])
    meter = simulator.meters["1"]
    before = meter.index_on(meter.local_now().date())
    times[0] += 3600
    noon = meter.index() - 1000
    times[0] += 6 * 3600
    seven = meter.index()
    times[0] += 3600
    assert meter.index() - seven > noon * 7 / 5
    times[0] = NOON + DAY
    assert meter.index() == 1024
    midnight = meter.index_on(meter.local_now().date())
    assert midnight - before == 24


# === FAULTS === #


def test_faults_come_at_their_rates_and_again_with_the_same_seed():
    rates = {"silence": 0.02, "corrupt": 0.01, "delay": 0.02, "delay_ms": [100, 200]}
    first, again = Faults(7, "1", rates), Faults(7, "1", rates)
    drawn = [first.draw() for _exchange in range(5_000)]
    assert drawn == [again.draw() for _exchange in range(5_000)]
    assert drawn != [Faults(7, "2", rates).draw() for _exchange in range(5_000)]
    counts = Counter(fault.kind for fault in drawn)
    assert 60 < counts["drop"] < 140 and 20 < counts["corrupt"] < 80
    late = [fault.late for fault in drawn if fault.kind == "delay"]
    assert 60 < len(late) < 140 and min(late) >= 0.1 and max(late) <= 0.2
    assert first.count == len(drawn) - counts[None]


def test_what_a_fault_does_to_a_reply():
    [frame] = DLT.read_index("7")
    assert spoil(frame, "drop") == b""
    assert DLT.decode(spoil(frame, "corrupt")).error.code == "checksum"
    assert spoil(frame, "repeat") == 2 * frame
    assert registry.find(spoil(frame, "garble")) == ("dlt645-2007", frame[4:])


def test_reads_through_faults_end_with_the_meters_own_numbers(world):
    async def body(place):
        place.odoo.allow("10000001")
        gateway = await place.gateway(reply_timeout=0.15)
        faults = {"silence": 0.1, "corrupt": 0.1, "duplicate": 0.1, "noise": 0.1}
        faults |= {"disconnect": 0.1, "delay": 0.1, "delay_ms": [100, 250]}
        fleet = {"dtus": 1, "meters": 12, "index": [0, 90000]}
        simulator = await place.simulator(
            gateway, fleet=[fleet], faults=faults, seed=3, heartbeat=0
        )
        client = await place.client(gateway)
        missing = set(simulator.meters)
        for _attempt in range(50):
            frames = [frame for one in missing for frame in DLT.read_index(one)]
            link = "dtu:10000001"
            for reply in await client.exchange(link, DLT.name, frames, deadline=20):
                if not reply.reply:
                    continue
                answer = DLT.decode(reply.reply)
                meter = simulator.meters[answer.address.lstrip("0")]
                assert answer.value("forward_active.total") == meter.index()
                missing.discard(answer.address.lstrip("0"))
            if not missing:
                break
            while not gateway.links[link].session:
                await asyncio.sleep(0.01)  # it dials again
        assert not missing
        assert simulator.dtus["10000001"].faults.count > 3

    world(body)


def test_a_power_cut_stops_meters_and_the_dtu_dials_again(world):
    async def body(place):
        place.odoo.allow("1", "2")
        gateway = await place.gateway(reply_timeout=0.1)
        now = [NOON]
        meter = {"address": "7", "per_hour": 3600, "index": "10"}
        script = [{"at": 0, "do": "power_cut", "dtus": ["1"], "seconds": 0.4}]
        simulator = await place.simulator(
            gateway,
            {"terminal": "1", "meters": [meter]},
            {"terminal": "2", "meters": []},
            clock=lambda: now[0],
        )
        await place.odoo.event("link_up", link="dtu:1")
        dtu, client = simulator.dtus["1"], await place.client(gateway)
        await Timeline(script, simulator.dtus, 0).play()
        now[0] += 100
        assert dtu.dark and simulator.meters["7"].index() == 10
        [reply] = await client.exchange("dtu:1", DLT.name, DLT.read_index("7"))
        assert reply.error == "timeout"
        await place.odoo.event("link_up", number=2, link="dtu:1")
        assert not dtu.dark
        now[0] += 1
        [reply] = await client.exchange("dtu:1", DLT.name, DLT.read_index("7"))
        assert DLT.decode(reply.reply).value("forward_active.total") == 11
        assert simulator.dtus["2"].connects == 1

    world(body)


def test_a_script_changes_the_faults_and_breaks_connections(world):
    async def body(place):
        place.odoo.allow("1")
        gateway = await place.gateway(reply_timeout=0.1)
        meters = [{"address": "7", "index": "10"}]
        simulator = await place.simulator(
            gateway,
            {"terminal": "1", "meters": meters},
            timeline=[
                {"at": 0.01, "do": "faults", "rates": {"silence": 1}},
                {"at": 0.02, "do": "disconnect"},
            ],
        )
        await place.odoo.event("link_up", number=2, link="dtu:1")
        client = await place.client(gateway)
        [reply] = await client.exchange("dtu:1", DLT.name, DLT.read_index("7"))
        assert reply.error == "timeout"
        assert simulator.dtus["1"].faults.count == 1
        await asyncio.wait_for(simulator._tasks[1], 1)

    world(body)
