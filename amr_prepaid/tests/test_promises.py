from psycopg2.errors import (
    CheckViolation,
    IntegrityConstraintViolation,
    UniqueViolation,
)

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestPromises(PrepaidCommon):
    def _execute(self, statement, *parameters):
        self.env.flush_all()
        with self.env.cr.savepoint():
            self.env.cr.execute(statement, parameters)

    def _three_orders(self):
        vends = self.Vend
        for _number in range(3):
            vend = self._sell(10)
            self._run_until_settled(vend)
            vends |= vend
        return vends.sorted("purchase_no")

    def test_numbers_of_a_meter_have_no_holes(self):
        vends = self._three_orders()
        self.assertEqual(vends.mapped("purchase_no"), [1, 2, 3])
        self.assertEqual(self.Vend._get_number_faults(), [])

    @mute_logger("odoo.sql_db")
    def test_the_database_refuses_holes_and_doubles(self):
        vends = self._three_orders()
        waiting = self._sell(10)
        update = "UPDATE amr_vend SET purchase_no = %s WHERE id = %s"
        for number in (6, 3, 1):
            with self.assertRaises(IntegrityConstraintViolation):
                self._execute(update, number, waiting.id)
        with self.assertRaises(IntegrityConstraintViolation):
            self._execute(update, 0, vends[1].id)
        with self.assertRaises(IntegrityConstraintViolation):
            self._execute("DELETE FROM amr_vend WHERE id = %s", vends[2].id)
        self._execute("ALTER TABLE amr_vend DISABLE TRIGGER amr_vend_number_update")
        with self.assertRaises(UniqueViolation):
            self._execute(update, 3, waiting.id)

    @mute_logger("odoo.sql_db")
    def test_the_database_refuses_money_that_does_not_add_up(self):
        vend = self._sell(100)
        for column, value in (
            ("charged", 98.40),
            ("wallet_after", 1.60),
            ("payment_id", None),
            ("amount", 0),
        ):
            with self.subTest(column), self.assertRaises(CheckViolation):
                self._execute(
                    f"UPDATE amr_vend SET {column} = %s WHERE id = %s", value, vend.id
                )

    @mute_logger("odoo.sql_db")
    def test_the_database_refuses_change_worth_a_unit(self):
        vend = self._sell(100)
        with self.assertRaises(CheckViolation):
            self._execute(
                "UPDATE amr_vend SET charged = 98.40, wallet_after = 1.60 "
                "WHERE id = %s",
                vend.id,
            )

    def test_orders_are_not_deleted(self):
        with self.assertRaisesRegex(UserError, "Orders are kept"):
            self._sell(100).unlink()

    def _reports(self):
        return self.env["amr.exception"].search(
            [("kind", "=", "ledger"), ("company_id", "=", self.company.id)]
        )

    def test_the_nightly_check_is_silent_when_all_is_well(self):
        self._three_orders()
        self.env["amr.wallet"]._cron_check_promises()
        self.assertFalse(self._reports())

    def test_the_nightly_check_reports_a_ledger_that_differs(self):
        vend = self._sell(100)
        self._execute(
            "UPDATE amr_wallet SET balance = balance + 1 WHERE id = %s",
            vend.wallet_id.id,
        )
        self.env.invalidate_all()
        [(company, _ledger, entries, balances)] = self.env[
            "amr.wallet"
        ]._get_ledger_differences()
        self.assertEqual((company, balances - entries), (self.company, 1))
        self.env["amr.wallet"]._cron_check_promises()
        self.env["amr.wallet"]._cron_check_promises()
        report = self._reports()
        self.assertEqual(len(report), 1)
        self.assertIn(str(balances), report.reason)
        self.assertTrue(report.activity_ids)

    def test_the_nightly_check_reports_a_hole_in_the_numbers(self):
        vends = self._three_orders()
        self._execute("ALTER TABLE amr_vend DISABLE TRIGGER amr_vend_number_update")
        self._execute("UPDATE amr_vend SET purchase_no = 9 WHERE id = %s", vends[1].id)
        self.env.invalidate_all()
        self.env["amr.wallet"]._cron_check_promises()
        self.assertEqual(self._reports().meter_id, self.meter)
