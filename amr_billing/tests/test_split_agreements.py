from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import FEBRUARY, JANUARY, MARCH, BillingCommon

STEPS = [(0, 0.5), (180, 0.6)]
DAYS = (MARCH - JANUARY).days


@tagged("post_install", "-at_install")
class TestSplitAgreements(BillingCommon):
    """What is split over several agreements costs what it costs in one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tariff.version_ids.write(
            {
                "method": "step",
                "line_ids": cls._steps(STEPS),
                "surcharge_ids": [
                    Command.create({"name": "Fee", "kind": "per_bill", "amount": 2})
                ],
            }
        )

    @staticmethod
    def _steps(steps):
        return [
            Command.create({"quantity_from": start, "price": price})
            for start, price in steps
        ]

    def _priced(self, code, **version):
        return self.env["amr.tariff"].create(
            {
                "name": code,
                "code": code,
                "utility_id": self.electricity.id,
                "version_ids": [Command.create({"date_from": "2020-01-01", **version})],
            }
        )

    def _split(self, day, **vals):
        """End the customer's agreement on a local day and begin another."""
        moment = self.community._local_midnight(day)
        last = self.env["amr.agreement"].search(
            [("point_id", "=", self.point.id)], order="date_from desc", limit=1
        )
        last.date_to = moment
        return self._agree(self.point, date_from=moment, **vals)

    def _amounts(self, run):
        self.assertBilled(run)
        charges = run.charge_ids.sorted(lambda c: (c.start_at, c.component))
        return [(c.component.partition("/")[0], c.amount) for c in charges]

    def _read(self, **indexes):
        for day, index in indexes.items():
            self._freeze(date(2026, int(day[1:3]), int(day[3:])), index)

    def test_steps_of_the_month_go_on_in_the_same_run(self):
        self._read(d0116=120, d0201=200)
        self._split(date(2026, 1, 16))
        run = self._bill()
        # 180 units at 0.50, 20 at 0.60, the fee once: as in one agreement
        self.assertEqual(
            sorted(run.charge_ids.mapped("amount")), [2.0, 12.0, 30.0, 60.0]
        )
        self.assertEqual(run.move_ids.amount_total, 104.00)
        self.assertChargesOnBill(run.move_ids)
        self.assertFalse(self._bill().line_ids, "billed once")

    def test_another_tariff_goes_on_where_the_first_ended(self):
        dearer = self._priced(
            "D", method="step", line_ids=self._steps([(0, 1), (150, 2)])
        )
        self._read(d0116=120, d0201=200)
        self._split(date(2026, 1, 16), tariff=dearer)
        run = self._bill()
        # 120 at 0.50; then from unit 120 of the month on: 30 at 1.00, 50 at 2.00
        self.assertEqual(sorted(run.charge_ids.mapped("amount")), [30.0, 60.0, 100.0])

    def test_months_of_another_tariff_bring_no_steps(self):
        """January at steps unbilled, flat from February on, a run in September."""
        self._read(d0201=300, d0901=1300)
        self._split(FEBRUARY, tariff=self._priced("F", method="flat", price=1))
        run = self._bill(date(2026, 8, 1))
        energy = run.charge_ids.filtered("consumption").sorted("amount")
        # one month's steps: 180 at 0.50 and 120 at 0.60; then 1000 at 1.00
        self.assertEqual(energy.mapped("amount"), [72.0, 90.0, 1000.0])

    def test_steps_after_another_tariff_begin_with_their_own_months(self):
        """What a flat price took takes nothing of September's steps away."""
        self._read(d0901=1000, d1001=1200)
        self.agreement.tariff_id = self._priced("F", method="flat", price=1)
        self._split(date(2026, 9, 1), tariff=self.tariff)
        run = self._bill(date(2026, 9, 1))
        energy = run.charge_ids.filtered("consumption").sorted("amount")
        self.assertEqual(energy.mapped("amount"), [12.0, 90.0, 1000.0])

    def test_a_month_that_two_tariffs_share_counts_for_each(self):
        """A up to 15 February, B from there to the end of March: two months each."""
        self._read(d0215=400, d0401=900)
        other = self._priced(
            "D", method="step", line_ids=self._steps([(0, 1), (300, 2)])
        )
        self._split(date(2026, 2, 15), tariff=other)
        run = self._bill(MARCH)
        energy = run.charge_ids.filtered("consumption")
        first = energy.filtered(lambda charge: charge.agreement_id == self.agreement)
        # 2 × 180 at 0.50, 40 at 0.60
        self.assertEqual(sorted(first.mapped("amount")), [24.0, 180.0])
        # of February's 300, 400 × 14 days of 45 = 124.444 are used up:
        # 600 − 124.444 at 1.00, the other 24.444 at 2.00
        self.assertEqual(
            sorted((energy - first).mapped("consumption")), [24.444, 475.556]
        )
        self.assertEqual(sorted((energy - first).mapped("amount")), [48.89, 475.56])

    def test_steps_of_the_year_go_on_in_the_same_run(self):
        self.tariff.version_ids.step_period = "year"
        self._read(d0116=120, d0201=200, d0215=230, d0301=250)
        for day in (date(2026, 1, 16), date(2026, 2, 15)):
            self._split(day)
        run = self._bill(FEBRUARY)
        energy = run.charge_ids.filtered(lambda charge: charge.kind == "energy")
        self.assertEqual(
            Counter(energy.mapped("component")), {"total/1": 2, "total/2": 2}
        )
        # 180 at 0.50 and 70 at 0.60
        self.assertEqual(sum(energy.mapped("amount")), 132.00)

    def test_the_minimum_looks_at_the_whole_bill(self):
        self.tariff.version_ids.min_charge = 110
        self._read(d0116=120, d0201=200)
        self._split(date(2026, 1, 16))
        run = self._bill()
        minimum = run.charge_ids.filtered(lambda charge: charge.kind == "minimum")
        self.assertEqual(minimum.amount, 8.00)
        self.assertEqual(run.move_ids.amount_total, 112.00)

    def test_a_first_part_that_was_billed_before_counts_in_its_month_only(self):
        """120 in January, then 300 up to 1 March: two months' steps, as in one bill."""
        self._read(d0116=120, d0301=420)
        self._split(date(2026, 1, 16))
        first = self._bill(account_id=self.account.id, date_to=date(2026, 1, 16))
        self.assertEqual(first.charge_ids.filtered("consumption").amount, 60.00)
        second = self._bill(FEBRUARY)
        energy = second.charge_ids.filtered("consumption")
        # 360 − 120 units at 0.50, 60 at 0.60; 60.00 + 156.00 = 216.00 in one bill
        self.assertEqual(sorted(energy.mapped("amount")), [36.00, 120.00])

    def test_a_part_that_cannot_be_priced_keeps_the_account_from_being_billed(self):
        self._read(d0201=200)  # nobody read the meter when the agreement changed
        self._split(date(2026, 1, 16))
        run = self._bill()
        self.assertEqual(run.line_ids.state, "error")
        self.assertFalse(run.charge_ids)

    def test_somebody_else_at_the_same_meter_begins_anew(self):
        other = self.account.copy({"number": "New"})
        self._read(d0116=170, d0201=340)
        self._split(date(2026, 1, 16), account=other)
        run = self._bill()
        self.assertEqual(run.move_ids.mapped("amount_total"), [87.0, 87.0])

    def test_split_anywhere_and_it_costs_the_same(self):
        """Whole units and prices in cents: no rounding hides a difference."""
        rows, index = [], Decimal(0)
        for number in range(DAYS + 1):
            day = JANUARY + timedelta(days=number)
            rows.append(
                {
                    "meter_id": self.meter.id,
                    "read_at": self.community._local_midnight(day),
                    "kind": "daily",
                    "source": "remote",
                    "index": index,
                }
            )
            index += 3 + number * 7 % 13
        self._ingest(*rows)

        @settings(
            max_examples=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.sets(st.integers(1, DAYS - 1), max_size=3),
            st.sampled_from(["month", "year"]),
            st.sampled_from([0, 30, 500]),
        )
        def check(days, period, minimum):
            with self.env.cr.savepoint() as savepoint:
                self.tariff.version_ids.write(
                    {"step_period": period, "min_charge": minimum}
                )
                whole = self._totals()
                for day in sorted(days):
                    self._split(JANUARY + timedelta(days=day))
                self.assertEqual(self._totals(), whole, (days, period))
                savepoint.rollback()

        check()

    def _totals(self):
        """Units and amount of each component, over all agreements of the point."""
        agreements = self.env["amr.agreement"].search(
            [("point_id", "=", self.point.id)]
        )
        book = agreements._get_agreement_book(MARCH)
        units, amounts = Counter(), Counter()
        for agreement in agreements:
            for piece in book.rate(agreement):
                units[piece.component] += piece.quantity
                amounts[piece.component] += dec(piece.amount, 2)
        self.assertGreater(sum(amounts.values()), Decimal(0))
        return units, amounts
