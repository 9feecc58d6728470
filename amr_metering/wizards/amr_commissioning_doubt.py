from odoo import fields, models

from .amr_commissioning import FINDINGS


class AmrCommissioningDoubt(models.TransientModel):
    """One meter whose readings do not prove yet in which room it hangs."""

    _name = "amr.commissioning.doubt"
    _inherit = "amr.evidence.mixin"
    _description = "Room not proved by its opening reading"
    _order = "id"

    guide_id = fields.Many2one(
        "amr.commissioning", required=True, index=True, ondelete="cascade"
    )
    meter_id = fields.Many2one("amr.meter", ondelete="cascade")
    point_id = fields.Many2one("amr.metering.point", ondelete="cascade")
    opening_index = fields.Float(digits="AMR Index")
    first_index = fields.Float("First reading", digits="AMR Index")
    was_read = fields.Boolean()
    finding = fields.Selection(FINDINGS, required=True)
    others = fields.Char(
        "Would fit", help="Rooms whose opening index fits this meter's reading as well."
    )
