from datetime import datetime

from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestLink(GatewayCommon):
    def test_the_key_is_kind_and_terminal(self):
        self.assertEqual(self.link.key, "dtu:990000371")

    def test_a_terminal_number_exists_once_per_kind(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._link("990000371", self.community)

    def test_a_terminal_number_holds_no_blanks(self):
        with self.assertRaisesRegex(ValidationError, "blanks"):
            self._link("99 1", self.community)

    def test_packets_are_checked(self):
        with self.assertRaisesRegex(ValidationError, "not valid"):
            self.link.heartbeat = "hex:FZ"
        with self.assertRaisesRegex(ValidationError, "not valid"):
            self.link.registration_regex = "("

    def test_a_link_in_service_belongs_to_a_community(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.env["amr.link"].create({"name": "x", "terminal": "990001"})

    def test_presence_newest_wins(self):
        early, late = datetime(2026, 3, 1, 8, 0, 0), datetime(2026, 3, 1, 8, 0, 5)
        self.link._set_presence(True, late, "10.0.0.1:5")
        self.link._set_presence(False, early)
        self.assertTrue(self.link.online)
        self.assertEqual(self.link.peer, "10.0.0.1:5")
        self.assertEqual(self.link.presence, "online")

    def test_presence_tells_events_of_one_second_apart(self):
        up = datetime(2026, 3, 1, 8, 0, 0, 200_000)
        down = datetime(2026, 3, 1, 8, 0, 0, 700_000)
        self.link._set_presence(False, down)
        self.link.flush_recordset()
        self.link.invalidate_recordset()
        self.link._set_presence(True, up)
        self.assertFalse(self.link.online)

    def test_presence_is_compared_with_the_head_ends_list(self):
        self.link._set_presence(True, datetime(2026, 3, 1))
        with self.fake_headend() as head_end:
            head_end.links_up = {self.other_link.key: []}
            self.env["amr.link"]._cron_sync_presence()
        self.assertFalse(self.link.online)
        self.assertTrue(self.other_link.online)

    def test_presence_stays_when_the_head_end_is_silent(self):
        self.link._set_presence(True, datetime(2026, 3, 1))
        with self.fake_headend() as head_end:
            head_end.down = True
            self.env["amr.link"]._cron_sync_presence()
            with self.assertRaisesRegex(UserError, "does not answer"):
                self.link.action_refresh_presence()
        self.assertTrue(self.link.online)

    def test_an_unknown_terminal_is_adopted_with_a_community(self):
        link = self.env["amr.link"].create(
            {"name": "stranger", "terminal": "990099", "state": "unknown"}
        )
        with self.assertRaisesRegex(UserError, "community"):
            link.action_adopt()
        link.community_id = self.community
        link.action_adopt()
        self.assertEqual(link.state, "active")

    def test_the_head_end_is_told_the_links_in_service_only(self):
        self.env["amr.link"].create(
            {"name": "stranger", "terminal": "990099", "state": "unknown"}
        )
        self.other_link.active = False
        self.link.write({"heartbeat": "hex:FE", "registration_regex": r"ID(\d+)"})
        links = self.env["amr.link"]._head_end_config()["links"]
        ours = [link for link in links if link["terminal"].startswith("9900")]
        self.assertEqual(
            ours,
            [
                {
                    "link": "dtu:990000371",
                    "kind": "dtu",
                    "terminal": "990000371",
                    "registration_regex": r"ID(\d+)",
                    "heartbeat": "hex:FE",
                }
            ],
        )
