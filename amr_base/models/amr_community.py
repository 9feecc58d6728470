from datetime import datetime, time, timezone
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from odoo.addons.base.models.res_partner import _tz_get


class AmrCommunity(models.Model):
    """Residential community, second level of the estate (KTAMR manual 3.2.1 A).

    The full code is the district's digit and the community's four (10372).
    """

    _name = "amr.community"
    _inherit = ["amr.evidence.mixin", "amr.estate.mixin", "mail.thread"]
    _description = "Community"
    _order = "full_code"

    name = fields.Char(required=True, tracking=True)
    short_name = fields.Char()
    code = fields.Char("Community number", size=4, required=True, help="Four digits.")
    full_code = fields.Char(
        "Code", compute="_compute_full_code", store=True, help="District and number."
    )
    district_id = fields.Many2one(
        "amr.district", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        related="district_id.company_id", store=True, index=True
    )
    address = fields.Char()
    tz = fields.Selection(
        _tz_get,
        "Time zone",
        required=True,
        default="Asia/Shanghai",
        help="Days and months of readings and bills are cut in this time zone.",
    )
    cycle = fields.Selection(
        [("odd", "Odd months"), ("even", "Even months")],
        compute="_compute_cycle",
        help="Reading cycle of two-month communities: an odd number is read in odd "
        "months, an even one in even months (KTAMR manual 3.2.1 A).",
    )
    area_code = fields.Char(
        copy=False,
        groups="amr_base.group_manager",
        help="Six digits that tell this vending site apart on prepayment cards and "
        "join their encryption. Secret, unique, and never changed once set (IC-card "
        "manual 1.3).",
    )
    user_id = fields.Many2one(
        "res.users", "Manager", tracking=True, domain=[("share", "=", False)]
    )
    building_ids = fields.One2many("amr.building", "community_id")
    room_ids = fields.One2many("amr.room", "community_id")
    building_count = fields.Integer(compute="_compute_counts")
    room_count = fields.Integer(compute="_compute_counts")
    account_count = fields.Integer(compute="_compute_counts")
    note = fields.Text()
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint(
        "UNIQUE (district_id, code)",
        "A community with this number exists already in the district.",
    )

    _area_code_unique = models.UniqueIndex(
        "(area_code) WHERE area_code IS NOT NULL", "This area code is taken already."
    )

    @api.depends("district_id.code", "code")
    def _compute_full_code(self):
        for community in self:
            community.full_code = (community.district_id.code or "") + (
                community.code or ""
            )

    @api.depends("code")
    def _compute_cycle(self):
        for community in self:
            code = community.code or ""
            digit = code[-1:] if code.isdigit() else "0"
            community.cycle = "odd" if int(digit) % 2 else "even"

    def _compute_counts(self):
        domain = [("community_id", "in", self.ids)]
        counts = {
            name: dict(
                self.env[model]._read_group(domain, ["community_id"], ["__count"])
            )
            for name, model in (
                ("building_count", "amr.building"),
                ("room_count", "amr.room"),
                ("account_count", "amr.account"),
            )
        }
        for community in self:
            for name, by_community in counts.items():
                community[name] = by_community.get(community, 0)

    @api.depends("name", "full_code")
    def _compute_display_name(self):
        for community in self:
            community.display_name = f"{community.full_code or ''} {community.name}"

    @api.constrains("code")
    def _check_code(self):
        for community in self:
            code = community.code
            if not (len(code) == 4 and code.isascii() and code.isdigit()):
                raise ValidationError(
                    self.env._(
                        "Community number “%(code)s” is not valid: use four digits.",
                        code=code,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        communities = super().create(vals_list)
        # the scope of operators of the district has grown: drop cached rules
        self.env.registry.clear_cache()
        return communities

    @api.constrains("area_code")
    def _check_area_code(self):
        for community in self.sudo().filtered("area_code"):
            code = community.area_code
            if not (len(code) == 6 and code.isascii() and code.isdigit()):
                raise ValidationError(
                    self.env._("An area code is not valid: use six digits.")
                )

    def write(self, vals):
        if "area_code" in vals:
            self._check_area_code_kept(vals["area_code"])
        self._check_place_kept(vals)
        result = super().write(vals)
        if "district_id" in vals:
            # it leaves the scope of some operators and enters that of others
            self.env.registry.clear_cache()
        return result

    def _check_place_kept(self, vals):
        """Check that these communities stay in their district and company.

        :raises AccessError: district or number change by a lesser operator
        :raises UserError: the company would change under what is there
        """
        district = self.env["amr.district"].sudo().browse(vals.get("district_id"))
        lesser = not (self.env.su or self.env.user.has_group("amr_base.group_manager"))
        for community in self.sudo():
            moved = district and community.district_id != district
            renumbered = "code" in vals and community.code != vals["code"]
            if lesser and (moved or renumbered):
                raise AccessError(
                    self.env._(
                        "District and number of %s are changed by the system "
                        "administrator.",
                        community.display_name,
                    )
                )
            if (
                moved
                and community.company_id != district.company_id
                and community.with_context(active_test=False).building_ids
            ):
                raise UserError(
                    self.env._(
                        "%s stays in its company: it has buildings already.",
                        community.display_name,
                    )
                )

    def _check_area_code_kept(self, code):
        """Cards in residents' hands were made with the area code.

        :raises UserError: it is set already and would change
        """
        for community in self.sudo():
            if community.area_code and community.area_code != code:
                raise UserError(
                    self.env._(
                        "The area code of %s stays as it is: cards were made with it.",
                        community.display_name,
                    )
                )

    def _get_blocking_children(self):
        return [
            (self.env._("buildings"), self.building_ids),
            (
                self.env._("accounts"),
                self.env["amr.account"].search([("community_id", "=", self.id)]),
            ),
        ]

    def _local_midnight(self, day):
        """Return the UTC time at which ``day`` begins here.

        :param datetime.date day: a local calendar day
        :return: naive UTC datetime
        """
        self.ensure_one()
        local = datetime.combine(day, time(), ZoneInfo(self.tz))
        return local.astimezone(timezone.utc).replace(tzinfo=None)

    def _local_date(self, moment):
        """Return the calendar day here at ``moment`` (naive UTC datetime)."""
        self.ensure_one()
        return moment.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(self.tz)).date()

    def _open_related(self, model, name):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "list,form",
            "domain": [("community_id", "=", self.id)],
            "context": {"default_community_id": self.id},
        }

    def action_open_buildings(self):
        return self._open_related("amr.building", self.env._("Buildings"))

    def action_open_rooms(self):
        return self._open_related("amr.room", self.env._("Rooms"))

    def action_open_accounts(self):
        return self._open_related("amr.account", self.env._("Customer accounts"))
