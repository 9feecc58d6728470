from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec


class AmrReadTaskLine(models.Model):
    """One meter of a read task and how it went."""

    _name = "amr.read.task.line"
    _description = "Read task result"
    _order = "task_id desc, id"
    _inherit = "amr.evidence.mixin"
    _rec_name = "meter_id"
    _evidence = frozenset(
        {
            "task_id",
            "meter_id",
            "community_id",
            "company_id",
            "state",
            "tries",
            "error",
            "reading_id",
        }
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
    previous_index = fields.Float(
        related="meter_id.latest_index", string="Previous index"
    )
    previous_at = fields.Datetime(
        related="meter_id.latest_at", string="Previous reading"
    )
    entered_index = fields.Float(
        "Index read by eye",
        digits="AMR Index",
        compute="_compute_entered_index",
        inverse="_inverse_entered_index",
        help="Type it in and go on to the next line; it is taken at once.",
    )
    entered_usage = fields.Float(
        "Consumption", digits="AMR Consumption", compute="_compute_entered_usage"
    )
    hint = fields.Char(compute="_compute_entered_usage")

    _meter_once = models.Constraint(
        "UNIQUE (task_id, meter_id)", "A task reads a meter once."
    )

    @api.depends("reading_id")
    def _compute_entered_index(self):
        for line in self:
            line.entered_index = line.reading_id.index

    def _inverse_entered_index(self):
        for line in self.filtered("entered_index"):
            line._enter(dec(line.entered_index))

    def _enter(self, index):
        """Take an index read by eye for this line (row 53, KTAMR manual 4.2.5).

        :param Decimal index: what the register shows
        """
        self.ensure_one()
        if self.state == "done":
            raise UserError(
                self.env._(
                    "Meter %s was read already in this task.", self.meter_id.number
                )
            )
        if self.task_id.state == "draft":
            raise UserError(self.env._("Start the read task first."))
        row = {
            "meter_id": self.meter_id.id,
            "read_at": self.task_id._get_entry_time(self.meter_id),
            "kind": "daily" if self.task_id.kind == "daily" else "spot",
            "source": "manual",
            "index": index,
        }
        self.task_id.sudo()._record_readings([row])

    @api.depends("entered_index", "previous_index")
    def _compute_entered_usage(self):
        for line in self:
            done = line.state == "done"
            index = 0 if done else dec(line.entered_index)
            usage = (index - dec(line.previous_index)) * dec(line.meter_id.factor, 6)
            line.entered_usage = usage if index else 0
            line.hint = line._get_hint(usage) if index else False

    def _get_hint(self, usage):
        """Return what is odd about a consumption before it is taken, or False."""
        if usage < 0:
            return self.env._("Less than before: look again")
        limit = self.meter_id.point_id.agreement_id.tariff_id.current_version_id
        if limit.normal_max and usage > dec(limit.normal_max):
            return self.env._("More than the normal use: look again")
        return False

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
