from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrMeteringPoint(models.Model):
    """Metering point (计量点): where one utility is measured for one room, for a
    building (master meter) or for the public."""

    _name = "amr.metering.point"
    _inherit = "amr.evidence.mixin"
    _description = "Metering point"
    _order = "community_id, building_id, room_id, utility_id, id"
    _rec_names_search = ["room_id.name", "building_id.name", "meter_id.number"]

    name = fields.Char(compute="_compute_name", search="_search_name")
    utility_id = fields.Many2one(
        "amr.utility",
        required=True,
        index=True,
        ondelete="restrict",
        domain="['|', ('date_end', '=', False), ('date_end', '>', 'today')]",
    )
    kind = fields.Selection(
        [("normal", "Normal"), ("public", "Public"), ("master", "Master")],
        required=True,
        default="normal",
    )
    room_id = fields.Many2one("amr.room", index=True, ondelete="restrict")
    building_id = fields.Many2one(
        "amr.building",
        compute="_compute_building_id",
        store=True,
        readonly=False,
        index=True,
        precompute=True,
    )
    community_id = fields.Many2one(
        "amr.community",
        compute="_compute_community_id",
        store=True,
        readonly=False,
        required=True,
        index=True,
        precompute=True,
    )
    company_id = fields.Many2one(
        related="community_id.company_id", store=True, index=True
    )
    parent_id = fields.Many2one(
        "amr.metering.point",
        "Measured behind",
        domain="[('kind', '=', 'master'), ('utility_id', '=', utility_id), "
        "('community_id', '=', community_id), ('id', '!=', id)]",
        index="btree_not_null",
    )
    child_ids = fields.One2many("amr.metering.point", "parent_id")
    installation_ids = fields.One2many("amr.installation", "point_id")
    agreement_ids = fields.One2many("amr.agreement", "point_id")
    meter_id = fields.Many2one(
        "amr.meter", compute="_compute_meter_id", store=True, index=True
    )
    agreement_id = fields.Many2one(
        "amr.agreement", "Agreement in force", compute="_compute_agreement_id"
    )
    account_id = fields.Many2one("amr.account", compute="_compute_agreement_id")
    active = fields.Boolean(default=True)

    _room_or_shared = models.Constraint(
        "CHECK (kind <> 'normal' OR room_id IS NOT NULL)",
        "A normal metering point belongs to a room.",
    )

    @api.depends("room_id.display_name", "utility_id.name", "building_id", "kind")
    @api.depends_context("lang")
    def _compute_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for point in self:
            place = point.room_id or point.building_id or point.community_id
            parts = [place.display_name, point.utility_id.name]
            if point.kind != "normal":
                parts.append(kinds[point.kind])
            point.name = " ".join(filter(None, parts))

    @api.model
    def _search_name(self, operator, value):
        if operator not in ("ilike", "=ilike", "like", "=like", "="):
            return NotImplemented
        return fields.Domain.OR(
            fields.Domain(name, operator, value) for name in self._rec_names_search
        )

    @api.constrains("utility_id")
    def _check_utility_valid(self):
        self.utility_id._check_valid(fields.Date.context_today(self))

    @api.constrains("utility_id")
    def _check_utility_kept(self):
        """What hangs at a point, and who pays for it, is for the point's utility."""
        self.sudo().installation_ids._check_fit()
        self.sudo().agreement_ids._check_consistency()

    @api.constrains("parent_id", "kind", "utility_id", "community_id")
    def _check_parent(self):
        """Check that losses can be told: a master measures the same, in one place."""
        behind = (self.filtered("parent_id") | self.child_ids).sudo()
        for point in behind:
            master = point.parent_id
            if (
                master.kind != "master"
                or master.utility_id != point.utility_id
                or master.community_id != point.community_id
            ):
                raise ValidationError(
                    self.env._(
                        "%(point)s cannot be measured behind %(master)s: choose a "
                        "master of the same utility in the same community.",
                        point=point.name,
                        master=master.name,
                    )
                )
        if behind and behind._has_cycle():
            raise ValidationError(
                self.env._(
                    "A master cannot be measured behind itself: choose the one before "
                    "it."
                )
            )

    @api.depends("room_id.building_id")
    def _compute_building_id(self):
        for point in self.filtered("room_id"):
            point.building_id = point.room_id.building_id

    @api.depends("building_id.community_id", "room_id.community_id")
    def _compute_community_id(self):
        for point in self:
            point.community_id = (
                point.room_id.community_id
                or point.building_id.community_id
                or point.community_id
            )

    @api.depends("installation_ids.date_to", "installation_ids.meter_id")
    def _compute_meter_id(self):
        for point in self:
            point.meter_id = point.installation_ids.filtered(
                lambda i: not i.date_to
            ).meter_id[:1]

    @api.depends("agreement_ids.date_from", "agreement_ids.date_to")
    def _compute_agreement_id(self):
        now = fields.Datetime.now()
        for point in self:
            point.agreement_id = point.agreement_ids.filtered(
                lambda a: a.date_from <= now and (not a.date_to or a.date_to > now)
            )[:1]
            point.account_id = point.agreement_id.account_id
