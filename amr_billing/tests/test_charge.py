from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import FEBRUARY, JANUARY, BillingCommon


@tagged("post_install", "-at_install")
class TestCharge(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._freeze(FEBRUARY, 100)
        cls.run_january = cls._bill()
        cls.charge = cls.run_january.charge_ids

    def _copy_sql(self, **changes):
        """Insert a copy of the charge, past the ORM and its checks."""
        columns = [
            name
            for name, field in self.charge._fields.items()
            if field.store and field.column_type and name != "id"
        ]
        self.env.flush_all()
        values = ", ".join(
            f"%({name})s" if name in changes else f'"{name}"' for name in columns
        )
        names = ", ".join(f'"{name}"' for name in columns)
        self.env.cr.execute(
            f"INSERT INTO amr_charge ({names}) "  # pylint: disable=sql-injection
            f"SELECT {values} FROM amr_charge WHERE id = %(id)s",
            {**changes, "id": self.charge.id},
        )

    def test_the_database_refuses_to_bill_a_unit_twice(self):
        middle = self.community._local_midnight(JANUARY.replace(day=20))
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.ExclusionViolation),
            self.env.cr.savepoint(),
        ):
            self._copy_sql(start_at=middle)
        self._copy_sql(start_at=self.charge.end_at, end_at="2026-02-28 16:00:00")
        self._copy_sql(component="t1")

    def test_the_database_refuses_to_change_or_delete_a_charge(self):
        for statement in (
            "UPDATE amr_charge SET amount = 1 WHERE id = %s",
            "UPDATE amr_charge SET end_index = 1 WHERE id = %s",
            "DELETE FROM amr_charge WHERE id = %s",
        ):
            with (
                self.subTest(statement),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.Error),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement, (self.charge.id,))

    def test_a_charge_is_neither_changed_nor_deleted(self):
        with self.assertRaises(UserError):
            self.charge.amount = 1
        with self.assertRaises(UserError):
            self.charge.unlink()

    def test_a_charge_keeps_what_it_was_made_of(self):
        self._change_price(FEBRUARY, 9)
        self.assertEqual(self.charge.unit_price, 0.5283)
        self.assertEqual(self.charge.factor, 1)
        self.assertEqual(self.charge.amount, 52.83)

    def test_consumption_is_added_up_within_one_utility_only(self):
        water = self.env.ref("amr_base.utility_cold_water")
        self._copy_sql(utility_id=water.id, component="total/9")
        charges = [("agreement_id", "=", self.agreement.id)]
        sums = ["consumption:sum", "quantity:sum"]
        read = self.env["amr.charge"]._read_group
        self.assertEqual(read(charges, [], sums), [(False, False)])
        by_utility = read(charges, ["utility_id"], sums)
        self.assertEqual({row[1:] for row in by_utility}, {(100, 100)})

    def test_the_agreement_knows_until_when_it_is_billed(self):
        self.assertEqual(self.agreement.billed_until, self.charge.end_at)

    def test_what_another_run_billed_meanwhile_is_a_reason_not_a_crash(self):
        run = self._make_run()
        line = run.line_ids.sudo().create(
            {"run_id": run.id, "account_id": self.account.id}
        )
        book, model = self._stale_book(), self.env.registry
        with (
            patch.object(model["amr.billing.run"], "_get_agreements", self._agreement),
            patch.object(
                model["amr.agreement"], "_get_agreement_book", lambda *_args: book
            ),
            mute_logger("odoo.sql_db"),
        ):
            line._bill()
        self.assertEqual(line.state, "error")
        self.assertIn("another run", line.error)
        self.assertEqual(len(self.account.charge_ids), 1)

    def _agreement(self, *_args):
        return self.agreement

    def _stale_book(self):
        """A book as a transaction sees it that began before the bill was made."""
        book = self.agreement._get_agreement_book(FEBRUARY)
        gap = self.agreement.date_from, self.charge.end_at
        book.known = {
            key: reading
            for key, reading in book.known.items()
            if key[2] == self.agreement.date_from
        }
        book.billed.clear()
        book.gaps[self.agreement.id] = [(gap, book._cut(self.agreement, *gap))]
        book.readings = book._read_readings()
        return book

    def test_terms_that_were_billed_stay(self):
        later = self.charge.end_at + timedelta(days=1)
        for vals in (
            {"account_id": self._new_account("0103")[0].id},
            {"date_from": later},
            {"tariff_id": self.tariff.copy().id},
            {"date_to": self.charge.end_at - timedelta(days=1)},
        ):
            with self.subTest(vals), self.assertRaises(UserError):
                self.agreement.write(vals)
        self.agreement.write({"account_id": self.account.id, "date_to": later})
        self.meter.current_ratio = 1

    def test_a_new_ratio_counts_from_the_last_reading_on(self):
        """… which may not lie before the end of what was billed with the old one."""
        readings = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        readings.action_put_aside()
        with self.assertRaisesRegex(UserError, "beyond its last reading"):
            self.meter.current_ratio = 20
        readings.action_accept()
        self.meter.current_ratio = 20
        self.assertEqual(self.charge.factor, 1)
