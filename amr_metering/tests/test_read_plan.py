from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestReadPlan(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # what scheduled work writes down is in the language of the company
        cls.env.company.partner_id.lang = False
        cls.env["amr.read.plan"].search([]).active = False  # plans of demo data

    def _plan(self, **vals):
        plan = self.env["amr.read.plan"].create(
            {
                "name": "Night",
                "scope": "community",
                "community_id": self.community.id,
                **vals,
            }
        )
        plan.flush_recordset()  # the time table is made now, by the clock of the test
        return plan

    def _run_cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("amr_metering.ir_cron_read").method_direct_trigger()
        self.env.invalidate_all()

    @freeze_time("2026-03-10 08:00:00")
    def test_the_next_run_is_by_the_clock_of_the_community(self):
        plan = self._plan(start_time=1.5)  # 01:30 in Shanghai is 17:30 UTC
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 10, 17, 30))
        plan.interval = "hourly"
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 10, 8, 30))
        plan.write({"interval": "weekly", "weekday": "6"})
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 14, 17, 30))
        plan.write({"interval": "monthly", "month_day": 31})
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 30, 17, 30))
        self.community.tz = "Europe/Berlin"
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 30, 23, 30))
        plan.active = False
        self.assertFalse(plan.next_run_at)

    def test_a_plan_reads_by_itself_when_it_is_due(self):
        with freeze_time("2026-03-09 12:00:00"):
            plan = self._plan(start_time=1.0)
        with freeze_time("2026-03-09 16:59:00"):
            self._run_cron()
            self.assertFalse(plan.last_task_id)
        with freeze_time("2026-03-09 17:04:00"):
            self._run_cron()
        task = plan.last_task_id
        self.assertRecordValues(
            task,
            [
                {
                    "plan_id": plan.id,
                    "kind": "daily",
                    "freeze_date": datetime(2026, 3, 10).date(),
                    "total_count": 1,
                    "user_id": self.env.uid,
                }
            ],
        )
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 10, 17, 0))
        self.assertEqual(plan.last_total, 1)

    def test_missed_runs_are_made_up_for_once(self):
        with freeze_time("2026-03-01 12:00:00"):
            plan = self._plan(interval="hourly", kind="spot")
        with freeze_time("2026-03-09 12:34:00"):
            self._run_cron()
            self._run_cron()
        self.assertEqual(plan.task_count, 1)
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 9, 13, 0))

    def test_two_runs_never_overlap(self):
        with freeze_time("2026-03-01 12:00:00"):
            plan = self._plan(interval="hourly", kind="spot")
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        task.sudo().write({"plan_id": plan.id, "state": "running"})
        with freeze_time("2026-03-01 13:02:00"):
            self._run_cron()
        self.assertEqual(plan.task_count, 1)
        self.assertIn("still going on", plan.note)
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 1, 13, 7))
        with self.assertRaisesRegex(UserError, "still going on"):
            plan.action_run_now()
        task.state = "done"
        with freeze_time("2026-03-01 13:08:00"):
            self._run_cron()
        self.assertEqual((plan.task_count, plan.note), (2, False))
        self.assertEqual(plan.next_run_at, datetime(2026, 3, 1, 14, 0))

    def test_a_plan_that_cannot_begin_says_why_and_spares_the_others(self):
        with freeze_time("2026-03-01 12:00:00"):
            broken = self._plan(interval="hourly", utility_id=self.electricity.id)
            sound = self._plan(interval="hourly", kind="spot")
            broken.utility_id = self.cold_water
        with freeze_time("2026-03-01 13:02:00"):
            self._run_cron()
        self.assertIn("no installed meter", broken.note)
        self.assertFalse(broken.last_task_id)
        self.assertEqual(sound.last_total, 1)

    def test_an_internal_error_of_one_plan_spares_the_others(self):
        with freeze_time("2026-03-01 12:00:00"):
            broken = self._plan(interval="hourly")
            sound = self._plan(interval="hourly", kind="spot")
        Task = self.env.registry["amr.read.task"]
        start = Task.action_start

        def fail(task):
            if task.plan_id == broken:
                raise ZeroDivisionError
            return start(task)

        logger = "odoo.addons.amr_metering.models.amr_read_plan"
        with (
            freeze_time("2026-03-01 13:02:00"),
            patch.object(Task, "action_start", fail),
            self.assertLogs(logger, "ERROR"),
        ):
            self._run_cron()
        self.assertIn("2026-03-01 13:02:00", broken.note)
        self.assertFalse(broken.last_task_id)
        self.assertGreater(broken.next_run_at, datetime(2026, 3, 1, 13, 2))
        self.assertEqual(sound.last_total, 1)

    def test_a_plan_reads_no_more_than_its_author_may_see(self):
        self._install("990000000003", self._room("0101", self.other_building))
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        plans = self.env["amr.read.plan"].with_user(admin)
        plan = plans.create({"name": "Own", "community_id": self.community.id})
        with self.assertRaisesRegex(ValidationError, "outside of your scope"):
            plans.create(
                {
                    "name": "All",
                    "scope": "district",
                    "district_id": self.district.id,
                }
            )
        with self.assertRaises(ValidationError):
            plans.create({"name": "X", "community_id": self.other_community.id})
        stranger = self._operator(
            "amr_stranger", "amr_base.group_community_admin", self.other_community
        )
        self.assertFalse(plans.with_user(stranger).search([("id", "=", plan.id)]))
        reader = self._operator("amr_reader", "amr_base.group_reader")
        with self.assertRaises(AccessError):
            plan.with_user(reader).action_run_now()
        with self.assertRaises(AccessError):
            plan.next_run_at = fields.Datetime.now()
        task = self.env["amr.read.task"].browse(plan.action_run_now()["res_id"])
        self.assertEqual(task.user_id, admin)

    def test_a_first_plan_is_suggested(self):
        action = self.community.action_open_read_plans()
        plan = self.env["amr.read.plan"].with_context(**action["context"]).create({})
        self.assertRecordValues(
            plan, [{"interval": "monthly", "kind": "spot", "start_time": 8}]
        )
        self.assertEqual(self.community.read_plan_count, 1)
        self.assertGreater(plan.next_run_at, fields.Datetime.now())

    def test_a_missed_meter_of_an_older_run_waits_for_the_running_one(self):
        plan = self._plan()
        old = self.env["amr.read.task"].browse(plan.action_run_now()["res_id"])
        line = old.line_ids
        line.write({"state": "missing", "by_hand": False})
        old.sudo().next_reread_at = fields.Datetime.now() - timedelta(minutes=1)
        new = old.copy()
        new.sudo().write({"plan_id": plan.id, "state": "running"})
        self._run_cron()
        self.assertEqual((old.state, line.state), ("done", "missing"))
        self.assertTrue(old.next_reread_at)
        new.sudo().state = "done"
        self._run_cron()
        self.assertEqual(old.reread_count, 1)
