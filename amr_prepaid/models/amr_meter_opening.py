from odoo import fields, models


class AmrMeterOpening(models.Model):
    """Opening series (开户序列): the purchase number from which we count sales.

    A meter that was sold to elsewhere, or opened anew, says another number than the
    last one we gave. Somebody in authority accepts it with a reason: that begins a new
    series behind the meter's number, and is written down here for good.
    """

    _name = "amr.meter.opening"
    _inherit = "amr.evidence.mixin"
    _description = "Opening series of a meter"
    _order = "meter_id, series desc"
    _rec_name = "reason"
    _evidence = frozenset(
        {
            "meter_id",
            "community_id",
            "company_id",
            "series",
            "start_no",
            "last_no",
            "said_at",
            "reason",
            "user_id",
        }
    )

    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    series = fields.Integer(required=True, readonly=True, aggregator=None)
    start_no = fields.Integer(
        "Number the meter said",
        readonly=True,
        aggregator=None,
        help="The first sale of the series gets the next one.",
    )
    last_no = fields.Integer(
        "Last number of the series before", readonly=True, aggregator=None
    )
    said_at = fields.Datetime("Credit read", readonly=True)
    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", "Accepted by", required=True, readonly=True, ondelete="restrict"
    )

    _series_unique = models.Constraint(
        "UNIQUE (meter_id, series)", "A series of a meter begins once."
    )
