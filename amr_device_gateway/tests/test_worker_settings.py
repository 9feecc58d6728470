"""The worker's settings of KTAMR manual 5.3, each one where it is used."""

from datetime import timedelta

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged

from odoo.addons.amr_device_gateway.tools import max_tries, seconds

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestWorkerSettings(GatewayCommon):
    def _set(self, **values):
        with Form(self.env["res.config.settings"]) as form:
            for name, value in values.items():
                form[f"amr_{name}"] = value
        form.record.execute()

    def test_an_administrator_sets_them_in_the_settings(self):
        self._set(start_wait=200, poll_interval=600, max_tries=2, dial_wait=20)
        self.assertEqual(seconds(self.env, "amr.start_wait"), 200)
        self.assertEqual(max_tries(self.env), 2)
        link = self._link("10.0.0.9:4001", self.community, kind="tcp")
        self.assertEqual(link.interval, 10)
        self.assertEqual(link._prepare_head_end_config()["dial_wait"], 20)

    def test_a_wait_of_nothing_is_refused(self):
        for name in ("max_tries", "reply_timeout", "dial_wait"):
            with self.subTest(name), self.assertRaisesRegex(ValidationError, "least 1"):
                self._set(**{name: 0})

    def test_the_manuals_values_are_the_defaults(self):
        self.env["ir.config_parameter"].search(
            [("key", "in", ("amr.start_wait", "amr.dial_wait", "amr.max_tries"))]
        ).unlink()
        self.assertEqual(seconds(self.env, "amr.start_wait"), 300)
        self.assertEqual(seconds(self.env, "amr.dial_wait"), 35)
        self.assertEqual(max_tries(self.env), 3)

    def _start_task(self):
        task = self.env["amr.read.task"].create(
            {"scope": "meters", "meter_ids": self.meter.ids}
        )
        task.action_start()
        return task

    def test_a_meter_is_asked_as_often_as_set(self):
        self.env["ir.config_parameter"].set_param("amr.max_tries", "2")
        with self.fake_headend() as head_end:
            head_end.links_up = {self.link.key: []}
            task = self._start_task()
            self.run_jobs()
        self.assertRecordValues(task.line_ids, [{"state": "missing", "tries": 2}])

    def test_a_command_is_sent_as_often_as_set(self):
        self.env["ir.config_parameter"].set_param("amr.max_tries", "2")
        command = self.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": self.meter.id}
        )
        self.assertEqual(command.max_tries, 2)

    def test_devices_are_given_time_to_log_in(self):
        self.env["ir.config_parameter"].set_param("amr.start_wait", "300")
        with self.fake_headend() as head_end:
            head_end.links_up = {self.link.key: []}
            head_end.offline = {self.link.key}
            task = self._start_task()
            self.run_jobs(rounds=3)
            self.assertRecordValues(task.line_ids, [{"state": "pending", "tries": 0}])
            task.started_at -= timedelta(seconds=301)
            self.run_jobs()
        self.assertRecordValues(task.line_ids, [{"state": "missing", "tries": 3}])
