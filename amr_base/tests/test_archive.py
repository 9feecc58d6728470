from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import AmrCommon


@tagged("post_install", "-at_install")
class TestArchive(AmrCommon):
    """The archive through its forms, as an administrator of the community keeps it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("amr_admin", "amr_base.group_community_admin")
        cls.manager = cls._operator("amr_manager", "amr_base.group_manager")

    def test_districts_are_kept_by_the_system_administrator(self):
        with Form(self.env["amr.district"].with_user(self.manager)) as form:
            form.code, form.name = "8", "West"
        district = form.record
        with Form(district) as form:
            form.name = "Far West"
        self.assertEqual(district.name, "Far West")
        with self.assertRaisesRegex(ValidationError, "one digit"):
            district.code = "x"
        with self.assertRaises(AccessError):
            district.with_user(self.admin).name = "Mine"
        district.unlink()

    def test_communities_have_all_that_the_manual_lists(self):
        with Form(self.env["amr.community"].with_user(self.manager)) as form:
            form.district_id, form.code, form.name = self.district, "0375", "DTU test"
            form.address, form.note, form.short_name = "Bao'an 1", "Trial", "DTU"
        community = form.record
        self.assertEqual((community.full_code, community.cycle), ("90375", "odd"))
        community.name = "DTU trial"
        community.unlink()
        self.assertFalse(community.exists())

    def test_buildings_and_rooms_are_added_changed_and_deleted(self):
        with Form(self.env["amr.building"].with_user(self.admin)) as form:
            form.community_id, form.code, form.name = self.community, "002", "Tower"
        building = form.record
        self.assertEqual(building.full_code, "90371002")
        with Form(self.env["amr.room"].with_user(self.admin)) as form:
            form.building_id, form.name = building, "1102"
        room = form.record
        self.assertEqual(room.path, "East / Golden Delta / Tower / 1102")
        with Form(room) as form:
            form.name = "1103"
        self.assertEqual(room.unit, 3)
        room.unlink()
        building.unlink()

    def test_line_codes_follow_the_manual(self):
        """Golden vector GV3: building 8 digits + 2; the device is the last five."""
        line = (
            self.env["amr.line"]
            .with_user(self.admin)
            .create({"building_id": self.building.id, "code": "01", "name": "Shaft"})
        )
        self.assertEqual((line.full_code, line.device_code), ("9037100101", "00101"))
        with self.assertRaisesRegex(ValidationError, "two digits"):
            line.code = "1"
        with self.assertRaisesRegex(UserError, "still has .* lines"):
            self.env["amr.building"].create(
                {
                    "community_id": self.community.id,
                    "code": "007",
                    "name": "B7",
                    "line_ids": [Command.create({"code": "01", "name": "L"})],
                }
            ).unlink()

    def test_boxes_have_their_parameters(self):
        line = self.env["amr.line"].create(
            {"building_id": self.building.id, "code": "01", "name": "Shaft"}
        )
        with Form(self.env["amr.box"].with_user(self.admin)) as form:
            form.building_id, form.name, form.line_id = self.building, "B1", line
            form.capacity, form.channel, form.baud_rate = 12, "rs485", "1200"
        self.assertEqual(form.record.community_id, self.community)
        with self.assertRaisesRegex(UserError, "still has .* meter boxes"):
            line.unlink()
        with self.assertRaisesRegex(ValidationError, "different buildings"):
            form.record.building_id = self.other_building

    def test_one_owner_is_entered_with_all_his_rooms(self):
        rooms = self._room("0102") | self._room("0103")
        with Form(self.env["amr.account"].with_user(self.admin)) as form:
            form.partner_id, form.community_id = self.partner, self.community
            for room in rooms:
                form.room_ids.add(room)
            form.phone, form.mobile = "0755-1", "13800000001"
            form.street, form.zip = "Golden Delta 1", "518000"
            form.sex, form.id_type, form.id_number = "male", "id_card", "4403"
            form.bank_name, form.bank_account = "ICBC", "6222"
        account = form.record
        self.assertTrue(account.number.isdigit())
        self.assertEqual(rooms.account_id, account)
        self.assertEqual((account.street, account.zip), ("Golden Delta 1", "518000"))
        self.assertIn("0103", account.room_summary)

    def test_the_front_desk_keeps_its_own_customers_contacts_only(self):
        """IC-card manual 12, question 4: name and address change after the sale."""
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        account = self.account.with_user(clerk)
        account.write({"name": "Zhang Sanfeng", "phone": "1"})
        self.assertEqual(self.partner.name, "Zhang Sanfeng")
        with self.assertRaises(AccessError):
            self.partner.with_user(clerk).name = "X"
        far = self.account.copy({"community_id": self.other_community.id})
        with self.assertRaisesRegex(AccessError, "known to others"):
            account.phone = "2"
        far.partner_id = self.manager.partner_id
        self.account.partner_id = self.manager.partner_id
        with self.assertRaisesRegex(AccessError, "known to others"):
            account.email = "mine@example.com"

    def test_the_front_desk_gets_hold_of_no_other_contact(self):
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        account = self.account.with_user(clerk)
        other = self.env["res.partner"].create({"name": "Li Si"})
        for partner in (self.env.company.partner_id, self.manager.partner_id, other):
            with self.assertRaisesRegex(AccessError, "no customer in your scope"):
                account.copy({"partner_id": partner.id})

    def test_companies_and_logins_keep_their_contact(self):
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        account = self.account.with_user(clerk)
        self.account.partner_id = self.env.company.partner_id
        with self.assertRaisesRegex(AccessError, "known to others"):
            account.name = "Mine"
        new = self.env["res.partner"].with_user(clerk).create({"name": "Wang Wu"})
        account.partner_id = new
        second = account.copy({"partner_id": new.id})
        second.email = "wang@example.com"
        self.env["res.users"].create(
            {
                "login": "wang",
                "partner_id": new.id,
                "group_ids": [Command.set(self.env.ref("base.group_portal").ids)],
                "active": False,
            }
        )
        second.phone = "1"
        with self.assertRaisesRegex(AccessError, "known to others"):
            second.email = "mine@example.com"

    def test_a_community_stays_where_it_is(self):
        other = self.env["res.company"].create({"name": "Other"})
        far, near = self.env["amr.district"].create(
            [
                {"code": "8", "name": "Far", "company_id": other.id},
                {"code": "7", "name": "Near"},
            ]
        )
        mine = self.community.with_user(self.admin)
        for vals in ({"district_id": near.id}, {"code": "0399"}):
            with self.assertRaisesRegex(AccessError, "system administrator"):
                mine.write(vals)
        mine.write({"district_id": self.district.id, "code": "0371", "name": "Delta"})
        community = self.community.with_user(self.manager)
        self.manager.company_ids += other
        with self.assertRaisesRegex(UserError, "stays in its company"):
            community.district_id = far
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        clerk.write({"amr_community_ids": False, "amr_district_ids": near})
        self.assertFalse(mine.with_user(clerk).has_access("read"))
        community.district_id = near
        self.assertTrue(mine.with_user(clerk).has_access("read"))

    def test_personal_data_is_not_for_readers(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        self.account.id_number = "4403"
        self.assertEqual(
            self.account.with_user(self.admin).read(["id_number"])[0]["id_number"],
            "4403",
        )
        with self.assertRaises(AccessError):
            self.account.with_user(reader).read(["id_number"])
        with self.assertRaises(AccessError):
            self.env["amr.account"].with_user(reader).search([("id_number", "=", "1")])

    def test_the_area_code_of_a_site_is_set_once(self):
        with self.assertRaisesRegex(ValidationError, "six digits"):
            self.other_community.with_user(self.manager).area_code = "12AB"
        community = self.community.with_user(self.manager)
        community.area_code = "123456"
        with self.assertRaisesRegex(UserError, "stays as it is"):
            community.area_code = "654321"
        with self.assertRaises(AccessError):
            self.community.with_user(self.admin).read(["area_code"])
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT count(*) FROM auditlog_log_line l WHERE l::text LIKE '%123456%'"
        )
        self.assertEqual(self.env.cr.fetchone(), (0,), "it is in no log")

    def test_codes_are_searched_exactly_and_names_loosely(self):
        Room = self.env["amr.room"].with_user(self.admin)
        self._room("1101")
        self.assertEqual(Room.search([("name", "=", "0101")]), self.room)
        self.assertEqual(len(Room.search([("name", "ilike", "01")])), 2)
        self.assertIn(
            self.account.id,
            dict(self.env["amr.account"].with_user(self.admin).name_search("zhang")),
        )

    def test_the_tree_counts_rooms_by_community(self):
        self._room("0102")
        panel = (
            self.env["amr.room"]
            .with_user(self.admin)
            .search_panel_select_range(
                "community_id", enable_counters=True, expand=True
            )
        )
        counts = {value["id"]: value["__count"] for value in panel["values"]}
        self.assertEqual(counts, {self.community.id: 2})

    def test_head_office_sees_its_branch_and_a_branch_itself(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.env.company.id}
        )
        district = self.env["amr.district"].create(
            {"code": "9", "name": "Branch", "company_id": branch.id}
        )
        own = self.env["amr.community"].create(
            {"code": "0001", "name": "Own", "district_id": district.id}
        )
        self.assertEqual(own.company_id, branch)
        Community = self.env["amr.community"]
        self.manager.company_ids |= branch
        both = Community.with_user(self.manager).with_context(
            allowed_company_ids=(self.env.company | branch).ids
        )
        self.assertLessEqual(own | self.community, both.search([]))
        self.manager.write({"company_id": branch.id, "company_ids": branch.ids})
        self.assertEqual(Community.with_user(self.manager).search([]), own)

    def test_dates_are_written_as_iso(self):
        """IC-card manual 1: 2015-11-24."""
        chinese = self.env["res.lang"].with_context(active_test=False)
        chinese = chinese.search([("code", "=", "zh_CN")])
        self.assertEqual(chinese.date_format, "%Y-%m-%d")
