from odoo import fields, models


class AmrConcentratorDifference(models.Model):
    """What a concentrator's list of meters says other than ours, when last compared."""

    _name = "amr.concentrator.difference"
    _description = "Difference of a concentrator's list"
    _order = "concentrator_id, point, number"
    _rec_name = "point"

    concentrator_id = fields.Many2one(
        "amr.concentrator", required=True, readonly=True, index=True, ondelete="cascade"
    )
    community_id = fields.Many2one(
        related="concentrator_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="concentrator_id.company_id", store=True, index=True
    )
    kind = fields.Selection(
        [
            ("missing", "Not in the concentrator"),
            ("extra", "Only in the concentrator"),
            ("differs", "Different"),
        ],
        required=True,
        readonly=True,
    )
    point = fields.Integer("Measuring point", readonly=True, aggregator=None)
    number = fields.Integer("Place in its list", readonly=True, aggregator=None)
    meter_id = fields.Many2one("amr.meter", readonly=True, ondelete="cascade")
    ours = fields.Char("Here", readonly=True)
    theirs = fields.Char("In the concentrator", readonly=True)
