from datetime import datetime

from odoo.tests import tagged

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestDashboard(GatewayCommon):
    def test_device_links_that_are_online(self):
        """KTAMR manual 2.2: concentrators and collectors that are there."""
        self.link._set_presence(True, datetime(2026, 3, 1))
        self._link("990000399", self.community)
        self._link("990000398", self.community, kind="concentrator")
        reader = self._operator("amr_links", "amr_base.group_reader")
        data = self.env["amr.dashboard"].with_user(reader).get_data(self.community.id)
        card = next(card for card in data["cards"] if card["key"] == "links")
        counts = sorted((row["level"], row["count"]) for row in card["rows"])
        self.assertEqual(counts, [("fault", 1), ("fault", 1), ("ok", 1)])
        self.assertEqual(card["total"], 3)
        [todo] = [item for item in data["todo"] if item["icon"] == "fa-sitemap"]
        self.assertEqual(todo["count"], 2)
        self.assertEqual(self.env["amr.link"].search_count(todo["action"]["domain"]), 2)
