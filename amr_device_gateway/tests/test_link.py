from datetime import datetime, timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.amr_device_gateway.tools import GatewaySettings, open_client

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

    def test_a_serial_line_is_opened_with_the_settings_of_the_manual(self):
        link = self.env["amr.link"].create(
            {
                "name": "COM2",
                "kind": "serial",
                "device": "/dev/ttyS1",
                "community_id": self.community.id,
            }
        )
        self.assertEqual(link.key, "serial:/dev/ttyS1")
        config = link._prepare_head_end_config()
        self.assertEqual(config["line"], "9600 8N1")

    def test_a_serial_server_is_dialled_at_its_address(self):
        link = self.env["amr.link"].create(
            {
                "name": "server",
                "kind": "tcp",
                "host": "10.0.0.8",
                "port": 4002,
                "baud": "2400",
                "parity": "E",
                "pace_ms": 50,
                "community_id": self.community.id,
            }
        )
        self.assertEqual(
            link._prepare_head_end_config(),
            {
                "link": "tcp:10.0.0.8:4002",
                "kind": "tcp",
                "terminal": "10.0.0.8:4002",
                "line": "2400 8E1",
                "dial_wait": 35,
                "pace": 0.05,
            },
        )
        link.port = 4003
        self.assertEqual(link.key, "tcp:10.0.0.8:4003")
        with self.assertRaisesRegex(ValidationError, "no address to dial"):
            link.terminal = "10.0.0.8"

    def _two_head_ends(self):
        settings = GatewaySettings(
            "http://h:1",
            "t",
            "02000000",
            "0",
            headends={"north": "http://north:7610", "south": "http://south:7610"},
        )
        for module in ("models.amr_link", "models.amr_link_line", "tools.exchange"):
            self.startPatcher(
                patch(
                    f"odoo.addons.amr_device_gateway.{module}.gateway_settings",
                    lambda: settings,
                )
            )

    def test_each_of_several_head_ends_is_told_its_own_links(self):
        self._two_head_ends()
        self.link.headend = "north"
        self.other_link.headend = "south"
        told = self.env["amr.link"]._head_end_config("north")["links"]
        keys = [link["link"] for link in told]
        self.assertIn(self.link.key, keys)
        self.assertNotIn(self.other_link.key, keys)
        with self.assertRaisesRegex(ValidationError, "no head-end “east”"):
            self.link.headend = "east"

    def test_a_link_is_asked_where_it_logged_in(self):
        self._two_head_ends()
        now = datetime(2026, 3, 1, 8)
        self.link._set_presence(True, now, "10.0.0.1:5", "south")
        client = open_client(self.link | self.other_link)
        self.assertEqual(client._urls[self.link.key], "http://south:7610")
        self.assertEqual(client._urls[self.other_link.key], "http://h:1")
        # it has moved: the head-end it left cannot report it down
        self.link._set_presence(False, now.replace(minute=5), headend="north")
        self.assertTrue(self.link.online)
        self.link._set_presence(False, now.replace(minute=6), headend="south")
        self.assertFalse(self.link.online)

    def test_a_port_is_opened_by_one_of_several_head_ends(self):
        self._two_head_ends()
        with self.assertRaisesRegex(ValidationError, "Choose the head-end"):
            self.env["amr.link"].create(
                {
                    "name": "COM2",
                    "kind": "serial",
                    "device": "/dev/ttyS1",
                    "community_id": self.community.id,
                }
            )

    def test_why_a_port_is_not_open_is_shown(self):
        with self.fake_headend() as head_end:
            head_end.problems = {self.link.key: "could not open port /dev/ttyS1"}
            self.env["amr.link"]._cron_sync_presence()
        self.assertIn("could not open port", self.link.problem)
        self.link._set_presence(True, datetime(2030, 3, 1))
        self.assertFalse(self.link.problem)

    def test_a_link_reads_its_meters_by_itself_in_its_interval(self):
        self.link.write({"is_collecting": True, "interval": 30})
        with self.fake_headend() as head_end:
            head_end.add(self.link.key, {"address": self.meter.number, "index": "42"})
            self.env["amr.link"]._cron_collect()
            self.run_jobs()
            self.assertEqual(self.meter.latest_index, 42)
            tasks = self.env["amr.read.task"].search([("link_id", "=", self.link.id)])
            self.env["amr.link"]._cron_collect()  # not due again
            self.link.collected_at -= timedelta(minutes=31)
            self.env["amr.link"]._cron_collect()
        again = self.env["amr.read.task"].search([("link_id", "=", self.link.id)])
        self.assertEqual((len(tasks), len(again)), (1, 2))
        self.assertEqual(self.link.last_read_at, self.meter.latest_at)

    def test_the_panel_of_a_dtu(self):
        """Read, refresh, set the clock, state and last reading (KTAMR manual 3.5.3)."""
        with self.fake_headend() as head_end:
            head_end.add(
                self.link.key,
                {"address": self.meter.number, "index": "42", "clock_offset": 3600},
            )
            self.link.action_refresh_presence()
            self.assertEqual(self.link.presence, "online")
            self.link.action_read_meters()
            self.run_jobs()
            self.link.action_set_clocks()
            self.assertEqual(self.link.open_command_count, 1)
        self.assertRecordValues(
            self.link,
            [
                {
                    "last_read_at": self.meter.latest_at,
                    "meter_count": 1,
                    "silent_count": 0,
                }
            ],
        )
        self.assertEqual(self.meter.latest_index, 42)
        command = self.env["amr.command"].search(
            self.link.action_view_commands()["domain"]
        )
        self.assertEqual(command.kind, "clock_set")

    def test_the_form_shows_the_fields_of_its_kind(self):
        with Form(self.env["amr.link"]) as form:
            form.name = "Server in the cellar"
            form.community_id = self.community
            form.kind = "tcp"
            form.host = "192.168.1.20"
            form.port = 4005
        self.assertEqual(form.record.terminal, "192.168.1.20:4005")
        with Form(self.env["amr.link"]) as form:
            form.name = "COM2"
            form.community_id = self.community
            form.kind = "serial"
            form.device = "/dev/ttyS1"
        self.assertEqual(form.record._get_line(), "9600 8N1")
        with Form(self.env["amr.link"]) as form:
            form.name = "DTU"
            form.community_id = self.community
            form.terminal = "20140925010"
            form.phone = "18352860118"
        self.assertEqual(form.record.key, "dtu:20140925010")

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
