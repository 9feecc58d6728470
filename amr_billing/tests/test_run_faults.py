from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.amr_base.tools import dec

from ..models.agreement_rating import AgreementRating
from .common import FEBRUARY, BillingCommon

LOGGER = "odoo.addons.amr_billing.models.amr_billing_run_line_reason"


@tagged("post_install", "-at_install")
class TestRunFaults(BillingCommon):
    """One bad account never stops the run, whatever breaks, at whatever step."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bad, cls.bad_meter, cls.bad_agreement = cls._new_account("0102")
        cls.good, meter, _agreement = cls._new_account("0103")
        cls._freeze(FEBRUARY, 100)
        cls._freeze(FEBRUARY, 50, meter)
        cls._freeze(FEBRUARY, 20, cls.bad_meter)

    def _break(self, owner, method, concerns, fault):
        """Patch a method so that it fails when it works on the bad account."""
        original = getattr(owner, method)

        def broken(self_, *args, **kwargs):
            if concerns(self_, *args):
                fault()
            return original(self_, *args, **kwargs)

        return patch.object(owner, method, broken)

    def _value_error(self):
        raise ValueError("wrong value")

    def _database_error(self):
        self.env.cr.execute("SELECT 1 / 0", log_exceptions=False)

    def _get_steps(self):
        """(step, class, method, whether a call works on the bad account)"""
        bad, model = self.bad, self.env.registry
        return [
            (
                "scope",
                model["amr.billing.run"],
                "_get_agreements",
                lambda run, accounts=(): bad in accounts,
            ),
            (
                "book",
                model["amr.agreement"],
                "_get_agreement_book",
                lambda agreements, day: bad in agreements.account_id,
            ),
            (
                "readings",
                AgreementRating,
                "_read_readings",
                lambda book: bad in book.agreements.account_id,
            ),
            (
                "price",
                AgreementRating,
                "rate",
                lambda book, agreement: agreement.account_id == bad,
            ),
            (
                "charge",
                model["amr.charge"],
                "create",
                lambda charges, rows: bad.id in [row["account_id"] for row in rows],
            ),
            (
                "bill",
                model["account.move"],
                "create",
                lambda moves, rows: bad.id in [row["amr_account_id"] for row in rows],
            ),
            (
                "check",
                model["amr.charge"],
                "_check_bill_lines",
                lambda charges: bad in charges.account_id,
            ),
            (
                "posting",
                model["account.move"],
                "_post",
                lambda moves, *args: bad in moves.amr_account_id,
            ),
        ]

    def assertOnlyBadIsNotBilled(self, run, sentence):
        lines = {line.account_id: line for line in run.line_ids}
        self.assertEqual(run.state, "done")
        for account in (self.account, self.good):
            self.assertEqual(lines[account].state, "billed", lines[account].error)
            self.assertEqual(lines[account].move_id.state, "posted")
            self.assertChargesOnBill(lines[account].move_id)
        self.assertEqual(lines[self.bad].state, "error")
        self.assertIn(sentence, lines[self.bad].error)
        self.assertNotIn("\n", lines[self.bad].error)
        self.assertFalse(self.bad.charge_ids)
        self.assertFalse(self.bad.move_ids)
        self.assertLedgerBalanced()

    def assertLedgerBalanced(self):
        moves = self.env["account.move"].search([("amr_run_id", "!=", False)])
        for move in moves:
            self.assertFalse(sum(dec(line.balance, 2) for line in move.line_ids))

    def test_whatever_fails_at_whatever_step_only_that_account_waits(self):
        faults = {self._value_error: "wrong value", self._database_error: "division"}
        for number, (step, *where) in enumerate(self._get_steps()):
            fault = list(faults)[number % 2]
            with self.subTest(step=step, fault=faults[fault]):
                self._check_step(where, fault, faults[fault])

    def test_the_database_refuses_the_posting(self):
        step = self._get_steps()[-1]
        self._check_step(step[1:], self._database_error, "division")

    def _check_step(self, where, fault, sentence):
        savepoint = self.env.cr.savepoint()
        with self._break(*where, fault), mute_logger(LOGGER):
            run = self._bill()
        self.assertOnlyBadIsNotBilled(run, sentence)
        run._run_now()  # the fault is mended, the account tried again
        self.assertBilled(run)
        self.assertEqual(self.bad.charge_ids.consumption, 20)
        self.assertEqual(len(run.move_ids), 3)
        run._run_now()
        self.assertEqual(len(run.move_ids), 3)
        self.assertFalse(self._bill().line_ids)
        self.assertLedgerBalanced()
        savepoint.close(rollback=True)

    def test_an_estimate_that_breaks(self):
        other, _meter, _agreement = self._new_account("0104")  # never read
        broken = self._break(
            self.env.registry["amr.meter"],
            "_take_estimates",
            lambda meters, *args: other in meters.account_id,
            self._value_error,
        )
        with broken, mute_logger(LOGGER):
            run = self._bill(estimate_missing=True)
        lines = {line.account_id: line for line in run.line_ids}
        self.assertIn("wrong value", lines[other].error)
        self.assertEqual((run.error_count, run.billed_count), (1, 3))

    def test_a_tariff_version_that_lost_its_steps(self):
        tariff = self.tariff.copy({"code": "broken"})
        version = tariff.version_ids or self.tariff.version_ids.copy(
            {"tariff_id": tariff.id}
        )
        self.bad_agreement.tariff_id = tariff
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_tariff_version SET method = 'step' WHERE id = %s", [version.id]
        )
        self.env.invalidate_all()
        self.assertOnlyBadIsNotBilled(self._bill(), "has no price")

    def test_a_conflict_with_somebody_else_is_for_the_whole_slice(self):
        """Another transaction was faster: nothing is wrong with the account."""

        def conflict():
            raise SerializationFailure()

        step = next(step for step in self._get_steps() if step[0] == "posting")
        with (
            self._break(*step[1:], conflict),
            self.assertRaises(SerializationFailure),
        ):
            self._bill()
