from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import AmrCommon


@tagged("post_install", "-at_install")
class TestScope(AmrCommon):
    def test_operator_sees_his_communities_only(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        seen = self.env["amr.community"].with_user(reader).search([])
        self.assertEqual(seen, self.community)
        with self.assertRaises(AccessError):
            self.other_community.with_user(reader).read(["name"])
        with self.assertRaises(AccessError):
            self.other_building.with_user(reader).read(["name"])

    def test_district_scope_grows_with_the_district(self):
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        clerk.amr_district_ids = self.district
        both = self.community | self.other_community
        domain = [("district_id", "=", self.district.id)]
        Community = self.env["amr.community"].with_user(clerk)
        self.assertEqual(Community.search(domain), both)
        new = self._community("0380", "New")
        self.assertEqual(Community.search(domain), both | new)

    def test_scope_can_be_taken_away(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        self.assertTrue(self.env["amr.room"].with_user(reader).search([]))
        reader.amr_community_ids = False
        self.assertFalse(self.env["amr.room"].with_user(reader).search([]))

    def test_manager_sees_all(self):
        manager = self._operator("amr_manager", "amr_base.group_manager")
        self.assertIn(
            self.other_community,
            self.env["amr.community"].with_user(manager).search([]),
        )

    def test_reader_changes_nothing_of_the_archive(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        for record in (self.community, self.building, self.room, self.account):
            with self.assertRaises(AccessError):
                record.with_user(reader).write({"active": False})

    def test_operator_cannot_widen_his_own_scope(self):
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            admin.with_user(admin).write(
                {"amr_community_ids": [(4, self.other_community.id)]}
            )

    def test_nobody_points_to_what_he_does_not_see(self):
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        foreign = self.env["amr.account"].create(
            {
                "partner_id": self.partner.id,
                "community_id": self.other_community.id,
            }
        )
        room = self.room.with_user(admin)
        with self.assertRaises(AccessError):
            room.account_id = foreign
        with self.assertRaises(AccessError):
            room.copy({"name": "0102", "account_id": foreign.id})
        room.account_id = self.account

    def test_an_account_does_not_leave_the_scope_of_who_moves_it(self):
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        with self.assertRaises(AccessError):
            self.account.with_user(clerk).community_id = self.other_community
