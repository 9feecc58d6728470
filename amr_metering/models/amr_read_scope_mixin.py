from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrReadScopeMixin(models.AbstractModel):
    """Which meters are read, and what is read of them: for read tasks and plans.

    Scopes of the KTAMR manual (4.2.1 to 4.2.4); routes add their own, such as all
    meters behind a concentrator.
    """

    _name = "amr.read.scope.mixin"
    _description = "Scope of a reading"

    scope = fields.Selection(
        [
            ("district", "District"),
            ("community", "Community"),
            ("building", "Building"),
            ("line", "Line"),
            ("account", "Customer account"),
            ("meters", "Selected meters"),
        ],
        required=True,
        default="community",
    )
    district_id = fields.Many2one("amr.district")
    community_id = fields.Many2one(
        "amr.community",
        compute="_compute_community_id",
        store=True,
        readonly=False,
        index=True,
    )
    building_id = fields.Many2one("amr.building")
    line_id = fields.Many2one("amr.line")
    account_id = fields.Many2one("amr.account")
    meter_ids = fields.Many2many("amr.meter", string="Meters")
    utility_id = fields.Many2one(
        "amr.utility", "Only", help="Empty: the meters of all utilities."
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    kind = fields.Selection(
        [
            ("spot", "Now"),
            ("daily", "Daily freeze"),
            ("monthly", "Month-end freeze"),
        ],
        "What is read",
        required=True,
        default="spot",
        help="A freeze is what the meters themselves kept at midnight: of the last 31 "
        "days, and of the last 12 ends of a month.",
    )
    refresh_first = fields.Boolean(
        "Refresh first",
        help="Concentrators poll their meters first; what they then hold is collected "
        "after the waiting time (KTAMR manual 4.5: five minutes).",
    )
    reread_times = fields.Integer(
        "Re-read the missed (times)",
        default=lambda self: self._get_parameter("amr.reread_times", 2),
        help="How many more rounds are made for the meters that did not answer.",
    )
    reread_delay = fields.Integer(
        "Minutes between rounds",
        default=lambda self: self._get_parameter("amr.reread_delay", 30),
    )

    @api.model
    def _get_parameter(self, name, default):
        """Return a whole number among the system parameters, or the default."""
        value = self.env["ir.config_parameter"].sudo().get_param(name)
        try:
            return max(int(value), 0)
        except (TypeError, ValueError):
            return default

    @api.constrains("reread_times", "reread_delay")
    def _check_reread(self):
        for record in self:
            if not 0 <= record.reread_times <= 10 or record.reread_delay < 0:
                raise ValidationError(
                    self.env._(
                        "The missed can be read again up to 10 times, some minutes "
                        "apart; use whole numbers from 0."
                    )
                )

    @api.depends("scope", "building_id", "line_id", "account_id", "meter_ids")
    def _compute_community_id(self):
        for record in self:
            if record.scope in ("community", "district"):
                if record.scope == "district":
                    record.community_id = False
                continue
            record.community_id = record._get_scope_community()

    def _get_scope_community(self):
        """Return the community that the whole scope lies in, or an empty record."""
        self.ensure_one()
        if self.scope == "building":
            return self.building_id.community_id
        if self.scope == "line":
            return self.line_id.community_id
        if self.scope == "account":
            return self.account_id.community_id
        communities = self.meter_ids.community_id
        return communities if len(communities) == 1 else communities.browse()

    def _get_meters_domain(self):
        """Return the domain of the installed meters in this scope."""
        self.ensure_one()
        domain = [("point_id", "!=", False), *self._get_scope_domain()]
        if self.utility_id:
            domain.append(("utility_id", "=", self.utility_id.id))
        return domain

    def _get_scope_domain(self):
        """Return the domain of one scope; routes add theirs."""
        if self.scope == "meters":
            return [("id", "in", self.meter_ids.ids)]
        if self.scope == "district":
            return [("community_id.district_id", "=", self.district_id.id)]
        if self.scope == "building":
            return [("building_id", "=", self.building_id.id)]
        if self.scope == "line":
            return [("line_id", "=", self.line_id.id)]
        if self.scope == "account":
            agreed = [("account_id", "=", self.account_id.id), ("state", "=", "active")]
            return [("point_id.agreement_ids", "any", agreed)]
        return [("community_id", "=", self.community_id.id)]

    def _get_scope_values(self):
        """Return the values that make another record read the same meters.

        :rtype: dict
        """
        self.ensure_one()
        names = self._get_scope_fields()
        values = {name: self[name].id for name in names["one"]}
        values.update({name: self[name] for name in names["plain"]})
        values["meter_ids"] = [fields.Command.set(self.meter_ids.ids)]
        return values

    @api.model
    def _get_scope_fields(self):
        """Return the names of the fields a scope is made of, by their kind."""
        return {
            "one": [
                "district_id",
                "community_id",
                "building_id",
                "line_id",
                "account_id",
                "utility_id",
                "company_id",
            ],
            "plain": ["scope", "refresh_first", "reread_times", "reread_delay"],
        }
