from datetime import datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestAlarm(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["amr.alarm.limit"].search([]).active = False
        cls.people = cls._operator("amr_admin", "amr_base.group_community_admin")
        cls.people |= cls._operator("amr_clerk", "amr_base.group_clerk")
        # the figures of the DH6200V3 manual, 2.2
        cls.limits = cls.env["amr.alarm.limit"].create(
            {
                "utility_id": cls.electricity.id,
                "voltage_max": 250,
                "current_max": 40,
                "day_max": 20,
                "month_max": 300,
                "night_max": 3,
                "remaining_min": 20,
                "user_ids": [fields.Command.set(cls.people.ids)],
                "phones": "17721416308, 17302122651",
            }
        )
        cls.point.kind = "normal"

    def _check(self, kind, value, meter=None, **options):
        values = [((meter or self.meter).id, kind, Decimal(str(value)))]
        return self.env["amr.alarm"]._check_limits(values, **options)

    def _running(self, kind=None, meter=None):
        alarms = (meter or self.meter).alarm_ids.filtered(lambda a: a.state != "closed")
        return alarms.filtered(lambda a: a.kind == kind) if kind else alarms

    def _freezes(self, days, since="2025-12-31", meter=None):
        """Take daily freezes in, the first at local midnight after ``since``."""
        start = datetime.fromisoformat(f"{since} 16:00:00")
        self._ingest(
            *(
                self._row(
                    index,
                    str(fields.Datetime.add(start, days=number)),
                    meter=meter,
                    kind="daily",
                )
                for number, index in enumerate(days)
            )
        )

    # === Limits and when an alarm begins and ends === #

    def test_the_manuals_figures_are_shipped(self):
        shipped = self.env.ref("amr_metering.alarm_limit_electricity")
        self.assertTrue(shipped.enabled)
        names = ("voltage", "current", "day", "month", "night")
        self.assertEqual(
            [shipped[f"{name}_max"] for name in names] + [shipped.remaining_min],
            [250, 40, 20, 300, 3, 20],
        )

    @settings(max_examples=12, deadline=None)
    @given(st.decimals(min_value=0, max_value=500, places=3))
    def test_the_limit_itself_is_no_alarm(self, value):
        """A value alarms when it is above its maximum, below its minimum."""
        self.limits.user_ids = False
        with self.env.cr.savepoint() as savepoint:
            self._check("voltage", value)
            self._check("remaining", value)
            self.assertEqual(bool(self._running("voltage")), value > 250)
            self.assertEqual(bool(self._running("remaining")), value < 20)
            savepoint.rollback()
        self.env.invalidate_all()

    def test_one_alarm_a_meter_and_kind(self):
        first = self._check("voltage", 251)
        self.assertEqual((first.kind, first.state), ("voltage", "open"))
        self.assertEqual((first.value, first.limit_value), (251, 250))
        self.assertFalse(self._check("voltage", 262.5))
        self.assertEqual(self._running(), first)
        self.assertEqual((first.value, first.last_value), (251, 262.5))

    def test_an_alarm_ends_when_the_value_is_back(self):
        first = self._check("current", 41)
        self._check("current", 40)
        self.assertEqual(first.state, "closed")
        self.assertTrue(first.ended_at)
        again = self._check("current", 41)
        self.assertNotEqual(again, first)

    def test_the_worst_of_several_values_counts(self):
        rows = [(self.meter.id, "voltage", Decimal(v)) for v in ("220", "251", "219")]
        self.assertEqual(self.env["amr.alarm"]._check_limits(rows).value, 251)

    def test_a_limit_of_nothing_watches_nothing(self):
        self.limits.voltage_max = 0
        self.assertFalse(self._check("voltage", 999))

    def test_the_most_specific_limits_hold(self):
        Limit = self.env["amr.alarm.limit"]
        Limit.create({"community_id": self.community.id, "voltage_max": 240})
        self.assertEqual(self._check("voltage", 241).limit_value, 240)
        Limit.create({"model_id": self.meter_model.id, "voltage_max": 300})
        self._check("voltage", 241)
        self.assertFalse(self._running())
        self.meter.alarm_voltage_max = 235
        self.assertEqual(self._check("voltage", 236).limit_value, 235)
        self.assertIn("235", self.meter.alarm_limits)

    def test_alarms_are_switched_off_and_on(self):
        alarm = self._check("voltage", 251)
        self.meter.alarm_mode = "off"
        self.env["amr.alarm"]._cron_check()
        self.assertEqual(alarm.state, "closed")
        self.assertFalse(self._check("voltage", 251))
        self.limits.enabled = False
        self.meter.alarm_mode = "on"
        self.assertTrue(self._check("voltage", 251))

    def test_a_public_meter_never_runs_out(self):
        """GV11: remaining −3938.857 of a public meter is no alarm."""
        self.assertTrue(self._check("remaining", "-3938.857"))
        _point, public = self._install("990000000002", self._room("0102"))
        public.point_id.kind = "public"
        self.assertFalse(self._check("remaining", "-3938.857", meter=public))

    def test_limits_of_many_meters_at_once(self):
        _point, other = self._install("990000000002", self._room("0102"))
        admin = self.people[0]
        (self.meter | other).with_user(admin).alarm_day_max = 5
        self.assertEqual((self.meter | other).mapped("alarm_day_max"), [5, 5])

    def test_limits_make_sense(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.limits.day_max = -1
            self.env.flush_all()
        with self.assertRaisesRegex(ValidationError, "not a phone number"):
            self.limits.phones = "17721416308，17302122651"
        with self.assertRaisesRegex(ValidationError, "not a phone number"):
            self.meter.alarm_phones = "call me"

    def test_measured_values_are_compared(self):
        def measured(at, **values):
            row = {"meter_id": self.meter.id, "read_at": datetime.fromisoformat(at)}
            self.env["amr.snapshot"]._ingest([row | values])
            self.env["amr.alarm"]._cron_check()

        volts = {"voltage_a": Decimal("231.5"), "voltage_b": Decimal("250.1")}
        with freeze_time("2026-01-02 00:01:00"):
            measured("2026-01-02 00:00:00", current_a=Decimal("12.25"), **volts)
            self.assertEqual(self._running().mapped("kind"), ["voltage"])
            self.assertEqual(self._running().value, 250.1)
        with freeze_time("2026-01-04 00:01:00"):
            measured("2026-01-02 06:00:00", current_a=Decimal(99))
            self.assertFalse(self._running("current"), "that is history")
            measured("2026-01-04 00:00:00", voltage_a=Decimal(230))
        self.assertFalse(self._running())

    # === Use, from readings === #

    def test_use_of_a_day(self):
        with freeze_time("2026-01-03 18:00:00"):  # the 4th at 02:00 in Shanghai
            self._freezes([0, 5, 25, 45.001])
            self.env["amr.alarm"]._cron_check()
        alarm = self._running("day")
        self.assertEqual((alarm.value, alarm.limit_value), (20.001, 20))
        with freeze_time("2026-01-04 18:00:00"):
            self._freezes([60], since="2026-01-04")
            self.env["amr.alarm"]._cron_check()
        self.assertEqual(alarm.state, "closed")

    def test_a_day_that_is_not_over_begins_an_alarm_and_ends_none(self):
        self._freezes([0, 5])
        with freeze_time("2026-01-02 04:00:00"):
            self._ingest(self._row(25.5, "2026-01-02 03:30:00"))
            self.env["amr.alarm"]._cron_check()
            alarm = self._running("day")
            self.assertEqual(alarm.value, 20.5)
            self.env["amr.alarm"]._cron_check()
            self.assertEqual(alarm.state, "open")
        with freeze_time("2026-01-03 17:00:00"):  # nothing was read since
            self._ingest(self._row(31, "2026-01-03 16:00:00", kind="daily"))
            self.env["amr.alarm"]._cron_check()
            self.assertEqual(alarm.state, "open")

    def test_use_times_factor(self):
        self.meter.current_ratio = 10
        with freeze_time("2026-01-02 17:00:00"):
            self._freezes([0, 2, 4.5])
            self.env["amr.alarm"]._cron_check()
        self.assertEqual(self._running("day").value, 25)

    def test_use_of_the_month(self):
        with freeze_time("2026-01-20 18:00:00"):
            self._freezes([index * 15.5 for index in range(21)])
            self.env["amr.alarm"]._cron_check()
        alarm = self._running("month")
        self.assertEqual(alarm.value, 310)
        self.assertFalse(self._running("day"))
        with freeze_time("2026-02-01 18:00:00"):
            self._freezes([480, 495], since="2026-01-31")
            self.env["amr.alarm"]._cron_check()
        self.assertEqual(alarm.state, "closed")

    def test_use_of_a_night(self):
        with freeze_time("2026-01-02 23:00:00"):  # the 3rd at 07:00 in Shanghai
            self._freezes([0, 5, 10])
            self._ingest(self._row(13.5, "2026-01-02 21:50:00", kind="hourly"))
            self.env["amr.alarm"]._cron_check()
        self.assertEqual(self._running("night").value, 3.5)

    def test_a_register_that_rolled_over_is_no_alarm(self):
        _point, meter = self._install(
            "990000000002", self._room("0102"), start_index=999990
        )
        with freeze_time("2026-01-02 18:00:00"):
            self._freezes([999990, 999995, 5], meter=meter)
            self.env["amr.alarm"]._cron_check()
            self.assertFalse(self._running(meter=meter).mapped("display_name"))
            meter.alarm_day_max = 9
            self.env["amr.alarm"]._cron_check()
        self.assertEqual(self._running("day", meter).value, 10)

    def test_what_is_unknown_changes_nothing(self):
        with freeze_time("2026-01-02 18:00:00"):
            self._freezes([0, 5, 30])
            self.env["amr.alarm"]._cron_check()
        alarm = self._running("day")
        with freeze_time("2026-01-09 18:00:00"):
            self.env["amr.alarm"]._cron_check()
        self.assertEqual(alarm.state, "open")

    def test_readings_ask_for_a_check_once(self):
        cron = self.env.ref("amr_metering.ir_cron_check_alarms")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        triggers.unlink()
        with freeze_time("2026-01-02 18:01:00"):
            self._freezes([0, 5])
            self._freezes([0, 5, 6])
        [trigger] = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        self.assertEqual(trigger.call_at, datetime(2026, 1, 2, 18, 5))

    def test_unusual_use_is_an_alarm_until_dealt_with(self):
        """DH6200V3 manual 2.2, note 3."""
        found = self.env["amr.exception"]._raise_exception(
            "high", "much", meter=self.meter
        )
        self.env["amr.exception"]._raise_exception(
            "missing", "silent", meter=self.meter
        )
        self.env["amr.alarm"]._cron_check()
        alarm = self._running()
        self.assertEqual((alarm.kind, alarm.value), ("usage", 1))
        found.action_resolve()
        self.env["amr.alarm"]._cron_check()
        self.assertEqual(alarm.state, "closed")

    def test_a_meter_that_stands_still_alarms(self):
        """DH6200V3 manual 2.1: somebody goes and looks whether energy is stolen."""
        self.env["amr.exception"]._raise_exception(
            "static", "no use for 30 days", meter=self.meter
        )
        self.env["amr.alarm"]._cron_check()
        alarm = self._running("usage")
        self.assertEqual(alarm.meter_id, self.meter)
        self.assertIn(self.people[0].name, alarm.told)

    # === People === #

    def test_several_people_are_told_once(self):
        """Two users or more, and phones with commas between (manual 2.1 and 2.2)."""
        texts = []
        self.patch(
            type(self.env["amr.alarm"]),
            "_send_texts",
            lambda _alarms, by_phone: texts.append(by_phone),
        )
        known = self.env["mail.message"].search([])
        alarm = self._check("voltage", 251)
        messages = self.env["mail.message"].search([]) - known
        self.assertEqual(messages.notified_partner_ids, self.people.partner_id)
        self.assertEqual(len(messages), 2)
        self.assertIn("251", messages[0].body)
        self.assertEqual(set(texts[0]), {"17721416308", "17302122651"})
        for name in (*self.people.mapped("name"), "17302122651"):
            self.assertIn(name, alarm.told)
        known |= messages
        self._check("voltage", 252)
        self._check("voltage", 253)
        self.assertFalse(self.env["mail.message"].search([]) - known)

    def test_many_alarms_are_one_message(self):
        others = [
            self._install(f"99000000001{number}", self._room(f"020{number}"))[1]
            for number in range(3)
        ]
        self.limits.user_ids = self.people[0]
        known = self.env["mail.message"].search([])
        values = [(meter.id, "voltage", Decimal(251)) for meter in others]
        self.env["amr.alarm"]._check_limits(values)
        [message] = self.env["mail.message"].search([]) - known
        self.assertEqual(message.body.count("<li>"), 3)

    def test_an_alarm_is_acknowledged_with_a_note(self):
        alarm = self._check("voltage", 251)
        reader = self._operator("amr_reader", "amr_base.group_reader")
        action = alarm.with_user(reader).action_acknowledge()
        wizard = (
            self.env["amr.alarm.acknowledge"]
            .with_user(reader)
            .with_context(**action["context"])
            .create({"note": "asked the tenant"})
        )
        wizard.action_confirm()
        self.assertEqual(alarm.state, "acknowledged")
        self.assertEqual(alarm.acknowledged_by_id, reader)
        self.assertEqual(alarm.note, "asked the tenant")
        self.assertFalse(self._check("voltage", 252))
        self._check("voltage", 230)
        self.assertEqual(alarm.state, "closed")
        with self.assertRaises(AccessError):
            alarm.with_user(reader).state = "open"

    def test_alarms_and_verdicts_of_somebody_elses_building(self):
        alarm = self._check("voltage", 251)
        self._ingest(
            self._row(106, "2026-01-22 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        verdict = self.meter.verdict_ids
        second = self.building.copy({"name": "Building 2", "code": "002"})
        operator = self._operator("amr_second", "amr_base.group_community_admin")
        for building, mine in ((second, False), (self.building, True)):
            operator.amr_building_ids = building
            for record in (alarm, verdict):
                self.assertTrue(record)
                seen = record.with_user(operator)
                self.assertEqual(bool(seen.search([("id", "=", record.id)])), mine)
                self.assertEqual(seen.has_access("read"), mine)

    def test_alarms_of_somebody_elses_community(self):
        alarm = self._check("voltage", 251)
        stranger = self._operator(
            "amr_stranger", "amr_base.group_community_admin", self.other_community
        )
        Alarm = self.env["amr.alarm"].with_user(stranger)
        self.assertFalse(Alarm.search([]))
        with self.assertRaises(AccessError):
            alarm.with_user(stranger)._acknowledge("mine")
        with self.assertRaises(AccessError):
            self.limits.with_user(stranger).day_max = 1
        Limit = self.env["amr.alarm.limit"].with_user(stranger)
        with self.assertRaises(AccessError):
            Limit.create({"community_id": self.community.id})
        Limit.create({"community_id": self.other_community.id, "day_max": 9})
        clerk = self.people[1]
        self.assertEqual(Alarm.with_user(clerk).search([]), alarm)
        with self.assertRaises(AccessError):
            alarm.with_user(clerk)._acknowledge("mine")
