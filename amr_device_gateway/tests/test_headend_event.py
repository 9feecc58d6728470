import uuid
from datetime import datetime, timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.amr_device_gateway.headend.protocols import dlt645

from .common import FakeHeadEnd, GatewayCommon


@tagged("post_install", "-at_install")
class TestHeadendEvent(GatewayCommon):
    def _event(self, kind="link_up", **vals):
        return {
            "id": str(uuid.uuid4()),
            "at": "2026-03-01T08:00:00.250+00:00",
            "type": kind,
            "link": self.link.key,
            "terminal": self.link.terminal,
            "peer": "10.0.0.1:5",
            **vals,
        }

    def _receive(self, *events):
        return self.env["amr.headend.event"]._receive("field-1", list(events))

    def _stored(self, event):
        return self.env["amr.headend.event"].search([("event_id", "=", event["id"])])

    def _reply(self, row, request):
        """Return what a simulated meter answers."""
        return FakeHeadEnd().add("x", row).answer(request)[1]

    def test_links_come_up_and_go_down(self):
        up = self._event()
        answer = self._receive(up)
        self.assertEqual(answer, {"accepted": [up["id"]], "rejected": []})
        self.assertTrue(self.link.online)
        self.assertEqual(self.link.peer, "10.0.0.1:5")
        self._receive(self._event("link_down", at="2026-03-01T08:00:01+00:00"))
        self.assertFalse(self.link.online)

    def test_an_event_counts_once_however_often_it_comes(self):
        up = self._event()
        self._receive(up)
        self._receive(self._event("link_down", at="2026-03-01T08:00:01+00:00"))
        answer = self._receive(up, up)
        self.assertEqual(answer["accepted"], [up["id"], up["id"]])
        self.assertFalse(self.link.online)
        self.assertEqual(len(self._stored(up)), 1)

    def test_late_events_do_not_undo_newer_ones(self):
        self._receive(
            self._event(at="2026-03-01T08:00:09+00:00"),
            self._event("link_down", at="2026-03-01T08:00:01+00:00"),
        )
        self.assertTrue(self.link.online)

    def test_times_with_an_offset_are_understood(self):
        self._receive(self._event(at="2026-03-01T16:00:00+08:00"))
        self.assertEqual(self.link.last_seen, datetime(2026, 3, 1, 8))

    def test_a_link_that_comes_up_goes_on_with_its_commands(self):
        command = self.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": self.meter.id}
        )
        self._receive(self._event())
        self.assertTrue(self._jobs())
        with self.fake_headend() as head_end:
            head_end.add(self.link.key, {"address": self.meter.address})
            self.run_jobs()
        self.assertEqual(command.state, "done")

    def test_an_unknown_terminal_becomes_visible_once(self):
        strange = {"link": "dtu:990000999", "terminal": "990000999"}
        self._receive(self._event("unknown_terminal", **strange))
        self._receive(
            self._event("unknown_terminal", **strange, at="2026-03-01T09:00:00+00:00")
        )
        link = self.env["amr.link"].search([("terminal", "=", "990000999")])
        self.assertRecordValues(
            link,
            [{"state": "unknown", "presence": "quarantined", "community_id": False}],
        )

    def test_an_uplink_is_a_reading_through_the_one_door(self):
        request = self.meter_model._get_protocol().read_index(self.meter.address)[0]
        frame = self._reply({"address": self.meter.address, "index": "12.34"}, request)
        event = self._event("uplink", protocol="dlt645-2007", frame=frame.hex())
        self._receive(event)
        self._receive(event)
        readings = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        total = readings.filtered(lambda reading: reading.register == "total")
        self.assertRecordValues(
            total,
            [
                {
                    "index": 12.34,
                    "source": "push",
                    "kind": "spot",
                    "read_at": datetime(2026, 3, 1, 8),
                }
            ],
        )

    def test_an_uplink_of_a_water_meter_finds_its_protocol(self):
        meter = self._remote_meter("00990000000123", model=self.water_model)
        request = self.water_model._get_protocol().read_index(meter.address)[0]
        row = {"address": meter.address, "protocol": "cjt188", "index": "5.5"}
        meter.address = "990000000123"  # people leave leading zeros out
        self._receive(self._event("uplink", frame=self._reply(row, request).hex()))
        self.assertEqual(meter.latest_index, 5.5)

    def test_an_uplink_of_an_unknown_meter_becomes_an_exception(self):
        request = self.meter_model._get_protocol().read_index("990000009999")[0]
        frame = self._reply({"address": "990000009999", "index": "1"}, request)
        self._receive(self._event("uplink", frame=frame.hex()))
        exception = self.env["amr.exception"].search([("kind", "=", "unknown")])
        self.assertIn("990000009999", exception[:1].reason)

    def test_a_link_speaks_for_its_own_meters_only(self):
        foreign = self._remote_meter("990000008888")
        foreign.link_id = self.link.copy({"terminal": "99998888"})
        request = self.meter_model._get_protocol().read_index(foreign.address)[0]
        frame = self._reply({"address": foreign.address, "index": "7777"}, request)
        answer = self._receive(self._event("uplink", frame=frame.hex()))
        self.assertIn("not behind this link", answer["rejected"][0]["error"])
        self.assertFalse(foreign.latest_at)

    def test_a_frame_finds_the_meter_of_its_own_protocol(self):
        """A water and an electricity meter of one line may have the same number."""
        address = "990000000123"
        electric = self._remote_meter(address)
        room = self._room("0124")
        water = self._remote_meter("99" + address, room, model=self.water_model)
        self.env.cr.execute(
            "UPDATE amr_meter SET address = %s WHERE id = %s",
            [f"00{address}", water.id],
        )
        water.invalidate_recordset()
        for meter, index in ((water, 5.5), (electric, 7)):
            protocol = meter.model_id._get_protocol()
            row = {"address": address, "protocol": protocol.name, "index": str(index)}
            frame = self._reply(row, protocol.read_index(address)[0])
            self.assertFalse(
                self._receive(self._event("uplink", frame=frame.hex()))["rejected"]
            )
        self.assertEqual((water.latest_index, electric.latest_index), (5.5, 7))

    def test_a_frame_of_another_protocol_than_the_models_gives_no_number(self):
        protocol = self.water_model._get_protocol()
        row = {"address": self.meter.address, "protocol": "cjt188", "index": "5"}
        frame = self._reply(row, protocol.read_index(self.meter.address)[0])
        answer = self._receive(self._event("uplink", frame=frame.hex()))
        self.assertIn("model says dlt645-2007", answer["rejected"][0]["error"])
        self.assertFalse(self.meter.latest_at)

    def test_a_frame_counts_in_the_unit_of_its_meters_make(self):
        """What a heat meter pushes in kWh is no number of GJ."""
        meter = self._remote_meter("00990000000123", model=self.water_model)
        request = self.water_model._get_protocol().read_index(meter.address)[0]
        row = {"address": meter.address, "protocol": "cjt188", "index": "5.5"}
        frame = self._reply(row, request)
        model = type(self.water_model)
        with patch.object(model, "_get_index_unit", return_value="GJ"):
            answer = self._receive(self._event("uplink", frame=frame.hex()))
        self.assertFalse(meter.latest_at, answer)

    # === Who logs in === #

    def _exceptions(self):
        return self.env["amr.exception"].search([("kind", "=", "device")])

    def test_two_devices_that_log_in_by_turns_are_for_people(self):
        before = self._exceptions()
        self._receive(self._twice("10.0.0.1", "10.0.0.1"))
        self.assertEqual(self._exceptions(), before, "the same line, anew")
        for number in range(3):
            self._receive(self._twice(f"10.9.9.{number + 1}", f"10.9.9.{number}"))
        self.assertEqual(self._exceptions(), before, "new addresses of the carrier's")
        for _time in range(2):
            self._receive(self._twice("10.9.9.2", "10.9.9.3"))
            self._receive(self._twice("10.9.9.3", "10.9.9.2"))
        found = self._exceptions() - before
        self.assertEqual(len(found), 1)
        self.assertEqual(found.community_id, self.community)
        self.assertRegex(found.reason, "10.9.9.2.*10.9.9.3")
        administrator = self._operator("twice", "amr_base.group_community_admin")
        self.assertTrue(found.with_user(administrator).has_access("read"))

    def test_an_address_that_comes_back_much_later_is_chance(self):
        before = self._exceptions()
        self._receive(self._twice("10.9.9.2", "10.9.9.1"))
        late = "2026-03-02T08:00:00+00:00"
        self._receive(self._twice("10.9.9.1", "10.9.9.2", at=late))
        self.assertEqual(self._exceptions(), before)

    def _twice(self, peer, old, **vals):
        return self._event("link_replaced", peer=f"{peer}:5", old=f"{old}:9", **vals)

    def test_two_deliveries_at_one_moment_take_an_event_in_once(self):
        """The first was thought lost: the second is repeated, and finds it known."""
        event = self._event("link_down", link="dtu:99000099999")
        with self.registry.cursor() as other:
            self.env(cr=other)["amr.headend.event"]._receive("field-1", [event])
        self.addCleanup(self._forget, event["id"])
        with self.assertRaises(SerializationFailure), self.env.cr.savepoint():
            self._receive(event)

    def _forget(self, event_id):
        with self.registry.cursor() as other:
            other.execute(
                "DELETE FROM amr_headend_event WHERE event_id = %s", [event_id]
            )

    def test_strangers_are_listed_so_many_an_hour(self):
        self.env["ir.config_parameter"].set_param("amr.unknown_per_hour", "2")
        before = self._exceptions()
        events = [
            self._event("unknown_terminal", link=f"dtu:99000088{n}", terminal="x")
            for n in range(5)
        ]
        answer = self._receive(*events)
        self.assertEqual(len(answer["accepted"]), 5)
        unknown = self.env["amr.link"].search([("terminal", "like", "99000088")])
        self.assertEqual(len(unknown), 2)
        self.assertEqual(self._stored(events[-1]).state, "rejected")
        found = self._exceptions() - before
        self.assertEqual(len(found), 1)
        # those that are listed already, and those of ours, are not held up
        link = self._link("990000885", self.community)
        self._receive(self._event("link_up", link=link.key))
        self.assertTrue(link.online)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_link SET create_date = %s WHERE id IN %s",
            [fields.Datetime.now() - timedelta(hours=2), tuple(unknown.ids)],
        )
        self._receive(self._event("unknown_terminal", link="dtu:990000886"))
        self.assertTrue(self.env["amr.link"].search([("terminal", "=", "990000886")]))

    def test_a_message_that_nobody_understands_is_kept_with_its_reason(self):
        event = self._event("bad_uplink", link="nbiot:?", message="{}", problem="Why.")
        self.assertEqual(self._receive(event)["rejected"][0]["error"], "Why.")
        self.assertEqual(self._stored(event).body["message"], "{}")

    def test_a_heartbeat_frame_is_kept_and_changes_nothing(self):
        frame = dlt645.build(self.meter.address, 0x91, b"\x80\x80\x80\x80")
        event = self._event("uplink", frame=frame.hex())
        self.assertEqual(self._receive(event)["rejected"], [])
        self.assertEqual(self._stored(event).frame, frame.hex())
        self.assertFalse(self.meter.latest_at)

    def test_what_cannot_be_used_is_kept_with_its_reason(self):
        request = self.meter_model._get_protocol().read_index(self.meter.address)[0]
        frame = bytearray(self._reply({"address": self.meter.address}, request))
        frame[-2] ^= 0xFF
        cases = [
            (self._event("uplink", frame=bytes(frame).hex()), "not known|checksum"),
            (
                self._event("uplink", protocol="dlt645-2007", frame=bytes(frame).hex()),
                "checksum",
            ),
            (self._event("uplink", frame="68zz"), "hexadecimal"),
            (self._event("uplink", protocol="x", frame="68"), "not known"),
            (self._event("exploded"), "Unknown event type"),
            (self._event(at="yesterday"), "ISO time"),
            (self._event(peer=5), "must be text"),
            (self._event("unknown_terminal", link="nonsense"), "kind:terminal"),
            (self._event("unknown_terminal", link="dtu:99 01"), "holds blanks"),
        ]
        for event, reason in cases:
            with self.subTest(reason=reason):
                answer = self._receive(event)
                self.assertEqual(answer["accepted"], [event["id"]])
                self.assertRegex(answer["rejected"][0]["error"], reason)
                stored = self._stored(event)
                self.assertEqual(stored.state, "rejected")
                self.assertEqual(stored.body, event)

    def test_a_newer_head_end_may_tell_more(self):
        """Fields that this Odoo does not know are kept with the event, and no more."""
        event = self._event(colour="red", several=[1, {"a": None}])
        self.assertEqual(self._receive(event)["rejected"], [])
        self.assertEqual(self._stored(event).body, event)
        self.assertTrue(self.link.online)

    def test_a_bad_event_does_not_take_the_good_ones_along(self):
        good, bad = self._event(), self._event("exploded")
        answer = self._receive(bad, good, "text", {"id": 5})
        self.assertEqual(answer["accepted"], [bad["id"], good["id"]])
        self.assertEqual(len(answer["rejected"]), 3)
        self.assertTrue(self.link.online)

    @mute_logger("odoo.addons.amr_device_gateway.models.amr_headend_event")
    def test_an_event_that_crashes_does_not_hold_up_those_behind_it(self):
        bad, good = self._event(), self._event("link_down")
        good["at"] = "2026-03-01T08:00:09+00:00"
        self.link.online = True
        with patch.object(type(self.link), "_on_link_up", side_effect=KeyError("x")):
            answer = self._receive(bad, good)
        self.assertEqual(answer["accepted"], [bad["id"], good["id"]])
        self.assertEqual(self._stored(bad).state, "rejected")
        self.assertFalse(self.link.online)

    def test_missing_fields_are_named(self):
        event = {"id": str(uuid.uuid4()), "type": "link_up"}
        answer = self._receive(event)
        self.assertIn("at, link", answer["rejected"][0]["error"])

    def test_old_events_are_forgotten_but_not_the_unusable(self):
        good, bad = self._event(), self._event("exploded")
        stranger = self._event("unknown_terminal", link="dtu:99 01")
        self._receive(good, bad, stranger)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_headend_event SET create_date = %s",
            [fields.Datetime.now() - timedelta(days=40)],
        )
        self.env["amr.headend.event"]._gc_events()
        self.assertFalse(self._stored(good))
        self.assertTrue(self._stored(bad))
        self.assertFalse(self._stored(stranger), "whoever dials can cause them")
