from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestAccounting(PrepaidCommon):
    def setUp(self):
        super().setUp()
        self.liability = self.company.amr_prepaid_account_id
        self.before = self._sum(self.liability)

    def _owed(self):
        """What the company owes its customers since the test began."""
        return round(self.before - self._sum(self.liability), 2)

    def _sum(self, account):
        lines = self.env["account.move.line"].search(
            [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        )
        return round(sum(lines.mapped("balance")), 2)

    def test_a_chinese_chart_brings_account_and_journal(self):
        company = self.env["res.company"].create(
            {"name": "Golden Delta Property", "country_id": self.env.ref("base.cn").id}
        )
        self.env["account.chart.template"].try_loading(
            "cn", company=company, install_demo=False
        )
        account = company.amr_prepaid_account_id
        self.assertTrue(account.with_company(company).code.startswith("2203"))
        self.assertEqual(account.account_type, "liability_current")
        self.assertEqual(company.amr_prepaid_journal_id.type, "general")
        self.assertEqual(account.with_context(lang="zh_CN").name, "预收账款-客户预付费")

    def test_the_deposit_moves_the_payment_into_the_liability(self):
        receivable = self.partner.property_account_receivable_id
        due = self._sum(receivable)
        vend = self._sell(100)
        self.assertEqual(self._owed(), 100)
        self.assertEqual(self._sum(self.cash.default_account_id), 100)
        self.assertEqual(self._sum(receivable), due)
        lines = vend.payment_id.move_id.line_ids | vend.deposit_move_id.line_ids
        open_lines = lines.filtered(lambda line: line.account_id == receivable)
        self.assertEqual(set(open_lines.mapped("reconciled")), {True})
        self.assertEqual(vend.wallet_id.balance, 100)
        self.assertEqual(vend.wallet_id.reserved, 99.60)

    def test_energy_on_the_meter_is_not_credited(self):
        """The customer would have the energy, and its money."""
        vend = self._sell(100)
        self._run_until_settled(vend)
        note = vend.bill_move_id._reverse_moves([{"date": fields.Date.today()}])
        with self.assertRaisesRegex(UserError, f"{vend.name} is on meter"):
            note.action_post()
        part = note.copy({"reversed_entry_id": vend.bill_move_id.id})
        part.invoice_line_ids.quantity = 1
        with self.assertRaisesRegex(UserError, "nothing takes it off"):
            part.action_post()
        self.meter.installation_ids.date_to = fields.Datetime.now()
        note.action_post()
        self.assertEqual(note.state, "posted", "what was left on it is paid back")
        self.assertLedgerEqual()

    def test_the_energy_is_invoiced_when_the_meter_has_it(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        invoice = vend.bill_move_id
        self.assertEqual((invoice.state, invoice.payment_state), ("posted", "paid"))
        self.assertEqual((invoice.amount_total, invoice.amount_residual), (99.60, 0))
        self.assertEqual(invoice.amr_account_id, self.account)
        self.assertEqual(invoice.amr_community_id, self.community)
        line = invoice.invoice_line_ids
        self.assertEqual((line.quantity, line.price_unit), (83, 1.2))
        self.assertEqual(line.product_id, self.electricity.product_id)
        self.assertIn(self.meter.number, line.name)
        self.assertEqual(self._owed(), 0.40)
        self.assertEqual(
            sorted(vend.wallet_id.entry_ids.mapped("amount")), [-99.60, 100]
        )

    def test_money_that_comes_in_a_locked_period_is_booked_once(self):
        today = self.community._local_date(fields.Datetime.now())
        self.company.fiscalyear_lock_date = today
        vend = self._sell(100)
        self.assertGreater(vend.deposit_move_id.date, today, "after the lock")
        self._run_until_settled(vend)
        self.assertEqual((vend.state, bool(vend.credited_at)), ("exception", True))
        self.assertEqual(vend.wallet_id.balance, 100)
        self.assertLedgerEqual()
        self.company.fiscalyear_lock_date = False
        vend.action_retry()
        self.assertCredited(vend)
        invoices = self.env["account.move"].search([("amr_vend_id", "=", vend.id)])
        self.assertEqual(invoices, vend.bill_move_id)

    def test_prices_of_six_decimals_are_invoiced_to_the_cent(self):
        self.prepaid_tariff.version_ids.price = 0.568317
        vend = self._sell("777.77")
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(vend.bill_move_id.amount_total, vend.charged)

    def test_what_a_wallet_depends_on_cannot_be_undone(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        for move in (vend.deposit_move_id, vend.bill_move_id):
            with self.assertRaisesRegex(UserError, "cannot be reset to draft"):
                move.button_draft()
        for method in ("action_draft", "action_cancel"):
            with self.assertRaisesRegex(UserError, "refund it there"):
                getattr(vend.payment_id, method)()

    def test_nothing_but_wallets_posts_to_the_prepaid_account(self):
        move = self.env["account.move"].create(
            {
                "journal_id": self.company.amr_prepaid_journal_id.id,
                "line_ids": [
                    Command.create({"account_id": account.id, **amounts})
                    for account, amounts in (
                        (self.liability, {"debit": 5}),
                        (self.cash.default_account_id, {"credit": 5}),
                    )
                ],
            }
        )
        with self.assertRaisesRegex(UserError, "only deposits and sales"):
            move.action_post()

    def test_the_front_desk_cannot_undo_wallets_over_the_api(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        deposit = vend.deposit_move_id.with_user(self.clerk)
        bill = vend.bill_move_id.with_user(self.clerk)
        payment = vend.payment_id.with_user(self.clerk)
        liability = deposit.line_ids.filtered(
            lambda line: line.account_id == self.liability
        )
        cash = self.cash.default_account_id
        attempts = [
            lambda: deposit.write({"state": "draft"}),
            lambda: deposit.write({"line_ids": [Command.clear()]}),
            lambda: bill.write({"state": "cancel"}),
            bill.button_cancel,
            lambda: liability.write({"account_id": cash.id}),
            lambda: liability.write({"debit": 1}),
            lambda: deposit.line_ids.with_context(force_delete=True).unlink(),
            payment.move_id.button_draft,
            lambda: payment.move_id.line_ids[0].write({"debit": 1}),
            lambda: payment.move_id.line_ids[0].write(
                {"account_id": self.liability.id}
            ),
            lambda: payment.write({"state": "canceled"}),
            lambda: payment.write({"amount": 1}),
        ]
        for number, attempt in enumerate(attempts):
            with self.subTest(number), self.assertRaises(UserError):
                attempt()
        self.assertLedgerEqual()

    def test_nobody_ties_an_entry_to_a_wallet_over_the_api(self):
        wallet = self._sell(100).wallet_id
        Move = self.env["account.move"].with_user(self.clerk)
        lines = [
            Command.create({"account_id": account.id, **amounts})
            for account, amounts in (
                (self.liability, {"debit": 5}),
                (self.cash.default_account_id, {"credit": 5}),
            )
        ]
        with self.assertRaises(AccessError):
            Move.create({"amr_wallet_id": wallet.id, "line_ids": lines})
        with self.assertRaises(AccessError):
            Move.with_context(default_amr_wallet_id=wallet.id).create(
                {"line_ids": lines}
            )
        move = Move.create({"line_ids": lines})
        with self.assertRaises(AccessError):
            move.amr_wallet_id = wallet
        with self.assertRaisesRegex(UserError, "only deposits and sales"):
            move.action_post()

    def test_without_an_account_nothing_is_sold_and_the_sentence_says_where(self):
        self.company.amr_prepaid_account_id = False
        with self.assertRaisesRegex(UserError, "Settings, Prepaid"):
            self._sell(100)
        self.company._setup_amr_prepaid()
        self.assertEqual(self._sell(100).state, "crediting")

    def test_an_invoice_that_cannot_be_posted_waits_for_a_person(self):
        vend = self._sell(100)
        self.electricity.product_id.taxes_id = self.env["account.tax"].create(
            {
                "name": "Odd",
                "amount_type": "fixed",
                "amount": 1,
                "price_include_override": "tax_included",
                "include_base_amount": True,
                "company_id": self.company.id,
            }
        )
        journal = self.env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", self.company.id)]
        )
        journal.active = False
        self._run_until_settled(vend)
        self.assertEqual(vend.state, "exception")
        self.assertIn("The meter has the credit", vend.reason)
        self.assertTrue(vend.credited_at)
        self.assertLedgerEqual()
        journal.active = True
        self.electricity.product_id.taxes_id = False
        vend.action_retry()
        self.assertCredited(vend)

    @mute_logger("odoo.sql_db")
    def test_wallet_entries_are_for_ever(self):
        from psycopg2.errors import RestrictViolation

        entry = self._sell(100).wallet_id.entry_ids
        with self.assertRaisesRegex(UserError, "never changed"):
            entry.amount = 1
        with self.assertRaisesRegex(UserError, "never deleted"):
            entry.unlink()
        for statement in (
            "UPDATE amr_wallet_entry SET amount = amount + 1 WHERE id = %s",
            "DELETE FROM amr_wallet_entry WHERE id = %s",
        ):
            with self.assertRaises(RestrictViolation), self.env.cr.savepoint():
                self.env.cr.execute(statement, [entry.id])

    def test_an_account_with_prepaid_money_is_not_closed_over_the_api(self):
        self._sell(100)
        with self.assertRaisesRegex(UserError, "still on its way"):
            self.account.with_user(self.clerk).write({"state": "closed"})

    def test_an_account_with_prepaid_money_is_not_closed(self):
        vend = self._sell(100)
        with self.assertRaisesRegex(UserError, vend.name):
            self.account.action_close()
        self._run_until_settled(vend)
        with self.assertRaisesRegex(UserError, "still holds"):
            self.account.action_close()
