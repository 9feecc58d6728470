from contextlib import suppress

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestChargeDoubt(PortalCommon):
    """A charge that got no clear answer is settled by an accountant, once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = cls._user("accountant", "account.group_account_manager")
        cls.invoicer = cls._user("invoicer", "account.group_account_invoice")
        cls.clerk = cls._user("clerk", "amr_base.group_clerk")

    @classmethod
    def _user(cls, login, group):
        return new_test_user(
            cls.env,
            login=f"doubt_{login}",
            groups=group,
            company_id=cls.company.id,
            company_ids=[fields.Command.set(cls.company.ids)],
            amr_community_ids=[fields.Command.set(cls.community.ids)],
        )

    def setUp(self):
        super().setUp()
        self._login()
        self.bill = self._create_bill(self.own)
        self.vend = self._create_vend(self.own)
        self.token = self._create_token(
            provider_id=self.demo_provider.id,
            payment_method_id=self.demo_provider.payment_method_ids[:1].id,
            partner_id=self.own["account"].partner_id.id,
            demo_simulated_state="done",
        )

    def _doubt(self, url, amount):
        """Begin a charge to which the provider gives no answer."""
        values = self.make_jsonrpc_request(
            url,
            {
                **self._get_payment_params(self.vend),
                "amount": amount,
                "flow": "token",
                "token_id": self.token.id,
                "payment_method_id": None,
                "access_token": self.bill._portal_ensure_token(),
            },
        )
        tx = self._get_tx(values["reference"])

        def die(_tx):
            raise SerializationFailure

        _calls, provider = self._answer(die)
        with provider:
            for _try in range(2):
                self._charge(tx)
        self.assertEqual(tx.state, "pending")
        return tx

    def _charge(self, tx):
        self.env.flush_all()
        with suppress(SerializationFailure), self.registry.cursor() as cr:
            self.env(cr=cr)["payment.transaction"].browse(tx.id)._charge_amr_token()
        self.env.invalidate_all()

    def _doubt_bill(self):
        return self._doubt(f"/invoice/transaction/{self.bill.id}", 100)

    def _doubt_vend(self):
        return self._doubt(f"/my/energy/vend/{self.vend.id}/transaction", 100)

    def _decide(self, tx, decision, reason="statement no. 4711", user=None):
        wizards = self.env["amr.charge.resolve"].with_user(user or self.accountant)
        action = tx.with_user(user or self.accountant).action_amr_decide()
        wizards.with_context(**action["context"]).create(
            {"decision": decision, "reason": reason}
        ).action_apply()

    def _answer_late(self, tx, state):
        """The provider tells after all; the cron post-processes."""
        tx._process("demo", {"reference": tx.reference, "simulated_state": state})
        tx._post_process()

    def _payments(self, tx):
        return self.env["account.payment"].search(
            [("payment_transaction_id", "=", tx.id)]
        )

    def _exceptions(self, origin):
        return self.env["amr.exception"].search(
            [("origin", "=", origin), ("state", "=", "open")]
        )

    def test_a_charge_that_was_taken_is_booked_once(self):
        tx = self._doubt_bill()
        self.assertIn(tx.reference, self._exceptions(self.bill.name).reason)
        self._decide(tx, "taken")
        self.assertEqual((tx.state, self.bill.payment_state), ("done", "paid"))
        self.assertFalse(self._exceptions(self.bill.name))
        self._answer_late(tx, "done")
        self.assertEqual(len(self._payments(tx)), 1)
        self.assertEqual(self.bill.amount_residual, 0)
        self.assertFalse(self._exceptions(self.bill.name))

    def test_a_recharge_that_was_taken_goes_on(self):
        tx = self._doubt_vend()
        self._decide(tx, "taken")
        self.assertEqual(self.vend.state, "crediting")
        self.assertEqual(self.vend.wallet_id.balance, 100)
        self._answer_late(tx, "done")
        self.assertEqual(self.vend.wallet_id.balance, 100)
        self.assertEqual(len(self.vend.command_ids), 1)
        self.assertFalse(self._exceptions(self.vend.name))

    def test_a_charge_that_was_not_taken_is_paid_anew(self):
        tx = self._doubt_vend()
        self.assertFalse(self.vend._is_payable())
        self._decide(tx, "not_taken")
        self.assertEqual((tx.state, self.vend.state), ("error", "draft"))
        self.assertTrue(self.vend._is_payable())
        self.assertFalse(self._exceptions(self.vend.name))
        self._pay(self.vend)._post_process()
        self.assertEqual(self.vend.wallet_id.balance, 100)

    def test_late_money_is_booked_once_and_told(self):
        """Said not to be taken, paid anew, and then the provider says yes to both."""
        tx = self._doubt_vend()
        self._decide(tx, "not_taken")
        self._pay(self.vend)._post_process()
        for _time in range(2):
            self._answer_late(tx, "done")
        self.assertEqual(self.vend.wallet_id.balance, 200, "both payments, each once")
        self.assertEqual(len(self.vend.command_ids), 1)
        self.assertIn("does not need it", self._exceptions(self.vend.name).reason)

    def test_late_money_for_a_paid_bill_is_booked_once_and_told(self):
        tx = self._doubt_bill()
        self._decide(tx, "not_taken")
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.bill.ids
        )
        wizard.create({})._create_payments()
        for _time in range(2):
            self._answer_late(tx, "done")
        self.assertEqual(len(self._payments(tx)), 1)
        self.assertIn("were not needed", self._exceptions(self.bill.name).reason)

    @mute_logger("odoo.addons.payment.models.payment_transaction")
    def test_a_provider_that_takes_its_yes_back_is_told(self):
        tx = self._doubt_bill()
        self._decide(tx, "taken")
        self._answer_late(tx, "cancel")
        self.assertEqual((tx.state, self.bill.payment_state), ("done", "paid"))
        self.assertIn("look it up there", self._exceptions(self.bill.name).reason)

    def test_only_accountants_decide_and_only_with_a_reason(self):
        tx = self._doubt_bill()
        for user in (self.clerk, self.invoicer, self.own["user"]):
            with self.assertRaises(AccessError):
                self._decide(tx, "taken", user=user)
            with self.assertRaises(AccessError):
                tx.with_user(user)._settle_amr_doubt(True, "because")
        with self.assertRaisesRegex(UserError, "Say how you know"):
            self._decide(tx, "taken", reason="  ")
        self.assertEqual(tx.state, "pending")

    def test_a_payment_is_settled_once(self):
        tx = self._doubt_bill()
        self._decide(tx, "taken")
        with self.assertRaisesRegex(UserError, "not in doubt any more"):
            self._decide(tx, "not_taken")
        other = self._pay(self.vend)
        with self.assertRaisesRegex(UserError, "not in doubt any more"):
            self._decide(other, "not_taken")

    def test_the_decision_is_in_the_operation_log(self):
        tx = self._doubt_bill()
        self._decide(tx, "not_taken")
        log = self.env["auditlog.log"].search(
            [("model_model", "=", "payment.transaction"), ("res_id", "=", tx.id)]
        )
        self.assertEqual(log.user_id, self.accountant)
        self.assertIn("statement no. 4711", log.amr_note)
        self.assertIn("statement no. 4711", self.bill.message_ids[0].body)

    def test_what_a_provider_says_is_not_written_over_rpc(self):
        tx = self._doubt_bill().with_user(self.accountant)
        for vals in (
            {"state": "done"},
            {"amount": 1},
            {"amr_charged_at": False},
            {"is_post_processed": False},
            {"payment_id": False},
            {"partner_id": self.company.partner_id.id},
            {"token_id": False},
            {"reference": "other"},
            {"provider_reference": "other"},
        ):
            with self.assertRaisesRegex(AccessError, "by its button"):
                tx.write(vals)
        for vals in (
            {"state": "done"},
            {"amr_vend_id": self.vend.id},
            {"amr_by_job": True, "token_id": self.token.id},
        ):
            with self.assertRaises(AccessError):
                tx.create(
                    {
                        "provider_id": self.demo_provider.id,
                        "payment_method_id": tx.sudo().payment_method_id.id,
                        "reference": "by hand",
                        "amount": 100,
                        "currency_id": self.company.currency_id.id,
                        "partner_id": self.own["account"].partner_id.id,
                        **vals,
                    }
                )

    def test_a_stale_view_is_sent_back(self):
        """Two decisions at one moment: whoever comes second sees the first."""
        tx = self._doubt_bill()
        self.assertTrue(tx.amr_in_doubt)
        with self.registry.cursor() as cr:
            other = self.env(cr=cr, user=self.accountant)["payment.transaction"]
            other.browse(tx.id)._settle_amr_doubt(True, "looked up")
        with self.assertRaisesRegex(UserError, "not in doubt any more"):
            self._decide(tx, "not_taken")
        self.assertEqual(len(self._payments(tx)), 1)

    # === An accountant charges what is saved === #

    def _charge_by_accountant(self):
        line = self.demo_provider.journal_id.inbound_payment_method_line_ids.filtered(
            lambda one: one.payment_provider_id == self.demo_provider
        )
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=self.bill.ids)
            .create(
                {
                    "journal_id": self.demo_provider.journal_id.id,
                    "payment_method_line_id": line.id,
                    "payment_token_id": self.token.id,
                }
            )
        )
        return wizard._create_payments()

    def test_an_accountant_charges_by_a_job(self):
        calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            payment = self._charge_by_accountant()
            tx = payment.payment_transaction_id
            self.assertEqual((calls, payment.state, tx.state), ([], "draft", "draft"))
            self.assertNotEqual(payment.move_id.state, "posted")
            self.assertFalse(self.bill._is_amr_payable(), "it is being paid")
            with self.assertRaisesRegex(UserError, "posted by itself"):
                payment.action_post()
            self._charge(tx)
        tx._post_process()
        self.assertEqual(len(calls), 1)
        self.assertEqual((payment.state, self.bill.payment_state), ("paid", "paid"))
        self.assertEqual(self._payments(tx), payment)

    def test_a_charge_that_fails_cancels_the_payment(self):
        _calls, provider = self._answer(lambda tx: tx._set_error("no money"))
        with provider:
            payment = self._charge_by_accountant()
            self._charge(payment.payment_transaction_id)
        payment.payment_transaction_id._post_process()
        self.assertEqual(payment.state, "canceled")
        self.assertEqual(self.bill.amount_residual, 100)

    def test_an_accountant_does_not_charge_what_is_being_paid(self):
        self._doubt_bill()
        with self.assertRaisesRegex(UserError, "under way already"):
            self._charge_by_accountant()

    def test_an_accountant_waits_for_who_has_just_begun(self):
        self.make_jsonrpc_request(
            f"/invoice/transaction/{self.bill.id}",
            {
                **self._get_payment_params(self.vend),
                "amount": 100,
                "access_token": self.bill._portal_ensure_token(),
            },
        )
        with self.assertRaisesRegex(UserError, "Somebody else began"):
            self._charge_by_accountant()

    def test_a_payment_given_up_while_it_was_taken_is_booked(self):
        _calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            payment = self._charge_by_accountant()
            payment.action_cancel()
            self._charge(payment.payment_transaction_id)
        payment.payment_transaction_id._post_process()
        self.assertEqual((payment.state, self.bill.payment_state), ("paid", "paid"))

    def test_what_is_being_charged_is_not_changed(self):
        _calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            payment = self._charge_by_accountant()
            for vals in (
                {"amount": 50},
                {"partner_id": self.company.partner_id.id},
                {"date": "2020-01-01"},
                {"payment_token_id": False},
                {"payment_transaction_id": False},
            ):
                with self.assertRaisesRegex(UserError, "is being charged"):
                    payment.with_user(self.accountant).write(vals)
            self._charge(payment.payment_transaction_id)
        payment.payment_transaction_id._post_process()
        self.assertEqual((payment.amount, self.bill.payment_state), (100, "paid"))

    def test_a_payment_of_no_one_account_is_charged_by_a_job_too(self):
        """As the payment of bills of two accounts of one customer is."""
        calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            first = self._charge_by_accountant()
            first.payment_transaction_id.sudo()._set_canceled()
            payment = self.env["account.payment"].create(
                {
                    "payment_type": "inbound",
                    "partner_id": first.partner_id.id,
                    "amount": 30,
                    "journal_id": first.journal_id.id,
                    "payment_method_line_id": first.payment_method_line_id.id,
                    "payment_token_id": self.token.id,
                    "amr_account_id": False,
                }
            )
            payment.action_post()
        self.assertEqual((calls, payment.state), ([], "draft"))
        self.assertTrue(payment.payment_transaction_id.amr_by_job)

    def test_a_payment_is_booked_on_the_day_its_money_came(self):
        _calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            payment = self._charge_by_accountant()
            payment.sudo().date = "2020-01-01"
            self.company.sudo().fiscalyear_lock_date = "2020-12-31"
            self._charge(payment.payment_transaction_id)
        payment.payment_transaction_id._post_process()
        self.assertEqual(payment.date, fields.Date.context_today(payment))
        self.assertEqual(self.bill.payment_state, "paid")
