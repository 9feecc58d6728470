from decimal import Decimal

from lxml import html

from odoo.http import Request
from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestRecharge(PortalCommon):
    def setUp(self):
        super().setUp()
        self._login()
        self.url = f"/my/energy/recharge/{self.own['prepaid'].id}"

    def _quote(self, amount):
        return self.make_jsonrpc_request(f"{self.url}/quote", {"amount": amount})

    def _post(self, **data):
        data["csrf_token"] = Request.csrf_token(self)
        return self.url_open(self.url, data=data, allow_redirects=False)

    def _get_vends(self):
        return self.env["amr.vend"].search(
            [("agreement_id", "=", self.own["prepaid"].id)]
        )

    # === Amount === #

    def test_quote_tells_energy_and_remainder(self):
        quote = self._quote("100")
        tree = html.fromstring(quote["html"])
        quantity = tree.cssselect(".o_amr_quantity")[0].text_content()
        remainder = tree.cssselect(".o_amr_remainder")[0].text_content()
        self.assertTrue(quote["ok"])
        self.assertIn("178", quantity)
        self.assertIn("0.32", remainder)

    def test_bad_amounts_get_a_sentence(self):
        for amount in ("-5", "0", "abc", "", None, "0.5", "99999999", "10.005", "1e3"):
            with self.subTest(amount=amount):
                quote = self._quote(amount)
                self.assertFalse(quote["ok"])
                alert = html.fromstring(quote["html"])
                self.assertIn("alert-danger", alert.get("class"))
                self.assertGreater(len(alert.text_content().strip()), 5)

    def test_bad_amounts_lead_nowhere(self):
        for amount in ("-5", "0", "abc", "0.5", "99999999", "10.005"):
            with self.subTest(amount=amount):
                response = self._post(amount=amount)
                self.assertEqual(response.status_code, 200)
                page = html.fromstring(response.text)
                self.assertTrue(page.cssselect(".o_amr_recharge .alert-danger"))
                typed = page.cssselect("input[name='amount']")[0].get("value")
                self.assertEqual(typed, amount, "what was typed can be corrected")
        self.assertFalse(self._get_vends())

    def test_nothing_chosen_gets_a_sentence(self):
        page = html.fromstring(self._post().text)
        self.assertTrue(page.cssselect(".o_amr_recharge .alert-danger"))

    def test_good_amount_leads_to_its_payment(self):
        response = self._post(preset="200")
        vend = self._get_vends()
        self.assertTrue(response.headers["Location"].endswith(f"/vend/{vend.id}"))
        self.assertEqual((vend.state, vend.amount), ("draft", 200))
        self.assertEqual(vend.account_id, self.own["account"])

    def test_typed_amount_wins_over_a_button(self):
        self._post(preset="200", amount="８０元")
        self.assertEqual(self._get_vends().amount, 80)

    def test_another_amount_takes_the_same_draft(self):
        self._post(preset="200")
        self._post(preset="50")
        self.assertEqual(self._get_vends().mapped("amount"), [50])

    def test_a_payment_that_may_still_come_in_keeps_its_order(self):
        self._post(preset="50")
        vend = self._get_vends()
        self.make_jsonrpc_request(
            f"/my/energy/vend/{vend.id}/transaction", self._get_payment_params(vend)
        )
        self._post(preset="500")
        self.assertEqual(sorted(self._get_vends().mapped("amount")), [50, 500])

    def test_post_without_csrf_token_is_refused(self):
        with mute_logger("odoo.http"):
            response = self.url_open(self.url, data={"preset": "50"})
        self.assertEqual(response.status_code, 400)
        self.assertFalse(self._get_vends())

    def test_meter_that_cannot_be_credited_is_said_so(self):
        self.own["prepaid"].meter_id.link_id = False
        page = html.fromstring(self.url_open(self.url).text)
        self.assertFalse(page.cssselect("form.o_amr_recharge"))
        self.assertTrue(page.cssselect(".o_amr .alert-warning"))

    # === Payment === #

    def test_payment_page_shows_what_is_bought(self):
        vend = self._create_vend(self.own)
        page = html.fromstring(self.url_open(f"/my/energy/vend/{vend.id}").text)
        self.assertTrue(page.cssselect("form#o_payment_form"))
        self.assertIn("178", page.cssselect(".o_amr table")[0].text_content())

    def test_order_decides_amount_customer_and_landing_page(self):
        vend = self._create_vend(self.own)
        values = self.make_jsonrpc_request(
            f"/my/energy/vend/{vend.id}/transaction",
            {**self._get_payment_params(vend), "landing_route": "//evil"},
        )
        tx = self._get_tx(values["reference"])
        self.assertEqual((tx.amount, tx.currency_id), (100, vend.currency_id))
        self.assertEqual(tx.partner_id, self.own["account"].partner_id)
        self.assertEqual(tx.amr_vend_id, vend)
        self.assertEqual(tx.landing_route, f"/my/energy/vend/{vend.id}")

    @mute_logger("odoo.http")
    def test_another_amount_than_the_one_shown_is_refused(self):
        vend = self._create_vend(self.own)
        for amount in (0.01, 99.99, None, "x"):
            with self.subTest(amount=amount), self.assertRaises(JsonRpcException):
                self.make_jsonrpc_request(
                    f"/my/energy/vend/{vend.id}/transaction",
                    {**self._get_payment_params(vend), "amount": amount},
                )
        self.assertFalse(vend.transaction_ids)

    @mute_logger("odoo.http")
    def test_unknown_values_are_refused(self):
        vend = self._create_vend(self.own)
        for key in ("partner_id", "currency_id", "custom_create_values"):
            with self.subTest(key=key), self.assertRaises(JsonRpcException):
                self.make_jsonrpc_request(
                    f"/my/energy/vend/{vend.id}/transaction",
                    {**self._get_payment_params(vend), key: 1},
                )
        self.assertFalse(vend.transaction_ids)

    def test_paid_order_is_credited_and_shown(self):
        vend = self._create_vend(self.own)
        tx = self._pay(vend)
        tx._post_process()
        self.assertEqual(vend.state, "crediting")
        self.assertEqual(vend.transaction_id, tx)
        status = self.make_jsonrpc_request(f"/my/energy/vend/{vend.id}/status")
        self.assertEqual((status["state"], status["waiting"]), ("crediting", True))
        steps = html.fromstring(status["html"]).cssselect("li")
        self.assertEqual(
            [step.get("class") for step in steps],
            ["o_amr_done", "o_amr_current", "o_amr_todo"],
        )
        vend._on_credited()
        status = self.make_jsonrpc_request(f"/my/energy/vend/{vend.id}/status")
        self.assertEqual((status["state"], status["waiting"]), ("credited", False))
        page = html.fromstring(self.url_open(f"/my/energy/vend/{vend.id}").text)
        self.assertEqual(len(page.cssselect("li.o_amr_done")), 3)
        self.assertTrue(
            page.cssselect(f"a[href^='/my/invoices/{vend.bill_move_id.id}']")
        )

    @mute_logger("odoo.http")
    def test_paid_order_cannot_be_paid_again(self):
        vend = self._create_vend(self.own)
        for state in ("pending", "done"):
            with self.subTest(state=state):
                tx = vend.transaction_ids or self._pay(vend, "pending")
                if state == "done":
                    tx._process(
                        "demo", {"reference": tx.reference, "simulated_state": "done"}
                    )
                    tx._post_process()
                with self.assertRaises(JsonRpcException):
                    self.make_jsonrpc_request(
                        f"/my/energy/vend/{vend.id}/transaction",
                        self._get_payment_params(vend),
                    )
        self.assertEqual(len(vend.transaction_ids), 1)

    def test_pending_payment_is_waited_for(self):
        vend = self._create_vend(self.own)
        self._pay(vend, "pending")
        page = html.fromstring(self.url_open(f"/my/energy/vend/{vend.id}").text)
        self.assertFalse(page.cssselect("form#o_payment_form"))
        self.assertTrue(page.cssselect(".o_amr_vend[data-waiting]"))

    @mute_logger("odoo.addons.payment.models.payment_transaction")
    def test_failed_payment_can_be_tried_again(self):
        vend = self._create_vend(self.own)
        for state in ("cancel", "error"):
            self._pay(vend, state)
            page = html.fromstring(self.url_open(f"/my/energy/vend/{vend.id}").text)
            self.assertTrue(page.cssselect(".o_amr .alert-warning"))
            self.assertTrue(page.cssselect("form#o_payment_form"))
        self._pay(vend)._post_process()
        self.assertEqual(vend.state, "crediting")

    def test_order_that_needs_a_person_says_that_the_money_is_safe(self):
        vend = self._create_vend(self.own)
        self._pay(vend)._post_process()
        vend._set_exception("silent")
        page = html.fromstring(self.url_open(f"/my/energy/vend/{vend.id}").text)
        self.assertEqual(len(page.cssselect("li.o_amr_failed")), 1)
        self.assertNotIn("silent", page.text_content())

    def test_remainder_is_used_next_time(self):
        vend = self._create_vend(self.own)
        self._pay(vend)._post_process()
        vend._on_credited()
        self.assertEqual(
            self.own["account"].sudo()._get_portal_values()["wallet"], Decimal("0.32")
        )
        quote = self._quote("50")
        self.assertIn("0.32", quote["html"])
