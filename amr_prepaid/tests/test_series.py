from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestSeries(PrepaidCommon):
    """A meter whose purchase number is not ours is sold to again: I3, exactly once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("series_admin", "amr_base.group_community_admin")
        cls.other_admin = cls._operator(
            "series_other", "amr_base.group_community_admin", cls.other_community
        )

    def _stop_at(self, number):
        """Sell to a meter that says another number than it should."""
        self.device.adjust({"purchase_no": number})
        vend = self._sell(100)
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self._read_credit()
        return vend

    def _read_credit(self):
        self.meter.action_read_credit()
        command = self.env["amr.command"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "credit_state")], limit=1
        )
        self._run(command)

    def _accept(self, vend, user=None, reason="sold to by the old system"):
        wizard = (
            self.env["amr.vend.resolve"]
            .with_user(user or self.admin)
            .create({"vend_id": vend.id, "decision": "series", "reason": reason})
        )
        wizard.action_apply()

    def test_the_order_follows_the_number_of_the_meter(self):
        first = self._sell(100)
        self._run_until_settled(first)
        vend = self._stop_at(7)
        self.assertEqual(vend.purchase_no, 2)
        self._accept(vend)
        self.assertEqual(
            (vend.state, vend.series, vend.purchase_no), ("crediting", 2, 8)
        )
        self._run_until_settled(vend)
        self.assertCredited(vend)
        following = self._sell(50)
        self._run_until_settled(following)
        self.assertEqual((following.series, following.purchase_no), (2, 9))
        self.assertCredited(following)
        self.assertEqual(len(self.head_end.frames), 3, "one for each order")
        self.assertEqual(self.Vend._get_number_faults(), [])
        self.assertFalse(
            self.env["amr.exception"].search(
                [("meter_id", "=", self.meter.id), ("state", "=", "open")]
            )
        )

    def test_who_accepted_what_and_why_is_kept(self):
        vend = self._stop_at(7)
        self._accept(vend)
        opening = self.meter.opening_ids
        self.assertEqual((opening.series, opening.last_no, opening.start_no), (2, 0, 7))
        self.assertEqual(opening.user_id, self.admin)
        self.assertEqual(opening.reason, "sold to by the old system")
        self.assertIn("old system", "".join(vend.message_ids.mapped("body")))
        for change in (
            lambda: opening.with_user(self.admin).write({"start_no": 1}),
            lambda: opening.with_user(self.admin).unlink(),
            lambda: self.meter.with_user(self.admin).write({"credit_series": 9}),
        ):
            with self.assertRaises(AccessError):
                change()

    def test_a_meter_that_was_opened_anew_counts_from_the_start(self):
        for _order in range(2):
            self._run_until_settled(self._sell(100))
        vend = self._stop_at(0)
        self._accept(vend, reason="opened anew after repair")
        self.assertEqual((vend.series, vend.purchase_no), (2, 1))
        self._run_until_settled(vend)
        self.assertEqual(vend.state, "credited")
        self.assertLedgerEqual()
        self.assertEqual(len(self.head_end.frames), 3)
        self.assertEqual(self.Vend._get_number_faults(), [])

    def test_a_crash_in_the_new_series_credits_once(self):
        vend = self._stop_at(7)
        self._accept(vend)
        self._run_crashing(vend.command_id, "reply")
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.head_end.frames), 1)

    def test_a_command_of_the_old_series_claims_no_credit_of_the_new_one(self):
        self.meter.credit_start_no = 7
        vend = self._stop_at(0)  # we gave 8, the meter was opened anew
        old = vend.command_id
        self._accept(vend)
        self.assertEqual(vend.purchase_no, 1)
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.device.adjust({"purchase_no": 8})
        self._run(old)
        self.assertEqual(old.outcome, "not_done")
        self.assertCredited(vend)

    def test_what_was_sent_is_decided_first(self):
        vend = self._sell(100)
        self.head_end.deaf_after_credit = True
        self._run(vend.command_id)
        self.head_end.deaf_after_credit = self.head_end.silent = False
        self.device.adjust({"purchase_no": 5})
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self._read_credit()
        with self.assertRaisesRegex(UserError, "decide first"):
            self._accept(vend)
        vend._mark_credited("seen on the display")
        self.assertEqual(vend.state, "credited")
        following = self._stop_at(5)
        self._accept(following)
        self._run_until_settled(following)
        self.assertEqual((following.series, following.purchase_no), (2, 6))
        self.assertCredited(following)

    def test_a_frame_that_came_late_is_not_sent_again_under_another_number(self):
        late, answer = [], self.device.answer

        def delay(frame):
            if self.head_end._is_credit(self.device, frame):
                late.append(frame)
                return "other", None
            return answer(frame)

        self.device.answer = delay
        vend = self._sell(100)
        self._run_until_settled(vend)
        command = vend.command_id
        self.assertEqual((vend.state, command.outcome), ("exception", "not_done"))
        self.assertEqual(len(late), command.tries)
        self.device.answer = answer
        answer(late[-1])
        self._read_credit()
        self.assertEqual(self.meter.purchase_no, vend.purchase_no)
        with self.assertRaisesRegex(UserError, "decide first"):
            self._accept(vend)
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(len(self.device.state.credits), 1)

    def test_only_the_meters_own_fresh_word_is_accepted(self):
        vend = self._stop_at(7)
        self.meter.credit_read_at = fields.Datetime.now() - timedelta(hours=2)
        with self.assertRaisesRegex(UserError, "Read the credit"):
            self._accept(vend)
        self.device.adjust({"purchase_no": 0})
        self._read_credit()
        with self.assertRaisesRegex(UserError, "nothing to accept"):
            self._accept(vend)
        self.assertFalse(self.meter.opening_ids)
        self.assertEqual((self.meter.credit_series, vend.purchase_no), (1, 1))

    def test_without_a_reason_or_right_nothing_is_accepted(self):
        vend = self._stop_at(7)
        with self.assertRaisesRegex(UserError, "Say why"):
            self._accept(vend, reason=" ")
        for user in (self.clerk, self.other_admin):
            with self.assertRaises(AccessError):
                self._accept(vend, user)
        self.assertFalse(self.meter.opening_ids)

    def test_an_order_on_its_way_is_waited_for(self):
        vend = self._stop_at(7)
        vend.action_retry()
        with self.assertRaisesRegex(UserError, "does not wait"):
            self._accept(vend)
        with self.assertRaisesRegex(UserError, "on its way"):
            self.meter._begin_series("too early")
