import re
import unicodedata

from odoo import api, fields, models
from odoo.exceptions import UserError

SCOPE_FIELDS = {
    "amr_scope_all",
    "amr_district_ids",
    "amr_community_ids",
    "amr_building_ids",
    "company_ids",
}
SCOPE_GROUPS = "base.group_erp_manager,amr_base.group_manager"
ALL = "ALL"
SEPARATORS = re.compile(r"[\s,、;]+")


class ResUsers(models.Model):
    _inherit = "res.users"

    amr_scope_all = fields.Boolean(
        "All communities",
        groups=SCOPE_GROUPS,
        help="The operator sees every community of his companies, later ones too.",
    )
    amr_district_ids = fields.Many2many(
        "amr.district",
        "amr_district_res_users_rel",
        string="Districts in scope",
        groups=SCOPE_GROUPS,
        help="The operator sees every community of these districts.",
    )
    amr_community_ids = fields.Many2many(
        "amr.community",
        "amr_community_res_users_rel",
        string="Communities in scope",
        groups=SCOPE_GROUPS,
    )
    amr_building_ids = fields.Many2many(
        "amr.building",
        "amr_building_res_users_rel",
        string="Only these buildings",
        context={"active_test": False},  # without an archived one he would see more
        groups=SCOPE_GROUPS,
        help="Narrows the scope to the rooms and meters of these buildings; empty: "
        "all of the communities in scope.",
    )
    amr_scope_community_ids = fields.Many2many(
        "amr.community",
        compute="_compute_amr_scope_community_ids",
        compute_sudo=True,
        string="Effective communities",
        help="What record rules let this operator see.",
    )
    amr_scope_building_ids = fields.Many2many(
        "amr.building",
        compute="_compute_amr_scope_building_ids",
        compute_sudo=True,
        string="Effective buildings",
        context={"active_test": False},
        help="Empty: every building of the effective communities.",
    )
    amr_scope_codes = fields.Char(
        "Scope",
        compute="_compute_amr_scope_codes",
        compute_sudo=True,
        help="ALL, or codes of districts and communities.",
    )
    amr_rights = fields.Char("Rights", compute="_compute_amr_rights", compute_sudo=True)

    @api.depends(
        "amr_scope_all",
        "amr_district_ids.community_ids",
        "amr_community_ids",
        "company_ids",
    )
    def _compute_amr_scope_community_ids(self):
        Community = self.env["amr.community"].with_context(active_test=False)
        for user in self:
            if user.amr_scope_all:
                own = [("company_id", "in", user.company_ids.ids)]
                user.amr_scope_community_ids = Community.search(own)
                continue
            user.amr_scope_community_ids = (
                user.amr_community_ids
                | user.amr_district_ids.with_context(active_test=False).community_ids
            )

    @api.depends("amr_building_ids")
    def _compute_amr_scope_building_ids(self):
        for user in self:
            user.amr_scope_building_ids = user.amr_building_ids

    @api.depends("amr_scope_all", "amr_district_ids.code", "amr_community_ids.code")
    def _compute_amr_scope_codes(self):
        for user in self:
            codes = user.amr_district_ids.mapped("code") + (
                user.amr_community_ids.mapped("full_code")
            )
            user.amr_scope_codes = ALL if user.amr_scope_all else ",".join(codes)

    @api.depends("group_ids")
    def _compute_amr_rights(self):
        groups = self.env["amr.operator"]._get_rights()
        for user in self:
            user.amr_rights = ", ".join((user.group_ids & groups).mapped("name"))

    @api.model
    def _parse_amr_scope(self, codes, companies):
        """Read a scope as the manuals type it: ``1,0372,10374`` or ``ALL``.

        A district has one digit; a community four, or five with its district's
        (KTAMR manual 3.4.2).

        :return: values of the scope fields
        :raises UserError: a code that is unknown or means several communities
        """
        # digits and commas come full-width from a Chinese keyboard
        typed = unicodedata.normalize("NFKC", codes or "")
        names = [name for name in SEPARATORS.split(typed) if name]
        if [name.upper() for name in names] == [ALL]:
            return self._prepare_amr_scope(everything=True)
        districts = self.env["amr.district"].sudo()
        communities = self.env["amr.community"].sudo()
        own = [("company_id", "in", companies.ids)]
        for name in names:
            if len(name) == 1:
                found = districts.search([*own, ("code", "=", name)])
                districts |= found
            else:
                key = "code" if len(name) == 4 else "full_code"
                found = communities.search([*own, (key, "=", name)])
                communities |= found
            self._check_one_place(name, found)
        return self._prepare_amr_scope(districts, communities)

    def _prepare_amr_scope(self, districts=(), communities=(), everything=False):
        return {
            "amr_scope_all": everything,
            "amr_district_ids": [fields.Command.set([one.id for one in districts])],
            "amr_community_ids": [fields.Command.set([one.id for one in communities])],
        }

    def _check_one_place(self, code, found):
        if not found:
            raise UserError(
                self.env._(
                    "“%s” is no district or community: use a district's digit, a "
                    "community's four or five digits, or ALL.",
                    code,
                )
            )
        if len(found) > 1:
            raise UserError(
                self.env._(
                    "“%(code)s” means several (%(names)s): use the code of five digits "
                    "and check the companies.",
                    code=code,
                    names=", ".join(found.mapped("display_name")),
                )
            )

    @api.model
    def _hash_amr_password(self, password):
        """Return what is stored of a password, after the rules for passwords."""
        check = getattr(self, "_check_password_policy", None)
        if check:  # of an addon that may be there
            check([password])
        return self._crypt_context().hash(password)

    def _set_amr_password(self, hashed):
        """Set a password of which only the hash is known, and tell its owner."""
        self.ensure_one()
        self._set_encrypted_password(self.id, hashed)
        self.env.registry.clear_cache()  # sessions of the old password end
        self.env["auditlog.rule"]._note_act(self, "password")
        if self.email:
            self._notify_security_setting_update(
                self.env._("Security Update: Password Changed"),
                self.env._("Your account password has been updated"),
            )

    def _set_password(self):
        # whose password it is and who set it, never the password
        result = super()._set_password()
        self.env["auditlog.rule"]._note_act(self, "password")
        return result

    def write(self, vals):
        result = super().write(vals)
        if SCOPE_FIELDS & vals.keys():
            self.env.registry.clear_cache()
        return result
