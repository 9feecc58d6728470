from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from .res_partner import CONTACT

PERSONAL_DATA = "amr_base.group_clerk"


class AmrAccount(models.Model):
    """Customer account (户): who pays for one or more rooms (KTAMR manual 3.3)."""

    _name = "amr.account"
    _inherit = ["amr.evidence.mixin", "mail.thread", "mail.activity.mixin"]
    _description = "Customer account"
    _order = "number"
    _rec_names_search = ["number", "partner_id.name", "partner_id.phone", "mobile"]

    number = fields.Char(
        "Account number",
        required=True,
        copy=False,
        readonly=False,
        default=lambda self: self.env._("New"),
        help="Digits only; given by the sequence when left as it is.",
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, tracking=True, index=True
    )
    name = fields.Char(
        related="partner_id.name", readonly=False, string="Customer name"
    )
    phone = fields.Char(related="partner_id.phone", readonly=False)
    email = fields.Char(related="partner_id.email", readonly=False)
    street = fields.Char(
        related="partner_id.street", readonly=False, string="Postal address"
    )
    zip = fields.Char(related="partner_id.zip", readonly=False, string="Postcode")
    mobile = fields.Char("Mobile phone")
    sex = fields.Selection(
        [("male", "Male"), ("female", "Female")], groups=PERSONAL_DATA
    )
    id_type = fields.Selection(
        [
            ("id_card", "Identity card"),
            ("passport", "Passport"),
            ("licence", "Business licence"),
            ("other", "Other"),
        ],
        "Document",
        groups=PERSONAL_DATA,
    )
    id_number = fields.Char("Document number", groups=PERSONAL_DATA)
    bank_name = fields.Char("Bank", groups=PERSONAL_DATA)
    bank_account = fields.Char("Bank account number", groups=PERSONAL_DATA)
    household_size = fields.Integer(
        "Persons in the household",
        default=0,
        help="Some stepped tariffs allow more to large households; 0: not known.",
    )
    community_id = fields.Many2one(
        "amr.community", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        related="community_id.company_id", store=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    room_ids = fields.One2many("amr.room", "account_id")
    room_summary = fields.Char("Rooms in short", compute="_compute_room_summary")
    state = fields.Selection(
        [("active", "Active"), ("closed", "Closed")],
        default="active",
        required=True,
        tracking=True,
        copy=False,
    )
    user_id = fields.Many2one(related="community_id.user_id", string="Area manager")
    note = fields.Html()
    active = fields.Boolean(default=True)

    _number_unique = models.Constraint(
        "UNIQUE (company_id, number)", "This account number is taken already."
    )
    _household_positive = models.Constraint(
        "CHECK (household_size >= 0)", "A household has no negative number of persons."
    )

    @api.depends("room_ids.display_name")
    def _compute_room_summary(self):
        for account in self:
            account.room_summary = ", ".join(account.room_ids.mapped("display_name"))

    @api.depends("number", "partner_id.name")
    def _compute_display_name(self):
        for account in self:
            account.display_name = " ".join(
                filter(None, (account.number, account.partner_id.name))
            )

    @api.constrains("number")
    def _check_number(self):
        for account in self:
            if not (account.number.isascii() and account.number.isdigit()):
                raise ValidationError(
                    self.env._(
                        "Account number “%(number)s” is not valid: use digits only.",
                        number=account.number,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        contacts = []
        for vals in vals_list:
            contact = {key: vals.pop(key) for key in CONTACT if key in vals}
            contacts.append({key: text for key, text in contact.items() if text})
            number = vals.get("number")
            if not number or number == self.env._("New"):
                vals["number"] = self.env["ir.sequence"].next_by_code("amr.account")
        accounts = super().create(vals_list)
        accounts._check_customers()
        for account, contact in zip(accounts, contacts, strict=True):
            account._write_partners(contact)
        return accounts

    def _may_keep_contacts(self):
        return self.env.su or self.env["res.partner"].has_access("write")

    @staticmethod
    def _get_contact(account, names):
        partner = account.partner_id.sudo()
        return {name: partner[name] for name in names}

    def _write_partners(self, values):
        """Correct the contact data of these accounts' customers; it is logged.

        The front desk keeps the data of its customers, and of nobody else: not of
        people who work here, of the companies, nor of customers it does not see. Who
        has a login gets mail to reset its password: his address stays, too.

        :raises AccessError: such a contact is among them
        """
        if not values:
            return
        if self._may_keep_contacts():
            self.partner_id.write(values)
            return
        self.check_access("write")
        partners = self.partner_id.sudo()
        users = self._get_users_of(partners)
        if (
            self._get_accounts_of(partners, writable=False)
            or self._get_companies_of(partners)
            or users.filtered(lambda user: not user.share)
            or (users and "email" in values)
        ):
            self._refuse_contact(partners)
        partners.write(values)

    def _refuse_contact(self, partners):
        raise AccessError(
            self.env._(
                "%s is known to others too: ask the system administrator to change "
                "the contact.",
                partners[:1].display_name,
            )
        )

    def _get_users_of(self, partners):
        users = self.env["res.users"].sudo().with_context(active_test=False)
        return users.search([("partner_id", "in", partners.ids)])

    def _get_companies_of(self, partners):
        companies = self.env["res.company"].sudo().with_context(active_test=False)
        return companies.search([("partner_id", "in", partners.ids)])

    def _get_accounts_of(self, partners, writable):
        """Return the accounts of customers that this operator may change, or not."""
        every = self.sudo().with_context(active_test=False)
        found = every.search([("partner_id", "in", partners.ids)]).with_env(self.env)
        mine = found._filtered_access("write")
        return mine if writable else found - mine

    def _check_customers(self):
        """Check that nobody gets hold of a contact by making it his customer.

        Whoever may not change contacts takes those that he entered, and those that
        are customers of his already.

        :raises AccessError: another contact is among them
        """
        if self._may_keep_contacts():
            return
        partners = self.partner_id.sudo()
        companies = self._get_companies_of(partners).partner_id
        mine = self._get_accounts_of(partners, writable=True) - self
        for partner in partners:
            others = partner in mine.partner_id
            entered = partner.create_uid == self.env.user
            if partner in companies or not (others or entered):
                self._refuse_customer(partner)

    def _refuse_customer(self, partner):
        raise AccessError(
            self.env._(
                "%s is no customer in your scope: enter a new contact, or ask the "
                "system administrator.",
                partner.display_name,
            )
        )

    def _get_closing_obstacles(self):
        """Return sentences that say why this account cannot be closed (hook)."""
        self.ensure_one()
        return []

    def write(self, vals):
        if vals.get("state") == "closed":
            self.filtered(lambda a: a.state != "closed")._check_closing()
        contact = {key: vals[key] for key in CONTACT if key in vals}
        vals = {key: value for key, value in vals.items() if key not in contact}
        result = super().write(vals)
        if "partner_id" in vals:
            self._check_customers()
        self._write_partners(contact)
        if "community_id" in vals and not self.env.su:
            self.check_access("write")  # nobody moves accounts out of his scope
        return result

    def _check_closing(self):
        """Check that these accounts can be closed.

        :raises UserError: one sentence for each obstacle of the first that cannot
        """
        for account in self:
            obstacles = account._get_closing_obstacles()
            if obstacles:
                raise UserError("\n".join(obstacles))

    def action_close(self):
        self._check_closing()
        self.room_ids.account_id = False
        self.state = "closed"

    def action_reopen(self):
        self.state = "active"
