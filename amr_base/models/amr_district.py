from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrDistrict(models.Model):
    """Administrative district, first level of the estate (KTAMR manual 3.2.1 A)."""

    _name = "amr.district"
    _inherit = "amr.estate.mixin"
    _description = "District"
    _order = "code"

    name = fields.Char(required=True)
    code = fields.Char(size=1, required=True, help="One digit, 1 to 9.")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    community_ids = fields.One2many("amr.community", "district_id")
    community_count = fields.Integer(compute="_compute_community_count")
    note = fields.Text()
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint(
        "UNIQUE (company_id, code)", "A district with this code exists already."
    )

    @api.depends("community_ids")
    def _compute_community_count(self):
        counts = dict(
            self.env["amr.community"]._read_group(
                [("district_id", "in", self.ids)], ["district_id"], ["__count"]
            )
        )
        for district in self:
            district.community_count = counts.get(district, 0)

    @api.constrains("code")
    def _check_code(self):
        for district in self:
            if not (district.code.isascii() and district.code.isdigit()):
                raise ValidationError(
                    self.env._(
                        "District code “%(code)s” is not valid: use one digit.",
                        code=district.code,
                    )
                )

    def _get_blocking_children(self):
        return [(self.env._("communities"), self.community_ids)]
