"""Odoo, the real head-end, a real Mosquitto, and a network server with one meter."""

import base64
import json
import queue
import shutil
import socket
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest.mock import patch

from paho.mqtt import client as paho

from odoo.tests import tagged

from odoo.addons.amr_device_gateway.tools import GatewaySettings

from .common import FakeHeadEnd, GatewayCommon
from .head_end import STARTED, TOKEN, RealHeadEnd, free_port
from .test_uplink import EUI

MOSQUITTO = shutil.which("mosquitto") or shutil.which(
    "mosquitto", path="/usr/sbin:/usr/local/sbin"
)
BASE = f"application/a1/device/{EUI}"


@tagged("post_install", "-at_install")
class TestRadioChain(GatewayCommon):
    def setUp(self):
        super().setUp()
        room = self._room("0198")
        self.water = self._remote_meter("99000000000123", room, model=self.water_model)
        self.water.write({"link_id": False, "radio_id": EUI})
        row = {"address": self.water.address, "protocol": "cjt188", "index": "5"}
        self.device = FakeHeadEnd().add("x", row)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        port = self._start_broker(Path(folder.name))
        self._start_network_server(port)
        self.head_end = RealHeadEnd(
            folder.name, [], [], mqtt_url=f"mqtt://127.0.0.1:{port}"
        )
        self.head_end.start()
        self.addCleanup(self.head_end.stop)
        self.assertTrue(self.head_end.ready.wait(STARTED), "the head-end is up")
        settings = GatewaySettings(self.head_end.url, TOKEN, "02000000", "00000000")
        self.startPatcher(
            patch(
                "odoo.addons.amr_device_gateway.tools.exchange.gateway_settings",
                lambda: settings,
            )
        )

    def _start_broker(self, folder):
        port = free_port()
        conf = folder / "mosquitto.conf"
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        process = subprocess.Popen([MOSQUITTO, "-c", conf], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        while True:  # until it listens
            with socket.socket() as one:
                if not one.connect_ex(("127.0.0.1", port)):
                    return port
            self.assertIsNone(process.poll(), "mosquitto does not start")

    def _start_network_server(self, port):
        self.downlinks = queue.Queue()
        self.server = paho.Client(paho.CallbackAPIVersion.VERSION2)
        ready = queue.Queue()
        self.server.on_subscribe = lambda *_args: ready.put(True)
        self.server.on_message = lambda _c, _u, message: self.downlinks.put(message)
        self.server.connect("127.0.0.1", port)
        self.server.loop_start()
        self.addCleanup(self.server.loop_stop)
        self.addCleanup(self.server.disconnect)
        self.server.subscribe("application/+/device/+/command/down", qos=1)
        ready.get(timeout=STARTED)

    def _tell(self, event, minutes=0, **body):
        """The network server publishes an event; Odoo hears it by the head-end."""
        at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
        message = {
            "time": at.isoformat(),
            "deviceInfo": {"devEui": EUI, "applicationId": "a1"},
            **body,
        }
        self.server.publish(f"{BASE}/event/{event}", json.dumps(message), qos=1)
        answer = self.env["amr.headend.event"]._receive("", self.head_end.events(1))
        self.assertEqual(answer["rejected"], [])
        self.run_jobs()

    def _report(self, minutes, count):
        request = self.water_model._get_protocol().read_index(self.water.address)[0]
        data = base64.b64encode(self.device.answer(request)[1]).decode()
        self._tell("up", minutes, fCnt=count, fPort=2, data=data)

    def test_a_valve_is_shut_over_the_air(self):
        self._report(-10, 1)
        self.assertTrue(self.water.takes_downlinks)
        self.water.action_open_relay()
        self.run_jobs()
        command = self.water.command_ids
        self.assertRecordValues(command, [{"state": "sent", "tries": 1}])
        message = self.downlinks.get(timeout=STARTED)
        self.assertEqual(message.topic, f"{BASE}/command/down")
        down = json.loads(message.payload)
        self._tell("txack", queueItemId=down["id"])
        self.device.answer(base64.b64decode(down["data"]))
        self.assertEqual(self.device.state.relay, "open")
        self._tell("ack", queueItemId=down["id"], acknowledged=True)
        self.assertEqual(command.state, "sent", "delivered is not done")
        self._report(10, 2)
        self.assertRecordValues(command, [{"state": "done", "outcome": "done"}])
        self.assertEqual(self.water.relay_state, "open")
