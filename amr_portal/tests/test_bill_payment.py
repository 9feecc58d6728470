from decimal import Decimal
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import JsonRpcException, tagged
from odoo.tests.test_cursor import TestCursor
from odoo.tools import mute_logger

from .common import PortalCommon


class Killed(SystemExit):
    """The process dies here."""


@tagged("post_install", "-at_install")
class TestBillPayment(PortalCommon):
    """A bill paid in the portal: what is owed, once, and never lost."""

    def setUp(self):
        super().setUp()
        self._login()
        self.bill = self._create_bill(self.own)
        self.token = self._create_token(
            provider_id=self.demo_provider.id,
            payment_method_id=self.demo_provider.payment_method_ids[:1].id,
            partner_id=self.own["account"].partner_id.id,
            demo_simulated_state="done",
        )

    def _begin(self, bill=None, **params):
        bill = bill or self.bill
        values = self.make_jsonrpc_request(
            f"/invoice/transaction/{bill.id}",
            {
                "provider_id": self.demo_provider.id,
                "payment_method_id": self.demo_provider.payment_method_ids[:1].id,
                "token_id": None,
                "amount": bill.amount_residual,
                "flow": "direct",
                "tokenization_requested": False,
                "landing_route": bill.get_portal_url(),
                "access_token": bill._portal_ensure_token(),
                **params,
            },
        )
        return self._get_tx(values["reference"])

    def _begin_with_token(self, **params):
        return self._begin(
            flow="token", token_id=self.token.id, payment_method_id=None, **params
        )

    def _charge(self, tx, kill=None):
        """Work the job that charges, in a process that may be killed."""
        self.env.flush_all()
        try:
            with self.registry.cursor() as cr:
                self.env(cr=cr)["payment.transaction"].browse(tx.id)._charge_amr_token()
        except (Killed, SerializationFailure) as death:
            self.assertIsInstance(death, kill or ())
        self.env.invalidate_all()

    def _jobs(self, tx):
        jobs = self.env["queue.job"].sudo()
        return jobs.search([("identity_key", "=", tx._get_amr_charge_key())])

    def assertPaidOnce(self, tx):
        tx._post_process()
        self.assertEqual(self.bill.payment_state, "paid")
        self.assertEqual(self.bill.amount_residual, 0)
        payments = self.env["account.payment"].search(
            [("payment_transaction_id", "in", self.bill.transaction_ids.ids)]
        )
        self.assertEqual(payments.mapped("amount"), [100])

    # === Saved payment methods === #

    def test_a_saved_method_is_charged_by_a_job(self):
        calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            tx = self._begin_with_token()
            self.assertFalse(calls, "not in the request, which may be rolled back")
            self.assertEqual(len(self._jobs(tx)), 1)
            self._charge(tx)
        self.assertEqual(len(calls), 1)
        self.assertPaidOnce(tx)

    def test_money_that_was_taken_is_not_lost_with_the_process(self):
        """The provider says yes, and nothing of it is written."""
        for death in (Killed, SerializationFailure):

            def die(_tx, death=death):
                raise death

            with self.subTest(death=death):
                calls, provider = self._answer(die)
                tx = self._begin_with_token()
                with provider:
                    self._charge(tx, kill=death)
                    self._charge(tx)
                self.assertEqual((len(calls), tx.state), (1, "pending"))
                exception = self.env["amr.exception"].search(
                    [("origin", "=", self.bill.name), ("state", "=", "open")]
                )
                self.assertIn(tx.reference, exception.reason)
                with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
                    self._begin()
                tx._set_canceled()  # looked up at the provider: not taken
        tx = self._begin_with_token()
        self._charge(tx)
        self.assertPaidOnce(tx)

    def test_a_bill_paid_meanwhile_is_not_charged(self):
        calls, provider = self._answer(lambda tx: None)
        tx = self._begin_with_token()
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.bill.ids
        )
        wizard.create({})._create_payments()
        with provider:
            self._charge(tx)
        self.assertEqual((calls, tx.state), ([], "cancel"))

    def test_a_charge_that_the_provider_answers_later_is_waited_for(self):
        _calls, provider = self._answer(lambda tx: None)
        tx = self._begin_with_token()
        with provider:
            self._charge(tx)
        self.assertEqual(tx.state, "pending")
        tx._process("demo", {"reference": tx.reference, "simulated_state": "done"})
        self.assertPaidOnce(tx)

    @mute_logger("odoo.http")
    def test_nobody_charges_what_others_saved(self):
        self._login(self.other)
        with self.assertRaises(JsonRpcException):
            self._begin_with_token()
        self.authenticate(None, None)
        with self.assertRaisesRegex(JsonRpcException, "AccessError"):
            self._begin_with_token()
        self.assertFalse(self.bill.transaction_ids)
        self.assertTrue(self._begin(), "whoever has the link may pay with his own")

    # === A lost job === #

    def test_a_lost_charge_is_taken_up_once(self):
        tx = self._begin_with_token()
        resume = self.env["amr.vend"].sudo()._cron_resume
        for lose in (
            lambda jobs: jobs.unlink(),
            lambda jobs: jobs.write({"state": "failed"}),
        ):
            lose(self._jobs(tx))
            resume()
            resume()
            waiting = self._jobs(tx).filtered(lambda job: job.state == "pending")
            self.assertEqual(len(waiting), 1)
        self._jobs(tx).state = "started"
        resume()
        self.assertNotIn("pending", self._jobs(tx).mapped("state"), "it is at work")
        self._jobs(tx).unlink()
        resume()
        self._charge(tx)
        self.assertPaidOnce(tx)

    def test_a_kill_at_each_commit_of_a_charge(self):
        """Its job is gone, too: the money is asked for once, and somebody knows."""
        for number, state in ((1, "done"), (2, "pending")):
            with self.subTest(commit=number):
                self.bill = self._create_bill(self.own)
                calls, provider = self._answer(lambda tx: tx._set_done())
                tx = self._begin_with_token()
                with provider:
                    with patch.object(TestCursor, "commit", self._die_at(number)):
                        self._charge(tx, kill=Killed)
                    self.assertEqual(tx.state, "draft")
                    self._jobs(tx).unlink()
                    self.env["amr.vend"].sudo()._cron_resume()
                    self.assertEqual(len(self._jobs(tx)), 1)
                    self._charge(tx)
                self.assertEqual((len(calls), tx.state), (1, state))

    def _die_at(self, number):
        """Return a commit that kills the process at its n-th call."""
        commit, left = TestCursor.commit, [number]

        def dying(cursor):
            left[0] -= 1
            if not left[0]:
                raise Killed
            return commit(cursor)

        return dying

    # === What may be paid === #

    @mute_logger("odoo.http")
    def test_what_is_owed_is_paid_and_nothing_else(self):
        for amount in (0, -100, 100.01, 1e9, 1e300, None, "x", "nan", "inf"):
            with (
                self.subTest(amount=amount),
                self.assertRaisesRegex(JsonRpcException, "ValidationError"),
            ):
                self._begin(amount=amount)
        self.assertFalse(self.bill.transaction_ids)
        self.assertTrue(self._begin(amount=40), "a part of it may be paid")

    @mute_logger("odoo.http")
    def test_a_bill_is_not_paid_twice(self):
        tx = self._begin()
        self.assertEqual(self._begin(), tx, "two windows pay one and the same")
        tx._set_done()
        with self.assertRaises(JsonRpcException):
            self._begin()  # done, and not booked yet
        with self.assertRaisesRegex(ValidationError, self.bill.name):
            self.bill._claim_amr_payment(Decimal(100))
        self.assertPaidOnce(tx)
        with self.assertRaises(JsonRpcException):
            self._begin(amount=100)

    def test_somebody_else_who_has_the_link_pays_a_payment_of_his_own(self):
        """What one saves while paying is his, and not the other one's."""
        first = self._begin(tokenization_requested=True)
        self._pass_minutes(first, 11)
        self._login(self.other)
        second = self._begin(tokenization_requested=True)
        self.assertNotEqual(second, first)
        partners = [resident["user"].partner_id for resident in (self.own, self.other)]
        self.assertEqual([first.partner_id, second.partner_id], partners)

    def _pass_minutes(self, tx, minutes):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = create_date - %s * "
            "interval '1 minute' WHERE id = %s",
            [minutes, tx.id],
        )
        tx.invalidate_recordset()

    @mute_logger("odoo.http")
    def test_two_payers_do_not_pay_one_bill_at_a_time(self):
        """The provider would take the money from both."""
        first = self._begin()
        self._login(self.other)
        params = ({}, {"flow": "token", "token_id": self._token_of(self.other).id})
        for more in params:
            with self.assertRaisesRegex(JsonRpcException, "ValidationError"):
                self._begin(**more)
        self.assertEqual(self.bill.transaction_ids, first)
        with self.assertRaisesRegex(ValidationError, "Somebody else began"):
            self.bill._check_amr_turn(self.other["user"].partner_id.id)
        self._login()
        self.assertEqual(self._begin(), first, "the first goes on")
        first._set_canceled()
        self._login(self.other)
        self.assertTrue(self._begin(), "it is his turn")

    def _token_of(self, resident):
        return self._create_token(
            provider_id=self.demo_provider.id,
            payment_method_id=self.demo_provider.payment_method_ids[:1].id,
            partner_id=resident["user"].partner_id.id,
            demo_simulated_state="done",
        )

    @mute_logger("odoo.http")
    def test_a_visitor_does_not_join_in_another_way(self):
        """Core gives him the customer's own name; he is another payer all the same."""
        other = self.demo_provider.payment_method_ids[:1].sudo()
        other = other.copy({"code": "other", "active": True})
        other.provider_ids = self.demo_provider
        self._begin()
        self.authenticate(None, None)
        with self.assertRaisesRegex(JsonRpcException, "ValidationError"):
            self._begin(payment_method_id=other.id)

    def test_money_that_a_bill_does_not_need_is_told(self):
        first = self._begin()
        self._pass_minutes(first, 11)
        self._login(self.other)
        second = self._begin()
        for tx in (first, second):
            tx._set_done()
            tx._post_process()
        self.assertEqual(self.bill.payment_state, "paid")
        exception = self.env["amr.exception"].search(
            [("origin", "=", self.bill.name), ("state", "=", "open")]
        )
        self.assertIn(second.reference, exception.reason)
        self.assertIn("100.00", exception.reason)
        self.assertEqual(second.payment_id.move_id.state, "posted", "booked as well")

    def test_a_visitor_is_not_shown_what_is_saved(self):
        token = self.token.sudo()
        page = f"/my/invoices/{self.bill.id}?access_token="
        page += self.bill._portal_ensure_token()
        name = token.display_name
        own = self.url_open(page).text
        self.assertIn(name, own)
        self.authenticate(None, None)
        visitor = self.url_open(page).text
        self.assertIn(self.bill.name, visitor)
        self.assertNotIn(name, visitor)
        self.assertNotIn(token.payment_details, visitor)

    def test_a_payment_of_two_bills_does_not_hide_that_of_one(self):
        first = self._begin()
        both = self.bill | self._create_bill(self.own)
        first.copy({"reference": "both", "invoice_ids": [Command.set(both.ids)]})
        self.assertEqual(self._begin(), first)

    def test_a_part_that_was_booked_does_not_block_the_rest(self):
        part = self._begin(amount=40)
        part._set_done()
        self.assertFalse(self.bill._is_amr_payable())
        part.is_post_processed = True  # its payment was deleted, say
        self.assertTrue(self.bill._is_amr_payable())

    def test_a_charge_waits_for_no_other_payment(self):
        """Begun before, in another window, and finished while the charge waited."""
        for state in ("_set_pending", "_set_authorized", "_set_done"):
            with self.subTest(state=state):
                self.bill = self._create_bill(self.own)
                direct = self._begin()
                charge = self._begin_with_token()
                getattr(direct, state)()
                calls, provider = self._answer(lambda tx: None)
                with provider:
                    self._charge(charge)
                self.assertEqual((calls, charge.state), ([], "cancel"))

    # === Invoices of others === #

    def test_an_invoice_that_is_no_bill_is_paid_as_core_does(self):
        self.bill.amr_account_id = False
        calls, provider = self._answer(lambda tx: tx._set_done())
        with provider:
            tx = self._begin_with_token(landing_route="/shop", amount=120)
        self.assertEqual((calls, tx.state), ([tx.id], "done"))
        self.assertEqual((tx.landing_route, tx.amount), ("/shop", 120))
        self.assertFalse(self._jobs(tx))

    @mute_logger("odoo.http")
    def test_a_credited_bill_is_not_paid(self):
        refund = self.bill._reverse_moves([{"date": self.bill.date}], cancel=True)
        self.assertEqual(self.bill.payment_state, "reversed")
        for move in (self.bill, refund):
            with self.assertRaises(JsonRpcException):
                self._begin(move, amount=100)

    @mute_logger("odoo.http")
    def test_a_saved_charge_blocks_the_other_window(self):
        self._begin_with_token()
        self.make_jsonrpc_request("/payment/status/poll", {})
        for begin in (self._begin, self._begin_with_token):
            with self.assertRaises(JsonRpcException):
                begin()
        self.assertEqual(len(self.bill.transaction_ids), 1)

    def test_the_landing_page_is_ours(self):
        for route in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/my\\..\\evil",
            "",
        ):
            tx = self._begin(landing_route=route)
            self.assertEqual(tx.landing_route, "/my/invoices")
            tx._set_canceled()
        self.assertEqual(self._begin().landing_route, self.bill.get_portal_url())

    @mute_logger("odoo.http")
    def test_somebody_elses_bill_is_not_begun(self):
        bill = self._create_bill(self.other)
        for token in (None, "wrong", self.bill._portal_ensure_token()):
            with self.subTest(token=token), self.assertRaises(JsonRpcException):
                self._begin(bill, access_token=token)
        self.assertFalse(bill.transaction_ids)
