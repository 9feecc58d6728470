import json
from urllib.parse import urlencode, urlsplit

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.http import Request
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import PortalCommon

PASSWORD = "a long word of mine"


@tagged("post_install", "-at_install")
class TestLoginSlip(PortalCommon):
    """Residents without e-mail: the property gives a name, they set the password."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner = cls.env["res.partner"].create({"name": "Wang Fang"})
        cls.account = cls.env["amr.account"].create(
            {"partner_id": cls.partner.id, "community_id": cls.community.id}
        )
        cls.desk = cls._operator("slip_desk", "amr_base.group_community_admin")
        cls.reader = cls._operator("slip_reader", "amr_base.group_reader")

    @classmethod
    def _operator(cls, login, group):
        return new_test_user(
            cls.env,
            login=login,
            password=login,
            groups=group,
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
            amr_community_ids=[(6, 0, cls.community.ids)],
        )

    def _give(self, login=None, user=None):
        """Press the button, fill in the form, print."""
        account = self.account.with_user(user or self.desk)
        action = account.action_give_login()
        wizard = self.env[action["res_model"]].with_user(user or self.desk)
        wizard = wizard.with_context(**action["context"]).create(
            {"login": login} if login else {}
        )
        return wizard.action_print()

    def _open_slip(self):
        """Print the slip as the desk does; return the link on it."""
        self.authenticate(self.desk.login, self.desk.login)
        report = f"/report/pdf/amr_portal.report_login_slip/{self.account.id}"
        query = urlencode({"data": json.dumps([report, "qweb-pdf"])})
        page = html.fromstring(self.url_open(f"/report/download?{query}").text)
        [link] = page.cssselect("a.o_amr_link")
        [login] = page.cssselect(".o_amr_login")
        self.assertTrue(page.cssselect("img[src^='data:image/png']"))
        parts = urlsplit(link.get("href"))
        return login.text_content(), f"{parts.path}?{parts.query}"

    def _set_password(self, link, password=PASSWORD):
        """Open the link as a stranger and set a password; return the answer."""
        self.authenticate(None, None)
        page = html.fromstring(self.url_open(link).text)
        form = {
            field.get("name"): field.get("value") or ""
            for field in page.cssselect("form input[name]")
        }
        form |= {
            "csrf_token": Request.csrf_token(self),
            "password": password,
            "confirm_password": password,
        }
        return self.url_open(link, data=form)

    def _log_in(self, login, password=PASSWORD):
        self.authenticate(None, None)
        return self.url_open(
            "/web/login",
            data={
                "login": login,
                "password": password,
                "csrf_token": Request.csrf_token(self),
            },
        )

    def test_from_the_slip_to_ones_own_account_and_no_other(self):
        self.assertEqual(self._give()["report_name"], "amr_portal.report_login_slip")
        login, link = self._open_slip()
        self.assertEqual(login, self.account.number)
        self._set_password(link)
        self._log_in(login)
        page = self.url_open("/my/energy")
        self.assertIn(self.account.number, page.text)
        for path in ("account", "recharge", "vend"):
            record = {
                "account": self.other["account"],
                "recharge": self.other["prepaid"],
                "vend": self._create_vend(self.other),
            }[path]
            with mute_logger("odoo.http"):
                answer = self.url_open(f"/my/energy/{path}/{record.id}")
            self.assertEqual(answer.status_code, 404, path)
        self.assertEqual(self.account.portal_state, "active")

    def test_the_link_works_once(self):
        self._give()
        login, link = self._open_slip()
        self._set_password(link)
        with mute_logger("odoo.addons.auth_signup.controllers.main"):
            self._set_password(link, "a stranger's word")
        self.assertIn("/web/login", self._log_in(login, "a stranger's word").url)
        self.assertIn("/my", self._log_in(login).url)

    def test_no_password_is_shown_or_stored(self):
        self._give()
        user = self.partner.user_ids
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        self.assertFalse(self.env.cr.fetchone()[0], "none until the resident sets it")
        _login, link = self._open_slip()
        self._set_password(link)
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        self.assertNotIn(PASSWORD, self.env.cr.fetchone()[0], "hashed")
        said = "".join(self.account.message_ids.mapped("body"))
        self.assertIn(self.account.number, said)
        self.assertNotIn("token", said)

    def test_a_phone_number_as_name(self):
        self._give("13800138000")
        user = self.partner.user_ids
        self.assertEqual((user.login, user._is_portal()), ("13800138000", True))
        self.assertEqual(self.account.portal_state, "invited")
        self._give("another name")  # he has one; the slip is only printed again
        self.assertEqual(user.login, "13800138000")

    def test_a_name_that_is_taken_or_none(self):
        for login, sentence in (
            (self.own["login"].upper(), "is taken"),
            ("ab", "4 to 64"),
            ("a b c d", "4 to 64"),
            ("<script>", "4 to 64"),
        ):
            with self.subTest(login=login), self.assertRaisesRegex(UserError, sentence):
                self._give(login)
        self.assertFalse(self.partner.user_ids)

    def test_every_slip_leaves_a_trace_of_who_printed_it(self):
        before = self.account.message_ids
        self._give()
        for count in (1, 2):
            self._open_slip()
            said = (self.account.message_ids - before).filtered(
                lambda message: self.account.number in message.body
            )
            self.assertEqual(len(said), count)
            self.assertEqual(said.author_id, self.desk.partner_id)

    def test_a_slip_is_not_printed_again_once_it_was_used(self):
        """The print menu and old addresses of the report give no new secret."""
        self._give()
        _login, link = self._open_slip()
        self._set_password(link)
        self.env.invalidate_all()
        for user in (self.desk, self.env.user):
            with self.assertRaisesRegex(UserError, "give a login first"):
                self.account.with_user(user)._get_login_slip()
        self.assertFalse(
            self.env.ref("amr_portal.amr_login_slip_action").attachment,
            "nor is a slip kept",
        )

    def test_a_clerk_takes_over_no_login_that_is_in_use(self):
        clerk = self._operator("slip_clerk", "amr_base.group_clerk")
        self._give(user=clerk)
        self.assertTrue(self.account.with_user(clerk)._get_login_slip()["url"])
        login, link = self._open_slip()
        self._set_password(link)
        self._log_in(login)
        self.env.invalidate_all()
        self.partner.signup_prepare("reset")  # the resident asked for it himself
        for attempt in (
            lambda: self._give(user=clerk),
            lambda: self.account.with_user(clerk)._get_login_slip(),
        ):
            with self.assertRaisesRegex(AccessError, "community administrator"):
                attempt()
        self._give()
        self.assertIn("token=", self._open_slip()[1])

    def test_access_that_was_withdrawn_is_given_again(self):
        self._give()
        self.account.with_user(self.desk).action_revoke_portal_access()
        self.assertEqual(self.account.portal_state, "none")
        with self.assertRaisesRegex(UserError, "no slip to print"):
            self.account.with_user(self.desk)._get_login_slip()
        self._give()
        self.assertEqual(len(self.partner.user_ids), 1)
        self.assertEqual(self.account.portal_state, "invited")

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_qweb")
    def test_whoever_may_not_give_logins_gets_no_link(self):
        self._give()
        for user in (self.reader, self.own["user"]):
            with self.assertRaises(AccessError):
                self.account.with_user(user)._get_login_slip()
            with self.assertRaises(AccessError):
                self._give(user=user)
        self.authenticate(self.reader.login, self.reader.login)
        url = f"/report/html/amr_portal.report_login_slip/{self.account.id}"
        answer = self.url_open(url)
        self.assertNotIn("token=", answer.text)
        self.assertGreaterEqual(answer.status_code, 400)

    def test_a_customer_of_somebody_elses_community_too(self):
        elsewhere = self.env["amr.community"].create(
            {
                "name": "Elsewhere",
                "code": "0999",
                "district_id": self.community.district_id.id,
            }
        )
        self.env["amr.account"].create(
            {"partner_id": self.partner.id, "community_id": elsewhere.id}
        )
        with self.assertRaisesRegex(AccessError, "known to others"):
            self._give()

    def test_the_propertys_own_contact_gets_none(self):
        self.account.partner_id = self.company.partner_id
        with self.assertRaisesRegex(AccessError, "known to others"):
            self._give()
        self.assertFalse(self.account._get_portal_user())

    def test_the_form_tells_no_name_of_somebody_elses_customer(self):
        wizards = self.env["amr.portal.login"].with_user(self.desk)
        own = wizards.create({"account_id": self.account.id, "login": "wang"})
        self.assertEqual(own.holder, "Wang Fang")
        elsewhere = self.env["amr.community"].create(
            {
                "name": "Elsewhere",
                "code": "0998",
                "district_id": self.community.district_id.id,
            }
        )
        customer = self.env["res.partner"].create({"name": "Li Na"})
        account = self.env["amr.account"].create(
            {"partner_id": customer.id, "community_id": elsewhere.id}
        )
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            wizards.create({"account_id": account.id, "login": "li.na"}).read(
                ["holder"]
            )

    def test_an_employee_gets_none(self):
        self.account.partner_id = self.reader.partner_id
        with self.assertRaisesRegex(UserError, "employee"):
            self._give()
