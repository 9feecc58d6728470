import json
import logging
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.amr_device_gateway.models import amr_command
from odoo.addons.amr_device_gateway.tests.head_end import WithHeadEnd
from odoo.addons.amr_device_gateway.tools import open_client

from .common import KEY, PrepaidCommon

AREA, OTHER_AREA = "731946", "258063"


@tagged("post_install", "-at_install")
class TestAreaCode(WithHeadEnd, PrepaidCommon):
    """The area code joins the key of a credit (IC-card manual 1.3).

    Against the real head-end and the real simulator, over real sockets.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.community.area_code = AREA
        cls.other_community.area_code = OTHER_AREA
        for name in ("retry_delay", "offline_delay", "command_retry_delay"):
            cls.env["ir.config_parameter"].set_param(f"amr.{name}", "0")

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(amr_command, "open_client", open_client))

    def _start(self, **row):
        """Start head-end and meter; ``row`` says what the meter is keyed for."""
        meter = {"address": self.meter.address, "prepaid": True, **row}
        head_end = self.start_head_end(
            self.link,
            [{"terminal": self.link.terminal, "meters": [meter]}],
            credit_key=KEY,
        )
        self.device = head_end.simulator.meters[self.meter.address.lstrip("0")]

    def test_a_meter_takes_the_credit_of_its_own_area(self):
        self.meter.area_keyed = True
        self._start(area_code=AREA)
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_a_meter_refuses_the_credit_of_another_area(self):
        self.meter.area_keyed = True
        self._start(area_code=OTHER_AREA)
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertEqual((vend.state, self.device.state.credits), ("exception", []))
        self.assertIn("not keyed for the area code", vend.reason)
        self.assertIn(self.community.name, vend.reason)
        self.assertEqual(
            (vend.command_id.outcome, vend.command_id.tries), ("not_done", 1)
        )
        self.assertFalse(vend._may_still_be_credited(), "nothing is in doubt")
        vend._cancel("another site's meter")
        self.assertEqual((vend.state, self._available()), ("cancelled", 100))
        self.assertLedgerEqual()

    def test_a_refused_order_goes_on_once_the_meter_is_keyed_right(self):
        self._start(area_code=AREA)
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertEqual(vend.state, "exception")
        self.assertIn("does not know the key without area code", vend.reason)
        self.meter.area_keyed = True
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_meters_and_orders_from_before_go_on_without(self):
        self._start()
        vend = self._sell(100)
        payload = dict(vend.command_id.payload)
        payload.pop("area")  # as orders were written before
        vend.command_id.payload = payload
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_neither_key_nor_area_code_is_told(self):
        self.meter.area_keyed = True
        self._start(area_code=OTHER_AREA)
        with self.assertLogs(level=logging.DEBUG) as logged:
            vend = self._sell(100)
            self._run_until_settled(vend)
        commands = vend.command_ids
        told = json.dumps(
            [
                commands.frame_ids.read(),
                commands.read(),
                vend.read(),
                logged.output,
                vend.message_ids.mapped("body"),
            ],
            default=str,
        )
        self.assertIn("070102FF", told.upper())
        for secret in (AREA, OTHER_AREA, KEY, AREA[::-1].encode().hex()):
            self.assertNotIn(secret, told)
        [sent] = [
            frame
            for frame in commands.frame_ids.filtered(lambda f: f.direction == "out")
            if "070102" in (frame.explanation or "").upper()
            or "**" in (frame.data or "")
        ][:1]
        self.assertIn("**", sent.data, "the authentication code is starred out")

    def test_a_site_without_area_code_sells_nothing_to_a_keyed_meter(self):
        self.env.cr.execute(
            "UPDATE amr_community SET area_code = NULL WHERE id = %s",
            [self.community.id],
        )
        self.community.invalidate_recordset()
        self.meter.area_keyed = True
        with self.assertRaisesRegex(UserError, "enter the area code"):
            self._sell(100)

    def test_a_new_meter_is_keyed_where_it_is_installed_first(self):
        now = fields.Datetime.now()
        _point, meter = self._install("990000000055", self._room("0155"), since=now)
        self.assertTrue(meter.area_keyed)
        self.assertFalse(self.meter.area_keyed, "it was there before")

    def test_a_meter_of_a_running_site_keeps_its_key(self):
        """As when a site is imported: its meters hung there long before."""
        _point, meter = self._install("990000000056", self._room("0156"))
        self.assertFalse(meter.area_keyed)
