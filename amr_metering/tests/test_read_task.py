from datetime import datetime, timedelta
from unittest.mock import patch

from dateutil.relativedelta import relativedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestReadTask(MeteringCommon):
    def _task(self, **vals):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id, **vals}
        )
        self.env["amr.read.task.line"].create(
            {"task_id": task.id, "meter_id": self.meter.id}
        )
        task.state = "running"
        return task

    def test_meters_without_a_route_are_left_to_people(self):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        task.action_start()
        self.assertEqual((task.state, task.manual_count), ("done", 1))

    def test_an_empty_scope_is_refused_with_a_sentence(self):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.other_community.id}
        )
        with self.assertRaisesRegex(UserError, "no installed meter"):
            task.action_start()

    def test_a_reading_ticks_its_meter_off(self):
        task = self._task()
        task._record_readings([self._row(7, "2026-01-02 00:00:00")])
        self.assertEqual((task.state, task.done_count), ("done", 1))
        self.assertEqual(task.line_ids.index, 7)
        self.assertEqual(task.progress, 100)

    def test_two_jobs_on_one_task_bring_one_reading(self):
        task = self._task()
        task._record_readings([self._row(7, "2026-01-02 00:00:00")])
        again = task._record_readings([self._row(8, "2026-01-02 00:00:01")])
        self.assertEqual(again.inserted, 0)
        self.assertEqual((task.line_ids.index, self.meter.reading_count), (7, 1))

    def test_readers_see_their_own_tasks_and_administrators_everybodys(self):
        """KTAMR manual 3.4.1; what a task has left to people is there for each."""
        readers = [
            self._operator(f"amr_reader{n}", "amr_base.group_reader") for n in (1, 2)
        ]
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        stranger = self._operator(
            "amr_stranger", "amr_base.group_community_admin", self.other_community
        )
        tasks = self.env["amr.read.task"]
        for user in (*readers, admin):
            action = self.community.with_user(user).action_read()
            tasks |= tasks.browse(action["res_id"])
        known = [("id", "in", tasks.ids)]
        for user, seen in {
            readers[0]: tasks[0],
            readers[1]: tasks[1],
            admin: tasks,
            stranger: tasks.browse(),
        }.items():
            found = self.env["amr.read.task"].with_user(user).search(known, order="id")
            self.assertEqual(found, seen, user.login)
        with self.assertRaises(AccessError):
            tasks[0].with_user(readers[1]).read(["name"])
        sheet = self.env["amr.read.task.line"].with_user(readers[1]).get_entry_sheet()
        self.assertEqual(len(sheet["lines"]), 1)

    def test_a_silent_meter_becomes_an_exception_after_three_tries(self):
        """Promise I10."""
        task = self._task()
        for expected in ("pending", "pending", "missing"):
            self.assertEqual(task.state, "running")
            task._record_failures({self.meter.id: "no answer"})
            self.assertEqual(task.line_ids.state, expected)
        self.assertEqual(task.state, "done")
        self.assertEqual(self.meter.state, "comm_fault")
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "missing")]
        )
        self.assertIn("3 tries: no answer", exception.reason)
        # read later: the fault and the exception end by themselves
        exception.resolution = "The caretaker has the key."
        self._task()._record_readings([self._row(7, "2026-01-02 00:00:00")])
        self.assertEqual(exception.state, "open", "older than what is missing")
        now = str(fields.Datetime.now())
        self._task()._record_readings([self._row(8, now)])
        self.assertEqual(self.meter.state, "normal")
        self.assertEqual(exception.state, "resolved")
        self.assertIn("The caretaker has the key.\n", exception.resolution)

    def test_a_reader_runs_tasks_in_his_scope(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        action = self.community.with_user(reader).action_read()
        task = self.env["amr.read.task"].browse(action["res_id"])
        self.assertEqual(task.user_id, reader)
        self.assertEqual(task.total_count, 1)

    def test_scopes_from_district_to_account(self):
        """KTAMR manual 4.2.1 to 4.2.4: the same meters by other ways."""
        _point, second = self._install("990000000002", self._room("0102"))
        _point, other = self._install(
            "990000000003", self._room("0101", self.other_building)
        )
        expected = {
            ("district", "district_id", self.district): self.meter | second | other,
            ("community", "community_id", self.community): self.meter | second,
            ("building", "building_id", self.other_building): other,
            ("account", "account_id", self.account): self.meter,
        }
        for (scope, field, record), meters in expected.items():
            task = self.env["amr.read.task"].create(
                {"scope": scope, field: record.id, "utility_id": self.electricity.id}
            )
            task.action_start()
            self.assertEqual(task.line_ids.meter_id, meters, scope)
            expected_place = record if scope == "community" else meters.community_id
            if len(expected_place) == 1:
                self.assertEqual(task.community_id, expected_place)
        water = self.env["amr.read.task"].create(
            {
                "scope": "district",
                "district_id": self.district.id,
                "utility_id": self.cold_water.id,
            }
        )
        with self.assertRaisesRegex(UserError, "no installed meter"):
            water.action_start()

    def test_a_reader_reads_only_what_he_may_see(self):
        _point, other = self._install(
            "990000000003", self._room("0101", self.other_building)
        )
        reader = self._operator("amr_reader", "amr_base.group_reader")
        tasks = self.env["amr.read.task"].with_user(reader)
        task = tasks.create({"scope": "district", "district_id": self.district.id})
        task.action_start()
        self.assertEqual(task.sudo().line_ids.meter_id, self.meter)
        with self.assertRaises(AccessError):
            tasks.create(
                {"scope": "meters", "meter_ids": [fields.Command.set(other.ids)]}
            )
        with self.assertRaises(AccessError):
            tasks.create({"scope": "building", "building_id": self.other_building.id})
        stranger = self._operator(
            "amr_stranger", "amr_base.group_reader", self.other_community
        )
        self.assertFalse(
            task.line_ids.with_user(stranger).exists()._filtered_access("read")
        )

    def test_only_freezes_that_meters_keep_are_asked_for(self):
        """Row 46: the last 31 midnights, the last 12 ends of a month."""
        today = self.community._local_date(fields.Datetime.now())
        month = today.replace(day=1)
        refused = (
            ("daily", today + timedelta(days=1)),
            ("daily", today - timedelta(days=32)),
            ("monthly", month - relativedelta(months=12)),
            ("monthly", month.replace(day=2)),
            ("monthly", month + relativedelta(months=1)),
        )
        for kind, day in refused:
            task = self._draft(kind=kind, freeze_date=day)
            with self.assertRaises(ValidationError, msg=(kind, day)):
                task.action_start()
        for kind, day in (
            ("daily", today),
            ("daily", today - timedelta(days=31)),
            ("monthly", month - relativedelta(months=11)),
        ):
            self._draft(kind=kind, freeze_date=day).action_start()

    def _draft(self, **vals):
        return self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id, **vals}
        )

    def test_the_result_list_tells_customer_place_index_time_and_use(self):
        """Row 49 with GV8: from 44 to 115 is 71; the list keeps what was then."""
        self._ingest(self._row(44, "2026-01-01 00:00:00"))
        task = self._draft()
        task.action_start()
        task._record_readings([self._row(115, "2026-01-02 00:00:00")])
        self.assertRecordValues(
            task.line_ids,
            [
                {
                    "account_number": self.account.number,
                    "account_id": self.account.id,
                    "meter_id": self.meter.id,
                    "community_id": self.community.id,
                    "building_id": self.building.id,
                    "room_id": self.room.id,
                    "previous_index": 44,
                    "index": 115,
                    "usage": 71,
                    "read_at": datetime(2026, 1, 2),
                    "state": "done",
                }
            ],
        )
        groups = self.env["amr.read.task.line"].formatted_read_group(
            [("task_id", "=", task.id)], ["building_id"], ["usage:sum", "__count"]
        )
        self.assertEqual((groups[0]["usage:sum"], groups[0]["__count"]), (71, 1))
        self.agreement.date_to = "2026-01-03 00:00:00"
        self.assertEqual(task.line_ids.account_id, self.account)

    def test_the_previous_index_of_a_freeze_is_from_before_it(self):
        today = self.community._local_date(fields.Datetime.now())
        midnight = self.community._local_midnight(today)
        self._ingest(
            self._row(10, str(midnight - timedelta(hours=5))),
            self._row(13, str(midnight + timedelta(seconds=1))),
        )
        task = self._draft(kind="daily", freeze_date=today)
        task.action_start()
        self.assertEqual(task.line_ids.previous_index, 10)

    def test_the_line_is_ticked_off_by_the_reading_that_was_brought(self):
        """Not by the newest one: another task may have read the meter meanwhile."""
        task = self._task()
        self._ingest(self._row(9, "2026-01-05 00:00:00"))
        task._record_readings([self._row(7, "2026-01-02 00:00:00")])
        self.assertEqual(task.line_ids.index, 7)

    def test_the_missed_are_read_again_by_themselves(self):
        """Row 48: two more rounds, some minutes apart; then no more."""
        task = self._task(reread_times=2, reread_delay=0)
        for rounds in range(3):
            self.assertEqual((task.state, task.reread_count), ("running", rounds))
            for _try in range(3):
                task._record_failures({self.meter.id: "no answer"})
            self.assertEqual((task.state, task.missing_count), ("done", 1))
            with patch.object(
                type(task), "_get_unrouted_lines", lambda t: t.line_ids[:0]
            ):
                self._run_cron()
        self.assertEqual((task.state, task.reread_count), ("done", 2))
        self.assertFalse(task.next_reread_at)
        self.assertEqual(task.line_ids.rereads, 2)
        open_exceptions = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("state", "=", "open")]
        )
        self.assertEqual(len(open_exceptions), 1)
        with patch.object(type(task), "_get_unrouted_lines", lambda t: t.line_ids[:0]):
            task.action_reread()
        task._record_readings([self._row(7, "2026-01-02 00:00:00")])
        self.assertEqual((task.state, open_exceptions.state), ("done", "resolved"))
        with self.assertRaisesRegex(UserError, "no missed meter"):
            task.action_reread()

    def test_devices_refresh_before_they_are_collected_from(self):
        """KTAMR manual 4.5: refresh, wait five minutes, collect."""
        task = self._draft(refresh_first=True)
        with patch.object(type(task), "_request_refresh", lambda _self: True):
            task.action_start()
        self.assertEqual((task.state, task.pending_count), ("running", 1))
        wait = task.collect_at - task.started_at
        self.assertAlmostEqual(wait.total_seconds(), 300, delta=1)
        self._run_cron()
        self.assertEqual(task.pending_count, 1)
        task.collect_at = fields.Datetime.now()
        self._run_cron()
        self.assertEqual((task.state, task.manual_count), ("done", 1))
        # nothing to refresh: nobody waits
        direct = self._draft(refresh_first=True)
        direct.action_start()
        self.assertEqual(direct.state, "done")

    def _run_cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("amr_metering.ir_cron_read").method_direct_trigger()
        self.env.invalidate_all()

    def test_the_second_press_of_start_changes_nothing(self):
        task = self._draft()
        task.action_start()
        task.action_start()
        self.assertEqual(task.total_count, 1)

    def test_what_the_task_found_out_cannot_be_typed_in(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        task = self._task()
        for vals in ({"reread_count": 9}, {"next_reread_at": False}):
            with self.assertRaises(AccessError):
                task.with_user(reader).write(vals)
        for vals in ({"index": 5}, {"community_id": self.other_community.id}):
            with self.assertRaises(AccessError):
                task.line_ids.with_user(reader).write(vals)

    def test_a_typed_opening_index_is_proved_by_a_first_reading(self):
        """KTAMR manual 3.2.5: it is shown at once, and read again at the meter."""
        _point, new = self._install("990000000002", self._room("0102"), start_index=5)
        self._ingest(self._row(44, "2026-01-01 00:00:00"))
        self.assertEqual((new.latest_index, new.state), (5, "not_enabled"))
        self.assertEqual(self.community.new_meter_count, 1)
        task = self.env["amr.read.task"].browse(
            self.community.action_read_new()["res_id"]
        )
        self.assertEqual(task.line_ids.meter_id, new)
        self.assertEqual(task.line_ids.previous_index, 5)
        task.line_ids.enter("6")
        self.assertEqual((new.latest_index, new.state), (6, "normal"))
        self.assertEqual(task.line_ids.usage, 1)
        self.env.invalidate_all()
        self.assertEqual(self.community.new_meter_count, 0)

    def test_the_meters_of_a_line_are_read(self):
        line = self.env["amr.line"].create(
            {"name": "Line 1", "code": "01", "building_id": self.building.id}
        )
        self._install("990000000002", self._room("0102"))
        self.meter.line_id = line
        task = self.env["amr.read.task"].create({"scope": "line", "line_id": line.id})
        task.action_start()
        self.assertEqual(task.line_ids.meter_id, self.meter)
        self.assertEqual(task.community_id, self.community)
