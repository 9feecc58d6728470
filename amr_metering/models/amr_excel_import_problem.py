from odoo import fields, models


class AmrExcelImportProblem(models.Model):
    """Why one row is not imported, or what is odd about it."""

    _name = "amr.excel.import.problem"
    _inherit = "amr.evidence.mixin"
    _description = "Bad row of an import"
    _order = "import_id, sequence, id"
    _rec_name = "reason"
    _evidence = frozenset({"import_id", "sheet", "row", "column", "reason", "notice"})

    import_id = fields.Many2one(
        "amr.excel.import", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer()
    sheet = fields.Char(required=True)
    row = fields.Integer()
    column = fields.Char()
    reason = fields.Char(required=True)
    notice = fields.Boolean(
        "Taken all the same", help="The row is imported, but somebody should look."
    )
