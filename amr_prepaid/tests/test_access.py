from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestAccess(PrepaidCommon):
    def test_a_clerk_sells_in_his_scope(self):
        vend = self.Vend.with_user(self.clerk)._sell(self.agreement, 100, self.cash)
        self.assertEqual(vend.state, "crediting")
        self.assertEqual(vend.env.user, self.clerk)
        self.assertTrue(vend.wallet_id.entry_ids)

    def test_a_reader_does_not_sell(self):
        with self.assertRaises(AccessError):
            self.Vend.with_user(self.reader)._sell(self.agreement, 100, self.cash)
        with self.assertRaises(AccessError):
            self.env["amr.vend.sell"].with_user(self.reader).create({})
        vend = self._sell(100)
        with self.assertRaises(AccessError):
            vend.with_user(self.reader).read(["name"])
        self.meter.with_user(self.reader).read(["vend_count", "credit_balance"])

    def test_a_clerk_of_another_community_sees_and_sells_nothing(self):
        vend = self._sell(100)
        user = self.other_clerk
        with self.assertRaises(AccessError):
            self.Vend.with_user(user)._sell(self.agreement, 100, self.cash)
        for record in (vend, vend.wallet_id, vend.wallet_id.entry_ids):
            with self.assertRaises(AccessError):
                record.with_user(user).read(["display_name"])
            found = record.with_user(user).search([("id", "in", record.ids)])
            self.assertFalse(found)
        for method in ("action_retry", "action_print_receipt"):
            if method == "action_retry":
                with self.assertRaises(AccessError):
                    getattr(vend.with_user(user), method)()

    def test_nobody_writes_orders_or_wallets_directly(self):
        vend = self._sell(100)
        administrator = self._operator(
            "prepaid_admin", "amr_base.group_community_admin"
        )
        for user in (self.clerk, administrator):
            for record, vals in (
                (vend, {"state": "credited"}),
                (vend.wallet_id, {"balance": 5}),
            ):
                with self.assertRaises(AccessError):
                    record.with_user(user).write(vals)
            with self.assertRaises(AccessError):
                self.Vend.with_user(user).create(
                    {"agreement_id": self.agreement.id, "amount": 5}
                )

    def test_a_clerk_reads_orders_and_wallets_in_his_scope(self):
        vend = self._sell(100)
        for record in (vend, vend.wallet_id, vend.wallet_id.entry_ids):
            self.assertTrue(record.with_user(self.clerk).read())
