from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrBox(models.Model):
    """Meter box or cabinet (表箱、表柜) with what its meters have in common.

    Remote prepaid manual 4.1.3 and appendix 1.2: how many meters it takes, how they
    are reached and at which speed.
    """

    _name = "amr.box"
    _inherit = ["amr.evidence.mixin", "amr.estate.mixin"]
    _description = "Meter box"
    _order = "building_id, name"
    _evidence = frozenset({"community_id", "company_id"})

    name = fields.Char(required=True)
    kind = fields.Selection(
        [("box", "Box"), ("cabinet", "Cabinet")], required=True, default="box"
    )
    building_id = fields.Many2one(
        "amr.building", required=True, index=True, ondelete="restrict"
    )
    community_id = fields.Many2one(
        related="building_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="building_id.company_id", store=True, index=True
    )
    line_id = fields.Many2one(
        "amr.line",
        index="btree_not_null",
        ondelete="restrict",
        domain="[('building_id', '=', building_id)]",
    )
    place = fields.Char(help="Where it hangs, such as floor 3, shaft B.")
    capacity = fields.Integer(
        "Meters at most", help="Number of meters it has room for; 0: not limited."
    )
    channel = fields.Selection(
        [("rs485", "RS-485"), ("remote", "Remote, through the master station")],
        "Communication",
        required=True,
        default="rs485",
        help="How its meters are reached. Reset, query and forced switching work over "
        "RS-485 only (remote prepaid manual, appendix 1.2).",
    )
    baud_rate = fields.Selection(
        [(str(rate), str(rate)) for rate in (600, 1200, 2400, 4800, 9600, 19200)],
        default="2400",
    )
    note = fields.Text()
    active = fields.Boolean(default=True)

    _name_unique = models.Constraint(
        "UNIQUE (building_id, name)",
        "A box with this name exists already in the building.",
    )
    _capacity_positive = models.Constraint(
        "CHECK (capacity >= 0)", "A box cannot take fewer than no meters."
    )

    @api.depends("name", "building_id.display_name")
    def _compute_display_name(self):
        for box in self:
            box.display_name = " ".join(
                filter(None, (box.building_id.display_name, box.name))
            )

    @api.constrains("line_id", "building_id")
    def _check_line(self):
        for box in self:
            if box.line_id and box.line_id.building_id != box.building_id:
                raise ValidationError(
                    self.env._(
                        "Box %(box)s and line %(line)s are in different buildings.",
                        box=box.name,
                        line=box.line_id.display_name,
                    )
                )
