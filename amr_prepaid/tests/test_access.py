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
        with self.assertRaises(AccessError):
            vend.with_user(user).action_retry()
        with self.assertRaises(AccessError):
            self.account.with_user(user).action_open_wallet()

    def test_the_counter_tells_nothing_of_another_community(self):
        self._sell(100)
        Wizard = self.env["amr.vend.sell"].with_user(self.other_clerk)
        values = {"agreement_id": self.agreement.id, "amount": 10}
        spec = {"agreement_id": {}, "amount": {}, "wallet_before": {}, "warning": {}}
        with self.assertRaises(AccessError):
            Wizard.onchange(values, ["agreement_id", "amount"], spec)
        with self.assertRaises(AccessError):
            Wizard.create(values).action_sell()
        with self.assertRaises(AccessError):
            Wizard.create(values).read(["wallet_before"])
        with self.assertRaises(AccessError):
            Wizard.create(values).read(["credit_balance"])

    def test_a_reader_does_not_see_the_money_of_an_account(self):
        self._sell(100)
        account = self.account.with_user(self.reader)
        with self.assertRaises(AccessError):
            account.read(["wallet_balance"])
        with self.assertRaises(AccessError):
            self.env["amr.wallet"].with_user(self.reader).search([])

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

    def test_nobody_types_in_what_a_meter_said_of_its_credit(self):
        administrator = self._operator(
            "prepaid_admin", "amr_base.group_community_admin"
        )
        meter = self.meter.with_user(administrator)
        for name in ("purchase_no", "credit_balance", "sold_purchase_no"):
            with self.assertRaisesRegex(AccessError, "cannot be typed in"):
                meter.write({name: 5})
        meter.credit_start_no = 5

    def test_a_clerk_of_another_community_opens_no_wallet(self):
        with self.assertRaises(AccessError):
            self.account.with_user(self.other_clerk).action_open_wallet()

    def test_a_clerk_reads_orders_and_wallets_in_his_scope(self):
        vend = self._sell(100)
        for record in (vend, vend.wallet_id, vend.wallet_id.entry_ids):
            self.assertTrue(record.with_user(self.clerk).read())
