from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import AmrCommon


@tagged("post_install", "-at_install")
class TestOperationLog(AmrCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._operator("amr_manager", "amr_base.group_manager")
        cls.admin = cls._operator("amr_admin", "amr_base.group_community_admin")
        cls.Log = cls.env["auditlog.log"].with_user(cls.manager)

    def _logs(self, record, method, user=None):
        domain = [
            ("model_id.model", "=", record._name),
            ("res_id", "=", record.id),
            ("method", "=", method),
        ]
        domain += [("user_id", "=", user.id)] if user else []
        return self.Log.search(domain)

    def test_a_change_is_logged_with_who_and_what(self):
        self.room.with_user(self.admin).area = 88.5
        log = self._logs(self.room, "write", self.admin)
        self.assertEqual((log.user_id, log.operation), (self.admin, "write"))
        self.assertEqual(log.line_ids.field_name, "area")
        self.assertIn("88.5", log.changes)
        self.assertEqual(log.name, self.room.display_name)

    def test_fields_are_named_in_the_language_of_who_reads(self):
        """Schedules write in English; the administrator reads Chinese."""
        self.env["res.lang"]._activate_lang("zh_CN")
        field = self.env["ir.model.fields"]._get("amr.room", "area")
        field.with_context(lang="zh_CN").field_description = "建筑面积"
        self.room.with_user(self.admin).area = 88.5
        log = self._logs(self.room, "write", self.admin).with_context(lang="zh_CN")
        self.assertIn("建筑面积: ", log.changes)
        self.assertEqual(log.line_ids.amr_label, "建筑面积")

    def test_prices_and_operators_rights_are_logged(self):
        self.tariff.version_ids.with_user(self.manager).price = 0.6
        self.assertIn("0.5283", self._logs(self.tariff.version_ids, "write").changes)
        self.admin.amr_community_ids |= self.other_community
        self.assertIn("90374", self._logs(self.admin, "write").changes)

    def test_a_change_is_told_in_words_without_ids(self):
        self.admin.write(
            {"active": False, "amr_community_ids": [(4, self.other_community.id)]}
        )
        self.account.with_user(self.manager).room_ids = self.room
        told = self._logs(self.admin, "write").changes
        self.assertIn("Active: yes → no", told)
        self.assertIn(self.other_community.display_name, told)
        self.assertNotIn("(", told)
        [line] = self._logs(self.admin, "write").line_ids.filtered(
            lambda line: line.field_name == "amr_community_ids"
        )
        self.assertIn(str(self.other_community.id), line.new_value)
        moved = self._logs(self.room, "write").line_ids.filtered(
            lambda line: line.field_name == "account_id"
        )
        self.assertEqual(moved[:1].new_value_text, self.account.display_name)
        method = self.env["ir.model.fields"]._get("amr.tariff.version", "method")
        words = self.env["auditlog.log.line"]._in_words(method, "flat")
        self.assertNotEqual(words, "flat")

    def test_made_and_deleted_records_are_logged(self):
        room = (
            self.env["amr.room"]
            .with_user(self.admin)
            .create({"name": "0909", "building_id": self.building.id})
        )
        self.assertEqual(self._logs(room, "create").user_id, self.admin)
        name = room.display_name
        room.unlink()
        self.assertEqual(self._logs(room, "unlink").name, name)

    def test_many_rows_are_logged_in_few_statements(self):
        def count(number, prefix):
            values = [
                {"name": f"{prefix}{n:03}", "building_id": self.building.id}
                for n in range(number)
            ]
            self.env["amr.room"].create(values[:1])
            before = self.cr.sql_log_count
            self.env["amr.room"].create(values[1:])
            self.env.flush_all()
            return self.cr.sql_log_count - before

        self.assertLess(count(200, "B") - count(100, "A"), 20)

    def test_a_password_set_is_logged_without_it(self):
        self.admin.with_user(self.manager).sudo().password = "Sparrow-7"
        log = self._logs(self.admin, "password", self.manager)
        self.assertEqual((log.user_id, log.operation), (self.manager, "password"))
        self.assertFalse(log.line_ids)

    def test_changes_of_a_customers_contact_are_logged(self):
        self.account.with_user(self.admin).write({"name": "Zhang San", "phone": "139"})
        log = self._logs(self.account, "write", self.admin)
        self.assertEqual(log.line_ids.mapped("field_name"), ["phone"])
        self.assertEqual(log.line_ids.new_value_text, "139")
        self.assertEqual(log.name, self.account.display_name)

    def test_changes_of_the_contact_itself_are_logged_on_its_accounts(self):
        self.partner.with_user(self.env.ref("base.user_admin")).phone = "138"
        log = self._logs(self.account, "write")
        self.assertEqual(log.user_id, self.env.ref("base.user_admin"))
        self.assertEqual(log.line_ids.mapped("field_name"), ["phone"])
        self.assertEqual(log.line_ids.new_value_text, "138")
        self.partner.phone = "138"
        self.assertEqual(self._logs(self.account, "write"), log, "nothing changed")

    def test_exports_are_logged(self):
        self.account.with_user(self.admin).export_data(["number", "name"])
        log = self.Log.search([("method", "=", "export_data")], limit=1)
        self.assertEqual(log.user_id, self.admin)
        self.assertEqual(log.model_id.model, "amr.account")
        self.assertEqual(log.name, log.model_id.name)
        self.assertIn("1", log.changes)

    def test_exports_of_any_list_are_logged_once(self):
        for records in (self.room, self.electricity, self.manager):
            records.with_user(self.manager).export_data(["display_name"])
        self.Log.search([("user_id", "=", self.manager.id)]).export_data(["name"])
        exports = self.Log.search([("method", "=", "export_data")])
        self.assertEqual(
            sorted(exports.mapped("model_id.model")),
            ["amr.room", "amr.utility", "auditlog.log"],
        )

    def test_a_company_sees_what_was_done_to_its_own_records(self):
        """Whoever did it: the record decides, and its company reads of it."""
        branch = self.env["res.company"].create({"name": "Branch"})
        district = self.env["amr.district"].create(
            {"code": "8", "name": "West", "company_id": branch.id}
        )
        chief = self._operator("amr_chief", "amr_base.group_manager")
        chief.company_ids += branch
        theirs = self._operator("amr_branch", "amr_base.group_manager")
        theirs.write({"company_id": branch.id, "company_ids": branch.ids})
        both = chief.company_ids.ids
        district.with_user(chief).with_context(allowed_company_ids=both).name = "Far"
        self.room.with_user(chief).area = 7
        made = self.room.with_user(chief).copy({"name": "0909"})
        self.room.with_user(chief).export_data(["name"])
        mine = self.Log.search([("user_id", "=", chief.id)])
        self.assertEqual(mine.amr_company_ids, self.env.company)
        self.assertLessEqual({self.room.id, made.id}, set(mine.mapped("res_id")))
        self.assertNotIn("amr.district", mine.mapped("model_id.model"))
        theirs_to_see = self.env["auditlog.log"].with_user(theirs).search([])
        log = theirs_to_see.filtered(lambda one: one.user_id == chief)
        self.assertEqual(log.model_id.model, "amr.district")
        self.assertEqual(log.line_ids.new_value_text, "Far")
        lines = self.env["auditlog.log.line"].with_user(theirs).search([])
        self.assertIn(log.line_ids, lines)
        self.assertFalse(lines.log_id - theirs_to_see)

    def test_every_kind_of_record_tells_its_company(self):
        """Or companies share it: then its log is for whose people did it."""
        shared = {"amr.utility", "amr.meter.model"}
        rules = self.env["auditlog.rule"].search([("state", "=", "confirmed")])
        for name in rules.mapped("model_id.model"):
            known = {"company_id", "company_ids"} & self.env[name]._fields.keys()
            self.assertEqual(not known, name in shared, name)

    def test_managers_query_and_export_the_log_and_nobody_else(self):
        self.room.with_user(self.admin).area = 12
        found = self.Log.search(
            [("user_id", "=", self.admin.id), ("line_ids.new_value_text", "=", "12.0")]
        )
        rows = found.export_data(["user_id/login", "name", "changes"])["datas"]
        self.assertEqual(rows[0][0], "amr_admin")
        with self.assertRaises(AccessError):
            self.env["auditlog.log"].with_user(self.admin).search([])

    def test_readings_are_not_audited(self):
        rules = self.env["auditlog.rule"].search([("state", "=", "confirmed")])
        models = set(rules.mapped("model_id.model"))
        self.assertLessEqual({"amr.tariff.version", "amr.account", "res.users"}, models)
        self.assertNotIn("amr.reading", models)

    def _purge(self, done_by=None):
        with Form(self.env["amr.log.purge"].with_user(self.manager)) as form:
            form.date_before = fields.Date.today() - timedelta(days=30)
            form.reason = "A year is over"
            if done_by:
                form.user_id = done_by
        return form.record

    def test_old_entries_are_purged_by_condition_and_the_purge_is_logged(self):
        self.room.with_user(self.admin).area = 12
        self.room.with_user(self.manager).area = 13
        old = self._logs(self.room, "write", self.admin)
        kept = self._logs(self.room, "write", self.manager)
        self.cr.execute(
            "UPDATE auditlog_log SET create_date = '2020-01-01' WHERE id = ANY(%s)",
            [(old | kept).ids],
        )
        self.env.invalidate_all()
        purge = self._purge(self.admin)
        self.assertEqual(purge.matching_count, 1)
        purge.action_purge()
        self.assertFalse(old.exists())
        self.assertTrue(kept.exists())
        self.assertEqual(
            (purge.state, purge.purged_count, purge.purged_by_id),
            ("done", 1, self.manager),
        )
        log = self._logs(purge, "purge")
        self.assertEqual((log.user_id, log.name), (self.manager, "A year is over"))
        with self.assertRaises(UserError):
            purge.action_purge()

    def test_what_concerns_another_company_too_is_not_purged(self):
        self.admin.company_ids += self.env["res.company"].create({"name": "Other"})
        log = self._logs(self.admin, "write")
        self.cr.execute(
            "UPDATE auditlog_log SET create_date = '2020-01-01' WHERE id = ANY(%s)",
            [log.ids],
        )
        self.env.invalidate_all()
        self._purge().action_purge()
        self.assertTrue(log.exists())

    def test_nothing_disappears_silently(self):
        self.room.with_user(self.admin).area = 12
        log = self._logs(self.room, "write", self.admin)
        system = self._operator("amr_system", "base.group_system")
        for remove in (
            lambda: log.with_user(system).unlink(),
            lambda: log.with_user(system).write({"user_id": self.manager.id}),
            lambda: log.line_ids.with_user(system).unlink(),
            lambda: log.line_ids.with_user(system).write({"new_value_text": "0"}),
        ):
            with self.assertRaisesRegex(AccessError, "stay as they are"):
                remove()
        purge = self._purge()
        purge.action_purge()
        with self.assertRaisesRegex(AccessError, "evidence"):
            purge.unlink()
        with self.assertRaises(AccessError):
            purge.reason = "Another"
        log.sudo().unlink()  # as a scheduled removal does
        scheduled = self.env["amr.log.purge"].search([], limit=1)
        self.assertEqual((scheduled.reason, scheduled.purged_count), ("Scheduled", 1))
