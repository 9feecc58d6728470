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

    def test_prices_and_operators_rights_are_logged(self):
        self.tariff.version_ids.with_user(self.manager).price = 0.6
        self.assertIn("0.5283", self._logs(self.tariff.version_ids, "write").changes)
        self.admin.amr_community_ids |= self.other_community
        self.assertIn("90374", self._logs(self.admin, "write").changes)

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

    def test_exports_are_logged(self):
        self.account.with_user(self.admin).export_data(["number", "name"])
        log = self.Log.search([("method", "=", "export_data")], limit=1)
        self.assertEqual(log.user_id, self.admin)
        self.assertEqual(log.model_id.model, "amr.account")

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
