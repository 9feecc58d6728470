from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestInvite(PortalCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner = cls.env["res.partner"].create(
            {"name": "Li Na", "email": "li.na@example.com"}
        )
        cls.account = cls.env["amr.account"].create(
            {"partner_id": cls.partner.id, "community_id": cls.community.id}
        )
        cls.desk = new_test_user(
            cls.env,
            login="amr_desk",
            groups="amr_base.group_community_admin",
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
            amr_community_ids=[(6, 0, cls.community.ids)],
        )

    def test_invited_customer_gets_a_login_without_a_password(self):
        account = self.account.with_user(self.desk)
        self.assertEqual(account.portal_state, "none")
        account.action_invite_to_portal()
        user = self.partner.user_ids
        self.assertEqual(user.login, "li.na@example.com")
        self.assertTrue(user._is_portal())
        self.assertEqual(account.portal_state, "invited")
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        self.assertFalse(self.env.cr.fetchone()[0])
        self.assertTrue(self.partner.signup_type)

    def test_invitation_can_be_sent_again_and_withdrawn(self):
        account = self.account.with_user(self.desk)
        account.action_invite_to_portal()
        account.action_invite_to_portal()
        self.assertEqual(len(self.partner.user_ids), 1)
        account.action_revoke_portal_access()
        self.assertEqual(account.portal_state, "none")

    def test_customer_without_email_gets_a_sentence(self):
        self.partner.email = False
        with self.assertRaisesRegex(UserError, "Li Na"):
            self.account.with_user(self.desk).action_invite_to_portal()

    def test_email_of_another_user_is_refused(self):
        self.partner.email = self.own["user"].login
        self.own["user"].login = self.partner.email = "taken@example.com"
        with self.assertRaises(UserError):
            self.account.with_user(self.desk).action_invite_to_portal()

    def test_desk_cannot_invite_beyond_its_communities(self):
        self.desk.amr_community_ids = False
        with self.assertRaises(AccessError):
            self.account.with_user(self.desk).action_invite_to_portal()

    def test_resident_cannot_invite_himself(self):
        account = self.own["account"].with_user(self.own["user"])
        for action in ("action_invite_to_portal", "action_revoke_portal_access"):
            with self.subTest(action=action), self.assertRaises(AccessError):
                getattr(account, action)()
