from odoo.exceptions import AccessError, UserError
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
        later = self._task()
        later._record_readings([self._row(7, "2026-01-02 00:00:00")])
        self.assertEqual(self.meter.state, "normal")
        self.assertEqual(exception.state, "resolved")

    def test_readings_are_typed_in_line_by_line(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        self._ingest(self._row(100, "2026-01-02 00:00:00"))
        self.tariff.version_ids.normal_max = 500
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        task.action_start()
        self.assertEqual(task.action_enter()["res_model"], "amr.read.task.line")
        line = task.line_ids.with_user(reader)
        draft = line.new(origin=line)
        for index, usage, hint in ((90, -10, "Less"), (700, 600, "More")):
            draft.entered_index = index
            self.assertEqual(draft.entered_usage, usage)
            self.assertIn(hint, draft.hint)
        line.entered_index = 130.5
        self.assertEqual((line.state, task.done_count), ("done", 1))
        self.assertEqual(line.reading_id.source, "manual")
        self.assertEqual(self.meter.latest_index, 130.5)
        with self.assertRaisesRegex(UserError, "read already"):
            line.entered_index = 131
        with self.assertRaises(AccessError):
            line.state = "missing"

    def test_a_reader_runs_tasks_in_his_scope(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        action = self.community.with_user(reader).action_read()
        task = self.env["amr.read.task"].browse(action["res_id"])
        self.assertEqual(task.user_id, reader)
        self.assertEqual(task.total_count, 1)
