from odoo import fields, models


class AmrMeteringPoint(models.Model):
    _inherit = "amr.metering.point"

    route_sequence = fields.Integer(
        "Walking order",
        copy=False,
        aggregator=None,
        help="Where the meter comes in a reader's round through the building; he sets "
        "it by walking once and keeping the order.",
    )
