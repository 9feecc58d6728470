from unittest.mock import patch

from odoo.tests import tagged

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestTours(PortalCommon):
    def test_resident_recharges_and_sees_it_credited(self):
        self._read_daily(self.own["prepaid"], ["10", "12", "15"])
        vends = self.env.registry["amr.vend"]
        followed = vends._get_portal_values
        polls = []

        def credit_while_watched(vend):
            """Let the meter answer after the page has asked for the state once."""
            if vend.state == "crediting":
                polls.append(vend.id)
                if len(polls) == 3:
                    vend.with_user(1)._on_credited()
            return followed(vend)

        with patch.object(vends, "_get_portal_values", credit_while_watched):
            self.start_tour("/my", "amr_portal_recharge", login=self.own["login"])
        vend = self.env["amr.vend"].search(
            [("agreement_id", "=", self.own["prepaid"].id)]
        )
        self.assertEqual((vend.state, vend.amount), ("credited", 100))

    def test_resident_pays_a_bill(self):
        bill = self._create_bill(self.own, 87.65)
        self.start_tour("/my", "amr_portal_pay_bill", login=self.own["login"])
        self.assertEqual(bill.payment_state, "paid")
        self.assertFalse(self.own["account"]._get_unpaid_bills())
