"""Uplinks of platforms: from the head-end's own sink through the real controller."""

import asyncio
import base64
import json
import tempfile
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.amr_device_gateway.headend.spool import Spool
from odoo.addons.amr_device_gateway.headend.uplinks import profile
from odoo.addons.amr_device_gateway.headend.uplinks.sink import Sink
from odoo.addons.amr_device_gateway.tools import GatewaySettings
from odoo.addons.amr_metering.tests.common import MeteringCommon

from .common import FakeHeadEnd, GatewayCommon, GatewayMixin

EVENTS = "/amr/headend/v1/events"
TOKEN = "right-token"
IMEI, EUI = "861234567890123", "0102030405060708"
AT = datetime(2026, 3, 1, 8)


def spooled(*messages):
    """Return the events that the head-end's sink queues for (profile, message)."""

    async def take():
        with tempfile.TemporaryDirectory() as folder:
            spool = Spool(Path(folder) / "spool.sqlite")
            sink = Sink(spool)
            for name, message in messages:
                sink.take(profile.load(name), json.dumps(message).encode())
            await sink.durable()
            events = spool.peek()
            spool.close()
            return events

    return asyncio.run(take())


class UplinkMixin(GatewayMixin):
    def _frame(self, meter, index, address=None):
        """Return what a simulated meter says of its index."""
        protocol = meter.model_id._get_protocol()
        row = {"address": address or meter.address, "index": str(index)}
        row["protocol"] = protocol.name
        device = FakeHeadEnd().add("x", row)
        return device.answer(protocol.read_index(row["address"])[0])[1]

    def _push(self, frame, device=IMEI, **more):
        """Return a message of the plain profile."""
        message = {
            "device": device,
            "payload": frame.hex(),
            "time": "2026-03-01T08:00Z",
        }
        return "plain", {**message, **more}

    def _totals(self, meter):
        return (
            self.env["amr.reading"]
            .search([("meter_id", "=", meter.id), ("register", "=", "total")])
            .sorted("read_at")
        )


@tagged("post_install", "-at_install")
class TestUplinkDoor(UplinkMixin, MeteringCommon, HttpCase):
    def setUp(self):
        super().setUp()
        settings = GatewaySettings("http://127.0.0.1:1", TOKEN, "02000000", "0")
        self.startPatcher(
            patch(
                "odoo.addons.amr_device_gateway.controllers.headend.gateway_settings",
                lambda: settings,
            )
        )

    def _deliver(self, *messages):
        response = self.url_open(
            EVENTS,
            data=json.dumps({"headend": "field-1", "events": spooled(*messages)}),
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/json",
            },
        )
        self.assertEqual(response.status_code, 200)
        self.env.invalidate_all()
        return response.json()

    def test_the_same_uplink_twice_is_one_reading(self):
        self.meter.radio_id = IMEI
        message = self._push(self._frame(self.meter, "12.34"))
        for _delivery in range(2):
            self.assertFalse(self._deliver(message, message)["rejected"])
        self.assertRecordValues(
            self._totals(self.meter),
            [{"index": 12.34, "read_at": AT, "source": "push", "kind": "spot"}],
        )
        self.assertEqual(self.meter.uplink_at, AT)

    def test_a_lorawan_event_is_a_reading_of_its_water_meter(self):
        meter = self._remote_meter("99000000000123", model=self.water_model)
        meter.write({"link_id": False, "radio_id": EUI.upper()})
        event = {
            "time": "2026-03-01T08:00:00.775023242+00:00",
            "deviceInfo": {"devEui": EUI},
            "fCnt": 7,
            "data": base64.b64encode(self._frame(meter, "5.5")).decode(),
        }
        self._deliver(("chirpstack", event))
        self.assertRecordValues(self._totals(meter), [{"index": 5.5, "read_at": AT}])

    def test_what_an_unknown_device_says_waits_for_its_meter(self):
        frame = self._frame(self.meter, "3", address="990000007777")
        self.assertFalse(self._deliver(self._push(frame))["rejected"])
        kept = self.env["amr.unknown.reading"].search(
            [("address", "=", "990000007777"), ("register", "=", "total")]
        )
        self.assertRecordValues(kept, [{"index": 3, "state": "waiting"}])
        self.assertTrue(
            self.env["amr.exception"].search([("origin", "=", "990000007777")])
        )


