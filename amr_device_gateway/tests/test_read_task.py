from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestReadTask(GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls._remote_meter("990000000002")
        cls.water = cls._remote_meter("99000000000123", model=cls.water_model)

    def setUp(self):
        super().setUp()
        head_end = self.fake_headend()
        self.head_end = head_end.__enter__()
        self.addCleanup(head_end.__exit__, None, None, None)
        self.devices = {
            meter: self.head_end.add(
                meter.link_id.key,
                {
                    "address": meter.address,
                    "protocol": meter.protocol,
                    "index": str(100 + number),
                },
            )
            for number, meter in enumerate(self.meter | self.second | self.water)
        }

    def _task(self, **vals):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id, **vals}
        )
        task.action_start()
        return task

    def _line(self, task, meter):
        return task.line_ids.filtered(lambda line: line.meter_id == meter)

    def test_all_meters_of_a_community_are_read(self):
        task = self._task()
        self.assertEqual(task.pending_count, 3)
        self.run_jobs()
        self.assertRecordValues(
            task, [{"state": "done", "done_count": 3, "missing_count": 0}]
        )
        self.assertEqual(
            (self.meter | self.second | self.water).mapped("latest_index"),
            [100, 101, 102],
        )
        reading = self._line(task, self.water).reading_id
        self.assertRecordValues(reading, [{"source": "remote", "kind": "spot"}])

    def test_rates_are_read_with_the_total(self):
        self._task()
        self.run_jobs()
        registers = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(
            set(registers.mapped("register")), {"total", "t1", "t2", "t3", "t4"}
        )

    def test_meters_without_a_route_are_left_to_people(self):
        self.second.link_id = False
        task = self._task()
        self.assertEqual(self._line(task, self.second).state, "manual")
        self.run_jobs()
        self.assertEqual(task.state, "done")
        self.assertEqual(task.manual_count, 1)

    def test_a_meter_that_loses_its_link_meanwhile_is_left_to_people(self):
        task = self._task()
        self.second.link_id = False
        self.run_jobs()
        self.assertEqual(task.state, "running")
        self.env["amr.read.task"]._cron_resume()
        self.assertEqual(self._line(task, self.second).state, "manual")
        self.assertEqual(task.state, "done")

    def test_a_daily_freeze_is_the_index_of_local_midnight(self):
        today = self.community._local_date(fields.Datetime.now())
        self.devices[self.meter].state.freezes = {today.isoformat(): "88.5"}
        task = self._task(kind="daily", freeze_date=today)
        self.run_jobs()
        self.assertEqual(task.state, "done")
        reading = self._line(task, self.meter).reading_id
        daily = self.env["amr.reading"].search(
            [
                ("meter_id", "=", self.meter.id),
                ("register", "=", "total"),
                ("kind", "=", "daily"),
            ]
        )
        self.assertTrue(reading)
        self.assertRecordValues(
            daily,
            [{"index": 88.5, "read_at": self.community._local_midnight(today)}],
        )

    def test_an_older_freeze_is_asked_by_its_age(self):
        today = self.community._local_date(fields.Datetime.now())
        day = today - timedelta(days=4)
        self.devices[self.meter].state.freezes = {day.isoformat(): "77"}
        self._task(kind="daily", freeze_date=day)
        self.run_jobs()
        daily = self.env["amr.reading"].search(
            [
                ("meter_id", "=", self.meter.id),
                ("register", "=", "total"),
                ("kind", "=", "daily"),
            ]
        )
        self.assertEqual(daily.index, 77)

    def test_a_freeze_of_another_day_is_not_taken(self):
        """Meters count freezes, not days: without power at midnight one is left out."""
        today = self.community._local_date(fields.Datetime.now())
        device = self.devices[self.meter]
        with patch.object(
            device, "freeze", lambda _back: (today - timedelta(days=1), Decimal(80))
        ):
            task = self._task(kind="daily", freeze_date=today)
            self.run_jobs()
        self.assertRecordValues(
            self._line(task, self.meter),
            [{"state": "missing", "error": "The meter has no freeze of that day."}],
        )
        self.assertFalse(
            self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        )

    def test_water_without_freezes_is_read_as_it_stands(self):
        today = self.community._local_date(fields.Datetime.now())
        task = self._task(kind="daily", freeze_date=today)
        self.run_jobs()
        self.assertEqual(self._line(task, self.water).reading_id.kind, "spot")

    def test_a_silent_meter_is_missing_with_an_exception_after_three_tries(self):
        self.devices[self.second].state.silent = True
        task = self._task()
        self.run_jobs()
        line = self._line(task, self.second)
        self.assertRecordValues(
            line,
            [{"state": "missing", "tries": 3, "error": "The meter did not answer."}],
        )
        self.assertEqual(task.state, "done")
        self.assertTrue(self.second.comm_fault_since)
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.second.id), ("state", "=", "open")]
        )
        self.assertEqual(exception.kind, "missing")

    def test_tries_are_spaced(self):
        self.env["ir.config_parameter"].set_param("amr.retry_delay", "300")
        self.devices[self.second].state.silent = True
        task = self._task()
        self.run_jobs()
        line = self._line(task, self.second)
        self.assertEqual(line.tries, 1)
        self.assertGreater(
            line.next_try_at, fields.Datetime.now() + timedelta(seconds=280)
        )
        job = self.env["queue.job"].search(
            [
                ("state", "=", "pending"),
                ("identity_key", "=", f"amr.read.task:{task.id}"),
            ]
        )
        self.assertGreater(job.eta, fields.Datetime.now() + timedelta(seconds=280))

    def test_a_meter_that_answers_the_second_time_is_read(self):
        self.devices[self.second].adjust({"drop_replies": 1})
        task = self._task()
        self.run_jobs()
        self.assertEqual(self._line(task, self.second).state, "done")

    def test_a_wrong_checksum_or_no_index_is_a_failed_try(self):
        self.env.cr.execute(
            "UPDATE amr_meter SET address = '99000000000124' WHERE id = %s",
            [self.second.id],
        )
        self.second.invalidate_recordset()
        task = self._task()
        self.run_jobs()
        line = self._line(task, self.second)
        self.assertEqual(line.state, "missing")
        self.assertIn("12 digits", line.error)

    def test_an_offline_link_is_an_error_of_its_own(self):
        self.env["ir.config_parameter"].set_param("amr.offline_delay", "60")
        self.head_end.offline.add(self.link.key)
        task = self._task()
        self.run_jobs()
        self.assertEqual(
            set(task.line_ids.mapped("error")), {"The device link is offline."}
        )
        self.assertEqual(task.line_ids.mapped("tries"), [1, 1, 1])
        self.assertFalse(self._jobs())
        # its log-in does not wait for the next try, and gives the lost one back
        self.head_end.offline.clear()
        self.link._on_link_up()
        self.assertEqual(task.line_ids.mapped("tries"), [0, 0, 0])
        self.run_jobs()
        self.assertEqual(task.state, "done")
        self.assertEqual(task.done_count, 3)

    def test_a_link_that_stays_away_makes_its_meters_missing(self):
        self.head_end.offline.add(self.link.key)
        task = self._task()
        self.run_jobs()
        self.assertRecordValues(task, [{"state": "done", "missing_count": 3}])
        exceptions = self.env["amr.exception"].search(
            [("meter_id", "in", task.line_ids.meter_id.ids), ("kind", "=", "missing")]
        )
        self.assertEqual(len(exceptions), 3)

    def test_no_meter_is_blamed_while_the_head_end_is_away(self):
        self.head_end.down = True
        task = self._task()
        self.run_jobs()
        self.assertEqual(task.line_ids.mapped("tries"), [0, 0, 0])
        self.assertEqual(
            set(task.line_ids.mapped("error")), {"The head-end does not answer."}
        )
        self.head_end.down = False
        self.link._on_link_up()
        self.run_jobs()
        self.assertEqual(task.done_count, 3)

    def test_a_job_that_dies_leaves_the_rest_to_the_next(self):
        answered = []

        def kill(kind):
            answered.append(kind)
            return len(answered) == 3

        self.head_end.kill = kill
        task = self._task()
        self.run_jobs()
        self.assertEqual(task.state, "running")
        self.head_end.kill = lambda kind: False
        self.env["amr.read.task"]._cron_resume()
        self.run_jobs()
        self.assertRecordValues(
            task, [{"state": "done", "done_count": 3, "missing_count": 0}]
        )

    def test_a_budget_that_is_used_up_goes_on_in_another_job(self):
        self.env["ir.config_parameter"].set_param("amr.read_budget", "0")
        task = self._task()
        self.run_jobs(rounds=2)
        self.assertEqual(task.line_ids.mapped("tries"), [0, 0, 0])
        self.env["ir.config_parameter"].set_param("amr.read_budget", "60")
        self.run_jobs()
        self.assertEqual(task.done_count, 3)

    def test_a_task_has_one_waiting_job(self):
        task = self._task()
        task._enqueue_remote()
        self.env["amr.read.task"]._cron_resume()
        self.assertEqual(len(self._jobs()), 1)

    def test_reads_give_way_to_commands(self):
        self._task()
        self.run_jobs()
        self.assertEqual({priority for *_x, priority in self.head_end.frames}, {0})

    def test_links_are_read_side_by_side(self):
        other_room = self._room("0201", self.other_building)
        far = self._remote_meter("990000000777", other_room, self.other_link)
        self.head_end.add(self.other_link.key, {"address": far.address, "index": "7"})
        task = self._task(
            scope="meters",
            community_id=False,
            meter_ids=[fields.Command.set((self.meter | far).ids)],
        )
        self.run_jobs()
        self.assertEqual(task.done_count, 2)
        self.assertEqual(far.latest_index, 7)

    def test_the_button_of_a_link_reads_all_its_meters(self):
        self.link.action_read_meters()
        self.run_jobs()
        self.assertEqual(self.second.latest_index, 101)

    def test_the_scope_of_a_link_is_what_is_behind_it(self):
        """KTAMR manual 4.2.3: all meters of a concentrator, and none but them."""
        self._remote_meter("990000000009", link=self.other_link)
        self.link.action_read_meters()
        task = self.env["amr.read.task"].search([], limit=1)
        self.assertRecordValues(
            task,
            [
                {
                    "scope": "link",
                    "link_id": self.link.id,
                    "community_id": self.community.id,
                }
            ],
        )
        self.assertEqual(task.line_ids.meter_id, self.meter | self.second | self.water)
        plan = self.env["amr.read.plan"].create(
            {"name": "Link", "scope": "link", "link_id": self.link.id, "kind": "spot"}
        )
        self.assertEqual(plan._run().line_ids.meter_id, task.line_ids.meter_id)

    def test_success_is_told_by_link(self):
        self.devices[self.second].state.silent = True
        task = self._task(reread_times=0)
        for _try in range(3):
            self.run_jobs()
        groups = self.env["amr.read.kpi"].formatted_read_group(
            [("task_id", "=", task.id)],
            ["link_id"],
            ["success_rate:avg", "accounted_rate:avg", "missing:sum"],
        )
        self.assertEqual(groups[0]["link_id"][0], self.link.id)
        self.assertAlmostEqual(groups[0]["success_rate:avg"], 200 / 3)
        self.assertEqual(groups[0]["accounted_rate:avg"], 100)
        self.assertEqual(groups[0]["missing:sum"], 1)

    def test_nothing_is_collected_while_devices_refresh(self):
        with patch.object(
            type(self.env["amr.read.task"]), "_request_refresh", lambda _self: True
        ):
            task = self._task(refresh_first=True)
        self.env["amr.read.task"]._cron_resume()
        self.env["amr.read.task"]._resume(self.link)
        self.run_jobs()
        self.assertEqual(task.pending_count, 3)
        task.collect_at = False
        self.env["amr.read.task"]._cron_resume()
        self.run_jobs()
        self.assertEqual(task.done_count, 3)

    def test_a_month_end_is_read_from_the_freeze_of_its_midnight(self):
        first = self.community._local_date(fields.Datetime.now()).replace(day=1)
        self.devices[self.meter].state.freezes = {first.isoformat(): "90"}
        task = self._task(kind="monthly", freeze_date=first)
        self.run_jobs()
        self.assertRecordValues(
            self._line(task, self.meter).reading_id,
            [
                {
                    "kind": "monthly",
                    "index": 90,
                    "read_at": self.community._local_midnight(first),
                }
            ],
        )
