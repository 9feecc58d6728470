from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestRatio(PrepaidCommon):
    """The credit on a meter is in its own units: a new ratio would make it another."""

    def _refused(self, sentence):
        with self.assertRaisesRegex(UserError, sentence), self.env.cr.savepoint():
            self.meter.current_ratio = 30
        self.env.invalidate_all()
        self.assertEqual(self.meter.factor, 1)

    def test_a_meter_that_was_never_sold_to_takes_a_ratio(self):
        self.meter.current_ratio = 30
        self.assertEqual(self.meter.factor, 30)

    def test_not_while_an_order_is_open(self):
        vend = self._sell(100)
        self._refused(f"Order {vend.name} of meter .* is still open")
        self.meter.current_ratio = 1  # as it is

    def test_not_while_the_meter_holds_credit(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self._refused("holds 83.00 units of credit")
        self.meter.sudo().credit_balance = 0
        self.meter.current_ratio = 30
        self.assertEqual(self.meter.factor, 30)

    def test_not_while_nobody_knows_what_it_holds(self):
        vend = self._sell(100)
        self._run_until_settled(vend)
        self.meter.sudo().write({"credit_balance": 0, "credit_read_at": False})
        self._refused("Read its credit first")

    def test_what_a_resident_owes_is_in_its_units_too(self):
        self.meter.sudo().credit_balance = -5
        self._refused("holds -5.00 units of credit")

    def test_a_public_meter_below_zero_takes_a_ratio(self):
        self.agreement.unlink()
        self.meter.sudo().credit_balance = -3938.86
        self.meter.current_ratio = 30
        self.assertEqual(self.meter.factor, 30)
