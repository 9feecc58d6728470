"""Everything goes wrong at once, and no meter ever gets another meter's number."""

import asyncio
import random
from decimal import Decimal

from headend.protocols import registry

DLT = registry.get("dlt645-2007")
CJT = registry.get("cjt188")
DTUS, METERS = 4, 6
FAULTS = ("drop_replies", "corrupt_replies", "garble_replies", "repeat_replies")


def test_every_meter_is_read_and_every_number_is_its_own(world):
    chance = random.Random(645)

    async def body(place):
        terminals = [f"1037200{n}" for n in range(DTUS)]
        place.odoo.allow(*terminals)
        gateway = await place.gateway()
        wanted, dtus = {}, []
        for number, terminal in enumerate(terminals):
            rows = []
            for place_no in range(METERS):
                address = str(100 * (number + 1) + place_no)
                wanted[terminal, address] = Decimal(address)
                protocol = CJT if place_no % 3 == 0 else DLT
                rows.append(
                    {"protocol": protocol.name, "address": address, "index": address}
                )
            dtus.append({"terminal": terminal, "heartbeat": 0.02, "meters": rows})
        simulator = await place.simulator(gateway, *dtus)
        for terminal in terminals:
            await place.odoo.event("link_up", terminal=terminal)
        client = await place.client(gateway)
        found = {}

        async def read(terminal, address):
            """Read one meter until it answers."""
            meter = simulator.meters[address]
            while (terminal, address) not in found:
                meter.state.delay_ms = chance.choice([0, 0, 0, 5, 80])
                (reply,) = await client.exchange(
                    f"dtu:{terminal}",
                    meter.protocol.name,
                    meter.protocol.read_index(address),
                    timeout=0.06,
                )
                if reply.reply:
                    decoded = meter.protocol.decode(reply.reply)
                    found[terminal, address] = meter.protocol.index_from(decoded)
                elif reply.error == "offline":
                    await simulator.dtus[terminal].connected.wait()
                    await client.links()

        for meter in simulator.meters.values():
            for fault in FAULTS:
                setattr(meter.state, fault, chance.choice([0, 0, 1]))
        tasks = [asyncio.create_task(read(*key)) for key in wanted]
        simulator.dtus[terminals[0]].disconnect()
        await asyncio.gather(*tasks)
        assert {key: value["total"] for key, value in found.items()} == wanted
        assert not [one for one in place.odoo.events if one["type"] == "uplink"]

    world(body)
