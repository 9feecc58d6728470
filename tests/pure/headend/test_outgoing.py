"""Links that the head-end opens itself: a serial port (pty) and a serial server."""

import asyncio
import os
import termios
import tty
from decimal import Decimal

import pytest
from headend import outgoing
from headend.outgoing import host_port, line_settings
from headend.protocols import registry
from headend.simulator.electricity import ElectricityMeter
from headend.simulator.modbus import ModbusMeter

DLT = registry.get("dlt645-2007")
SDM = registry.get("modbus", model="eastron_sdm120")
SDM_TCP = registry.get("modbus-tcp", model="eastron_sdm120")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(outgoing, "FIRST_PAUSE", 0.02)


def electricity(address="1", **row):
    return ElectricityMeter({"address": address, "index": "100.5", **row}, lambda: 0.0)


def modbus(protocol="modbus", **row):
    row = {"protocol": protocol, "model": "eastron_sdm120", "address": "7", **row}
    return ModbusMeter({"index": "42.25", **row}, lambda: 0.0)


class Bus:
    """Meters on one line; answers each request with what the addressed one says."""

    def __init__(self, *meters):
        self.meters = meters
        self.framers = [meter.protocol.Framer() for meter in meters]
        self.requests = []

    def feed(self, data):
        replies = []
        for framer, meter in zip(self.framers, self.meters, strict=True):
            # a real meter forgets half a frame of others when the line falls silent
            for frame in framer.feed(data) + framer.flush():
                self.requests.append(frame)
                replies.append(meter.answer(frame)[1] or b"")
        return b"".join(replies)


class SerialLine:
    """The far end of a serial port: a pty, so that its settings can be looked at."""

    def __init__(self, bus):
        self.bus = bus
        self.far, self.near = os.openpty()
        tty.setraw(self.near)
        self.path = os.ttyname(self.near)
        asyncio.get_running_loop().add_reader(self.far, self._ready)

    def _ready(self):
        try:
            os.write(self.far, self.bus.feed(os.read(self.far, 4096)))
        except OSError:
            asyncio.get_running_loop().remove_reader(self.far)

    def close(self):
        asyncio.get_running_loop().remove_reader(self.far)
        os.close(self.far)
        os.close(self.near)


class SerialServer:
    """A serial server that waits to be dialled."""

    def __init__(self, bus):
        self.bus = bus
        self.writers = []
        self.server = None

    async def start(self, port=0):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.writers.append(writer)
        try:
            while data := await reader.read(4096):
                writer.write(self.bus.feed(data))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def stop(self):
        self.server.close()
        self.hang_up()
        await self.server.wait_closed()

    def hang_up(self):
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


def link_row(kind, terminal, **more):
    return {"link": f"{kind}:{terminal}", "kind": kind, "terminal": terminal, **more}


async def total(client, link, protocol, address):
    (reply,) = await client.exchange(link, protocol.name, protocol.read_index(address))
    assert reply.error is None
    return protocol.index_from(protocol.decode(reply.reply))["total"]


# === SETTINGS === #


@pytest.mark.parametrize(
    "text, wanted",
    [
        (None, (9600, 8, "N", 1)),  # row 161: COM2 9600 N 8 1
        ("", (9600, 8, "N", 1)),
        ("2400 8E1", (2400, 8, "E", 1)),
        ("9600 n 8 1", (9600, 8, "N", 1)),
        ("1200,7O2", (1200, 7, "O", 2)),
    ],
)
def test_line_settings(text, wanted):
    assert line_settings(text) == wanted


@pytest.mark.parametrize("text", ["9600", "9601 8N1", "9600 9N1", "8N1", "9600 8X1"])
def test_line_settings_that_are_none_get_a_sentence(text):
    with pytest.raises(ValueError, match=f"“{text}” is no line setting: write it like"):
        line_settings(text)


def test_addresses_to_dial():
    assert host_port("10.0.0.8:4001") == ("10.0.0.8", 4001)
    assert host_port("[::1]:502") == ("::1", 502)
    for text in ("10.0.0.8", ":502", "host:0", "host:70000", "host:http", "", None):
        with pytest.raises(ValueError, match="is no address to dial"):
            host_port(text)


# === SERIAL === #


def test_meters_on_a_serial_port_are_read(world):
    async def body(place):
        line = SerialLine(Bus(electricity(), modbus()))
        row = link_row("serial", line.path, line="2400 8N1")
        place.odoo.links = [row]
        gateway = await place.gateway()
        event = await place.odoo.event("link_up", link=row["link"])
        assert event["peer"] == line.path
        speed = termios.tcgetattr(line.near)[4:6]
        assert speed == [termios.B2400, termios.B2400]
        client = await place.client(gateway)
        found = await asyncio.gather(
            total(client, row["link"], DLT, "1"), total(client, row["link"], SDM, "7")
        )
        assert found == [Decimal("100.50"), Decimal("42.25")]
        (state,) = await client.links()
        assert (state["state"], state["kind"]) == ("online", "serial")
        await gateway.diallers.stop()
        line.close()

    world(body)


