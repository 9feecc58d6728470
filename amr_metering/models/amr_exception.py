from odoo import api, fields, models


class AmrException(models.Model):
    """Exception: a reading, or a missing one, that somebody must look at."""

    _name = "amr.exception"
    _inherit = ["amr.evidence.mixin", "mail.thread", "mail.activity.mixin"]
    _description = "Exception"
    _order = "state, create_date desc, id desc"
    _rec_name = "reason"
    _evidence = frozenset(
        {"kind", "reason", "meter_id", "reading_id", "task_id", "community_id"}
    )

    kind = fields.Selection(
        [
            ("missing", "Missing reading"),
            ("negative", "Negative consumption"),
            ("high", "High consumption"),
            ("conflict", "Two values at one time"),
            ("future", "Time in the future"),
            ("unknown", "Unknown meter"),
            ("device", "Device"),
        ],
        required=True,
        readonly=True,
        index=True,
    )
    reason = fields.Text(required=True, readonly=True)
    meter_id = fields.Many2one("amr.meter", readonly=True, index=True)
    point_id = fields.Many2one(related="meter_id.point_id", string="Metering point")
    reading_id = fields.Many2one("amr.reading", readonly=True)
    task_id = fields.Many2one("amr.read.task", readonly=True, index="btree_not_null")
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    state = fields.Selection(
        [("open", "Open"), ("resolved", "Resolved")],
        default="open",
        required=True,
        tracking=True,
        index=True,
    )
    age = fields.Integer("Days open", compute="_compute_age")
    user_id = fields.Many2one("res.users", "Responsible", tracking=True)
    resolution = fields.Text(tracking=True)
    resolved_at = fields.Datetime(readonly=True)

    @api.depends("create_date", "resolved_at")
    def _compute_age(self):
        now = fields.Datetime.now()
        for exception in self:
            opened = exception.create_date or now
            exception.age = ((exception.resolved_at or now) - opened).days

    @api.model
    def _raise_exception(
        self, kind, reason, meter=None, reading=None, task=None, community=None
    ):
        """Open an exception, or refresh the open one of the same kind and meter."""
        Exception_ = self.env["amr.exception"].sudo()
        community = community or (meter and meter.community_id)
        if meter:
            known = Exception_.search(
                [
                    ("kind", "=", kind),
                    ("meter_id", "=", meter.id),
                    ("reading_id", "=", reading.id if reading else False),
                    ("state", "=", "open"),
                ],
                limit=1,
            )
            if known:
                known.write({"reason": reason, "task_id": task.id if task else False})
                return known
        company = (community and community.company_id) or (meter and meter.company_id)
        return Exception_.create(
            {
                "kind": kind,
                "reason": reason,
                "meter_id": meter.id if meter else False,
                "reading_id": reading.id if reading else False,
                "task_id": task.id if task else False,
                "community_id": community.id if community else False,
                "company_id": (company or self.env.company).id,
                "user_id": community.user_id.id if community else False,
            }
        )

    def action_resolve(self):
        self.write({"state": "resolved", "resolved_at": fields.Datetime.now()})

    def action_reopen(self):
        self.write({"state": "open", "resolved_at": False})

    def action_accept(self):
        """Take the suspect readings as good; what they conflict with is superseded."""
        for exception in self:
            if exception.reading_id:
                exception.reading_id._accept()
        self.action_resolve()

    def action_read_again(self):
        return self.meter_id.action_read_now()
