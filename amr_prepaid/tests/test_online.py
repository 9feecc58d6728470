from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import html2plaintext

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestOnline(PrepaidCommon):
    """Online payments of prepaid orders, and post-processing that runs twice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bank = cls._journal("bank", "BNK9")
        method = cls.env.ref("payment.payment_method_unknown")
        cls.provider = cls.env["payment.provider"].create(
            {
                "name": "Test provider",
                "code": "none",
                "state": "test",
                "company_id": cls.company.id,
                "payment_method_ids": method.ids,
            }
        )
        cls.provider.journal_id = bank
        cls.env["account.payment.method.line"].create(
            {
                "name": "Test provider",
                "payment_method_id": cls.env.ref(
                    "account.account_payment_method_manual_in"
                ).id,
                "journal_id": bank.id,
                "payment_provider_id": cls.provider.id,
                "payment_account_id": bank.default_account_id.id,
            }
        )
        cls.payment_method = method

    def _order(self, amount=100):
        return self.Vend.create({"agreement_id": self.agreement.id, "amount": amount})

    def _transaction(self, vend, state="done", **vals):
        number = self.env["payment.transaction"].search_count([])
        tx = self.env["payment.transaction"].create(
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.payment_method.id,
                "reference": f"{vend.name}-{number}",
                "amount": vend.amount,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.partner.id,
                "operation": "online_direct",
                "amr_vend_id": vend.id,
                **vals,
            }
        )
        if state == "done":
            tx._set_done()
        elif state == "cancel":
            tx._set_canceled()
        elif state == "pending":
            tx._set_pending()
        return tx

    def test_a_confirmed_payment_credits_the_meter(self):
        vend = self._order()
        tx = self._transaction(vend)
        tx._post_process()
        self.assertEqual((vend.state, vend.transaction_id), ("crediting", tx))
        self.assertEqual(vend.payment_id, tx.payment_id)
        self.assertLedgerEqual()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_post_processing_twice_books_once(self):
        vend = self._order()
        tx = self._transaction(vend)
        tx._post_process()
        tx._post_process()
        tx.is_post_processed = False
        tx._post_process()
        self._check_booked_once(vend, tx)

    def test_post_processing_with_a_stale_view_books_once(self):
        """The cron has read the flag before the customer's page did the work."""
        vend = self._order()
        tx = self._transaction(vend)
        self.assertFalse(tx.is_post_processed)
        self.assertFalse(tx.payment_id)
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            self.env(cr=cr)["payment.transaction"].browse(tx.id)._post_process()
        field = tx._fields["is_post_processed"]
        self.env.cache.set(tx, field, False)
        self.env.cache.set(tx, tx._fields["payment_id"], None)
        tx._post_process()
        self._check_booked_once(vend, tx)

    def _check_booked_once(self, vend, tx):
        payments = self.env["account.payment"].search(
            [("payment_transaction_id", "=", tx.id)]
        )
        self.assertEqual(len(payments), 1)
        self.assertEqual(len(vend.wallet_id.entry_ids), 1)
        self.assertEqual(vend.command_ids, vend.command_id)
        self.assertLedgerEqual()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_money_in_a_wallet_is_not_paid_back_by_the_provider(self):
        vend = self._order()
        tx = self._transaction(vend)
        tx._post_process()
        with self.assertRaisesRegex(UserError, "refund it there"):
            tx._refund(100)
        self.assertFalse(tx.child_transaction_ids)

    def test_a_payment_that_is_not_confirmed_books_nothing(self):
        vend = self._order()
        for state in ("pending", "cancel"):
            self._transaction(vend, state)._post_process()
            self.assertEqual(vend.state, "draft")
        self.assertFalse(vend.wallet_id.entry_ids)

    def test_a_second_payment_of_one_order_stays_in_the_wallet(self):
        vend = self._order()
        self._transaction(vend)._post_process()
        self._transaction(vend)._post_process()
        self.assertEqual(vend.wallet_id.balance, 200)
        self.assertEqual(len(vend.command_ids), 1)
        self.assertLedgerEqual()
        exception = self.env["amr.exception"].search(
            [("kind", "=", "credit"), ("meter_id", "=", self.meter.id)]
        )
        self.assertIn(vend.name, exception.reason)
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(self._available(), 100.40)

    def test_money_for_a_supply_that_ended_is_kept(self):
        vend = self._order()
        tx = self._transaction(vend)
        self.agreement.date_to = "2026-11-01"
        tx._post_process()
        self.assertEqual((vend.state, vend.purchase_no), ("exception", 0))
        self.assertIn("not in force", vend.reason)
        self.assertEqual(self._available(), 100)
        self.assertLedgerEqual()
        self.agreement.date_to = False
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_money_for_a_cancelled_order_is_kept(self):
        vend = self._order()
        vend._cancel("not wanted")
        self._transaction(vend)._post_process()
        self.assertEqual(vend.state, "cancelled")
        self.assertEqual(self._available(), 100)
        self.assertLedgerEqual()

    def test_orders_paid_at_the_same_time_follow_each_other(self):
        first, second = self._order(), self._order(50)
        self._transaction(second)._post_process()
        self._transaction(first)._post_process()
        self.assertEqual((second.state, first.state), ("crediting", "paid"))
        self._run_until_settled(second)
        self.assertEqual((first.state, first.purchase_no), ("crediting", 2))
        self._run_until_settled(first)
        self.assertCredited(first)
        self.assertLedgerEqual()

    def test_the_cron_post_processes_what_the_page_did_not(self):
        vend = self._order()
        tx = self._transaction(vend)
        with self.enter_registry_test_mode():
            self.env.ref("payment.cron_post_process_payment_tx").method_direct_trigger()
        self._check_booked_once(vend, tx)

    def test_an_operator_can_not_invent_an_online_payment(self):
        vend = self._order()
        tx = self._transaction(vend, state="pending")
        tx.with_user(self.clerk).check_access("read")
        for user, right in ((self.clerk, "write"), (self.other_clerk, "read")):
            with self.assertRaises(AccessError):
                tx.with_user(user).check_access(right)
        with self.assertRaises(AccessError):
            tx.with_user(self.clerk).copy({"reference": "invented", "state": "done"})

    def test_what_is_said_of_a_payment_is_said_in_chinese(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        vend = self._order().with_context(lang="zh_CN")
        tx = self._transaction(vend, state="pending").with_context(lang="zh_CN")
        tx._log_sent_message()
        tx._set_done()
        tx._post_process()
        said = html2plaintext("".join(vend.message_ids.mapped("body")))
        for words in ("已发起", "已到账", "已入账"):
            self.assertIn(words, said)
        self.assertNotIn("transaction", said)
