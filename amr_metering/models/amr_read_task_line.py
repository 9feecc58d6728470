from odoo import fields, models


class AmrReadTaskLine(models.Model):
    """One meter of a read task and how it went."""

    _name = "amr.read.task.line"
    _description = "Read task result"
    _order = "task_id desc, id"
    _inherit = "amr.evidence.mixin"
    _rec_name = "meter_id"
    _evidence = frozenset(
        {"task_id", "meter_id", "state", "tries", "error", "reading_id"}
    )

    task_id = fields.Many2one(
        "amr.read.task", required=True, index=True, ondelete="cascade", readonly=True
    )
    meter_id = fields.Many2one(
        "amr.meter", required=True, index=True, ondelete="restrict", readonly=True
    )
    point_id = fields.Many2one(related="meter_id.point_id", string="Metering point")
    room_id = fields.Many2one(related="meter_id.room_id", string="Room")
    community_id = fields.Many2one(
        related="meter_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(related="task_id.company_id", store=True)
    account_id = fields.Many2one(related="meter_id.account_id", string="Account")
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
    tries = fields.Integer(readonly=True)
    error = fields.Char(readonly=True)
    reading_id = fields.Many2one("amr.reading", readonly=True)
    index = fields.Float(related="reading_id.index", string="Index", aggregator=None)
    read_at = fields.Datetime(related="reading_id.read_at")
    uom_name = fields.Char(related="meter_id.uom_name")

    _meter_once = models.Constraint(
        "UNIQUE (task_id, meter_id)", "A task reads a meter once."
    )

    def _give_up(self):
        """Mark the lines as missing and open an exception for each (promise I10)."""
        now = fields.Datetime.now()
        for line in self:
            line.state = "missing"
            meter = line.meter_id.sudo()
            if not meter.comm_fault_since:
                meter.comm_fault_since = now
            self.env["amr.exception"]._raise_exception(
                "missing",
                self.env._(
                    "Meter %(meter)s did not answer in %(tries)s tries: %(error)s",
                    meter=meter.number,
                    tries=line.tries,
                    error=line.error or "",
                ),
                meter=meter,
                task=line.task_id,
            )
