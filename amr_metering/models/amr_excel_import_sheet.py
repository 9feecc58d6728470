from odoo import api, fields, models


class AmrExcelImportSheet(models.Model):
    """What became of the rows of one sheet."""

    _name = "amr.excel.import.sheet"
    _inherit = "amr.evidence.mixin"
    _description = "Imported sheet"
    _order = "id"
    _rec_name = "sheet"
    _evidence = frozenset({"import_id", "sheet", "new", "changed", "unchanged", "bad"})

    import_id = fields.Many2one(
        "amr.excel.import", required=True, index=True, ondelete="cascade"
    )
    sheet = fields.Char(required=True)
    new = fields.Integer()
    changed = fields.Integer()
    unchanged = fields.Integer()
    bad = fields.Integer()
    total = fields.Integer("Rows", compute="_compute_total")

    @api.depends("new", "changed", "unchanged", "bad")
    def _compute_total(self):
        for line in self:
            line.total = line.new + line.changed + line.unchanged + line.bad
