from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import AmrCommon

PASSWORD = "Sparrow-7"


@tagged("post_install", "-at_install")
class TestOperator(AmrCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._operator("amr_manager", "amr_base.group_manager")
        cls.Operator = cls.env["amr.operator"].with_user(cls.manager)

    def _create(self, role="reader", scope="90371", password=PASSWORD, **vals):
        with Form(self.Operator) as form:
            form.name, form.login = "Wang", vals.get("login", "wang")
            form.role, form.scope_codes = role, scope
            form.password, form.password_again = password, vals.get("again", password)
        form.record.action_save()
        return self.env["res.users"].search([("login", "=", form.login)])

    def _change(self, user):
        return Form(self.Operator.with_context(default_user_id=user.id))

    def _login(self, login, password):
        return self.env["res.users"].authenticate(
            {"type": "password", "login": login, "password": password},
            {"interactive": False},
        )

    def test_who_works_here_lands_here_after_the_log_in(self):
        for group in ("reader", "clerk", "community_admin"):
            user = self._operator(f"amr_land_{group}", f"amr_base.group_{group}")
            menus = self.env["ir.ui.menu"].with_user(user).load_menus(False)
            with self.subTest(group):
                first = menus["root"]["children"][0]
                self.assertEqual(first, self.env.ref("amr_base.menu_root").id)

    def test_an_operator_gets_role_scope_and_password(self):
        user = self._create()
        self.assertTrue(user.has_group("amr_base.group_reader"))
        self.assertTrue(user.has_group("amr_base.group_switch"))
        self.assertFalse(user.has_group("amr_base.group_clerk"))
        self.assertEqual(user.amr_scope_community_ids, self.community)
        self.assertEqual(self._login("wang", PASSWORD)["uid"], user.id)
        self.assertFalse(self.env["amr.operator"].search([]), "the password is gone")

    def _kept(self):
        """Return what the table of the form holds, as the database tells it."""
        self.env.flush_all()
        self.cr.execute("SELECT to_jsonb(o)::text FROM amr_operator o")
        return "".join(row for (row,) in self.cr.fetchall())

    def test_a_password_typed_is_stored_nowhere_even_when_it_is_refused(self):
        self._operator("wang", "amr_base.group_reader")
        with self.assertLogs(level="DEBUG") as logged:
            with Form(self.Operator) as form:
                form.name, form.login, form.role = "Wang", "wang", "reader"
                form.password = form.password_again = PASSWORD
            with self.assertRaisesRegex(UserError, "somebody else's"):
                form.record.action_save()
            self.assertNotIn(PASSWORD, self._kept())
            self.assertFalse(
                form.record.read(["password", "password_again"])[0]["password"]
            )
            self.assertTrue(form.record.password_kept, "the form says so")
            form.record.login = "wang2"
            form.record.action_save()
        self.assertNotIn(PASSWORD, "".join(logged.output))
        user = self.env["res.users"].search([("login", "=", "wang2")])
        self.assertEqual(self._login("wang2", PASSWORD)["uid"], user.id)
        self.cr.execute(
            "SELECT count(*) FROM auditlog_log_line l WHERE l::text LIKE %s",
            [f"%{PASSWORD}%"],
        )
        self.assertEqual(self.cr.fetchone(), (0,))

    def test_a_hash_is_for_nobody_to_read(self):
        with Form(self.Operator) as form:
            form.name, form.login = "Wang", "wang"
            form.password = form.password_again = PASSWORD
        with self.assertRaises(AccessError):
            form.record.read(["password_hash"])
        with self.assertRaises(AccessError):
            form.record.password_hash = "x"

    def test_rights_are_ticked_one_by_one(self):
        user = self._create("clerk")
        with self._change(user) as form:
            self.assertEqual((form.name, form.scope_codes), ("Wang", "90371"))
            form.group_ids.add(self.env.ref("amr_base.group_tariff"))
            form.group_ids.remove(self.env.ref("amr_base.group_clerk").id)
            form.building_ids.add(self.building)
            form.name = "Wang Wu"
        form.record.action_save()
        self.assertEqual(user.name, "Wang Wu")
        self.assertTrue(user.has_group("amr_base.group_tariff"))
        self.assertFalse(user.has_group("amr_base.group_clerk"))
        self.assertEqual(user.amr_scope_building_ids, self.building)
        with self._change(user) as form:
            form.active = False
        form.record.action_save()
        self.assertFalse(user.active)

    def test_scopes_are_typed_as_the_manuals_do(self):
        both = self.community | self.other_community
        user = self._operator("amr_reader", "amr_base.group_reader")
        for text, found in {
            "0371": self.community,
            "90374，90371": both,
            "９０３７４、0371；": both,
            "9": both,
            " all ": both,
            "": both.browse(),
        }.items():
            user.write(user._parse_amr_scope(text, self.env.company))
            self.assertEqual(user.amr_scope_community_ids & both, found, text)
        with self.assertRaisesRegex(UserError, "is no district or community"):
            self._create(scope="0999")
        twin = self.env["amr.district"].create({"code": "8", "name": "West"})
        self.env["amr.community"].create(
            {"code": "0371", "name": "Twin", "district_id": twin.id}
        )
        with self.assertRaisesRegex(UserError, "means several"):
            self._create(scope="0371")

    def test_an_operator_of_all_sees_later_communities(self):
        user = self._create(scope="ALL")
        new = self._community("0399", "Later")
        self.assertIn(new, self.env["amr.community"].with_user(user).search([]))
        self.assertEqual(user.amr_scope_codes, "ALL")

    def test_login_codes_are_unique(self):
        self._create()
        with self.assertRaisesRegex(UserError, "somebody else's"):
            self._create()

    def test_passwords_are_typed_twice_and_not_well_known(self):
        with self.assertRaisesRegex(UserError, "differ"):
            self._create(again="Sparrow-8")
        for weak in ("00000000", "123456", "1", "ha", "wangwang1"):
            with self.assertRaisesRegex(UserError, "too easy"):
                self._create(password=weak, login="wangwang1")

    @mute_logger("odoo.addons.base.models.res_users")
    def test_without_a_password_nobody_logs_in(self):
        self._create(password=False)
        for guess in ("", "00000000"):
            with self.assertRaises(AccessDenied):
                self._login("wang", guess)

    @mute_logger("odoo.addons.base.models.res_users")
    def test_everybody_changes_his_own_password(self):
        user = self._create()
        self.env["res.users"].with_user(user).change_password(PASSWORD, "Swallow-8")
        self.assertTrue(self._login("wang", "Swallow-8"))
        with self.assertRaises(AccessDenied):
            self._login("wang", PASSWORD)

    def test_only_system_administrators_maintain_operators(self):
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            self.env["amr.operator"].with_user(admin).create(
                {"name": "X", "login": "x"}
            )

    def test_nobody_climbs_above_this_suite(self):
        """A system administrator of ours neither becomes nor seizes one of Odoo's."""
        system = self.env.ref("base.group_system")
        odoo_admin = new_test_user(self.env, "odoo_admin", groups="base.group_system")
        with self.assertRaisesRegex(AccessError, "no.* operator of yours"):
            self.Operator.create(
                {
                    "user_id": odoo_admin.id,
                    "name": "X",
                    "login": "x",
                    "password": PASSWORD,
                    "password_again": PASSWORD,
                }
            ).action_save()
        self.Operator.create(
            {
                "name": "X",
                "login": "amr_x",
                "group_ids": [
                    fields.Command.set(
                        (system | self.env.ref("amr_base.group_reader")).ids
                    )
                ],
            }
        ).action_save()
        user = self.env["res.users"].search([("login", "=", "amr_x")])
        self.assertFalse(user.has_group("base.group_system"))
        with self.assertRaisesRegex(UserError, "by another administrator"):
            self.Operator.create(
                {
                    "user_id": self.manager.id,
                    "name": "Me",
                    "login": "amr_manager",
                    "group_ids": [
                        fields.Command.set(self.env.ref("amr_base.group_reader").ids)
                    ],
                }
            ).action_save()

    def test_nobody_takes_over_other_addons_or_companies_people(self):
        user = self._create("clerk")
        self._change(user)
        more = self.env["res.groups"].create({"name": "Bookkeeper"})
        user.group_ids += more
        with self.assertRaisesRegex(AccessError, "no.* operator of yours"):
            self._change(user)
        user.group_ids -= more
        self._change(user)
        user.company_ids += self.env["res.company"].create({"name": "Other"})
        with self.assertRaisesRegex(AccessError, "no.* operator of yours"):
            self._change(user)
        self.manager.company_ids = user.company_ids
        self._change(user)

    def test_an_archived_building_does_not_widen_the_scope(self):
        second = self.building.copy({"code": "002"})
        far = self._room("0101", second)
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        admin.amr_building_ids = self.building
        self.building.with_user(admin).active = False
        self.env.invalidate_all()
        self.assertFalse(far.with_user(admin).has_access("read"))
        with self._change(admin) as form:
            form.name = "Li"
        form.record.action_save()
        self.assertFalse(far.with_user(admin).has_access("read"))
        self.room.account_id = False
        self.room.unlink()
        with self.assertRaisesRegex(UserError, "limited to this building"):
            self.building.with_user(admin).unlink()

    def test_single_buildings_narrow_the_scope(self):
        second = self.building.copy({"code": "002"})
        far = self._room("0101", second)
        owner = self.account.copy({"room_ids": [fields.Command.set(far.ids)]})
        reader = self._operator("amr_reader", "amr_base.group_reader")
        self.assertTrue(far.with_user(reader).has_access("read"))
        reader.amr_building_ids = self.building
        for hidden in (second, far, owner):
            self.assertFalse(hidden.with_user(reader).has_access("read"))
        for shown in (self.building, self.room, self.account):
            self.assertTrue(shown.with_user(reader).has_access("read"))
