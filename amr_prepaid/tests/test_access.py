from odoo import fields
from odoo.exceptions import AccessError, UserError
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

    # === Row 207: what the vending clerk does, what the administrator === #

    def _new_terms(self, user):
        """End the supply at today's price and begin one of another price type."""
        tariff = self._tariff("Shop", self.electricity, 2)
        agreement = self.agreement.with_user(user)
        now = fields.Datetime.now()
        agreement.date_to = now
        return (
            self.env["amr.agreement"]
            .with_user(user)
            .create(
                {
                    "account_id": self.account.id,
                    "point_id": self.point.id,
                    "tariff_id": tariff.id,
                    "payment_mode": "prepaid",
                    "date_from": now,
                }
            )
        )

    def _decide(self, vend, user, decision):
        wizard = self.env["amr.vend.resolve"].with_user(user)
        wizard.create(
            {"vend_id": vend.id, "decision": decision, "reason": "seen"}
        ).action_apply()

    def test_a_vending_clerk_sets_no_terms(self):
        """S2 二, 十一: prices, parameters, replacement and tools are not his."""
        self.device.adjust({"purchase_no": 7})
        vend = self._sell(100)
        self._run(vend.command_id)
        clerk = self.clerk
        version = self.prepaid_tariff.version_ids
        point = {"point_id": self.point.id}
        reader = {"name": "R", "port": "pcsc:R", "community_id": self.community.id}
        for refused in (
            lambda: version.with_user(clerk).write({"price": 9}),
            lambda: self._new_terms(clerk),
            lambda: self.meter.with_user(clerk).write({"number": "9"}),
            lambda: self.meter_model.with_user(clerk).write({"prepaid": False}),
            lambda: self.env["amr.meter.replace"].with_user(clerk).create(point),
            lambda: self.env["amr.card.reader"].with_user(clerk).create(reader),
            lambda: self._decide(vend, clerk, "cancel"),
            lambda: self._decide(vend, clerk, "credited"),
            lambda: self._decide(vend, clerk, "series"),
            lambda: self.env["amr.operator"].with_user(clerk).create({"name": "X"}),
        ):
            with self.assertRaises(AccessError), self.cr.savepoint():
                refused()
        self.device.adjust({"purchase_no": 0})
        self._decide(vend, clerk, "retry")
        self._run_until_settled(vend)
        self.assertCredited(vend)
        vend.with_user(clerk).action_print_receipt()
        self.meter.with_user(clerk).action_read_credit()

    def test_an_administrator_changes_name_address_and_price_type_after_a_sale(self):
        """S2 十二常见4; what was sold keeps its price."""
        admin = self._operator("terms_admin", "amr_base.group_community_admin")
        vend = self._sell(100)
        self._run_until_settled(vend)
        account = self.account.with_user(admin)
        account.write({"name": "Wang Xin", "street": "Lane 5"})
        with self.assertRaisesRegex(UserError, "sold to or billed"):
            self.agreement.with_user(admin).tariff_id = self.tariff
        agreement = self._new_terms(admin)
        self.env.invalidate_all()
        again = self.Vend.with_user(self.clerk)._sell(agreement, 100, self.cash)
        self.assertEqual((vend.unit_price, again.unit_price), (1.2, 2))
        self.assertEqual(again.partner_id.name, "Wang Xin")
        self._run_until_settled(again.sudo())
        self.assertCredited(again.sudo())
