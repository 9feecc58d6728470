"""The head-end against simulated DTUs and meters, over real sockets."""

from datetime import datetime
from decimal import Decimal

from headend.protocols import dlt645, registry
from headend.protocols.authenticator import SimulatorAuthenticator
from headend_world import CREDIT_KEY

DLT = registry.get("dlt645-2007")
CJT = registry.get("cjt188")
DTU = "10372001"
LINK = f"dtu:{DTU}"


def electricity(address="1", **more):
    return {"protocol": "dlt645-2007", "address": address, "index": "100.5", **more}


def water(address="2", **more):
    return {"protocol": "cjt188", "address": address, "index": "42.25", **more}


def dtu(*meters, terminal=DTU, **more):
    return {"terminal": terminal, "heartbeat": 30, "meters": list(meters), **more}


def test_meters_of_both_protocols_are_read_through_one_dtu(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        await place.simulator(gateway, dtu(electricity(), water()))
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        (reply,) = await client.exchange(LINK, DLT.name, DLT.read_index("1"))
        assert reply.error is None and reply.sent
        index = DLT.index_from(DLT.decode(reply.reply))
        assert index["total"] == Decimal("100.50")
        assert sum(index[rate] for rate in ("t1", "t2", "t3", "t4")) == index["total"]
        (reply,) = await client.exchange(LINK, CJT.name, CJT.read_index("2"))
        assert CJT.index_from(CJT.decode(reply.reply)) == {"total": Decimal("42.25")}

    world(body)


def test_credit_is_booked_once_however_often_it_is_sent(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        simulator = await place.simulator(
            gateway, dtu(electricity(prepaid=True, balance="5", purchase_no=3))
        )
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        frame = DLT.credit(
            "1",
            purchase_no=4,
            amount=Decimal("20.50"),
            customer_no="77",
            authenticator=SimulatorAuthenticator(CREDIT_KEY),
        )
        meter = simulator.meters["1"]
        meter.adjust({"drop_replies": 1, "only": "credit"})
        (lost,) = await client.exchange(LINK, DLT.name, [frame], timeout=0.3)
        assert lost.error == "timeout" and lost.sent
        (again,) = await client.exchange(LINK, DLT.name, [frame])
        assert DLT.credit_from(DLT.decode(again.reply)) == "repeat"
        replies = await client.exchange(LINK, DLT.name, DLT.purchase_state("1"))
        state = DLT.purchase_from([DLT.decode(one.reply) for one in replies])
        assert state == (4, Decimal("25.50"))
        assert [one["purchase_no"] for one in meter.state.credits] == [4]

    world(body)


def test_credit_of_another_area_is_refused_and_books_nothing(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        simulator = await place.simulator(
            gateway, dtu(electricity(prepaid=True, area_code="731946"))
        )
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        key = SimulatorAuthenticator(CREDIT_KEY)

        async def credit(authenticator):
            frame = DLT.credit(
                "1",
                purchase_no=1,
                amount=Decimal("20.50"),
                customer_no="77",
                authenticator=authenticator,
            )
            (reply,) = await client.exchange(LINK, DLT.name, [frame])
            return DLT.credit_from(DLT.decode(reply.reply))

        meter = simulator.meters["1"]
        for wrong in (key, key.for_area("258063")):
            assert await credit(wrong) == "refused"
        assert (meter.state.credits, meter.state.purchase_no) == ([], 0)
        assert await credit(key.for_area("731946")) == "booked"
        assert await credit(key.for_area("731946")) == "repeat"
        assert [one["purchase_no"] for one in meter.state.credits] == [1]

    world(body)


def test_the_purchase_number_joins_the_code_of_a_credit(world):
    """Nobody makes the next purchase, or more of it, out of a frame he has seen."""

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        simulator = await place.simulator(gateway, dtu(electricity(prepaid=True)))
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        frame = DLT.credit(
            "1",
            purchase_no=1,
            amount=Decimal("20.50"),
            customer_no="77",
            authenticator=SimulatorAuthenticator(CREDIT_KEY),
        )
        plain = dlt645.parse(frame)
        (reply,) = await client.exchange(LINK, DLT.name, [frame])
        assert DLT.credit_from(DLT.decode(reply.reply)) == "booked"
        for place_of, value in ((12, 2), (8, 0xFF)):  # purchase number, amount
            data = bytearray(plain.data)
            data[12], data[place_of] = 2, value
            forged = dlt645.build("1", plain.control, bytes(data))
            (reply,) = await client.exchange(LINK, DLT.name, [forged])
            assert DLT.credit_from(DLT.decode(reply.reply)) == "refused"
        meter = simulator.meters["1"]
        assert [one["purchase_no"] for one in meter.state.credits] == [1]

    world(body)


def test_relay_is_opened_and_read_back(world):
    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway()
        await place.simulator(gateway, dtu(electricity(), water()))
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        now = datetime.now().replace(year=2099)
        for protocol, address in ((DLT, "1"), (CJT, "2")):
            for close, wanted in ((False, "open"), (True, "closed")):
                frames = [
                    protocol.relay(
                        address, close, now=now, password="02000000", operator="1"
                    ),
                    protocol.relay_state(address),
                ]
                replies = await client.exchange(LINK, protocol.name, frames, priority=1)
                assert [one.error for one in replies] == [None, None], protocol.name
                state = protocol.relay_from(protocol.decode(replies[1].reply))
                assert state == wanted

    world(body)
