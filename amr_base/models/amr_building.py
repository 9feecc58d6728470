from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class AmrBuilding(models.Model):
    """Building of a community; full code is 5 + 3 digits (KTAMR manual 3.2.1 B)."""

    _name = "amr.building"
    _inherit = ["amr.evidence.mixin", "amr.estate.mixin"]
    _description = "Building"
    _order = "full_code"
    _evidence = frozenset({"company_id", "full_code"})

    name = fields.Char(required=True)
    code = fields.Char("Building number", size=3, required=True, help="Three digits.")
    full_code = fields.Char("Code", compute="_compute_full_code", store=True)
    community_id = fields.Many2one(
        "amr.community", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        related="community_id.company_id", store=True, index=True
    )
    floors = fields.Integer()
    room_ids = fields.One2many("amr.room", "building_id")
    room_count = fields.Integer(compute="_compute_room_count")
    line_ids = fields.One2many("amr.line", "building_id", "Lines")
    box_ids = fields.One2many("amr.box", "building_id", "Meter boxes")
    note = fields.Text()
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint(
        "UNIQUE (community_id, code)",
        "A building with this number exists already in the community.",
    )

    @api.depends("community_id.full_code", "code")
    def _compute_full_code(self):
        for building in self:
            building.full_code = (building.community_id.full_code or "") + (
                building.code or ""
            )

    @api.depends("room_ids")
    def _compute_room_count(self):
        counts = dict(
            self.env["amr.room"]._read_group(
                [("building_id", "in", self.ids)], ["building_id"], ["__count"]
            )
        )
        for building in self:
            building.room_count = counts.get(building, 0)

    @api.depends("name", "community_id.name")
    def _compute_display_name(self):
        for building in self:
            building.display_name = (
                f"{building.community_id.name or ''} {building.name or ''}"
            )

    @api.constrains("code")
    def _check_code(self):
        for building in self:
            code = building.code
            if not (len(code) == 3 and code.isascii() and code.isdigit()):
                raise ValidationError(
                    self.env._(
                        "Building number “%(code)s” is not valid: use three digits.",
                        code=code,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_a_scope(self):
        """Without his last building an operator would see the whole community."""
        users = self.env["res.users"].sudo().with_context(active_test=False)
        narrowed = users.search([("amr_building_ids", "in", self.ids)], limit=1)
        if narrowed:
            raise UserError(
                self.env._(
                    "The scope of %s is limited to this building: have the system "
                    "administrator change it first.",
                    narrowed.name,
                )
            )

    def _get_blocking_children(self):
        return [
            (self.env._("rooms"), self.room_ids),
            (self.env._("lines"), self.line_ids),
            (self.env._("meter boxes"), self.box_ids),
        ]
