from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.queue_job.tests.common import trap_jobs

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestCredit(PrepaidCommon):
    """Flow 3, with the faults of lines and processes at every commit."""

    def test_golden_vector_gv1(self):
        """1.2 a unit, 0.40 in the wallet, pay 1000: 833 units, 0.80 left."""
        first = self._sell(100)
        self._run_until_settled(first)
        self.assertEqual(self._available(), 0.40)
        vend = self._sell(1000)
        self.assertEqual(
            (vend.wallet_before, vend.quantity, vend.charged, vend.wallet_after),
            (0.40, 833, 999.60, 0.80),
        )
        self.assertEqual(vend.meter_quantity, 833)
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(self.account.wallet_balance, 0.80)
        self.assertEqual(self.device.balance(), Decimal("916.00"))
        self.assertEqual((first.purchase_no, vend.purchase_no), (1, 2))

    def test_nothing_is_sent_before_the_commit(self):
        with trap_jobs() as trap:
            vend = self._sell(100)
            trap.assert_enqueued_job(vend.command_id._execute)
        self.assertEqual((vend.state, vend.command_id.state), ("crediting", "queued"))
        self.assertEqual(vend.purchase_no, 1)
        self.assertFalse(self.head_end.frames)
        self.assertFalse(self.device.state.credits)
        self.assertLedgerEqual()

    def test_the_meter_tells_its_credit(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertEqual((self.meter.purchase_no, self.meter.credit_balance), (1, 83))
        self.assertTrue(self.meter.credit_read_at)
        self.assertIn("83.00", vend.command_result)

    def test_a_lost_acknowledgement_credits_once(self):
        self.head_end.drop_credit_replies = 1
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 1)

    def test_a_lost_acknowledgement_and_a_lost_read_back_credit_once(self):
        vend = self._sell(100)
        self._run_with_loss_after_credit(vend)
        self.assertEqual((vend.state, vend.command_id.state), ("crediting", "sent"))
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 1)

    def _run_with_loss_after_credit(self, vend):
        """Let the meter hear the credit frame and nobody hear the meter after."""
        self.head_end.deaf_after_credit = True
        self._run(vend.command_id)
        self.head_end.deaf_after_credit = self.head_end.silent = False

    def test_a_lost_request_is_sent_again_with_the_same_bytes(self):
        answer, lost = self.device.answer, []

        def lose_first(frame):
            if self.head_end.frames and frame == self.head_end.frames[-1] and not lost:
                lost.append(frame)
                return "other", None
            return answer(frame)

        self.device.answer = lose_first
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertTrue(lost)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 2)
        self.assertEqual(len(set(self.head_end.frames)), 1)

    def test_a_crash_after_booking_loses_nothing(self):
        vend = self._sell(100)
        self.env["queue.job"].search([]).unlink()
        with trap_jobs() as trap:
            self.Vend._cron_resume()
            trap.assert_enqueued_job(vend.command_id._execute)
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_a_crash_between_commit_and_sending_loses_nothing(self):
        vend = self._sell(100)
        self._run_crashing(vend.command_id, "request")
        self.assertEqual((vend.command_id.state, vend.command_id.tries), ("sent", 1))
        self.assertFalse(self.device.state.credits)
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_a_crash_after_the_acknowledgement_credits_once(self):
        vend = self._sell(100)
        self._run_crashing(vend.command_id, "reply")
        self.assertEqual((vend.state, vend.command_id.state), ("crediting", "sent"))
        self.assertEqual(len(self.device.state.credits), 1)
        self.assertLedgerEqual()
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 1)

    def test_a_crash_while_invoicing_credits_and_invoices_once(self):
        vend = self._sell(100)

        def crash(*_args):
            raise ZeroDivisionError

        with patch.object(type(self.Vend), "_book_energy", crash):
            self._run_crashing(vend.command_id, expected=ZeroDivisionError)
        self.assertEqual((vend.state, vend.bill_move_id.id), ("crediting", False))
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 1)
        invoices = self.env["account.move"].search([("amr_vend_id", "=", vend.id)])
        self.assertEqual(invoices, vend.bill_move_id)

    def test_running_a_finished_order_again_changes_nothing(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        entries = self.account.wallet_ids.entry_ids
        self._run(vend.command_id)
        vend._on_credited()
        self.Vend._cron_resume()
        self.assertCredited(vend)
        self.assertEqual(self.account.wallet_ids.entry_ids, entries)

    def test_an_unreachable_link_keeps_the_order_waiting(self):
        self.head_end.online = False
        vend = self._sell(100)
        self._run(vend.command_id)
        self.assertEqual((vend.state, vend.command_id.state), ("crediting", "queued"))
        self.head_end.online = True
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_an_unexpected_purchase_number_is_for_a_person(self):
        self.device.adjust({"purchase_no": 7})
        vend = self._sell(100)
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self.assertIn("number 7", vend.reason)
        self.assertFalse(self.head_end.frames)
        self.assertTrue(self._open_exceptions())
        self.assertLedgerEqual()

    def test_a_number_that_was_there_before_is_not_taken_for_success(self):
        self.device.adjust({"purchase_no": 1})
        vend = self._sell(100)
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self.assertIn("before this credit was sent", vend.reason)

    def test_a_meter_taken_over_goes_on_counting(self):
        self.device.adjust({"purchase_no": 7})
        self.meter.credit_start_no = 7
        vend = self._sell(100)
        self.assertEqual(vend.purchase_no, 8)
        self._run_until_settled(vend)
        self.assertCredited(vend)
        with self.assertRaisesRegex(UserError, "has been sold to"):
            self.meter.credit_start_no = 9

    def _open_exceptions(self):
        return self.env["amr.exception"].search(
            [
                ("kind", "=", "credit"),
                ("state", "=", "open"),
                ("meter_id", "=", self.meter.id),
            ]
        )

    def _stop_at_number_7(self):
        self.device.adjust({"purchase_no": 7})
        vend = self._sell(100)
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        return vend

    def test_going_on_with_an_exception(self):
        vend = self._stop_at_number_7()
        self.device.adjust({"purchase_no": 0})
        vend.with_user(self.clerk).action_retry()
        self.assertEqual(vend.state, "crediting")
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertFalse(self._open_exceptions())

    def test_giving_up_keeps_the_money_and_frees_the_number(self):
        vend = self._stop_at_number_7()
        self._read_credit()
        vend.command_id.outcome = "not_done"
        self._decide(vend, "cancel")
        self.assertEqual((vend.state, vend.purchase_no), ("cancelled", 0))
        self.assertEqual(self._available(), 100)
        self.assertEqual(self.meter.sold_purchase_no, 0)
        self.assertLedgerEqual()
        self.device.adjust({"purchase_no": 0})
        again = self._sell(20)
        self.assertEqual((again.purchase_no, again.quantity), (1, 100))
        self._run_until_settled(again)
        self.assertCredited(again)

    def _read_credit(self):
        self.meter.action_read_credit()
        command = self.env["amr.command"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "credit_state")], limit=1
        )
        self._run(command)

    def _decide(self, vend, decision, user=None):
        wizard = (
            self.env["amr.vend.resolve"]
            .with_user(user or self.env.user)
            .create({"vend_id": vend.id, "decision": decision, "reason": "seen"})
        )
        wizard.action_apply()

    def test_an_order_in_doubt_cannot_be_given_up(self):
        vend = self._sell(100)
        self._run_with_loss_after_credit(vend)
        with self.assertRaisesRegex(UserError, "cannot be cancelled"):
            self._decide(vend, "cancel")
        vend.command_id._finish("failed", "unknown", "nobody knows")
        self.assertEqual(vend.state, "exception")
        with self.assertRaisesRegex(UserError, "Nobody knows yet"):
            self._decide(vend, "cancel")
        self._read_credit()
        self.assertEqual(self.meter.purchase_no, 1)
        with self.assertRaisesRegex(UserError, "Nobody knows yet"):
            self._decide(vend, "cancel")
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 1)

    def test_an_order_that_may_have_been_heard_is_not_given_up(self):
        """Not even when the meter was read since: see TestLateFrames."""
        vend = self._sell(100)
        command = vend.command_id
        sent_at = fields.Datetime.now() - timedelta(minutes=1)
        command.write({"state": "sent", "sent_at": sent_at, "tries": 1})
        command._finish("failed", "unknown", "nobody knows")
        self._read_credit()
        with self.assertRaisesRegex(UserError, "Nobody knows yet"):
            self._decide(vend, "cancel")
        self.assertEqual((vend.state, vend.purchase_no), ("exception", 1))
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_an_order_given_up_does_not_claim_the_next_ones_credit(self):
        with patch.dict("os.environ", {"AMR_CREDIT_KEY": "another key"}):
            vend = self._sell(100)
            self._run_until_settled(vend)
        command = vend.command_id
        self._decide(vend, "cancel")
        self.assertEqual(command.outcome, "not_done")
        again = self._sell(20)
        self._run_until_settled(again)
        self.assertCredited(again)
        self.assertEqual(again.purchase_no, 1)
        self._run(command)  # as when the link logs in again
        self.assertEqual((vend.state, command.outcome), ("cancelled", "not_done"))
        self.assertFalse(self._open_exceptions())

    def test_only_an_administrator_settles_by_hand(self):
        vend = self._stop_at_number_7()
        for decision in ("cancel", "credited"):
            with self.assertRaises(AccessError):
                self._decide(vend, decision, self.clerk)
        self._decide(vend, "credited")
        self.assertEqual(vend.state, "credited")
        self.assertLedgerEqual()

    def test_a_late_proof_ends_an_exception(self):
        vend = self._sell(100)
        self._run_with_loss_after_credit(vend)
        vend.command_id._finish("failed", "unknown", "nobody knows")
        self._run(vend.command_id)
        self.assertCredited(vend)

    def test_an_expired_command_can_be_sent_again(self):
        self.head_end.online = False
        vend = self._sell(100)
        vend.command_id.deadline = fields.Datetime.now() - timedelta(minutes=1)
        self.env["amr.command"]._cron_requeue()
        self.assertEqual((vend.state, vend.command_id.state), ("exception", "expired"))
        self.head_end.online = True
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_a_meter_has_one_order_on_its_way(self):
        vend = self._sell(100)
        with self.assertRaisesRegex(UserError, vend.name):
            self._sell(50)
        self._run_until_settled(vend)
        self.assertEqual(self._sell(50).purchase_no, 2)

    def test_without_a_key_nothing_is_sent(self):
        vend = self._sell(100)
        with patch.dict("os.environ", {"AMR_CREDIT_KEY": ""}):
            self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self.assertIn("key", vend.reason)
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_a_meter_that_refuses_stops_the_order(self):
        vend = self._sell(100)
        with patch.dict("os.environ", {"AMR_CREDIT_KEY": "another key"}):
            self._run_until_settled(vend)
        self.assertEqual(vend.state, "exception")
        self.assertEqual(vend.command_id.outcome, "not_done")
        self._decide(vend, "cancel")
        self.assertEqual(self._available(), 100)

    def test_a_replaced_meter_stops_a_waiting_order(self):
        vend = self._sell(100)
        waiting = self.Vend.create({"agreement_id": self.agreement.id, "amount": 50})
        waiting._register_payment(waiting._create_counter_payment(self.cash))
        self.assertEqual((waiting.state, waiting.purchase_no), ("paid", 0))
        self._run_with_loss_after_credit(vend)
        self.meter.installation_ids.date_to = fields.Datetime.now()
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(waiting.state, "exception")
        self.assertIn("no longer installed", waiting.reason)
        self._decide(waiting, "cancel")
        self.assertLedgerEqual()

    def test_waiting_orders_follow_by_themselves(self):
        vend = self._sell(100)
        waiting = self.Vend.create({"agreement_id": self.agreement.id, "amount": 50})
        waiting._register_payment(waiting._create_counter_payment(self.cash))
        self._run_until_settled(vend)
        self.assertEqual((waiting.state, waiting.purchase_no), ("crediting", 2))
        self._run_until_settled(waiting)
        self.assertCredited(waiting)
        self.assertEqual(waiting.wallet_before, vend.wallet_after)

    @mute_logger("odoo.addons.amr_prepaid.models.amr_vend_credit")
    def test_one_order_in_trouble_does_not_hold_up_the_others(self):
        room = self._room("0102")
        point, meter = self._install("990000000002", room)
        meter.link_id = self.link
        agreement = self._agree(
            point, tariff=self.prepaid_tariff, payment_mode="prepaid"
        )
        first, second = self._sell(100), self._sell(100, agreement)
        self.env["queue.job"].search([]).unlink()
        take_up = type(self.Vend)._take_up

        def fail_for_first(vend):
            if vend == first:
                raise ZeroDivisionError
            return take_up(vend)

        with (
            patch.object(type(self.Vend), "_take_up", fail_for_first),
            trap_jobs() as trap,
        ):
            self.Vend._cron_resume()
            trap.assert_enqueued_job(second.command_id._execute)
        self.assertEqual(first.state, "crediting")

    def test_doubt_opens_one_exception(self):
        vend = self._sell(100)
        self._run_with_loss_after_credit(vend)
        vend.command_id._finish("failed", "unknown", "nobody knows")
        exceptions = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("state", "=", "open")]
        )
        self.assertEqual(exceptions.mapped("kind"), ["credit"])
