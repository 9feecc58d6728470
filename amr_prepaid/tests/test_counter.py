from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestCounter(PrepaidCommon):
    def _form(self, **context):
        return Form(
            self.env["amr.vend.sell"].with_user(self.clerk).with_context(**context)
        )

    def test_the_counter_shows_what_an_amount_buys(self):
        form = self._form(default_account_id=self.account.id)
        self.assertEqual(form.agreement_id, self.agreement)
        form.amount = 100
        self.assertEqual((form.quantity, form.charged), (83, 99.60))
        self.assertEqual((form.wallet_before, form.wallet_after), (0, 0.40))
        self.assertFalse(form.warning)

    def test_the_counter_sells_in_one_go(self):
        form = self._form(default_agreement_id=self.agreement.id)
        form.amount = 100
        form.journal = str(self.cash.id)
        action = form.save().action_sell()
        vend = self.Vend.browse(action["res_id"])
        self.assertEqual((vend.state, vend.journal_id), ("crediting", self.cash))
        self.assertEqual((vend.user_id, vend.payment_id.state), (self.clerk, "paid"))
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_the_counter_sells_by_quantity(self):
        """Row 108: the wallet counts, and typing an amount goes back to amounts."""
        first = self._sell(100)
        self._run_until_settled(first)  # 0.40 left
        form = self._form(default_agreement_id=self.agreement.id)
        form.units = 50
        self.assertEqual((form.amount, form.quantity), (59.60, 50))
        self.assertEqual(form.wallet_after, 0)
        form.amount = 100
        self.assertEqual((form.units, form.quantity), (0, 83))
        form.units = 20
        form.journal = str(self.cash.id)
        vend = self.Vend.browse(form.save().action_sell()["res_id"])
        self._run_until_settled(vend)
        self.assertEqual((vend.amount, vend.quantity), (23.60, 20))
        self.assertCredited(vend)

    def test_the_meter_tells_what_was_bought(self):
        """Row 112: purchases and energy; what was not credited does not count."""
        meter = self.meter.with_user(self.clerk)
        self.assertEqual((meter.sold_count, meter.sold_quantity), (0, 0))
        for _number in range(2):
            self._run_until_settled(self._sell(100))
        self._sell(100)
        meter.invalidate_recordset()
        self.assertEqual((meter.sold_count, meter.sold_quantity), (2, 83 + 83))
        self.assertEqual(meter.sold_purchase_no, 3)

    def test_the_counter_opens_from_meter_and_account(self):
        for record in (self.meter, self.account, self.agreement):
            context = record.with_user(self.clerk).action_sell()["context"]
            form = self._form(**context)
            self.assertEqual(form.agreement_id, self.agreement)

    def test_the_counter_says_that_a_customer_has_nothing_to_recharge(self):
        other = self.account.copy({"partner_id": self.account.partner_id.copy().id})
        form = self._form()
        self.assertFalse(form.warning)
        form.account_id = other
        self.assertFalse(form.agreement_id)
        self.assertIn("in advance for no meter", form.warning)
        form.account_id = self.account
        self.assertEqual((form.agreement_id, form.warning), (self.agreement, False))

    def test_the_counter_says_why_it_does_not_sell(self):
        vend = self._sell(100)
        form = self._form(default_agreement_id=self.agreement.id)
        self.assertIn(vend.name, form.warning)
        self._run_until_settled(vend)
        form = self._form(default_agreement_id=self.agreement.id)
        form.amount = 0.5
        self.assertIn("at least", form.warning)
        with self.assertRaisesRegex(UserError, "at least"):
            form.save().action_sell()

    def test_money_goes_to_cash_or_bank_only(self):
        journal = self.company.amr_prepaid_journal_id
        with self.assertRaisesRegex(UserError, "cash or bank"):
            self.Vend._sell(self.agreement, 100, journal)

    def test_the_receipt_shows_the_amount_in_chinese_capitals(self):
        vend = self._sell("1234.56")
        html, _type = self.env["ir.actions.report"]._render_qweb_html(
            "amr_prepaid.report_vend_receipt", vend.ids
        )
        text = html.decode()
        self.assertIn("壹仟贰佰叁拾肆元伍角陆分", text)
        self.assertIn(vend.name, text)
        self.assertIn(self.meter.number, text)

    def test_the_receipt_names_the_operator_unit_and_its_phone(self):
        """Remote prepaid manual 4.5.2, IC-card manual 1.2."""
        self.company.write({"name": "Delta Property", "phone": "0755-8888"})
        html, _type = self.env["ir.actions.report"]._render_qweb_html(
            "amr_prepaid.report_vend_receipt", self._sell(100).ids
        )
        page = html.decode().partition('class="page"')[2]
        self.assertIn("Delta Property", page)
        self.assertIn("0755-8888", page)

    def test_the_same_key_sells_once(self):
        vend = self._sell(100, key="T-1")
        self.assertEqual(self._sell(100, key="T-1"), vend)
        self.assertEqual(len(self.account.wallet_ids.entry_ids), 1)

    def test_old_drafts_are_cancelled(self):
        draft = self.Vend.create({"agreement_id": self.agreement.id, "amount": 50})
        self.Vend._cron_resume()
        self.assertEqual(draft.state, "draft")
        self.env.cr.execute(
            "UPDATE amr_vend SET create_date = create_date - interval '8 days' "
            "WHERE id = %s",
            [draft.id],
        )
        draft.invalidate_recordset()
        self.Vend._cron_resume()
        self.assertEqual(draft.state, "cancelled")
