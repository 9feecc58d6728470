"""Concentrators and collectors as people enter them (KTAMR manual 3.5)."""

from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .concentrator_common import ConcentratorCommon


@tagged("post_install", "-at_install")
class TestConcentrator(ConcentratorCommon):
    def test_numbers_follow_from_the_building_and_its_line(self):
        one = self.concentrator
        self.assertEqual(one.full_code, f"{self.building.full_code}01")
        self.assertEqual(one.device_code, one.full_code[-5:])
        number = int(one.device_code)
        self.assertEqual(one.terminal, f"{self.community.code}{number:04X}")

    def test_one_that_logs_in_has_a_link_of_its_own(self):
        link = self.concentrator.link_id
        self.assertRecordValues(
            link,
            [
                {
                    "key": f"concentrator:{self.concentrator.terminal}",
                    "community_id": self.community.id,
                    "state": "active",
                }
            ],
        )
        config = self.env["amr.link"]._head_end_config()["links"]
        self.assertIn(link.key, [row["link"] for row in config])
        self.concentrator.terminal = "03729999"
        self.assertEqual(link.terminal, "03729999")
        self.concentrator.active = False
        self.assertFalse(link.active)

    def test_a_terminal_that_logged_in_before_is_taken_into_service(self):
        unknown = self.env["amr.link"].create(
            {
                "name": "?",
                "kind": "concentrator",
                "terminal": "03720A0B",
                "state": "unknown",
            }
        )
        one = self.env["amr.concentrator"].create(
            {"name": "B", "line_id": self._line("02").id, "terminal": "03720A0B"}
        )
        self.assertEqual(one.link_id, unknown)
        self.assertEqual(unknown.state, "active")
        self.assertEqual(unknown.community_id, self.community)

    def test_a_terminal_in_service_elsewhere_is_not_taken(self):
        self._link("03720A0C", self.other_community, kind="concentrator")
        with self.assertRaisesRegex(UserError, "in service already"):
            self.env["amr.concentrator"].create(
                {"name": "B", "line_id": self._line("02").id, "terminal": "03720A0C"}
            )

    def test_one_that_logs_in_moves_to_another_community_with_its_link(self):
        far = self._line("02", self.other_building)
        with self.assertRaisesRegex(ValidationError, "take them off the concentrator"):
            self.concentrator.line_id = far
        self.meter.concentrator_id = False
        link = self.concentrator.link_id
        self.concentrator.line_id = far
        self.assertEqual(self.concentrator.community_id, self.other_community)
        self.assertRecordValues(
            link,
            [
                {
                    "community_id": self.other_community.id,
                    "building_id": self.other_building.id,
                    "active": True,
                }
            ],
        )
        self.assertEqual(self.concentrator.link_id, link)

    def test_nobody_moves_a_concentrator_out_of_his_scope_or_into_it(self):
        self.meter.concentrator_id = False
        far = self._line("02", self.other_building)
        administrator = self._operator("move_admin", "amr_base.group_community_admin")
        own = self.concentrator.with_user(administrator)
        with self.assertRaises(AccessError):
            own.line_id = far
        foreign = self.env["amr.concentrator"].create({"name": "F", "line_id": far.id})
        with self.assertRaises(AccessError):
            foreign.with_user(administrator).line_id = self._line("03")
        with self.assertRaises(ValidationError):
            own.link_id = foreign.link_id

    def test_a_log_in_belongs_to_one_concentrator(self):
        other = self.env["amr.concentrator"].create(
            {"name": "B", "line_id": self._line("02").id}
        )
        with self.assertRaisesRegex(ValidationError, "log-in of another"):
            other.link_id = self.concentrator.link_id

    def test_another_connection_takes_the_log_in_out_of_service(self):
        serial = self._link("/dev/ttyS7", self.community, kind="serial")
        waiting = self.concentrator._command("collect_state")
        switching = self.env["amr.command"].create(
            {"kind": "relay_state", "meter_id": self.meter.id}
        )
        own = self.concentrator.link_id
        self.concentrator.write({"connection": "kt410_com", "link_id": serial.id})
        self.assertFalse(own.active)
        config = self.env["amr.link"]._head_end_config()["links"]
        self.assertNotIn(own.key, [row["link"] for row in config])
        self.assertEqual(self.meter.link_id, serial)
        with self.fake_headend() as head_end:
            head_end.add(serial.key, {"address": "1"})
            (waiting | switching)._enqueue()
            self.run_jobs(rounds=1)
        self.assertEqual((waiting | switching).link_id, serial)
        # and back: the log-in that was put aside is taken again
        self.concentrator.write({"connection": "kt410_gprs", "link_id": False})
        self.assertEqual(self.concentrator.link_id, own)
        self.assertTrue(own.active)
        self.assertTrue(serial.active, "a line is nobody's own")

    def test_a_terminal_address_that_is_corrected_takes_what_logged_in(self):
        own = self.concentrator.link_id
        unknown = self.env["amr.link"].create(
            {
                "name": "?",
                "kind": "concentrator",
                "terminal": "03720A0B",
                "state": "unknown",
            }
        )
        self.concentrator.terminal = "03720A0B"
        self.assertEqual(self.concentrator.link_id, unknown)
        self.assertEqual(unknown.state, "active")
        self.assertFalse(own.active)
        self.meter.concentrator_id = False
        self.concentrator.unlink()
        self.assertFalse(unknown.active)

    def test_a_terminal_address_that_is_none_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "must have 8 places"):
            self.concentrator.terminal = "372-65"

    def test_a_terminal_address_is_kept_as_frames_tell_it(self):
        self.concentrator.terminal = " 0372ab0c "
        self.assertEqual(self.concentrator.terminal, "0372AB0C")
        self.assertEqual(self.concentrator.link_id.terminal, "0372AB0C")
        one = self.env["amr.concentrator"].create(
            {"name": "B", "line_id": self._line("08").id, "terminal": "0372ab0d "}
        )
        self.assertEqual(one.terminal, "0372AB0D")

    def test_every_connection_has_its_kind_of_link(self):
        serial = self._link("/dev/ttyS9", self.community, kind="serial")
        create = self.env["amr.concentrator"].create
        com = create(
            {
                "name": "COM",
                "line_id": self._line("03").id,
                "connection": "kt410_com",
                "link_id": serial.id,
            }
        )
        self.assertTrue(com.is_framed)
        gprs = create(
            {
                "name": "Integrated",
                "line_id": self._line("04").id,
                "connection": "gprs",
                "link_id": self.link.id,
            }
        )
        self.assertFalse(gprs.is_framed)
        self.assertFalse(gprs.terminal)
        self.assertEqual(gprs.dial_number, self.link.terminal)
        self.assertEqual(self.link.concentrator_count, 1)
        with self.assertRaisesRegex(ValidationError, "cannot be reached over"):
            com.link_id = self.link
        with self.assertRaisesRegex(ValidationError, "another community"):
            gprs.link_id = self.other_link

    def test_one_on_a_serial_line_is_there_when_it_answered(self):
        serial = self._link("/dev/ttyS8", self.community, kind="serial")
        one = self.env["amr.concentrator"].create(
            {
                "name": "COM",
                "line_id": self._line("05").id,
                "connection": "kt410_com",
                "link_id": serial.id,
            }
        )
        self.assertEqual(one.presence, "offline")
        serial._set_presence(True, fields.Datetime.now())
        self.assertEqual(one.presence, "unverified")
        one._note_answer()
        self.assertEqual(one.presence, "online")
        one.answered_at -= timedelta(days=2)
        self.assertEqual(one.presence, "unverified")

    def test_collectors_have_the_numbers_of_their_model(self):
        create = self.env["amr.collector"].create
        one = {"concentrator_id": self.concentrator.id}
        kt310 = create({**one, "model": "kt310", "address": "1F"})
        self.assertEqual(kt310._get_archive_number(), "31")
        kt300 = create({**one, "model": "kt300", "address": "27"})
        self.assertEqual(kt300._get_archive_number(), "27")
        for model, address in (
            ("kt310", "1G"),
            ("kt310", "1f"),
            ("kt300", "2F"),
            ("kt340", "123"),
            ("line", "1"),
        ):
            with (
                self.subTest(model=model, address=address),
                self.assertRaises(ValidationError),
            ):
                create({**one, "model": model, "address": address})
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            create({**one, "model": "kt310", "address": "27"})

    def test_a_collector_is_there_when_one_of_its_meters_answers(self):
        collector = self.env["amr.collector"].create(
            {"concentrator_id": self.concentrator.id, "address": "0A"}
        )
        two = self._meters(2, collector_id=collector.id)
        self.assertEqual(collector.presence, "unknown")
        now = fields.Datetime.now()
        two.write({"latest_at": now})
        two[0].comm_fault_since = now
        collector.invalidate_recordset()
        self.assertRecordValues(
            collector, [{"meter_count": 2, "silent_count": 1, "presence": "offline"}]
        )
        self.concentrator.link_id._set_presence(True, now)
        collector.invalidate_recordset()
        self.assertEqual(collector.presence, "online")
        two[1].comm_fault_since = now
        collector.invalidate_recordset()
        self.assertEqual(collector.presence, "offline")

    def test_an_integrated_collector_has_lines_and_reads_meter_by_meter(self):
        integrated = self.env["amr.concentrator"].create(
            {
                "name": "Integrated",
                "line_id": self._line("06").id,
                "connection": "gprs",
                "link_id": self.link.id,
            }
        )
        line = self.env["amr.collector"].create(
            {"concentrator_id": integrated.id, "address": "6"}
        )
        self.assertEqual(line.model, "line")
        self.meter.write({"concentrator_id": False, "measuring_point": 0})
        self.meter.collector_id = line
        self.assertEqual(self.meter.concentrator_id, integrated)
        self.assertEqual(self.meter.link_id, self.link)
        self.assertFalse(self.meter._is_read_by_frame(fields.Datetime.now()))
        self.assertEqual(self.meter._get_protocol().name, "dlt645-2007")
        with self.assertRaisesRegex(UserError, "keeps no list"):
            integrated.action_archive_compare()
        with self.assertRaises(ValidationError):
            line.address = "7"

    def test_a_meter_gets_link_and_the_first_free_point(self):
        self.assertEqual(self.meter.measuring_point, 1)
        self.assertEqual(self.meter.link_id, self.concentrator.link_id)
        three = self._meters(3)
        self.assertEqual(three.mapped("measuring_point"), [2, 3, 4])
        three[0].concentrator_id = False
        self.assertEqual(three[0].measuring_point, 0)
        self.assertEqual(self._meters(1, 9_900_004_200).measuring_point, 2)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            three[1].measuring_point = 4
            self.env.flush_all()

    def test_a_place_in_the_list_is_forgotten_when_it_can_be_anothers(self):
        """Only reading the list back says that a point is this meter's."""
        meter = self.meter
        self.assertFalse(meter._is_read_by_frame(fields.Datetime.now()))
        spare = self._line("07")
        for field, value in (
            ("measuring_point", 9),
            ("address", "990000007776"),
            ("active", False),
            ("model_id", self.meter_model.copy().id),
            ("concentrator_id", False),
        ):
            with self.subTest(field=field), self.env.cr.savepoint():
                if field == "active":
                    self._dismount(meter)
                meter.sudo().is_listed = True
                meter[field] = value
                self.assertFalse(meter.is_listed)
        meter.concentrator_id = self.concentrator
        meter.sudo().is_listed = True
        other = {"number": "990000007775", "address": "990000007775"}
        self.assertFalse(meter.copy(other).is_listed)
        meter.sudo().is_listed = True
        self.concentrator.line_id = spare  # another terminal
        self.assertFalse(meter.is_listed)
        administrator = self._operator("list_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            meter.with_user(administrator).is_listed = True

    def test_a_meter_is_entered_with_all_that_the_manual_lists(self):
        """KTAMR manual 3.2.2 B, 3.2.5: on a room, once its devices are there."""
        administrator = self._operator("conc_enter", "amr_base.group_community_admin")
        collector = self.env["amr.collector"].create(
            {"concentrator_id": self.concentrator.id, "address": "0E"}
        )
        room = self._room("0305")
        point = self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": room.id}
        )
        with Form(self.env["amr.meter"].with_user(administrator)) as form:
            form.number, form.model_id = "1606050001", self.meter_model
            form.address, form.ratio_percent = "1606050001", 100
            form.concentrator_id = self.concentrator
            form.collector_id = collector
            with form.installation_ids.new() as line:
                line.point_id = point
                line.date_from, line.start_index = "2016-06-05 00:00:00", 5
        meter = form.record
        self._agree(point)  # the charge type
        self.assertEqual(meter.room_id, room)
        self.assertEqual(meter.point_id.kind, "normal")
        self.assertEqual(meter.concentrator_id, self.concentrator)
        self.assertEqual(meter.collector_id.display_name[-2:], "0E")
        self.assertEqual(meter.link_id, self.concentrator.link_id)
        self.assertGreater(meter.measuring_point, 0)
        self.assertEqual((meter.latest_index, meter.state), (5, "not_enabled"))
        self.assertEqual(point.agreement_id.tariff_id, self.tariff)

    def test_meters_are_attached_to_a_collector_in_bulk(self):
        """KTAMR manual 3.2.5: the button above the list of rooms."""
        collector = self.env["amr.collector"].create(
            {"concentrator_id": self.concentrator.id, "address": "0E"}
        )
        meters = self.env["amr.meter"]
        for number in ("990000000701", "990000000702"):
            meters |= self._install(number, self._room(number[-4:]))[1]
        administrator = self._operator("conc_attach", "amr_base.group_community_admin")
        wizard = self.env["amr.meter.attach"].with_user(administrator)
        wizard = wizard.with_context(active_model="amr.meter", active_ids=meters.ids)
        with Form(wizard) as form:
            form.collector_id = collector
        form.record.action_attach()
        self.assertEqual(meters.collector_id, collector)
        self.assertEqual(meters.concentrator_id, self.concentrator)
        self.assertEqual(meters.link_id, self.concentrator.link_id)
        self.assertEqual(len(set(meters.mapped("measuring_point"))), 2)

    def test_a_meter_of_another_community_is_refused(self):
        _point, far = self._install(
            "990000000666", self._room("0301", self.other_building)
        )
        with self.assertRaisesRegex(ValidationError, "another community"):
            far.concentrator_id = self.concentrator

    def test_more_meters_than_it_takes_are_warned_of(self):
        self._meters(2)
        self.concentrator.capacity = 2
        self.assertTrue(self.concentrator.is_over_capacity)
        over = self.env["amr.concentrator"].search([("is_over_capacity", "=", True)])
        self.assertEqual(over, self.concentrator)
        self.assertEqual(
            self.env["amr.concentrator"].default_get(["capacity"]), {"capacity": 500}
        )

    def test_readers_ask_and_administrators_change(self):
        reader = self._operator("conc_reader", "amr_base.group_reader")
        with self.assertRaises(AccessError):
            self.concentrator.with_user(reader).action_archive_download()
        self.concentrator.with_user(reader).action_archive_compare()
        self.assertEqual(self.concentrator.command_ids.requested_by, reader)

    def test_facts_are_not_typed(self):
        administrator = self._operator("conc_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            self.concentrator.with_user(administrator).write(
                {"answered_at": fields.Datetime.now()}
            )
