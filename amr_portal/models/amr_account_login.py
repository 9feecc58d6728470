import base64
import re

from odoo import models
from odoo.exceptions import AccessError, UserError
from odoo.tools.image import image_data_uri

from ..tools import qr_code

# What a resident types on a phone: account or phone number, or a short name.
LOGIN = re.compile(r"[\w.@+-]{4,64}", re.ASCII)


class AmrAccount(models.Model):
    """A login for residents without e-mail: the property gives the name.

    The resident sets the password himself, over Odoo's own link, which works once; the
    property never knows it.
    """

    _inherit = "amr.account"  # pylint: disable=consider-merging-classes-inherited

    def action_give_login(self):
        """Open the form that gives a login name and prints the slip."""
        self.ensure_one()
        self._check_may_give_login()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_portal.amr_portal_login_action"
        )
        return {**action, "context": {"default_account_id": self.id}}

    def _get_portal_user(self):
        """Return the customer's user, also one whose access was withdrawn."""
        partner = self.partner_id.sudo().with_context(active_test=False)
        return partner.user_ids.sorted("active", reverse=True)[:1]

    def _check_may_give_login(self):
        """Check that whoever hands out the link may: with it one becomes the customer.

        :raises AccessError: not the front desk, or the customer has accounts elsewhere
        :raises UserError: the customer works here, or the account is closed
        """
        self.ensure_one()
        if not self.env.su and not self.env.user.has_group("amr_base.group_clerk"):
            raise AccessError(self.env._("Only the front desk gives logins."))
        self.check_access("write")
        partner = self.partner_id.sudo()
        if self._get_accounts_of(partner, writable=False) or self._get_companies_of(
            partner
        ):
            self._refuse_contact(partner)
        if self._get_users_of(partner).filtered(lambda user: not user.share):
            raise UserError(
                self.env._(
                    "%(name)s is an employee and sees the portal already.",
                    name=self.display_name,
                )
            )
        if self.state == "closed":
            raise UserError(
                self.env._(
                    "Account %s is closed: no login can be given.", self.display_name
                )
            )

        self._check_may_reset_login()

    def _check_may_reset_login(self):
        """Check that the link takes no password away behind its owner's back.

        The first link is for the front desk to hand out. Once the resident has logged
        in, whoever holds a new one takes his login over: that is not for every clerk.

        :raises AccessError: the customer has logged in, the user is no administrator
        """
        if (
            not self.env.su
            and self._get_portal_user().login_date
            and not self.env.user.has_group("amr_base.group_community_admin")
        ):
            raise AccessError(
                self.env._(
                    "%s has logged in already: only a community administrator prints "
                    "another slip.",
                    self.display_name,
                )
            )

    def _give_login(self, login):
        """Let the customer log in under a name; he sets the password by the slip.

        Who has a login keeps its name and password until he sets another.

        :param str login: wanted name; ignored when he has one
        """
        self._check_may_give_login()
        partner, user = self.partner_id.sudo(), self._get_portal_user()
        if not user:
            user = self._create_portal_user(login)
        elif not user.active or not user._is_portal():
            user.write(
                {
                    "active": True,
                    "group_ids": [
                        (4, self.env.ref("base.group_portal").id),
                        (3, self.env.ref("base.group_public").id),
                    ],
                }
            )
        partner.signup_prepare("reset" if user.login_date else "signup")

    def _create_portal_user(self, login):
        login = (login or "").strip()
        if not LOGIN.fullmatch(login):
            raise UserError(
                self.env._(
                    "A login name has 4 to 64 letters, digits or . @ + - _, as the "
                    "account number or a phone number has."
                )
            )
        users = self.env["res.users"].sudo().with_context(active_test=False)
        if users.search_count(
            [("login", "=ilike", login.replace("_", r"\_"))], limit=1
        ):
            raise UserError(
                self.env._("Login name %s is taken: choose another.", login)
            )
        return users.with_context(no_reset_password=True)._create_user_from_template(
            {
                "login": login,
                "partner_id": self.partner_id.id,
                "company_id": self.company_id.id,
                "company_ids": [(6, 0, self.company_id.ids)],
            }
        )

    def _get_login_slip(self):
        """Return what the slip shows; each slip has a link of its own.

        Who made it is kept at the account, for every slip: with it one becomes the
        customer, until he sets his password.

        :raises AccessError: not for the reader of this report
        :raises UserError: no login was given
        """
        self._check_may_give_login()
        user, partner = self._get_portal_user(), self.partner_id.sudo()
        if not user.active or not partner.signup_type:
            raise UserError(
                self.env._(
                    "%s has no slip to print: give a login first.", self.display_name
                )
            )
        kind = partner.signup_type
        validity = {"signup": ("signup", 144), "reset": ("reset_password", 4)}[kind]
        self.message_post(
            body=self.env._("Login slip printed, login name %s.", user.login)
        )
        url = partner._get_signup_url_for_action(url="/my/energy")[partner.id]
        return {
            "name": partner.name,
            "number": self.number,
            "login": user.login,
            "url": url,
            "code": image_data_uri(base64.b64encode(qr_code(url))),
            "hours": self.env["ir.config_parameter"]
            .sudo()
            .get_param(f"auth_signup.{validity[0]}.validity.hours", validity[1]),
        }
