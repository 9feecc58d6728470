from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

# What an operator can be given, each with its own tick.
RIGHTS = (
    "amr_base.group_reader",
    "amr_base.group_clerk",
    "amr_base.group_switch",
    "amr_base.group_tariff",
    "amr_base.group_community_admin",
    "amr_base.group_manager",
)
ROLES = {
    "reader": ("amr_base.group_reader", "amr_base.group_switch"),
    "clerk": ("amr_base.group_clerk",),
    "community_admin": ("amr_base.group_community_admin",),
    "manager": ("amr_base.group_manager",),
}
MIN_PASSWORD = 8
# Passwords that the manuals of the systems before ship with, and their like.
KNOWN_PASSWORDS = {"00000000", "12345678", "123456789", "11111111", "88888888"}


class AmrOperator(models.TransientModel):
    """Create or change an operator: who he is, what he may do, and where.

    KTAMR manual 3.4.2, remote prepaid manual 4.5.4. A system administrator may give
    the rights of this suite only, never Odoo's own, and not touch people who have
    those.
    """

    _name = "amr.operator"
    _description = "Operator"

    user_id = fields.Many2one("res.users", "Operator", readonly=True)
    name = fields.Char(required=True)
    login = fields.Char("Login code", required=True, help="Unique in the system.")
    role = fields.Selection(
        [
            ("reader", "Community reader"),
            ("clerk", "Front desk"),
            ("community_admin", "Community administrator"),
            ("manager", "System administrator"),
        ],
        store=False,
        help="Ticks the rights of a role; they may be changed one by one.",
    )
    group_ids = fields.Many2many(
        "res.groups",
        string="Rights",
        domain=lambda self: [("id", "in", self._get_rights().ids)],
    )
    scope_codes = fields.Char(
        "Scope",
        help="Codes of districts (1 digit) and communities (4 or 5 digits) with commas "
        "between, or ALL.",
    )
    building_ids = fields.Many2many(
        "amr.building",
        string="Only these buildings",
        context={"active_test": False},
        help="Leave it empty unless the operator serves single buildings.",
    )
    password = fields.Char(
        compute="_compute_password",
        inverse="_inverse_password",
        help="At least 8 characters; empty: as it is.",
    )
    password_again = fields.Char(
        "Password again", compute="_compute_password", inverse="_inverse_password"
    )
    password_hash = fields.Char(groups=fields.NO_ACCESS, copy=False)
    password_kept = fields.Boolean(compute="_compute_password_kept", compute_sudo=True)
    active = fields.Boolean(default=True, help="Off: the operator cannot log in.")

    @api.model
    def _get_rights(self):
        """Return the groups that an operator can be given (hook)."""
        found = self.env["res.groups"]
        for right in RIGHTS:
            found |= self.env.ref(right)
        return found

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        user = self.env["res.users"].browse(
            values.get("user_id") or self.env.context.get("default_user_id")
        )
        if user:
            self._check_may_change(user)
            user = user.sudo()
            values.update(
                name=user.name,
                login=user.login,
                group_ids=[
                    fields.Command.set((user.group_ids & self._get_rights()).ids)
                ],
                scope_codes=user.amr_scope_codes,
                building_ids=[fields.Command.set(user.amr_building_ids.ids)],
                active=user.active,
            )
        return values

    def _compute_password(self):
        self.password = self.password_again = False

    @api.depends("password_hash")
    def _compute_password_kept(self):
        """A password typed before a refused save is set by the next one: say so."""
        for operator in self:
            operator.password_kept = bool(operator.password_hash)

    def _inverse_password(self):
        """Keep the hash only: what is typed here is never stored, come what may.

        The client saves this form before it presses its button, so the row outlives
        whatever the button refuses.
        """
        for operator in self:
            operator._check_password()
            if operator.password:
                users = self.env["res.users"]
                operator.sudo().password_hash = users._hash_amr_password(
                    operator.password
                )

    @api.onchange("role")
    def _onchange_role(self):
        if self.role:
            self.group_ids = [
                fields.Command.set(
                    [self.env.ref(right).id for right in ROLES[self.role]]
                )
            ]

    def _check_may_change(self, user):
        """Nobody takes over an account that has rights beyond this suite."""
        if not self.env.user.has_group("amr_base.group_manager"):
            raise AccessError(
                self.env._("Only a system administrator maintains operators.")
            )
        if not user:
            return
        user = user.sudo()
        beyond = user.share or user.all_group_ids - self._get_harmless()
        beyond = beyond and user != self.env.user
        foreign = user.company_ids - self.env.user.company_ids
        if foreign or (beyond and not self.env.user.has_group("base.group_system")):
            raise AccessError(
                self.env._(
                    "%s is not an operator of yours: ask whoever administers Odoo.",
                    user.name,
                )
            )

    def _get_harmless(self):
        """Return the groups that whoever maintains operators may take over."""
        every = self._get_rights() | self.env.ref("base.group_user")
        # what any new user gets, and what several companies bring with them
        for name in ("base.default_user_group", "base.group_multi_company"):
            every |= self.env.ref(name, raise_if_not_found=False) or every.browse()
        return every | every.sudo().all_implied_ids

    def action_save(self):
        """Write the operator, then forget what was typed here."""
        self.ensure_one()
        user = self.user_id
        self._check_may_change(user)
        values = self._prepare_user()
        if not user:
            user = (
                self.env["res.users"]
                .sudo()
                .with_context(no_reset_password=True)
                .create(values)
            )
        else:
            user.sudo().write(values)
        if self.sudo().password_hash:
            user.sudo()._set_amr_password(self.sudo().password_hash)
        self.sudo().unlink()
        return {"type": "ir.actions.act_window_close"}

    def _prepare_user(self):
        self.ensure_one()
        chosen = self.group_ids & self._get_rights()
        kept = self.env.ref("amr_base.group_manager")
        if self.user_id == self.env.user and (kept not in chosen or not self.active):
            raise UserError(
                self.env._("Your own rights are taken away by another administrator.")
            )
        if not chosen:
            raise UserError(self.env._("Tick at least one right for the operator."))
        self._check_login()
        values = {
            "name": self.name,
            "login": self.login,
            "active": self.active,
            "group_ids": [
                fields.Command.link(group.id)
                if group in chosen
                else fields.Command.unlink(group.id)
                for group in self._get_rights()
            ],
            "amr_building_ids": [fields.Command.set(self.building_ids.ids)],
            **self.env["res.users"]._parse_amr_scope(
                self.scope_codes, self.user_id.sudo().company_ids or self.env.company
            ),
        }
        if not self.user_id:
            values["company_id"] = self.env.company.id
            values["company_ids"] = [fields.Command.set(self.env.company.ids)]
        return values

    def _check_login(self):
        users = self.env["res.users"].sudo().with_context(active_test=False)
        if users.search([("login", "=", self.login), ("id", "!=", self.user_id.id)]):
            raise UserError(
                self.env._(
                    "Login code “%s” is somebody else's: choose another.", self.login
                )
            )

    def _check_password(self):
        password = self.password or ""
        if password != (self.password_again or ""):
            raise UserError(self.env._("The two passwords differ: type them again."))
        if not password:
            return
        weak = password in KNOWN_PASSWORDS or password == self.login
        if len(password) < MIN_PASSWORD or weak or len(set(password)) < 3:
            raise UserError(
                self.env._(
                    "This password is too easy: use at least %s characters, not the "
                    "login code and no well-known one.",
                    MIN_PASSWORD,
                )
            )
