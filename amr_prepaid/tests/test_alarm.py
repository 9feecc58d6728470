from odoo import fields
from odoo.tests import tagged

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestAlarm(PrepaidCommon):
    def test_what_is_left_is_watched(self):
        """DH6200V3 manual 2.2: alarm below 20 units; GV11: none of a public meter."""
        self.env["amr.alarm.limit"].search([]).active = False
        self.env["amr.alarm.limit"].create({"remaining_min": 20})
        Alarm = self.env["amr.alarm"]
        self.meter.current_ratio = 10
        self.meter.sudo().write(
            {"credit_balance": 2, "credit_read_at": fields.Datetime.now()}
        )
        Alarm._cron_check()
        self.assertFalse(self.meter.alarm_ids)
        self.meter.sudo().credit_balance = 1.99
        Alarm._cron_check()
        self.assertEqual(self.meter.alarm_ids.mapped("value"), [19.9])
        self.point.kind = "public"
        self.meter.sudo().credit_balance = -3938.85
        Alarm._cron_check()
        self.assertEqual(self.meter.alarm_ids.mapped("state"), ["closed"])
