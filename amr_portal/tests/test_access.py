from odoo.exceptions import AccessError
from odoo.http import Request
from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestAccess(PortalCommon):
    """Nobody sees anybody else's account, whichever door he tries."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for resident in (cls.own, cls.other):
            resident["bill"] = cls._create_bill(resident)
            resident["vend"] = cls._create_vend(resident)

    def _pages(self, resident):
        return [
            f"/my/energy/account/{resident['account'].id}",
            f"/my/energy/recharge/{resident['prepaid'].id}",
            f"/my/energy/vend/{resident['vend'].id}",
        ]

    def _calls(self, resident):
        return [
            (
                f"/my/energy/recharge/{resident['prepaid'].id}/quote",
                {"amount": "50"},
            ),
            (f"/my/energy/vend/{resident['vend'].id}/status", {}),
            (
                f"/my/energy/vend/{resident['vend'].id}/transaction",
                self._get_payment_params(resident["vend"]),
            ),
        ]

    def test_own_pages_open(self):
        self._login()
        for page in ["/my", "/my/energy", *self._pages(self.own)]:
            with self.subTest(page=page):
                response = self.url_open(page, allow_redirects=False)
                self.assertEqual(response.status_code, 200)

    def test_own_calls_answer(self):
        self._login()
        for route, params in self._calls(self.own):
            with self.subTest(route=route):
                self.assertTrue(self.make_jsonrpc_request(route, params))

    def test_pages_of_others_are_not_found(self):
        self._login()
        for page in self._pages(self.other):
            with self.subTest(page=page):
                response = self.url_open(page, allow_redirects=False)
                self.assertEqual(response.status_code, 404)

    @mute_logger("odoo.http")
    def test_calls_to_others_are_not_found(self):
        self._login()
        for route, params in self._calls(self.other):
            with self.subTest(route=route), self._assertNotFound():
                self.make_jsonrpc_request(route, params)
        self.assertFalse(self.other["vend"].transaction_ids)

    def test_amount_for_somebody_else_is_not_taken(self):
        self._login()
        response = self.url_open(
            self._pages(self.other)[1],
            data={"amount": "50", "csrf_token": Request.csrf_token(self)},
            allow_redirects=False,
        )
        self.assertEqual(response.status_code, 404)

    def test_what_does_not_exist_looks_like_somebody_elses(self):
        self._login()
        for page in ("account", "recharge", "vend"):
            response = self.url_open(f"/my/energy/{page}/99999999")
            self.assertEqual(response.status_code, 404)

    def test_agreement_paid_by_bill_cannot_be_recharged(self):
        self._login()
        response = self.url_open(f"/my/energy/recharge/{self.own['postpaid'].id}")
        self.assertEqual(response.status_code, 404)

    def test_list_shows_own_accounts_only(self):
        self._login()
        page = self.url_open("/my/energy").text
        self.assertIn(self.own["account"].number, page)
        self.assertNotIn(self.other["account"].number, page)
        self.assertNotIn(self.other["prepaid"].meter_id.number, page)

    def test_counters_count_own_accounts(self):
        self._login()
        values = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["energy_account_count"]}
        )
        self.assertEqual(values["energy_account_count"], 1)

    def test_public_is_sent_to_the_login_page(self):
        for page in ["/my/energy", *self._pages(self.own)]:
            with self.subTest(page=page):
                response = self.url_open(page, allow_redirects=False)
                self.assertEqual(response.status_code, 303)
                self.assertIn("/web/login", response.headers["Location"])

    @mute_logger("odoo.http")
    def test_public_calls_are_refused(self):
        for route, params in self._calls(self.own):
            with self.subTest(route=route), self.assertRaises(JsonRpcException) as e:
                self.make_jsonrpc_request(route, params)
            self.assertIn("SessionExpired", str(e.exception))

    def test_bill_of_somebody_else_leads_home(self):
        self._login()
        bill = self.other["bill"]
        response = self.url_open(f"/my/invoices/{bill.id}", allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertTrue(response.headers["Location"].endswith("/my"))

    def test_records_are_readable_by_their_owner_only(self):
        env = self.env(user=self.own["user"])
        readable = {
            "amr.account": "account",
            "amr.agreement": "prepaid",
            "amr.vend": "vend",
        }
        for model, key in readable.items():
            with self.subTest(model=model):
                self.assertTrue(env[model].browse(self.own[key].id).has_access("read"))
                self.assertFalse(
                    env[model].browse(self.other[key].id).has_access("read")
                )
        self.assertEqual(
            env["amr.wallet"].search([]).account_id.ids, self.own["account"].ids
        )

    def test_nothing_can_be_changed(self):
        env = self.env(user=self.own["user"])
        for record in (
            env["amr.account"].browse(self.own["account"].id),
            env["amr.agreement"].browse(self.own["prepaid"].id),
            env["amr.vend"].browse(self.own["vend"].id),
            env["amr.wallet"].search([]),
            env["amr.charge"],
            env["amr.wallet.entry"],
        ):
            for operation in ("write", "create", "unlink"):
                with self.subTest(model=record._name, operation=operation):
                    self.assertFalse(record.has_access(operation))

    def test_raw_data_is_behind_the_pages_only(self):
        """A rule cannot tell whose reading it was when the meter changed hands."""
        env = self.env(user=self.own["user"])
        for model in (
            "amr.reading",
            "amr.meter",
            "amr.metering.point",
            "amr.tariff",
            "amr.command",
            "amr.link",
        ):
            with self.subTest(model=model):
                self.assertFalse(env[model].has_access("read"))

    def test_notes_of_the_office_stay_there(self):
        for key, field in (("account", "note"), ("vend", "reason")):
            record = self.own[key].with_env(self.env(user=self.own["user"], su=False))
            with self.subTest(field=field), self.assertRaises(AccessError):
                record.read([field])
