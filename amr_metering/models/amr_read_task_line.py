from odoo import api, fields, models


class AmrReadTaskLine(models.Model):
    """One meter of a read task and how it went.

    Where the meter was and whose it was is kept as it was when the task began.
    """

    _name = "amr.read.task.line"
    _description = "Read task result"
    _order = "task_id desc, id"
    _inherit = "amr.evidence.mixin"
    _rec_name = "meter_id"
    _evidence = frozenset(
        {
            "task_id",
            "meter_id",
            "point_id",
            "room_id",
            "building_id",
            "community_id",
            "company_id",
            "account_id",
            "state",
            "tries",
            "rereads",
            "by_hand",
            "error",
            "reading_id",
            "index",
            "read_at",
            "previous_index",
            "previous_at",
            "usage",
        }
    )

    task_id = fields.Many2one(
        "amr.read.task", required=True, index=True, ondelete="cascade", readonly=True
    )
    meter_id = fields.Many2one(
        "amr.meter", required=True, index=True, ondelete="restrict", readonly=True
    )
    utility_id = fields.Many2one(related="meter_id.utility_id")
    point_id = fields.Many2one(
        "amr.metering.point",
        "Metering point",
        compute="_compute_place",
        store=True,
        precompute=True,
    )
    room_id = fields.Many2one(
        "amr.room", compute="_compute_place", store=True, precompute=True
    )
    building_id = fields.Many2one(
        "amr.building", compute="_compute_place", store=True, precompute=True
    )
    community_id = fields.Many2one(
        "amr.community",
        compute="_compute_place",
        store=True,
        index=True,
        precompute=True,
    )
    account_id = fields.Many2one(
        "amr.account",
        "Customer",
        compute="_compute_place",
        store=True,
        precompute=True,
    )
    account_number = fields.Char(related="account_id.number", string="Customer number")
    company_id = fields.Many2one(related="task_id.company_id", store=True)
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("done", "Done"),
            ("missing", "Not answering"),
            ("manual", "Read by hand"),
        ],
        default="pending",
        required=True,
        readonly=True,
        index=True,
    )
    tries = fields.Integer(readonly=True, aggregator=None)
    rereads = fields.Integer("Rounds again", readonly=True, aggregator=None)
    by_hand = fields.Boolean(readonly=True, help="No device reads this meter.")
    error = fields.Char("Why not", readonly=True)
    reading_id = fields.Many2one("amr.reading", readonly=True, index="btree_not_null")
    quality = fields.Selection(related="reading_id.quality")
    index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    read_at = fields.Datetime("Read at", readonly=True)
    uom_name = fields.Char(related="meter_id.uom_name")
    previous_index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    previous_at = fields.Datetime("Previous reading", readonly=True)
    usage = fields.Float(
        "Consumption",
        digits="AMR Consumption",
        readonly=True,
        help="Index less the previous index, times the factor in force.",
    )

    _meter_once = models.Constraint(
        "UNIQUE (task_id, meter_id)", "A task reads a meter once."
    )

    @api.depends("meter_id")
    def _compute_place(self):
        for line in self:
            meter = line.meter_id
            line.point_id = meter.point_id
            line.room_id = meter.room_id
            line.building_id = meter.building_id
            line.community_id = meter.community_id
            line.account_id = meter.account_id

    def _leave_to_people(self):
        """Say that no route reads these meters: somebody has to go there."""
        if self:
            self.sudo().write({"state": "manual", "by_hand": True})

    def _give_up(self):
        """Mark the lines as missing and open an exception for each (promise I10)."""
        now = fields.Datetime.now()
        for line in self:
            line.state = "missing"
            meter = line.meter_id.sudo()
            if not meter.comm_fault_since:
                meter.comm_fault_since = now
            line._raise_missing(
                self.env._(
                    "Meter %(meter)s did not answer in %(tries)s tries: %(error)s",
                    meter=meter.number,
                    tries=line.tries,
                    error=line.error or "",
                )
            )

    def _raise_missing(self, reason):
        """Open the exception of a meter that could not be read."""
        self.ensure_one()
        self.env["amr.exception"]._raise_exception(
            "missing", reason, meter=self.meter_id.sudo(), task=self.task_id
        )
