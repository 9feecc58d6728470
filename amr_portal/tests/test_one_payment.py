from unittest.mock import patch

from psycopg2.errors import SerializationFailure
from requests import Response
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ReadTimeout

from odoo.exceptions import ValidationError
from odoo.tests import JsonRpcException, tagged
from odoo.tests.test_cursor import TestCursor
from odoo.tools import mute_logger

from odoo.addons.amr_prepaid.models import amr_vend_payment, payment_transaction_token

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestOnePayment(PortalCommon):
    """A recharge is paid once: two windows, saved payment methods, slow providers."""

    def setUp(self):
        super().setUp()
        self._login()
        self.vend = self._create_vend(self.own)
        self.url = f"/my/energy/vend/{self.vend.id}/transaction"
        self.method = self.demo_provider.payment_method_ids[:1]
        self.token = self._create_token(
            provider_id=self.demo_provider.id,
            payment_method_id=self.method.id,
            partner_id=self.own["account"].partner_id.id,
            demo_simulated_state="done",
        )

    def _begin(self, **params):
        values = self.make_jsonrpc_request(
            self.url, {**self._get_payment_params(self.vend), **params}
        )
        return self._get_tx(values["reference"])

    def _begin_with_token(self):
        return self._begin(flow="token", token_id=self.token.id, payment_method_id=None)

    def _charge(self, tx):
        """Work the job that charges."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            self.env(cr=cr)["payment.transaction"].browse(tx.id)._charge_amr_token()
        self.env.invalidate_all()

    def assertPaidOnce(self, vend=None):
        vend = vend or self.vend
        payments = self.env["account.payment"].search(
            [("payment_transaction_id", "in", vend.transaction_ids.ids)]
        )
        self.assertEqual(len(payments), 1)
        self.assertEqual(len(vend.command_ids), 1)
        self.assertEqual(vend.state, "crediting")
        self.assertEqual(vend.wallet_id.balance, 100)

    # === Two windows === #

    def test_two_windows_pay_one_and_the_same(self):
        first = self.session, self.opener
        self.session = None  # the first window stays logged in
        self._login()
        windows = [first, (self.session, self.opener)]
        references = []
        for self.session, self.opener in windows:
            references.append(self._begin().reference)
        self.assertEqual(references[0], references[1])
        for self.session, self.opener in windows:
            self.make_jsonrpc_request(
                "/payment/demo/simulate_payment",
                {"reference": references[0], "simulated_state": "done"},
            )
            self.make_jsonrpc_request("/payment/status/poll", {})
        self.assertPaidOnce()

    def test_a_window_that_comes_second_asks_again_without_an_alarm(self):
        tx = self._begin()
        busy = patch.object(
            type(tx), "_post_process", side_effect=SerializationFailure("busy")
        )
        with busy, self.assertNoLogs("odoo.http", "WARNING"):
            answer = self.url_open("/payment/status/poll", json={"params": {}})
        # the word that core's page waits for
        self.assertEqual(answer.json()["error"]["data"]["message"], "retry")

    def test_another_method_is_another_payment_whose_money_is_kept(self):
        other = self.method.sudo().copy({"code": "other", "active": True})
        other.provider_ids = self.demo_provider
        first, second = self._begin(), self._begin(payment_method_id=other.id)
        self.assertNotEqual(first, second)
        for tx in (first, second):
            tx._process("demo", {"reference": tx.reference, "simulated_state": "done"})
            tx._post_process()
        self.assertEqual(len(self.vend.command_ids), 1)
        self.assertEqual(self.vend.wallet_id.balance, 200)

    def test_a_payment_that_failed_is_not_offered_again(self):
        first = self._begin()
        first._set_canceled()
        self.assertNotEqual(self._begin(), first)

    # === Saved payment methods === #

    def test_the_provider_is_asked_by_a_job_after_all_locks_are_gone(self):
        """Promise: no payment call inside the transaction that books money."""
        events = []

        def note(event, original):
            def noting(*args, **kwargs):
                events.append(event)
                return original(*args, **kwargs)

            return noting

        calls, provider = self._answer(lambda tx: events.append("call"))
        with provider:
            tx = self._begin_with_token()
            self.assertFalse(calls, "nobody is asked while the order is locked")
            lock = payment_transaction_token.lock_rows
            with (
                patch.object(TestCursor, "commit", note("commit", TestCursor.commit)),
                patch.object(
                    payment_transaction_token, "lock_rows", note("lock", lock)
                ),
                patch.object(amr_vend_payment, "lock_rows", note("lock", lock)),
            ):
                self._charge(tx)
        self.assertEqual(events[:3], ["lock", "commit", "call"])
        self.assertNotIn("lock", events[3:])

    def test_a_saved_method_pays_and_credits(self):
        tx = self._begin_with_token()
        jobs = self.env["queue.job"].sudo()
        jobs = jobs.search([("method_name", "=", "_charge_amr_token")])
        self.assertEqual([job.records for job in jobs], [tx])
        self._charge(tx)
        self.assertEqual(tx.state, "done")
        tx._post_process()
        self.assertPaidOnce()

    @mute_logger("odoo.http")
    def test_another_window_cannot_pay_while_the_charge_is_on_its_way(self):
        self._begin_with_token()
        for params in ({}, {"flow": "token", "token_id": self.token.id}):
            with self.assertRaises(JsonRpcException):
                self._begin(**params)
        self.assertEqual(len(self.vend.transaction_ids), 1)

    @mute_logger("odoo.addons.payment.models.payment_transaction")
    def test_a_refused_charge_can_be_paid_otherwise(self):
        reason = "Card expired"

        def refuse(_tx):
            raise ValidationError(reason)

        calls, provider = self._answer(refuse)
        with provider:
            tx = self._begin_with_token()
            self._charge(tx)
            self._charge(tx)
        self.assertEqual((len(calls), tx.state), (1, "error"))
        self._begin()._set_done()
        self.vend.transaction_ids._post_process()
        self.assertPaidOnce()

    def test_a_charge_without_an_answer_is_never_repeated(self):
        """The provider is slow; its answer is lost, and comes in later."""

        def time_out(_tx):
            raise ReadTimeout("no answer in 60 s")

        calls, provider = self._answer(time_out)
        with provider:
            tx = self._begin_with_token()
            self._charge(tx)
            self._charge(tx)
        self.assertEqual((len(calls), tx.state), (1, "pending"))
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.vend.meter_id.id), ("state", "=", "open")]
        )
        self.assertIn("no answer in 60 s", exception.reason)
        self.assertEqual(self.vend.state, "draft")
        with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
            self._begin()
        tx._process("demo", {"reference": tx.reference, "simulated_state": "done"})
        tx._post_process()
        self.assertPaidOnce()

    @mute_logger(
        "odoo.addons.payment.models.payment_provider",
        "odoo.addons.payment.models.payment_transaction",
    )
    def _charge_over_http(self, answer):
        """Charge as a provider's addon does; the network gives this answer."""

        def send(tx):
            try:
                tx._send_api_request("POST", "/charges")
            except ValidationError as error:
                tx._set_error(str(error))

        _calls, provider = self._answer(send)
        target = "odoo.addons.payment.models.payment_provider.requests.request"
        with provider, patch(target, side_effect=[answer]) as request:
            tx = self._begin_with_token()
            self._charge(tx)
            self._charge(tx)
        self.assertEqual(request.call_count, 1)
        return tx

    def _http_answer(self, status):
        response = Response()
        response.status_code, response._content = status, b'{"error": "no"}'
        return response

    def test_a_call_that_got_no_answer_is_no_refusal(self):
        for answer in (ReadTimeout(), NoConnection(), self._http_answer(502)):
            with self.subTest(answer=answer):
                tx = self._charge_over_http(answer)
                self.assertEqual(tx.state, "pending")
                self.assertIn("Nobody knows yet", tx.state_message)
                with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
                    self._begin()
                tx._set_canceled()  # looked up at the provider: not taken

    def test_a_refusal_over_the_network_is_one(self):
        tx = self._charge_over_http(self._http_answer(402))
        self.assertEqual(tx.state, "error")
        self._begin()

    def test_an_order_that_was_cancelled_is_not_charged(self):
        calls, provider = self._answer(lambda tx: None)
        with provider:
            tx = self._begin_with_token()
            self.vend._cancel("not wanted")
            self._charge(tx)
        self.assertEqual((calls, tx.state), ([], "cancel"))

    def test_an_order_that_is_being_paid_otherwise_is_not_charged(self):
        direct = self._begin()
        charge = self._begin_with_token()
        direct._set_done()
        calls, provider = self._answer(lambda tx: None)
        with provider:
            self._charge(charge)
        self.assertEqual((calls, charge.state), ([], "cancel"))
        direct._post_process()
        self.assertPaidOnce()

    def test_a_process_that_dies_while_the_provider_works(self):
        def die(_tx):
            raise SystemExit

        calls, provider = self._answer(die)
        tx = self._begin_with_token()
        with provider:
            try:  # assertRaises would roll back what was committed before
                self._charge(tx)
            except SystemExit:
                self.env.invalidate_all()
            self.assertTrue(tx.amr_charged_at, "what was committed before is there")
            self._charge(tx)
        self.assertEqual((len(calls), tx.state), (1, "pending"))
