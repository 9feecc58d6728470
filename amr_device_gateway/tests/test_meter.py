from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestMeter(GatewayCommon):
    def test_a_meter_is_remote_with_a_link_and_a_protocol(self):
        self.assertTrue(self.meter.is_remote)
        spare = self._remote_meter("990000000002")
        spare.link_id = False
        self.assertFalse(spare.is_remote)
        found = self.env["amr.meter"].search(
            [("is_remote", "=", True), ("id", "in", (self.meter | spare).ids)]
        )
        self.assertEqual(found, self.meter)
        found = self.env["amr.meter"].search(
            [("is_remote", "=", False), ("id", "in", (self.meter | spare).ids)]
        )
        self.assertEqual(found, spare)

    def test_an_address_that_the_protocol_cannot_carry_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "1 to 12 digits"):
            self.meter.address = "99000000000123"

    def test_a_water_meter_carries_fourteen_digits(self):
        meter = self._remote_meter("99000000000123", model=self.water_model)
        self.assertTrue(meter.is_remote)

    def test_the_type_in_the_frame_follows_the_utility(self):
        self.water_model.utility_id = self.env.ref("amr_base.utility_hot_water")
        self.assertEqual(self.water_model._get_protocol().meter_type, 0x11)

    def test_a_meter_without_relay_or_link_is_not_switched(self):
        self.meter.link_id = False
        with self.assertRaisesRegex(UserError, "no device link"):
            self.meter.action_open_relay()
        self.meter_model.has_relay = False
        with self.assertRaisesRegex(UserError, "no relay"):
            self.meter.action_open_relay()

    def test_a_model_read_by_eye_has_no_protocol(self):
        self.meter_model.protocol = "manual"
        with self.assertRaisesRegex(UserError, "no remote protocol"):
            self.meter_model._get_protocol()
