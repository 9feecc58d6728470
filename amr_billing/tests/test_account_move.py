from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .common import FEBRUARY, MARCH, BillingCommon


@tagged("post_install", "-at_install")
class TestAccountMove(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._freeze(FEBRUARY, 100)
        cls.bill = cls._bill().move_ids

    def test_a_waived_bill_is_credited_and_never_billed_again(self):
        charge = self.bill.amr_charge_ids
        refund = self._credit(self.bill)
        self.assertEqual(refund.amr_account_id, self.account)
        self.assertEqual(self.bill.amount_residual, 0)
        self.assertTrue(charge.reversed)
        self.assertFalse(charge.released)
        self.assertFalse(self._bill().line_ids)
        self._freeze(MARCH, 150)
        self.assertEqual(self._bill(FEBRUARY).charge_ids.consumption, 50)
        self.assertEqual(self.account.arrears, 26.42)

    def test_a_wrong_bill_is_credited_and_billed_again(self):
        self._freeze(MARCH, 150)
        self._bill(FEBRUARY)
        self._credit(self.bill, amr_release=True)
        self.assertTrue(self.bill.amr_charge_ids.released)
        run = self._bill()
        self.assertBilled(run)
        self.assertEqual(run.charge_ids.consumption, 100)
        self.assertEqual(run.charge_ids.end_at, self.bill.amr_charge_ids.end_at)
        self.assertFalse(self._bill(FEBRUARY).line_ids.move_id)

    def test_a_credit_in_part_leaves_the_charges_standing(self):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=self.bill.ids)
            .create({"journal_id": self.bill.journal_id.id})
        )
        wizard.refund_moves()
        refund = wizard.new_move_ids
        refund.invoice_line_ids.quantity = 40
        refund.action_post()
        self.assertFalse(self.bill.amr_charge_ids.reversed)
        with self.assertRaisesRegex(UserError, "make the credit note smaller"):
            self._credit(self.bill)
        wizard = wizard.create({"journal_id": self.bill.journal_id.id})
        wizard.refund_moves()
        rest = wizard.new_move_ids
        rest.invoice_line_ids.quantity = 60
        rest.action_post()
        self.assertEqual(self.bill._get_amr_credited(), self.bill.amount_total)
        self.assertTrue(self.bill.amr_charge_ids.reversed)

    def test_crediting_with_a_new_invoice_never_releases(self):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=self.bill.ids)
            .create({"journal_id": self.bill.journal_id.id, "amr_release": True})
        )
        wizard.modify_moves()
        self.assertTrue(self.bill.amr_charge_ids.reversed)
        self.assertFalse(self.bill.amr_charge_ids.released)
        self.assertFalse(wizard.new_move_ids.amr_run_id)

    def test_a_posted_bill_does_not_change(self):
        refund = self._credit(self.bill)
        for move in self.bill | refund:
            self.assertFalse(move.show_reset_to_draft_button)
            with self.assertRaises(UserError):
                move.button_draft()
            with self.assertRaises(UserError):
                move.button_cancel()
        with self.assertRaises(UserError):
            self.bill.invoice_line_ids.price_unit = 1
        line = self.bill.invoice_line_ids
        for record, values in (
            (self.bill, {"state": "draft"}),
            (self.bill, {"state": "cancel"}),
            (self.bill, {"amr_community_id": self.other_community.id}),
            (line, {"balance": -1}),
            (line, {"name": "other words"}),
        ):
            with self.assertRaisesRegex(UserError, "does not change"):
                record.write(values)
        with self.assertRaises(UserError):
            self.bill.unlink()

    def test_other_invoices_are_left_alone(self):
        invoice = self._create_invoice_one_line(
            product_id=self.product_a, partner_id=self.partner, post=True
        )
        invoice.button_draft()
        self.assertEqual(invoice.state, "draft")
        self.assertFalse(invoice._get_amr_bill_rows())

    def test_arrears_of_an_account_follow_its_payments(self):
        self.assertEqual((self.account.bill_count, self.account.arrears), (1, 52.83))
        obstacles = self.account._get_closing_obstacles()
        self.assertIn("still owes", obstacles[-1])
        self._register_payment(self.bill)
        self.account.invalidate_recordset()
        self.assertEqual(self.account.arrears, 0)
        self.assertNotIn(obstacles[-1], self.account._get_closing_obstacles())

    def test_a_paid_bill_is_paid(self):
        self._register_payment(self.bill, amount=20)
        self.assertEqual(self.bill.payment_state, "partial")
        self._register_payment(self.bill)
        self.assertEqual(self.bill.payment_state, "paid")

    def test_two_credit_notes_at_once_see_each_other(self):
        """The bill's row gets a new version: whoever waits for it starts again."""
        refund = self.bill._reverse_moves([{"date": self.bill.date}])

        def version():
            self.env.flush_all()
            self.env.cr.execute(
                SQL("SELECT ctid FROM account_move WHERE id = %s", self.bill.id)
            )
            return self.env.cr.fetchone()

        before = version()
        refund._check_amr_credit()
        self.assertNotEqual(version(), before)
