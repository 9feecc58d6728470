from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrLine(models.Model):
    """Line (线路) of a building: meters on one bus, one sheet of a reader's book.

    The full code is the building's eight digits and the line's two (1037200101); its
    last five are the address of the concentrator on it (KTAMR manual 3.5.1, 4.2.5).
    """

    _name = "amr.line"
    _inherit = ["amr.evidence.mixin", "amr.estate.mixin"]
    _description = "Line"
    _order = "full_code"
    _rec_names_search = ["full_code", "name"]
    _evidence = frozenset({"community_id", "company_id", "full_code"})

    name = fields.Char(required=True)
    code = fields.Char("Line number", size=2, required=True, help="Two digits.")
    full_code = fields.Char("Code", compute="_compute_full_code", store=True)
    device_code = fields.Char(
        "Device number",
        compute="_compute_full_code",
        store=True,
        help="Last five digits of the code: what the concentrator on the line is set "
        "to.",
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
    box_ids = fields.One2many("amr.box", "line_id")
    note = fields.Text()
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint(
        "UNIQUE (building_id, code)",
        "A line with this number exists already in the building.",
    )

    @api.depends("building_id.full_code", "code")
    def _compute_full_code(self):
        for line in self:
            line.full_code = (line.building_id.full_code or "") + (line.code or "")
            line.device_code = line.full_code[-5:]

    @api.depends("full_code", "name")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.full_code or ''} {line.name or ''}"

    @api.constrains("code")
    def _check_code(self):
        for line in self:
            code = line.code
            if not (len(code) == 2 and code.isascii() and code.isdigit()):
                raise ValidationError(
                    self.env._(
                        "Line number “%(code)s” is not valid: use two digits.",
                        code=code,
                    )
                )

    def _get_blocking_children(self):
        return [(self.env._("meter boxes"), self.box_ids)]
