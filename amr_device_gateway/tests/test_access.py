from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestAccess(GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        group = "amr_base.group_{}".format
        cls.reader = cls._operator("gw_reader", group("reader"))
        cls.clerk = cls._operator("gw_clerk", group("clerk"))
        cls.admin = cls._operator("gw_admin", group("community_admin"))
        cls.stranger = cls._operator(
            "gw_stranger", group("community_admin"), cls.other_community
        )
        cls.portal = new_test_user(cls.env, "gw_portal", groups="base.group_portal")
        cls.command = cls.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": cls.meter.id}
        )
        cls.frame = cls.env["amr.command.frame"].create(
            {"command_id": cls.command.id, "direction": "out", "data": "68"}
        )

    def test_only_an_administrator_switches(self):
        for user in (self.reader, self.clerk):
            with self.assertRaisesRegex(AccessError, "administrator"):
                self.meter.with_user(user).action_open_relay()
            with self.assertRaisesRegex(AccessError, "administrator"):
                self.meter.with_user(user).action_close_relay()
        self.meter.with_user(self.admin).action_open_relay()
        command = self.meter.command_ids[0]
        self.assertEqual(command.requested_by, self.admin)
        self.assertEqual(command.community_id, self.community)

    def test_a_reader_asks_for_the_relay_and_reads(self):
        self.meter.with_user(self.reader).action_relay_state()
        self.meter.with_user(self.reader).action_read_now()
        self.assertEqual(self.meter.command_ids[0].kind, "relay_state")

    def test_an_administrator_of_another_community_switches_nothing(self):
        with self.assertRaises(AccessError):
            self.meter.with_user(self.stranger).action_open_relay()
        self.assertEqual(self.meter.command_ids, self.command)

    def test_an_operator_out_of_scope_sees_nothing(self):
        for record in (self.link, self.command, self.frame):
            self.assertTrue(record.with_user(self.reader).has_access("read"))
            self.assertTrue(record.with_user(self.clerk).has_access("read"))
            self.assertFalse(record.with_user(self.stranger).has_access("read"))
            self.assertFalse(record.with_user(self.portal).has_access("read"))
            visible = record.with_user(self.stranger).search([])
            self.assertNotIn(record, visible)

    def test_nobody_writes_a_command_past_the_buttons(self):
        commands = self.env["amr.command"]
        for user in (self.reader, self.clerk, self.admin, self.portal):
            with self.assertRaises(AccessError):
                commands.with_user(user).create(
                    {"kind": "relay_open", "meter_id": self.meter.id}
                )
            with self.assertRaises(AccessError):
                self.command.with_user(user).state = "done"

    def test_taking_back_is_for_administrators_in_scope(self):
        for user in (self.reader, self.clerk, self.stranger):
            with self.assertRaises(AccessError):
                self.command.with_user(user).action_cancel()
        self.command.with_user(self.admin).action_cancel()
        self.assertEqual(self.command.state, "failed")

    def test_reading_back_is_for_operators_in_scope(self):
        with self.assertRaises(AccessError):
            self.command.with_user(self.stranger).action_verify()

    def test_links_are_kept_by_administrators_in_scope(self):
        with self.assertRaises(AccessError):
            self.link.with_user(self.reader).name = "mine"
        with self.assertRaises(AccessError):
            self.link.with_user(self.stranger).name = "mine"
        self.link.with_user(self.admin).name = "renamed"
        with self.assertRaises(AccessError):
            self.link.with_user(self.reader).action_adopt()

    def test_unknown_terminals_and_events_are_the_managers(self):
        link = self.env["amr.link"].create(
            {"name": "stranger", "terminal": "990099", "state": "unknown"}
        )
        manager = self._operator("gw_manager", "amr_base.group_manager")
        self.assertTrue(link.with_user(manager).has_access("write"))
        self.assertFalse(link.with_user(self.admin).has_access("read"))
        events = self.env["amr.headend.event"]
        self.assertTrue(events.with_user(manager).has_access("read"))
        self.assertFalse(events.with_user(self.admin).has_access("read"))
