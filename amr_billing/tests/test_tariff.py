from datetime import date

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import FEBRUARY, JANUARY, MARCH, BillingCommon


@tagged("post_install", "-at_install")
class TestTariff(BillingCommon):
    """What billing asks of tariffs: steps of a year, and that the billed stays."""

    def _step(self, **vals):
        self.tariff.version_ids.write(
            {
                "method": "step",
                "line_ids": [
                    Command.create({"quantity_from": start, "price": price})
                    for start, price in ((0, 0.5), (100, 0.6))
                ],
                **vals,
            }
        )

    def _amounts(self, run):
        return sorted(run.charge_ids.mapped(lambda c: (c.component, c.amount)))

    def test_steps_of_a_year_go_on_from_bill_to_bill(self):
        self._step(step_period="year")
        for day, index in ((JANUARY, 0), (FEBRUARY, 80), (MARCH, 160)):
            self._freeze(day, index)
        self.assertEqual(self._amounts(self._bill()), [("total/1", 40.0)])
        self.assertEqual(
            self._amounts(self._bill(FEBRUARY)), [("total/1", 10.0), ("total/2", 36.0)]
        )

    def test_steps_go_on_when_the_customer_gets_a_new_agreement(self):
        self._step(step_period="year")
        for day, index in ((JANUARY, 0), (FEBRUARY, 80), (MARCH, 160)):
            self._freeze(day, index)
        self._bill()
        self.agreement.date_to = moment = self.community._local_midnight(FEBRUARY)
        self._agree(self.point, date_from=moment)
        self.assertEqual(
            self._amounts(self._bill(FEBRUARY)), [("total/1", 10.0), ("total/2", 36.0)]
        )

    def test_steps_of_a_month_begin_again(self):
        self._step()
        for day, index in ((JANUARY, 0), (FEBRUARY, 80), (MARCH, 160)):
            self._freeze(day, index)
        self._bill()
        self.assertEqual(self._amounts(self._bill(FEBRUARY)), [("total/1", 40.0)])

    def test_a_bill_over_new_year_has_two_years(self):
        self._step(step_period="year")
        self.agreement.unlink()
        since = "2025-10-31 16:00:00"
        point, meter = self._install("880000000202", self._room("0202"), since=since)
        self._agree(point, date_from=since)
        for day, index in (
            (date(2025, 11, 1), 0),
            (date(2025, 12, 1), 300),
            (JANUARY, 350),
            (FEBRUARY, 370),
        ):
            self._freeze(day, index, meter)
        self._bill(date(2025, 11, 1))
        run = self._bill()
        self.assertEqual(self._amounts(run), [("total/1", 10.0), ("total/2", 30.0)])

    def test_a_large_household_pays_less(self):
        self._step(household_included=4, household_quantity=20)
        self.account.household_size = 6
        self._freeze(JANUARY, 0)
        self._freeze(FEBRUARY, 150)
        self.assertEqual(
            self._amounts(self._bill()), [("total/1", 70.0), ("total/2", 6.0)]
        )

    def test_what_was_billed_is_neither_changed_nor_deleted(self):
        version = self.tariff.version_ids
        version.surcharge_ids = [Command.create({"name": "Fund", "amount": 0.02})]
        self._freeze(JANUARY, 0)
        self._freeze(FEBRUARY, 50)
        self._bill()
        for change in (
            lambda: version.write({"price": 0.6}),
            lambda: version.write({"date_from": date(2026, 1, 10)}),
            lambda: version.surcharge_ids.write({"amount": 1}),
            lambda: version.surcharge_ids.unlink(),
            lambda: version.write(
                {"surcharge_ids": [Command.create({"name": "X", "amount": 1})]}
            ),
            lambda: version.unlink(),
        ):
            with self.assertRaisesRegex(UserError, "prices stay as they are"):
                change()
        later = version.copy({"date_from": "2019-01-01", "date_to": "2020-01-01"})
        with self.assertRaisesRegex(UserError, "prices stay as they are"):
            later.surcharge_ids.version_id = version
        later.unlink()
        with self.assertRaisesRegex(UserError, "cannot end on 2026-01-15"):
            version.date_to = date(2026, 1, 15)
        self._change_price(FEBRUARY, 0.7)
        self._freeze(MARCH, 60)
        self.assertIn(("total", 7.0), self._amounts(self._bill(FEBRUARY)))
