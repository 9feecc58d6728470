from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrRoom(models.Model):
    """Room; its number is floor and unit: 1102 is floor 11, unit 02 (KTAMR 3.2.3)."""

    _name = "amr.room"
    _inherit = ["amr.evidence.mixin", "amr.estate.mixin"]
    _description = "Room"
    _order = "building_id, name"
    _evidence = frozenset({"community_id", "company_id"})

    name = fields.Char("Room number", required=True)
    building_id = fields.Many2one(
        "amr.building", required=True, index=True, ondelete="restrict"
    )
    community_id = fields.Many2one(
        related="building_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="building_id.company_id", store=True, index=True
    )
    floor = fields.Integer(compute="_compute_floor_unit", store=True)
    unit = fields.Integer(
        "Number on the floor", compute="_compute_floor_unit", store=True
    )
    area = fields.Float("Floor area (m²)", digits=(10, 2))
    usage = fields.Selection(
        [("residential", "Residential"), ("commercial", "Commercial")],
        required=True,
        default="residential",
        help="Chooses the default tariff of new agreements.",
    )
    path = fields.Char(
        compute="_compute_path",
        help="District, community, building and room: the four levels of the estate.",
    )
    account_id = fields.Many2one(
        "amr.account",
        "Customer account",
        index="btree_not_null",
        ondelete="restrict",
        help="The account of who lives here now.",
    )
    partner_id = fields.Many2one(related="account_id.partner_id", string="Customer")
    batch_id = fields.Many2one(
        "amr.room.batch", readonly=True, index="btree_not_null", copy=False
    )
    note = fields.Text()
    active = fields.Boolean(default=True)

    _name_unique = models.Constraint(
        "UNIQUE (building_id, name)",
        "A room with this number exists already in the building.",
    )

    @api.depends("name")
    def _compute_floor_unit(self):
        for room in self:
            number = room.name or ""
            numeric = number.isascii() and number.isdigit() and len(number) > 2
            room.floor = int(number[:-2]) if numeric else 0
            room.unit = int(number[-2:]) if numeric else 0

    @api.depends("name", "building_id.name", "community_id.name")
    def _compute_display_name(self):
        for room in self:
            room.display_name = " ".join(
                filter(None, (room.community_id.name, room.building_id.name, room.name))
            )

    @api.depends("display_name", "community_id.district_id.name")
    def _compute_path(self):
        for room in self:
            levels = (
                room.community_id.district_id.name,
                room.community_id.name,
                room.building_id.name,
                room.name,
            )
            room.path = " / ".join(filter(None, levels))

    @api.constrains("account_id", "community_id")
    def _check_account_company(self):
        for room in self:
            if room.account_id and room.account_id.company_id != room.company_id:
                raise ValidationError(
                    self.env._(
                        "Room %(room)s and account %(account)s belong to different "
                        "companies.",
                        room=room.display_name,
                        account=room.account_id.display_name,
                    )
                )
