from decimal import Decimal

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestQuote(PrepaidCommon):
    def _quote(self, amount, agreement=None):
        return self.Vend._quote(agreement or self.agreement, Decimal(str(amount)))

    def test_a_payment_buys_whole_units_and_leaves_change(self):
        quote = self._quote(100)
        self.assertEqual(quote["quantity"], 83)
        self.assertEqual(quote["charged"], Decimal("99.60"))
        self.assertEqual(quote["wallet_after"], Decimal("0.40"))
        self.assertFalse(self.Vend.search([("account_id", "=", self.account.id)]))

    def test_surcharges_per_unit_are_part_of_the_price(self):
        self.prepaid_tariff.version_ids.surcharge_ids = [
            fields.Command.create({"name": "Fund", "kind": "per_unit", "amount": 0.05}),
            fields.Command.create({"name": "Bill", "kind": "per_bill", "amount": 3}),
        ]
        self.assertEqual(self._quote(125)["unit_price"], Decimal("1.250000"))
        self.assertEqual(self._quote(125)["quantity"], 100)

    def test_a_meter_behind_transformers_is_credited_in_its_own_units(self):
        self.meter.current_ratio = 30
        quote = self._quote(1000)
        self.assertEqual(quote["quantity"], 833)
        self.assertEqual(quote["meter_quantity"], Decimal("27.77"))

    def test_a_bad_amount_is_refused_with_one_sentence(self):
        for amount, words in (
            ("0", "greater than zero"),
            ("-5", "greater than zero"),
            ("1.005", "at most 2 decimals"),
            ("0.50", "at least"),
            ("1.10", "at least 1.20"),
            ("10000.01", "at most"),
        ):
            with self.subTest(amount), self.assertRaisesRegex(UserError, words):
                self._quote(amount)

    def test_more_than_the_meter_can_hold_is_refused(self):
        self.prepaid_tariff.version_ids.price = 0.000001
        with self.assertRaisesRegex(UserError, "cannot hold"):
            self._quote(10)

    def test_no_price_today_is_refused(self):
        self.prepaid_tariff.version_ids.date_to = "2021-01-01"
        with self.assertRaisesRegex(UserError, "no price today"):
            self._quote(10)
        self.prepaid_tariff.version_ids.write({"date_to": False, "price": 0})
        with self.assertRaisesRegex(UserError, "above zero"):
            self._quote(10)

    def test_only_flat_prices_can_be_sold_in_advance(self):
        self.prepaid_tariff.version_ids.write(
            {
                "method": "tou",
                "line_ids": [fields.Command.create({"register": "t1", "price": 1})],
            }
        )
        with self.assertRaisesRegex(UserError, "not flat"):
            self._quote(10)

    def test_a_supply_that_cannot_be_sold_to_says_why(self):
        cases = (
            (self.agreement, {"payment_mode": "postpaid"}, "by bill"),
            (self.agreement, {"date_to": "2026-02-01"}, "not in force"),
            (self.account, {"state": "closed"}, "closed"),
            (self.meter_model, {"prepaid": False}, "keeps no credit"),
            (self.meter, {"link_id": False}, "no link"),
            (self.meter.installation_ids, {"date_to": "2026-02-01"}, "No meter"),
        )
        # an account with an agreement is not closed; the sale looks all the same
        self.patch(type(self.account), "_get_closing_obstacles", lambda _self: [])
        for record, vals, words in cases:
            with self.subTest(words), self.env.cr.savepoint() as savepoint:
                record.write(vals)
                self.env.invalidate_all()
                with self.assertRaisesRegex(UserError, words):
                    self._quote(10)
                savepoint.rollback()
            self.env.invalidate_all()

    def test_the_wallet_counts_and_what_is_reserved_does_not(self):
        self._sell(100)
        self.assertEqual(self._quote(10)["wallet_before"], Decimal("0.40"))

    def test_how_an_agreement_is_paid_stays_once_energy_was_sold(self):
        self._sell(100)
        with self.assertRaisesRegex(UserError, "End it at a reading"):
            self.agreement.payment_mode = "postpaid"
        self.agreement.payment_mode = "prepaid"
