from decimal import Decimal
from functools import partial
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import Crash, PrepaidCommon

OPEN = ("crediting", "exception")
# What becomes of a credit frame, and of the process that sent it.
FATES = st.sampled_from(
    ["heard", "deaf", "late", "lost", "crash before", "crash after", "booking"]
)


# An order given up by the command, its frames on the way; or anything.
COURSES = st.just(["late"] * 4) | st.lists(FATES, min_size=1, max_size=4)
ROUNDS = 4


class CreditMachine(RuleBasedStateMachine):
    """A counter, a line and a meter, with frames that come late, twice or never.

    Money that nobody has decided about may be on the meter; money that can be taken
    out, or spent elsewhere, may not.
    """

    def __init__(self, case):
        super().__init__()
        self.case = case
        self.savepoint = case.env.cr.savepoint(flush=False)
        case.begin()

    @initialize(course=COURSES)
    def begin_with_a_sale(self, course):
        self.case.work_on(self.case._sell(20), list(course))

    @rule(amount=st.integers(1, 30))
    def sell(self, amount):
        try:
            self.case._sell(amount)
        except UserError as refused:
            # an earlier order is open, or it buys less than one unit
            assert "still being credited" in str(refused) or "pay" in str(refused)

    @precondition(lambda self: self.case.orders("crediting"))
    @rule(course=COURSES)
    def work(self, course):
        self.case.work_on(self.case.orders("crediting")[0], list(course))

    @precondition(lambda self: self.case.flying)
    @rule(data=st.data(), again=st.booleans())
    def frame_arrives(self, data, again):
        flying = self.case.flying
        at = data.draw(st.integers(0, len(flying) - 1))
        self.case.answer(flying[at] if again else flying.pop(at))

    @rule()
    def read_credit(self):
        self.case.read_credit()

    @precondition(lambda self: self.case.orders(*OPEN))
    @rule()
    def cancel(self):
        self.case.attempt(lambda vend: vend._cancel("not wanted"))

    @precondition(lambda self: self.case.orders("exception"))
    @rule()
    def retry(self):
        self.case.attempt(lambda vend: vend.action_retry())

    @precondition(lambda self: self.case.orders("exception"))
    @rule()
    def accept_number(self):
        self.case.attempt(lambda vend: vend._accept_meter_number("as it says"))

    @rule()
    def take_up(self):
        self.case.Vend._cron_resume()

    @invariant()
    def nothing_is_on_the_meter_that_could_be_paid_out(self):
        self.case.check_money()

    def teardown(self):
        """Everything arrives, twice, and every order comes to an end."""
        try:
            self.case.settle_everything()
            self.case.check_money()
            self.case.check_settled()
        finally:
            self.savepoint.close(rollback=True)
            self.case.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestCreditMachine(PrepaidCommon):
    def test_no_credit_without_money_whatever_happens(self):
        settings_ = settings(
            max_examples=10,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # a failure is told as it is found
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(partial(CreditMachine, self), settings=settings_)

    def begin(self):
        self.env.invalidate_all()
        self.head_end.meters.clear()
        self.device = self.head_end.add_meter(self.meter.address)
        self.answer = self.device.answer
        self.device.answer = self._answer
        self.flying, self.fates = [], []
        self.head_end.silent = False

    def _answer(self, frame):
        """What comes back of a frame: for credit frames as the next fate says."""
        if not self.head_end._is_credit(self.device, frame):
            return self.answer(frame)
        fate = self.fates.pop(0) if self.fates else "heard"
        if fate == "crash before":
            raise Crash(fate)
        if fate == "late":
            self.flying.append(frame)
        if fate in ("late", "lost"):
            return "other", None
        reply = self.answer(frame)
        if fate == "crash after":
            raise Crash(fate)
        if fate == "deaf":
            return "other", None
        return reply

    def orders(self, *states):
        return self.Vend.search(
            [("meter_id", "=", self.meter.id), ("state", "in", states)], order="id"
        )

    def work_on(self, vend, fates):
        """Run rounds of an order's command while there are fates for its frames."""
        for _round in range(ROUNDS):
            if not fates or vend.state != "crediting":
                return
            self.work(vend, fates)
            fates = self.fates

    def work(self, vend, fates):
        """Run one round of an order's command; the process may die in it."""
        self.fates = [fate for fate in fates if fate != "booking"]
        book = type(self.Vend)._book_energy

        def die_once(this):
            if "booking" in fates:
                fates.remove("booking")
                raise Crash("booking")
            return book(this)

        with patch.object(type(self.Vend), "_book_energy", die_once):
            try:
                self._run(vend.command_id)
            except Crash:
                self.env.invalidate_all()

    def read_credit(self):
        self.meter.action_read_credit()
        self._run(
            self.env["amr.command"].search(
                [("meter_id", "=", self.meter.id), ("kind", "=", "credit_state")],
                limit=1,
            )
        )

    def attempt(self, decision):
        """Let an administrator decide; he may be refused."""
        try:
            with self.env.cr.savepoint():
                decision(self.orders(*OPEN)[0])
        except UserError:
            self.env.invalidate_all()

    def settle_everything(self):
        for _twice in range(2):
            for frame in self.flying:
                self.answer(frame)
        for _round in range(12):
            vends = self.orders("paid", *OPEN)
            if not vends:
                return
            self.work_on_what_waits()
            vend = vends[0]
            if vend.state == "exception":
                vend.action_retry()
            self.work(vend, [])

    def work_on_what_waits(self):
        """Run the commands that waited for others of the meter, as their jobs would."""
        self.fates = []
        waiting = [
            ("meter_id", "=", self.meter.id),
            ("state", "in", ("queued", "sent")),
        ]
        self._run(self.env["amr.command"].search(waiting, order="id"))

    def _bought(self):
        """What the meter was credited with, in all."""
        return sum(Decimal(one["amount"]) for one in self.device.state.credits)

    def check_money(self):
        self.env.flush_all()
        vends = self.orders("draft", "paid", "cancelled", "credited", *OPEN)
        wallet = self.account.wallet_ids
        held = vends.filtered(lambda vend: vend.state in (*OPEN, "credited"))
        self.assertLessEqual(self._bought(), sum(held.mapped("meter_quantity")))
        paid = sum(vends.mapped("amount"))
        used = sum(vends.filtered(lambda v: v.state == "credited").mapped("charged"))
        self.assertAlmostEqual(paid, wallet.balance + used, 2)
        self.assertGreaterEqual(wallet.available, 0)
        self.assertLedgerEqual()

    def check_settled(self):
        self.assertFalse(self.orders("draft", "paid", *OPEN).mapped("name"))
        credited = self.orders("credited")
        self.assertEqual(self._bought(), sum(credited.mapped("meter_quantity")))
        numbers = [one["purchase_no"] for one in self.device.state.credits]
        self.assertEqual(numbers, list(range(1, len(credited) + 1)))
