"""A LoRaWAN meter's valve: into the network server's queue, read back by report."""

import base64
import json
import uuid
from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.uplinks import profile

from .common import FakeHeadEnd, GatewayCommon
from .test_uplink import EUI

NOW = datetime(2026, 3, 10, 4)
APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"


@tagged("post_install", "-at_install")
class TestRadio(GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False
        room = cls._room("0199")
        cls.water = cls._remote_meter("99000000000123", room, model=cls.water_model)
        cls.water.write({"link_id": False, "radio_id": EUI})

    def setUp(self):
        super().setUp()
        self.clock = freeze_time(NOW)
        self.time = self.clock.start()
        self.addCleanup(self.clock.stop)
        self.head_end = FakeHeadEnd()
        self.startPatcher(self.patch_headend(self.head_end))
        row = {"address": self.water.address, "protocol": "cjt188", "index": "5"}
        self.device = FakeHeadEnd().add("x", row)
        self.count = 0
        self._report()

    # === The far side === #

    def _report(self):
        """The meter reports by itself, valve and all."""
        self.count += 1
        request = self.water_model._get_protocol().read_index(self.water.address)[0]
        event = {
            "time": f"{datetime.now().isoformat()}+00:00",
            "deviceInfo": {"devEui": EUI, "applicationId": APPLICATION},
            "fCnt": self.count,
            "fPort": 2,
            "data": base64.b64encode(self.device.answer(request)[1]).decode(),
        }
        (uplink,), _refused = profile.load("chirpstack").uplinks(json.dumps(event))
        event = {
            "id": uplink.id,
            "at": uplink.at,
            "type": "uplink",
            "link": uplink.link,
            "protocol": uplink.protocol,
            "frame": uplink.frame.hex(),
            **uplink.route,
        }
        answer = self.env["amr.headend.event"]._receive("field-1", [event])
        self.assertEqual(answer["rejected"], [])
        self.run_jobs()

    def _receipt(self, outcome="sent", item=None):
        event = {
            "id": str(uuid.uuid4()),
            "at": f"{datetime.now().isoformat()}+00:00",
            "type": "downlink",
            "link": f"lora:{EUI}",
            "item": item or next(iter(self.head_end.queue)),
            "outcome": outcome,
        }
        answer = self.env["amr.headend.event"]._receive("field-1", [event])
        self.assertEqual(answer["rejected"], [])

    def _deliver(self):
        """The network server sends what it has, and the meter follows."""
        self._receipt()
        for item in list(self.head_end.queue):
            *_where, frame = self.head_end.queue.pop(item)
            self.device.answer(frame)

    def _later(self, **delta):
        self.time.tick(timedelta(**delta))

    def _shut(self):
        self.water.action_open_relay()
        self.run_jobs()
        return self.water.command_ids[0]

    # === Tests === #

    def test_a_valve_is_shut_when_the_meter_says_so(self):
        self.assertTrue(self.water.takes_downlinks)
        self.assertEqual(self.water.relay_state, "closed")
        command = self._shut()
        self.assertRecordValues(
            command, [{"state": "sent", "outcome": "pending", "tries": 1}]
        )
        self.assertIn("queue", command.result)
        ((item, where),) = self.head_end.queue.items()
        self.assertEqual(where[:3], (EUI, APPLICATION, "2"))
        self._later(hours=8)
        self._report()  # the meter wakes; the network server answers it
        self.assertEqual(command.state, "sent", "the frame has only just left")
        self._deliver()
        self.assertIn("On the air", command.result)
        self._receipt("acknowledged", item)
        self.assertEqual(command.state, "sent", "delivered is not done")
        self._later(hours=24)
        self._report()
        self.assertRecordValues(
            command, [{"state": "done", "outcome": "done", "tries": 1}]
        )
        self.assertRecordValues(self.water, [{"relay_state": "open", "state": "cut"}])
        self.assertEqual(self.head_end.handed_over, 1)
        self.assertEqual(
            command.frame_ids.mapped("direction"), ["out", "in", "in"], "all are kept"
        )

    def test_a_report_from_before_is_no_read_back(self):
        self.device.state.relay = "open"
        self._later(hours=1)
        command = self.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": self.water.id}
        )
        self.run_commands(command)
        command.sudo().sent_at = datetime.now() + timedelta(minutes=5)
        self._report()
        self.assertEqual(command.state, "sent")

    def test_a_frame_that_did_not_help_is_handed_over_again(self):
        command = self._shut()
        first = next(iter(self.head_end.queue))
        self._receipt()
        self.head_end.queue.clear()  # on the air, but the meter did not hear it
        self._later(seconds=5)
        self._report()
        self.assertEqual(self.head_end.handed_over, 1, "the valve may be turning")
        self._later(hours=1)
        self._report()
        self.assertRecordValues(command, [{"state": "sent", "tries": 2}])
        self.assertNotIn(first, self.head_end.queue, "another downlink")
        self._deliver()
        self._later(hours=1)
        self._report()
        self.assertEqual(command.state, "done")

    def test_a_death_after_handing_over_hands_nothing_over_twice(self):
        self.head_end.kill = lambda kind: True
        command = self._shut()
        self.assertRecordValues(command, [{"state": "sent", "tries": 1}])
        self.head_end.kill = lambda kind: False
        for _time in range(3):
            self.env["amr.command"]._cron_requeue()
            self.run_jobs()
        self.assertEqual(self.head_end.handed_over, 1)
        self._deliver()
        self._later(hours=1)
        self._report()
        self.assertEqual(command.state, "done")

    def test_a_hand_over_that_nobody_knows_of_is_repeated_under_its_number(self):
        self.head_end.lost = True
        command = self._shut()
        self.assertEqual(command.state, "sent")
        self.head_end.lost = False
        item = command.payload["item"]
        for _day in range(2):
            self._later(hours=10)
            self._report()
        self.assertEqual(self.head_end.handed_over, 2)
        self.assertEqual(list(self.head_end.queue), [item], "the same downlink")

    def test_what_was_not_handed_over_waits_queued(self):
        self.head_end.refused = "The MQTT broker is not connected."
        self.water.action_open_relay()
        self.run_jobs(rounds=2)
        command = self.water.command_ids[0]
        self.assertRecordValues(command, [{"state": "queued", "tries": 0}])
        self.assertIn("broker", command.result)
        self.head_end.refused = None
        self.env["amr.command"]._cron_requeue()
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "sent", "tries": 1}])

    def test_a_meter_that_never_reports_leaves_it_unknown(self):
        command = self._shut()
        self._deliver()
        self._later(days=4)
        self.env["amr.command"]._cron_requeue()
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "failed", "outcome": "unknown"}])
        exception = self.env["amr.exception"].search([("meter_id", "=", self.water.id)])
        self.assertIn("unknown", exception.reason)
        self._report()  # it comes back after all
        self.assertRecordValues(command, [{"state": "done", "outcome": "done"}])

    # === What the network server drops === #

    def test_what_was_dropped_in_time_is_handed_over_anew(self):
        command = self._shut()
        (first,) = self.head_end.queue
        self.head_end.queue.clear()
        for _time in range(2):
            self._receipt("dropped", first)
            self.run_jobs()
        self.assertRecordValues(command, [{"state": "sent", "tries": 2}])
        self.assertNotIn(first, self.head_end.queue)
        self._deliver()
        self._later(hours=1)
        self._report()
        self.assertEqual(command.state, "done")

    def test_what_expired_in_the_queue_was_not_done(self):
        command = self._shut()
        self._later(days=4)
        self._receipt("dropped")
        self.assertRecordValues(command, [{"state": "failed", "outcome": "not_done"}])
        self.assertIn("before the meter listened", command.result)

    def test_what_was_given_up_as_unknown_and_then_dropped_was_not_done(self):
        """And what waited for it to leave goes on."""
        cut, back = self._overdue()
        self.assertEqual(back.state, "queued")
        self._receipt("dropped", cut.payload["item"])
        self.run_jobs()
        self.assertRecordValues(cut, [{"state": "failed", "outcome": "not_done"}])
        self.assertRecordValues(back, [{"state": "sent", "tries": 1}])

    def test_a_frame_that_was_on_the_air_is_not_said_to_be_dropped(self):
        command = self._shut()
        item = next(iter(self.head_end.queue))
        self._receipt(item=item)
        self._later(days=4)
        self._receipt("dropped", item)
        self.assertEqual(command.state, "sent")

    # === What is still in the network server's queue === #

    def _overdue(self):
        """A cut that nobody saw leave, days ago, and a reconnect after it."""
        cut = self._shut()
        self._later(days=4)
        self.env["amr.command"]._cron_requeue()
        self.run_jobs()
        self.assertRecordValues(cut, [{"state": "failed", "outcome": "unknown"}])
        self.water.action_close_relay()
        self.run_jobs()
        return cut, self.water.command_ids[0]

    def test_a_cut_in_the_queue_keeps_back_the_reconnect(self):
        cut, back = self._overdue()
        self._report()  # the supply is still on: that is not the reconnect's doing
        self.assertRecordValues(back, [{"state": "queued", "tries": 0}])
        self.assertIn("queue", back.result)
        self.assertEqual(self.head_end.handed_over, 1)
        self._deliver()  # the cut leaves after all
        self.run_jobs()
        self.assertRecordValues(back, [{"state": "sent", "tries": 1}])
        self._later(hours=1)
        self._report()
        self.assertEqual((cut.state, back.state), ("done", "sent"))
        self._deliver()
        self._later(hours=1)
        self._report()
        self.assertEqual(back.state, "done")
        self.assertEqual(self.water.relay_state, "closed")

    def test_a_question_that_left_tells_that_all_before_it_have(self):
        _cut, back = self._overdue()
        self.head_end.queue.clear()  # somebody emptied it
        self.water.action_relay_state()
        self.run_jobs()
        self.assertEqual((back.state, self.head_end.handed_over), ("queued", 2))
        self._later(hours=1)
        self._report()  # answers it, before it has left
        self._deliver()
        self.run_jobs()
        self.assertRecordValues(back, [{"state": "sent", "tries": 1}])

    def test_a_reconnect_is_not_done_while_an_earlier_cut_may_leave(self):
        """Both were handed over, as before commands waited for each other's frames."""
        _cut, back = self._overdue()
        values = {"state": "sent", "sent_at": datetime.now(), "tries": 1}
        back.sudo().write({**values, "payload": {"item": str(uuid.uuid4())}})
        self._later(hours=1)
        self._report()
        self.assertEqual(back.state, "sent", "the supply was never off")
        self._receipt(item=back.payload["item"])
        self._later(hours=1)
        self._report()
        self.assertEqual(back.state, "done")

    def test_what_was_never_seen_to_leave_is_not_said_to_be_not_done(self):
        command = self._shut()
        command.sudo().max_tries = 1
        for _day in range(2):
            self._later(hours=10)
            self._report()
        self.assertRecordValues(command, [{"state": "failed", "outcome": "unknown"}])

    def test_the_network_server_is_told_when_it_is_too_late(self):
        command = self._shut()
        self.assertEqual(self.head_end.expires, command.deadline)

    def test_what_never_left_expires(self):
        self.head_end.down = True
        self.water.action_open_relay()
        command = self.water.command_ids[0]
        self._later(days=4)
        self.env["amr.command"]._cron_requeue()
        self.assertRecordValues(
            command, [{"state": "expired", "outcome": "not_done", "tries": 0}]
        )

    def test_the_valve_is_asked_for_by_waiting_for_its_answer(self):
        self.water.action_relay_state()
        self.run_jobs()
        command = self.water.command_ids[0]
        self.assertEqual(command.state, "sent")
        self._deliver()
        self._later(hours=1)
        self._report()
        self.assertEqual(command.state, "done")

    def test_only_a_meter_that_was_heard_is_switched(self):
        other = self._remote_meter("99000000000124", model=self.water_model)
        other.write({"link_id": False, "radio_id": "0102030405060709"})
        with self.assertRaisesRegex(UserError, "no device link"):
            other.action_open_relay()
        far = self._operator("radio_reader", "amr_base.group_reader")
        self.assertEqual(self.water.with_user(far).takes_downlinks, True)