def test_a_port_that_is_not_there_is_told_and_opened_when_it_comes(world):
    async def body(place):
        path = place.folder / "ttyUSB0"
        row = link_row("serial", str(path))
        place.odoo.links = [row]
        gateway = await place.gateway()
        client = await place.client(gateway)
        state = await offline(client)
        assert "could not open port" in state["problem"]
        assert (state["state"], state["link"]) == ("offline", row["link"])
        (reply,) = await client.exchange(row["link"], DLT.name, DLT.read_index("1"))
        assert (reply.error, reply.sent) == ("offline", False)
        line = SerialLine(Bus(electricity()))
        path.symlink_to(line.path)
        await place.odoo.event("link_up", link=row["link"])
        assert await total(client, row["link"], DLT, "1") == Decimal("100.50")
        await gateway.diallers.stop()
        line.close()

    world(body)


async def offline(client):
    """State of the only link, once it is told why it is not open."""
    while True:
        (state,) = await client.links()
        if state.get("problem"):
            return state


@pytest.mark.parametrize(
    "row, sentence",
    [
        (link_row("serial", "/dev/null", line="fast"), "“fast” is no line setting"),
        (link_row("serial", "spy:///dev/null"), "is no serial port of this machine"),
        (link_row("tcp", "somewhere"), "“somewhere” is no address to dial"),
    ],
)
def test_wrong_settings_are_told(world, row, sentence):
    async def body(place):
        place.odoo.links = [row]
        gateway = await place.gateway()
        state = await offline(await place.client(gateway))
        assert sentence in state["problem"]

    world(body)


# === TCP === #


def test_a_serial_server_is_dialled_and_dialled_again(world):
    async def body(place):
        server = SerialServer(Bus(electricity(), modbus()))
        port = await server.start()
        row = link_row("tcp", f"127.0.0.1:{port}")
        place.odoo.links = [row]
        gateway = await place.gateway()
        await place.odoo.event("link_up", link=row["link"])
        client = await place.client(gateway)
        assert await total(client, row["link"], DLT, "1") == Decimal("100.50")
        assert await total(client, row["link"], SDM, "7") == Decimal("42.25")
        server.hang_up()
        await place.odoo.event("link_down", link=row["link"])
        await place.odoo.event("link_up", number=2, link=row["link"])
        assert await total(client, row["link"], DLT, "1") == Decimal("100.50")
        await server.stop()
        await place.odoo.event("link_down", number=2, link=row["link"])
        server = SerialServer(Bus(electricity(index="7")))
        await server.start(port)
        await place.odoo.event("link_up", number=3, link=row["link"])
        assert await total(client, row["link"], DLT, "1") == 7
        await gateway.diallers.stop()
        await server.stop()

    world(body)


def test_modbus_tcp_through_a_dialled_link(world):
    async def body(place):
        server = SerialServer(Bus(modbus("modbus-tcp")))
        row = link_row("tcp", f"127.0.0.1:{await server.start()}")
        place.odoo.links = [row]
        gateway = await place.gateway()
        await place.odoo.event("link_up", link=row["link"])
        client = await place.client(gateway)
        assert await total(client, row["link"], SDM_TCP, "7") == Decimal("42.25")
        await gateway.diallers.stop()
        await server.stop()

    world(body)


def test_one_request_at_a_time_with_the_links_own_pace(world):
    async def body(place):
        server = SerialServer(Bus(electricity(), electricity("2", index="2")))
        row = link_row("tcp", f"127.0.0.1:{await server.start()}", pace=0.05)
        place.odoo.links = [row]
        gateway = await place.gateway()
        await place.odoo.event("link_up", link=row["link"])
        client = await place.client(gateway)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        found = await asyncio.gather(
            *(total(client, row["link"], DLT, one) for one in ("1", "2", "1"))
        )
        assert found == [Decimal("100.50"), 2, Decimal("100.50")]
        assert loop.time() - begun >= 0.1
        await gateway.diallers.stop()
        await server.stop()

    world(body)


def test_links_are_closed_changed_and_left_to_another_head_end(world):
    async def body(place):
        server = SerialServer(Bus(electricity()))
        port = await server.start()
        row = link_row("tcp", f"127.0.0.1:{port}")
        elsewhere = link_row("tcp", f"localhost:{port}", headend="other")
        gateway = await place.gateway(refresh_pause=0.0)
        place.odoo.links = [row, elsewhere]
        await gateway.odoo.refresh()
        await place.odoo.event("link_up", link=row["link"])
        gateway.use_links([{**row, "pace": 0.01}, elsewhere])
        await place.odoo.event("link_up", number=2, link=row["link"])
        assert gateway.links[row["link"]].pace == 0.01
        assert not gateway.links[elsewhere["link"]].session
        gateway.use_links([])
        await place.odoo.event("link_down", number=2, link=row["link"])
        assert gateway.state(None) == []
        await server.stop()

    world(body)
