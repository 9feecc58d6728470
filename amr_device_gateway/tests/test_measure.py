"""What a meter measures, asked for over its line (row 70, S3 七.2)."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import GatewayCommon

MEASURED = {
    "voltage": "231.4",
    "current": "2.5",
    "neutral_current": "9.75",
    "power": "0.569",
    "power_factor": "0.984",
    "frequency": "50.02",
    "reverse": "0.36",
}


@tagged("post_install", "-at_install")
class TestMeasure(GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False
        cls.link.online = True

    def _measure(self, **row):
        with self.fake_headend() as head_end:
            head_end.add(
                self.link.key,
                {
                    "address": self.meter.address,
                    "protocol": "dlt645-2007",
                    "index": "1124.73",
                    **row,
                },
            )
            action = self.meter.action_measure()
            self.run_jobs()
        return self.env["amr.command"].browse(action["res_id"])

    def _snapshot(self):
        return self.env["amr.snapshot"].search([("meter_id", "=", self.meter.id)])

    def test_a_meter_tells_what_it_measures_into_the_event_log(self):
        command = self._measure(measured=MEASURED)
        self.assertEqual(command.state, "done", command.result)
        self.assertIn("Ua (V) 231.4", command.result)
        self.assertRecordValues(
            self._snapshot(),
            [
                {
                    "event": "periodic",
                    "voltage_a": 231.4,
                    "current_a": 2.5,
                    "current_n": 9.75,
                    "power": 0.569,
                    "power_factor": 0.984,
                    "frequency": 50.02,
                    "import_index": 1124.73,
                    "export_index": 0.36,
                }
            ],
        )

    def test_current_past_the_meter_is_found(self):
        self.env["amr.alarm.limit"].search([]).active = False
        self.env["amr.alarm.limit"].create(
            {"community_id": self.community.id, "neutral_max": 2}
        )
        self._measure(measured=MEASURED)
        self.env["amr.alarm"]._cron_check()
        alarm = self.env["amr.alarm"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual((alarm.kind, alarm.value), ("neutral", 7.25))

    def test_what_a_meter_has_not_stays_unknown(self):
        command = self._measure(measured={"voltage": "220.0"})
        self.assertEqual(command.state, "done", command.result)
        self.assertEqual(self._snapshot().voltage_a, 220)
        self.assertIs(self._snapshot().current_n, False)

    def test_a_meter_that_does_not_answer_measured_nothing(self):
        command = self._measure(silent=True)
        self.assertEqual(command.state, "failed")
        self.assertFalse(self._snapshot())

    def test_a_meter_without_link_cannot_be_asked(self):
        self.meter.link_id = False
        with self.assertRaisesRegex(UserError, "no device link"):
            self.meter.action_measure()