@tagged("post_install", "-at_install")
class TestUplink(UplinkMixin, GatewayCommon):
    def _receive(self, *messages):
        events = spooled(*messages)
        answer = self.env["amr.headend.event"]._receive("field-1", events)
        ids = [event["id"] for event in events]
        self.assertEqual(answer["accepted"], ids)
        return self.env["amr.headend.event"].search([("event_id", "in", ids)])

    def test_an_nb_collector_speaks_for_the_meters_at_its_ports(self):
        second = self._remote_meter("990000000002")
        (self.meter | second).write({"nb_collector": True, "collector_no": "C-7"})
        frames = self._frame(self.meter, 1) + self._frame(second, 2)
        self._receive(self._push(frames, device="c-7"))
        self.assertEqual((self.meter | second).mapped("latest_index"), [1, 2])

    def test_a_device_speaks_for_its_own_meter_only(self):
        self.env.company.partner_id.lang = False
        other = self._remote_meter("990000000002")
        other.radio_id = IMEI
        for device in (IMEI, "869999999999999"):
            event = self._receive(self._push(self._frame(self.meter, 9), device))
            self.assertEqual(event.state, "rejected")
            self.assertIn("is not entered there", event.error)
        self.assertFalse(self._totals(self.meter) | self._totals(other))
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "device")]
        )
        self.assertIn(IMEI, exception.reason)

    def test_what_was_refused_is_taken_in_again_once_the_device_is_entered(self):
        event = self._receive(self._push(self._frame(self.meter, 9)))
        with mute_logger("odoo.addons.amr_device_gateway.models.amr_headend_event"):
            event.action_retry()
        self.assertEqual(event.state, "rejected")
        self.meter.radio_id = IMEI
        event.action_retry()
        self.assertRecordValues(event, [{"state": "done", "error": False}])
        self.assertRecordValues(self._totals(self.meter), [{"index": 9, "read_at": AT}])
        with self.assertRaisesRegex(UserError, "that were not usable|未能使用"):
            event.action_retry()

    @mute_logger("odoo.addons.amr_device_gateway.models.amr_headend_event_uplink")
    def test_what_goes_wrong_beside_the_index_does_not_lose_it(self):
        self.env.company.partner_id.lang = False
        self.meter.radio_id = IMEI
        hears = patch.object(
            type(self.env["amr.command"]), "_hear", side_effect=UserError("No valve.")
        )
        with hears:
            event = self._receive(self._push(self._frame(self.meter, 9)))
        self.assertRecordValues(event, [{"state": "done", "error": False}])
        self.assertRecordValues(self._totals(self.meter), [{"index": 9, "read_at": AT}])
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "device")]
        )
        self.assertIn("No valve.", exception.reason)

    def test_a_model_of_another_protocol_gives_no_number(self):
        self.meter.radio_id = IMEI
        frame = self._frame(self.meter, 9)
        self.meter_model.protocol = "cjt188"
        event = self._receive(self._push(frame))
        self.assertIn("but the meter's model says cjt188", event.error)
        self.assertFalse(self._totals(self.meter))

    def test_a_payload_without_a_frame_is_kept_and_shown(self):
        self.meter.radio_id = IMEI
        event = self._receive(self._push(b"\x01\x02"))
        self.assertEqual((event.state, event.body["frame"]), ("rejected", "0102"))

    def test_older_uplinks_do_not_move_the_last_one_back(self):
        self.meter.radio_id = IMEI
        self._receive(
            self._push(self._frame(self.meter, 5)),
            self._push(self._frame(self.meter, 4), time="2026-03-01T07:00Z"),
        )
        self.assertEqual(self.meter.uplink_at, AT)
        self.assertEqual(self.meter.latest_index, 5)

    def test_radio_numbers_are_unique_in_a_company_and_checked(self):
        self.meter.radio_id = " 86 123456-7890123 "
        self.assertEqual(self.meter.radio_id, IMEI)
        second = self._remote_meter("990000000002")
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            with self.env.cr.savepoint():
                second.radio_id = IMEI
                second.flush_recordset()
        with self.assertRaisesRegex(ValidationError, "15 digits of an IMEI"):
            second.radio_id = "12345"
        with self.assertRaisesRegex(ValidationError, "enter the collector's number"):
            second.nb_collector = True

    def test_one_port_of_a_collector_has_one_meter_for_one_item(self):
        second = self._remote_meter("990000000002")
        place = {"collector_no": "10000138541", "collector_port": "3"}
        self.meter.write(place)
        second.write({**place, "read_item": "2"})
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            with self.env.cr.savepoint():
                second.read_item = False
                second.flush_recordset()

    def test_the_last_uplink_is_not_written_by_people(self):
        administrator = self._operator("up_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            self.meter.with_user(administrator).uplink_at = AT
