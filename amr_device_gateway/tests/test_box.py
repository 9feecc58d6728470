from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestBox(GatewayCommon):
    """RS-485 or remote, per box (remote prepaid manual, appendix 1.2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.env["amr.box"].create(
            {"name": "B1", "building_id": cls.building.id, "channel": "remote"}
        )

    def test_meters_are_reached_through_their_box(self):
        self.meter.link_id = False
        self.box.link_id = self.link
        self.meter.box_id = self.box
        self.assertEqual(self.meter.link_id, self.link)
        second = self._link("990000395", self.community)
        self.box.link_id = second
        self.assertEqual(self.meter.link_id, second)
        new = self.env["amr.meter"].create(
            {
                "number": "990000000095",
                "model_id": self.meter_model.id,
                "box_id": self.box.id,
            }
        )
        self.assertEqual(new.link_id, second)

    def test_a_box_on_rs485_has_the_speed_of_its_line(self):
        line = self.env["amr.link"].create(
            {
                "name": "COM2",
                "kind": "serial",
                "device": "/dev/ttyS1",
                "baud": "9600",
                "community_id": self.community.id,
            }
        )
        with self.assertRaisesRegex(ValidationError, "2400 baud"):
            self.box.write({"channel": "rs485", "link_id": line.id})
        self.box.write({"channel": "rs485", "baud_rate": "9600", "link_id": line.id})
        with self.assertRaisesRegex(ValidationError, "RS-485 needs a local line"):
            self.box.link_id = self.link

    def test_a_box_is_on_a_link_of_its_own_community(self):
        with self.assertRaisesRegex(ValidationError, "different communities"):
            self.box.link_id = self.other_link
