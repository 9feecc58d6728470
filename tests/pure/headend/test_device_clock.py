"""Clocks through head-end and simulator, over real sockets."""

import time
from datetime import datetime, timedelta, timezone

from headend.protocols import registry
from headend.simulator.electricity import ElectricityMeter
from headend.simulator.meter import MEMORY
from headend.simulator.water import WaterMeter

DLT, CJT = registry.get("dlt645-2007"), registry.get("cjt188")
CHINA = timezone(timedelta(hours=8))
NOON = datetime(2026, 3, 10, 12, tzinfo=CHINA).timestamp()
PASSWORD = {"password": "04000000", "operator": "0"}


def local(at):
    return datetime.fromtimestamp(at, CHINA).replace(tzinfo=None)


def electricity(now, **row):
    return ElectricityMeter({"address": "1", **row}, lambda: now[0])


def told(meter, protocol):
    replies = [meter.answer(one)[1] for one in protocol.read_clock("1")]
    return protocol.clock_from([protocol.decode(one) for one in replies])


def test_the_clocks_of_a_line_are_set_by_one_broadcast_that_nobody_answers(world):
    async def body(place):
        place.odoo.allow("100")
        gateway = await place.gateway()
        rows = [
            {"address": str(number), "clock_offset": offset}
            for number, offset in ((1, 120), (2, -200), (3, 900))
        ]
        simulator = await place.simulator(gateway, {"terminal": "100", "meters": rows})
        await place.odoo.event("link_up")
        client = await place.client(gateway)
        frame = DLT.broadcast_clock(local(time.time()))
        (reply,) = await client.exchange("dtu:100", DLT.name, [frame], timeout=60)
        assert (reply.reply, reply.error, reply.sent) == (None, None, True)
        errors = []
        for number in "123":
            replies = await client.exchange("dtu:100", DLT.name, DLT.read_clock(number))
            clock = DLT.clock_from([DLT.decode(one.reply) for one in replies])
            errors.append((clock - local(replies[-1].at)).total_seconds())
        assert abs(errors[0]) < 3 and abs(errors[1]) < 3
        assert abs(errors[2] - 900) < 3  # more than five minutes: not obeyed
        assert simulator.meters["1"].memory()["clock_adjusted_on"]

    world(body)


def test_a_clock_drifts_until_it_is_set_and_from_there_on_again():
    now = [NOON]
    meter = electricity(now, clock_rate=24)
    now[0] += 43_200
    assert meter.clock_error() == 12
    for frame in DLT.set_clock("1", local(now[0]), **PASSWORD):
        assert DLT.decode(meter.answer(frame)[1]).error is None
    assert (meter.clock_error(), told(meter, DLT)) == (0, local(now[0]))
    now[0] += 86_400
    assert meter.clock_error() == 24
    memory = {name: meter.memory()[name] for name in MEMORY if "clock" in name}
    again = electricity(now, clock_rate=24, **memory)
    assert again.clock_error() == 24


def test_a_broadcast_is_obeyed_once_a_day():
    now = [NOON]
    meter = electricity(now, clock_offset=100)
    for offset, obeyed in ((100, True), (50, False)):
        meter.state.clock_offset = offset
        kind, reply = meter.answer(DLT.broadcast_clock(local(now[0])))
        assert (kind, reply) == ("other", None)
        assert (meter.clock_error() == 0) is obeyed
    now[0] += 86_400
    meter.answer(DLT.broadcast_clock(local(now[0])))
    assert meter.clock_error() == 0


def test_what_is_no_time_is_refused():
    meter = electricity([NOON], clock_offset=7)
    for di, data in ((0x04000102, b"\x61\x00\x00"), (0x04000101, bytes(4))):
        reply = meter.answer(DLT.write_item("1", di, data, password="04000000"))[1]
        assert DLT.decode(reply).error
    assert meter.clock_error() == 7


def test_a_water_meter_sets_its_clock():
    meter = WaterMeter({"address": "1", "clock_offset": 4000}, lambda: NOON)
    (frame,) = CJT.set_clock("1", local(NOON))
    assert CJT.decode(meter.answer(frame)[1]).error is None
    assert told(meter, CJT) == local(NOON)
    broken = CJT.build("1", 0x04, frame[11:13] + b"\x00" + b"\xaa" * 7)
    assert CJT.decode(meter.answer(broken)[1]).error
