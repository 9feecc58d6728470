from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrAgreement(models.Model):
    """Agreement (用能协议): an account uses a metering point under a tariff."""

    _name = "amr.agreement"
    _inherit = ["amr.evidence.mixin", "amr.period.mixin", "mail.thread"]
    _description = "Supply agreement"
    _order = "date_from desc, id desc"
    _evidence = frozenset(
        {"community_id", "company_id", "partner_id", "room_id", "utility_id"}
    )

    name = fields.Char(
        required=True,
        copy=False,
        readonly=True,
        default=lambda self: self.env._("New"),
    )
    account_id = fields.Many2one(
        "amr.account", required=True, index=True, ondelete="restrict", tracking=True
    )
    partner_id = fields.Many2one(
        related="account_id.partner_id", store=True, index=True
    )
    point_id = fields.Many2one(
        "amr.metering.point",
        "Metering point",
        required=True,
        index=True,
        ondelete="restrict",
    )
    room_id = fields.Many2one(related="point_id.room_id", store=True)
    meter_id = fields.Many2one(related="point_id.meter_id")
    utility_id = fields.Many2one(related="point_id.utility_id", store=True, index=True)
    community_id = fields.Many2one(
        related="point_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(related="point_id.company_id", store=True, index=True)
    tariff_id = fields.Many2one(
        "amr.tariff",
        compute="_compute_tariff_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        ondelete="restrict",
        tracking=True,
        domain="[('utility_id', '=', utility_id)]",
        help="The default tariff of such rooms, unless another is chosen; a tariff of "
        "its own gives one meter its own price.",
    )
    payment_mode = fields.Selection(
        [("postpaid", "Postpaid"), ("prepaid", "Prepaid")],
        required=True,
        default="postpaid",
        tracking=True,
    )
    date_from = fields.Datetime(
        "From", required=True, default=fields.Datetime.now, tracking=True
    )
    date_to = fields.Datetime("To", tracking=True, help="Empty: until further notice.")
    state = fields.Selection(
        [("future", "Future"), ("active", "In force"), ("ended", "Ended")],
        compute="_compute_state",
        search="_search_state",
    )

    _point_once = models.Constraint(
        "EXCLUDE USING gist (point_id WITH =, tsrange(date_from, date_to) WITH &&)",
        "A metering point can have one agreement at a time: end the earlier one first.",
    )
    _dates_ordered = models.Constraint(
        "CHECK (date_to IS NULL OR date_to > date_from)",
        "An agreement must end after it begins.",
    )

    @api.depends("date_from", "date_to")
    def _compute_state(self):
        now = fields.Datetime.now()
        for agreement in self:
            if agreement.date_from and agreement.date_from > now:
                agreement.state = "future"
            elif agreement.date_to and agreement.date_to <= now:
                agreement.state = "ended"
            else:
                agreement.state = "active"

    @api.model
    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = fields.Datetime.now()
        domains = {
            "future": fields.Domain("date_from", ">", now),
            "ended": fields.Domain("date_to", "<=", now),
            "active": fields.Domain("date_from", "<=", now)
            & (
                fields.Domain("date_to", "=", False)
                | fields.Domain("date_to", ">", now)
            ),
        }
        return fields.Domain.OR(domains[state] for state in value if state in domains)

    @api.depends("point_id")
    def _compute_tariff_id(self):
        for agreement in self:
            if agreement.point_id and not agreement.tariff_id:
                point = agreement.point_id
                agreement.tariff_id = agreement.tariff_id._get_default(
                    point.company_id, point.utility_id, point.room_id.usage
                )

    @api.constrains("tariff_id", "date_from")
    def _check_tariff_valid(self):
        for agreement in self:
            day = agreement.community_id._local_date(agreement.date_from)
            if agreement.tariff_id._has_ended(day):
                raise ValidationError(
                    self.env._(
                        "Tariff %(tariff)s has ended before %(day)s: choose one that "
                        "still holds, or add a version.",
                        tariff=agreement.tariff_id.name,
                        day=day,
                    )
                )
            agreement.utility_id._check_valid(day)

    @api.constrains("tariff_id", "point_id", "account_id")
    def _check_consistency(self):
        for agreement in self:
            if agreement.tariff_id.utility_id != agreement.utility_id:
                raise ValidationError(
                    self.env._(
                        "Tariff %(tariff)s is for %(tariff_utility)s, but "
                        "%(point)s measures %(utility)s.",
                        tariff=agreement.tariff_id.name,
                        tariff_utility=agreement.tariff_id.utility_id.name,
                        point=agreement.point_id.name,
                        utility=agreement.utility_id.name,
                    )
                )
            if agreement.account_id.company_id != agreement.company_id:
                raise ValidationError(
                    self.env._(
                        "Account %(account)s and %(point)s belong to different "
                        "companies.",
                        account=agreement.account_id.display_name,
                        point=agreement.point_id.name,
                    )
                )

    @api.depends("name", "point_id.name")
    def _compute_display_name(self):
        for agreement in self:
            agreement.display_name = " ".join(
                filter(None, (agreement.name, agreement.point_id.name))
            )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name", self.env._("New")) == self.env._("New"):
                vals["name"] = self.env["ir.sequence"].next_by_code("amr.agreement")
        return super().create(vals_list)
