from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import FEBRUARY, BillingCommon


@tagged("post_install", "-at_install")
class TestAccess(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._freeze(FEBRUARY, 100)
        cls.run_january = cls._bill()
        cls.bill = cls.run_january.move_ids
        cls.clerk = cls._operator("desk", "amr_base.group_clerk")
        cls.stranger = cls._operator(
            "stranger", "amr_base.group_community_admin", cls.other_community
        )
        cls.reader = cls._operator("reader", "amr_base.group_reader")

    def _everything(self):
        return (
            self.run_january,
            self.run_january.line_ids,
            self.run_january.charge_ids,
            self.bill,
            self.bill.line_ids,
        )

    def test_an_operator_sees_his_communities(self):
        for records in self._everything():
            with self.subTest(records._name):
                mine = records.with_user(self.clerk)
                mine.check_access("read")
                self.assertEqual(mine.search([("id", "in", records.ids)]), mine)

    def test_an_operator_out_of_scope_sees_nothing(self):
        for records in self._everything():
            with self.subTest(records._name):
                hidden = records.with_user(self.stranger)
                self.assertFalse(hidden.search([("id", "in", records.ids)]))
                with self.assertRaises(AccessError):
                    hidden.check_access("read")

    def test_documents_of_no_community_stay_visible(self):
        invoice = self._create_invoice_one_line(
            product_id=self.product_a, partner_id=self.partner_a
        )
        invoice.with_user(self.stranger).check_access("read")

    def test_a_reader_has_nothing_to_do_with_money(self):
        for records in self._everything():
            with self.subTest(records._name), self.assertRaises(AccessError):
                records.with_user(self.reader).check_access("read")

    def test_the_front_desk_does_not_bill(self):
        with self.assertRaises(AccessError):
            self.run_january.with_user(self.clerk)._reopen_errors()
        with self.assertRaises(AccessError):
            self.env["amr.billing.run"].with_user(self.clerk).create(
                {"community_id": self.community.id, "date_from": FEBRUARY}
            )

    def test_a_community_administrator_bills_his_community_only(self):
        admin = self._operator("administrator", "amr_base.group_community_admin")
        run = (
            self.env["amr.billing.run"]
            .with_user(admin)
            .create({"community_id": self.community.id, "date_from": FEBRUARY})
        )
        self._freeze(FEBRUARY.replace(month=3), 150)
        run._run_now()
        self.assertBilled(run)
        self.assertEqual(run.move_ids.amount_total, 26.42)
        with self.assertRaises(AccessError):
            self.env["amr.billing.run"].with_user(self.stranger).create(
                {"community_id": self.community.id, "date_from": FEBRUARY}
            )

    def test_nobody_writes_charges_by_hand(self):
        for user in (self.clerk, self.env.user):
            with self.assertRaises(AccessError):
                self.run_january.charge_ids.with_user(user).check_access("write")
            with self.assertRaises(AccessError):
                self.env["amr.charge"].with_user(user).check_access("create")

    def test_the_front_desk_takes_a_cash_payment(self):
        bill = self.bill.with_user(self.clerk)
        action = bill.action_register_payment()
        wizard = (
            self.env["account.payment.register"]
            .with_user(self.clerk)
            .with_context(**action["context"])
            .create({"journal_id": self.company_data["default_journal_cash"].id})
        )
        self.assertEqual(wizard.amount, 52.83)
        wizard.action_create_payments()
        self.assertEqual(bill.payment_state, "paid")
        self.assertEqual(bill.amount_residual, 0)
        payment = bill.matched_payment_ids
        self.assertEqual(payment.journal_id.type, "cash")
        self.assertTrue(payment.is_reconciled)
        self.assertEqual(payment.amr_account_id, self.account)
        self._check_hidden(payment)

    def test_a_payment_without_a_bill_belongs_to_its_only_account(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.account.partner_id.id,
                "amount": 5,
                "journal_id": self.company_data["default_journal_cash"].id,
            }
        )
        payment.action_post()
        self.assertEqual(payment.amr_account_id, self.account)
        self._check_hidden(payment)

    def _check_hidden(self, payment):
        """Whoever works for another community sees neither payment nor entry."""
        for record in (payment, payment.move_id, payment.move_id.line_ids):
            record.with_user(self.clerk).check_access("read")
            with self.assertRaises(AccessError):
                record.with_user(self.stranger).check_access("read")

    def test_the_front_desk_opens_account_bills_and_arrears(self):
        account = self.account.with_user(self.clerk)
        self.assertEqual(account.bill_count, 1)
        self.assertEqual(account.arrears, 52.83)
        for action in (account.action_open_bills(), account.action_open_arrears()):
            found = self.env["account.move"].with_user(self.clerk)
            self.assertEqual(found.search(action["domain"]), self.bill)
