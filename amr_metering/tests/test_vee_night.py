from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon

JUNE = date(2026, 6, 1)


@tagged("post_install", "-at_install")
class TestVeeNight(MeteringCommon):
    """Rules over days, run for one community and day."""

    def _freeze(self, day, index, meter=None):
        """The index at 00:00 of a local day."""
        moment = self.community._local_midnight(day).isoformat(" ")
        return self._row(index, moment, meter, kind="daily")

    def _course(self, usages, meter=None, start=100, first=JUNE):
        """Daily freezes from the first day on, one more than days of use."""
        index, rows = Decimal(start), [self._freeze(first, start, meter)]
        for number, usage in enumerate(usages, 1):
            index += Decimal(str(usage))
            rows.append(self._freeze(first + timedelta(days=number), index, meter))
        self._ingest(*rows)

    def _judge(self, day):
        found = self.community._validate_day(day)
        return {(verdict.kind, verdict.meter_id): verdict for verdict in found}

    def _open(self, kind, meter=None):
        return self.env["amr.exception"].search(
            [
                ("kind", "=", kind),
                ("meter_id", "=", (meter or self.meter).id),
                ("state", "=", "open"),
            ]
        )

    def test_a_day_unlike_its_past(self):
        self._course([2] * 20 + [60, 2])
        found = self._judge(date(2026, 6, 21))
        verdict = found["spike", self.meter]
        self.assertEqual(
            (dec(verdict.usage), dec(verdict.limit_value)), (Decimal(60), Decimal(2))
        )
        self.assertIn("60 kWh on 2026-06-21, against 2", self._open("spike").reason)
        self.assertFalse(self._judge(date(2026, 6, 21)), "twice finds nothing new")
        self.assertFalse(self._judge(date(2026, 6, 22)))

    def test_a_new_meter_has_no_past(self):
        self._course([2, 2, 60])
        self.assertFalse(self._judge(date(2026, 6, 3)))

    def test_a_meter_that_stands_still_is_a_case_for_a_visit(self):
        """Row 57: 静止 for the days set, though somebody lives there (S4 2.1)."""
        self._course([3] * 5 + [0] * 14)
        self.assertFalse(self._judge(date(2026, 6, 19)))
        self._ingest(self._freeze(date(2026, 6, 21), 115))
        verdict = self._judge(date(2026, 6, 20))["static", self.meter]
        self.assertEqual(dec(verdict.index), Decimal(115))
        exception = self._open("static")
        self.assertIn("stood at 115.000 since 2026-06-06", exception.reason)
        self.assertTrue(self.meter.usage_anomaly)
        self.assertIn(
            self.meter, self.env["amr.meter"].search([("usage_anomaly", "=", True)])
        )
        self._ingest(self._freeze(date(2026, 6, 22), 115))
        self.assertFalse(self._judge(date(2026, 6, 21)), "one finding a standstill")
        self._ingest(self._freeze(date(2026, 6, 23), 118))
        self.assertEqual(exception.state, "resolved")
        self.assertIn("118.000", exception.resolution)
        self.assertIn("115.000", exception.reason)

    def test_an_empty_or_cut_flat_may_stand_still(self):
        __, empty = self._install("990000000031", self._room("0131"))
        self._course([0] * 20)
        self._course([0] * 20, empty)
        self.meter.sudo().relay_state = "open"
        self.assertFalse(self._judge(date(2026, 6, 20)))

    def test_days_of_the_rule_by_utility(self):
        rule = self.env.ref("amr_metering.vee_rule_static")
        rule.copy({"utility_id": self.electricity.id, "days": 3})
        self._course([1, 0, 0, 0])
        self.assertIn(("static", self.meter), self._judge(date(2026, 6, 4)))

    def test_a_remote_meter_without_freezes_is_missing_until_it_is_read(self):
        self._course([3] * 5)
        self.assertFalse(self._judge(date(2026, 6, 8)), "read by eye")
        protocols = self.meter_model._fields["protocol"].get_values(self.env)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_meter_model SET protocol = %s WHERE id = %s",
            (protocols[-1] if len(protocols) > 1 else "any", self.meter_model.id),
        )
        self.assertFalse(self._judge(date(2026, 6, 6)))
        self.assertIn(("missing", self.meter), self._judge(date(2026, 6, 7)))
        exception = self._open("missing")
        self.assertIn("since 2026-06-07", exception.reason)
        self.assertFalse(self._judge(date(2026, 6, 9)), "one finding a gap")
        self._ingest(self._freeze(date(2026, 6, 10), 200))
        self.assertEqual(exception.state, "resolved")

    def _make_remote(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_meter_model SET protocol = 'any' WHERE id = %s",
            (self.meter_model.id,),
        )

    def test_a_spot_reading_does_not_answer_for_the_freezes(self):
        self._course([3] * 5)
        self._make_remote()
        self._judge(date(2026, 6, 9))
        exception = self._open("missing")
        self._ingest(self._row(150, "2026-06-10 03:00:00"))
        self.assertEqual(exception.state, "open")
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        self.env["amr.read.task.line"].create(
            {"task_id": task.id, "meter_id": self.meter.id}
        )
        task._record_readings([self._row(151, "2026-06-10 04:00:00")])
        self.assertEqual(exception.state, "open")
        self._ingest(self._freeze(date(2026, 6, 11), 200))
        self.assertEqual(exception.state, "resolved")

    def test_what_is_still_missing_in_the_next_month_is_raised_again(self):
        self._course([3] * 5)
        self._make_remote()
        self._judge(date(2026, 6, 9))
        self._open("missing").action_resolve()
        self.assertFalse(self._judge(date(2026, 6, 30)))
        self.assertIn(("missing", self.meter), self._judge(date(2026, 7, 1)))
        self.assertTrue(self._open("missing"))
        self.assertFalse(self._judge(date(2026, 7, 31)))
        self.assertIn(("missing", self.meter), self._judge(date(2026, 9, 1)))

    def test_a_meter_that_never_sent_anything_is_missing(self):
        __, fresh = self._install(
            "990000000032", self._room("0132"), since="2026-06-03 04:00:00"
        )
        self._course([3] * 9)
        self._make_remote()
        self.assertFalse(self._judge(date(2026, 6, 4)), "just installed")
        self.assertIn(("missing", fresh), self._judge(date(2026, 6, 9)))
        exception = self._open("missing", fresh)
        self._ingest(self._row(1, "2026-06-10 05:00:00", fresh))
        self.assertEqual(exception.state, "resolved")
        found = self._judge(date(2026, 7, 20))
        self.assertNotIn(("missing", fresh), found, "not one that sends freezes")

    def test_a_meter_that_was_asked_for_its_freezes_in_vain_is_missing(self):
        __, other = self._install(
            "990000000033", self._room("0133"), since="2026-06-03 04:00:00"
        )
        self._course([3] * 9)
        self._make_remote()
        self._ingest(self._row(1, "2026-06-05 05:00:00", other))
        self.assertNotIn(("missing", other), self._judge(date(2026, 6, 8)))
        task = self.env["amr.read.task"].create(
            {
                "scope": "meters",
                "meter_ids": [Command.set(other.ids)],
                "kind": "daily",
                "freeze_date": "2026-06-09",
            }
        )
        line = self.env["amr.read.task.line"].create(
            {"task_id": task.id, "meter_id": other.id}
        )
        line.sudo().state = "missing"
        self.assertIn(("missing", other), self._judge(date(2026, 6, 9)))
        self.assertIn("2026-06", self._open("missing", other).reason)

    def test_a_day_begins_here_before_it_does_in_greenwich(self):
        """Asked in vain for the freeze of a day that is tomorrow by UTC."""
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        __, other = self._install(
            "990000000034", self._room("0134"), since="2026-06-03 04:00:00"
        )
        self._make_remote()
        task = self.env["amr.read.task"].create(
            {
                "scope": "meters",
                "meter_ids": [Command.set(other.ids)],
                "kind": "daily",
                "freeze_date": tomorrow,
            }
        )
        line = self.env["amr.read.task.line"].create(
            {"task_id": task.id, "meter_id": other.id}
        )
        line.sudo().state = "missing"
        self.assertIn(("missing", other), self._judge(tomorrow))
        exception = self._open("missing", other)
        found = fields.Datetime.to_string(exception.found_at)
        self._ingest(self._row(1, found, other))
        self.assertEqual(exception.state, "open", "a spot reading is no freeze")

    def test_a_master_is_compared_with_its_subs(self):
        self._room("0140")
        master_point, master = self._install("990000000040", self._room("0141"))
        master_point.kind = "master"
        sub_point, sub = self._install("990000000041", self._room("0142"))
        (self.point | sub_point).parent_id = master_point
        self._course([10] * 7)
        self._course([5] * 7, sub)
        self._course([15.3] * 7, master)
        day = date(2026, 6, 7)
        self.assertFalse(self._judge(day), "2 % is tolerated")
        rule = self.env.ref("amr_metering.vee_rule_sum")
        rule.copy({"community_id": self.community.id, "limit_value": 1, "least": 1})
        verdict = self._judge(day)["sum", master]
        self.assertEqual(
            (dec(verdict.usage), dec(verdict.limit_value)),
            (Decimal("107.1"), Decimal(105)),
        )
        self.assertTrue(self._open("sum", master))

    def test_subs_that_are_not_all_measured_are_not_compared(self):
        master_point, master = self._install("990000000040", self._room("0141"))
        master_point.kind = "master"
        sub_point, __ = self._install("990000000041", self._room("0142"))
        (self.point | sub_point).parent_id = master_point
        self._course([10] * 7)
        self._course([90] * 7, master)
        self.assertNotIn(("sum", master), self._judge(date(2026, 6, 7)))

    def test_use_after_the_agreement_ended(self):
        self._course([4] * 10)
        self.agreement.date_to = self.community._local_midnight(date(2026, 6, 5))
        self.assertFalse(self._judge(date(2026, 6, 4)))
        verdict = self._judge(date(2026, 6, 8))["vacant", self.meter]
        self.assertEqual(dec(verdict.usage), Decimal(16))
        self.assertTrue(self._open("vacant"))
        self.assertFalse(self._judge(date(2026, 6, 9)), "once a month")

    def test_use_before_the_first_agreement_is_a_test(self):
        """Row 74: 测试卡 energy is not charged after the opening (S2 十一)."""
        point, meter = self._install("990000000050", self._room("0150"), 2)
        self._course([3, 0, 0], meter, start=2)
        self.assertFalse(self._judge(date(2026, 6, 2)))
        self._agree(point, date_from=self.community._local_midnight(date(2026, 6, 3)))
        verdict = self._judge(date(2026, 6, 3))["test", meter]
        self.assertEqual((dec(verdict.usage), verdict.severity), (Decimal(3), "note"))
        self.assertFalse(verdict.exception_id)
        self.assertIn("3 kWh were used before the agreement", verdict.reason)

    def test_the_month_is_compared_with_the_tariffs_limits(self):
        """Row 55: the list of abnormal use from the tariff's min and max."""
        self.tariff.version_ids.write({"normal_min": 10, "normal_max": 50})
        __, idle = self._install("990000000061", self._room("0161"))
        self._agree(idle.point_id)
        self._course([3] * 30)
        self._course([0.2] * 30, idle)
        self.assertFalse(self._judge(date(2026, 6, 16)))
        found = self._judge(date(2026, 6, 17))
        self.assertEqual(list(found), [("high", self.meter)])
        found = self._judge(date(2026, 6, 30))
        self.assertEqual(list(found), [("low", idle)])
        self.assertEqual(dec(found["low", idle].usage), Decimal(6))
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_abnormal_use_action"
        )
        listed = self.env[action["res_model"]].search(
            [("kind", "in", ("high", "low")), ("community_id", "=", self.community.id)]
        )
        self.assertEqual(listed.meter_id, self.meter | idle)

    def test_the_night_catches_up_and_tells_the_manager(self):
        # what scheduled work writes down is in the language of the company
        self.env.company.partner_id.lang = False
        manager = self._operator("vee_manager", "amr_base.group_community_admin")
        self.community.user_id = manager
        today = self.community._local_date(datetime.now() - timedelta(hours=6))
        self.community.vee_day = today - timedelta(days=3)
        first = today - timedelta(days=19)
        self._course([0] * 19, first=first)
        with self.enter_registry_test_mode():
            self.env.ref("amr_metering.cron_validate").method_direct_trigger()
        self.assertEqual(self.community.vee_day, today - timedelta(days=1))
        self.assertEqual(self._open("static").user_id, manager)
        message = self.env["mail.message"].search(
            [("model", "=", "amr.community"), ("res_id", "=", self.community.id)],
            limit=1,
        )
        self.assertIn("new exceptions", message.subject)

    def test_a_community_that_fails_spares_the_others(self):
        self._install("990000000032", self._room("0101", self.other_building))
        Community = self.env.registry["amr.community"]
        validate = Community._validate_day

        def fail(community, day):
            if community == self.community:
                raise ZeroDivisionError
            return validate(community, day)

        logger = "odoo.addons.amr_metering.models.amr_community_vee"
        with (
            patch.object(Community, "_validate_day", fail),
            self.assertLogs(logger, "ERROR"),
            self.enter_registry_test_mode(),
        ):
            self.env.ref("amr_metering.cron_validate").method_direct_trigger()
        self.env.invalidate_all()
        self.assertFalse(self.community.vee_day)
        self.assertTrue(self.other_community.vee_day)
