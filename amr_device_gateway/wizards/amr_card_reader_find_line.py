from odoo import fields, models


class AmrCardReaderFindLine(models.TransientModel):
    """One reader that was found."""

    _name = "amr.card.reader.find.line"
    _description = "Card reader found"

    find_id = fields.Many2one("amr.card.reader.find", required=True, ondelete="cascade")
    wanted = fields.Boolean("Take over")
    label = fields.Char("Reader", readonly=True)
    port = fields.Char("Reader and port", readonly=True, required=True)
    known = fields.Boolean("Entered already", readonly=True)
