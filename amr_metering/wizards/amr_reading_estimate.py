from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from ..models.amr_meter_estimate import METHODS


class AmrReadingEstimate(models.TransientModel):
    """Estimate what is missing or held back, after a look at how."""

    _name = "amr.reading.estimate"
    _description = "Estimate readings"

    exception_ids = fields.Many2many("amr.exception", string="Exceptions")
    line_ids = fields.One2many(
        "amr.reading.estimate.line",
        "wizard_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )

    @api.depends("exception_ids")
    def _compute_line_ids(self):
        for wizard in self:
            exceptions = wizard.exception_ids.filtered(
                lambda e: e.meter_id and e.state == "open"
            )
            wizard.line_ids = [
                fields.Command.create(exception._prepare_estimate())
                for exception in exceptions
            ]

    def action_estimate(self):
        self.ensure_one()
        self.line_ids._take()
        return {"type": "ir.actions.act_window_close"}


class AmrReadingEstimateLine(models.TransientModel):
    _name = "amr.reading.estimate.line"
    _description = "Estimated reading"

    wizard_id = fields.Many2one(
        "amr.reading.estimate", required=True, ondelete="cascade"
    )
    exception_id = fields.Many2one("amr.exception")
    meter_id = fields.Many2one("amr.meter", required=True)
    at = fields.Datetime(required=True)
    register = fields.Char(default="total", required=True)
    kind = fields.Selection(
        [("daily", "Daily freeze"), ("spot", "Spot")], required=True, default="daily"
    )
    method = fields.Selection(
        METHODS, help="Empty: the first one that the readings allow."
    )
    index = fields.Float(digits="AMR Index", compute="_compute_index")
    uom_name = fields.Char(related="meter_id.uom_name")
    basis = fields.Char(compute="_compute_index")

    @api.depends("meter_id", "at", "method", "register")
    def _compute_index(self):
        for line in self:
            estimate = line._get_estimate()
            line.index = estimate.index if estimate else 0
            line.basis = (
                estimate.reason
                if estimate
                else self.env._("The readings do not allow it; choose another way.")
            )

    def _get_estimate(self):
        self.ensure_one()
        meter, at = self.meter_id._origin, self.at
        if not meter or not at:
            return None
        return meter._estimate_index(at, self.register, self.method or None).get(
            meter.id
        )

    def _take(self):
        """Take these estimates in and settle their exceptions."""
        for line in self:
            line.meter_id.check_access("write")  # an administrator's decision
            line._check_exception()
            line._check_not_read()
            taken = line.meter_id._take_estimates(
                line.at, line.kind, line.register, line.method or None
            )
            estimate = taken.get(line.meter_id.id)
            if not estimate:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s cannot be estimated this way: %(basis)s",
                        meter=line.meter_id.number,
                        basis=line.basis,
                    )
                )
            line._check_usable()
            line.exception_id._settle(
                self.env._(
                    "Estimated %(index)s by %(user)s. %(reason)s.",
                    index=dec(estimate.index),
                    user=self.env.user.name,
                    reason=estimate.reason,
                )
            )

    def _check_exception(self):
        """:raises UserError: the exception is about another meter"""
        self.exception_id.check_access("write")
        if self.exception_id and self.exception_id.meter_id != self.meter_id:
            raise UserError(
                self.env._(
                    "Meter %s: this exception is about another meter; estimate each "
                    "meter from its own exception.",
                    self.meter_id.number,
                )
            )

    def _check_usable(self):
        """:raises UserError: the rules held the estimate back, so nothing is usable"""
        usable = self.env["amr.reading"].search_count(
            [
                ("meter_id", "=", self.meter_id.id),
                ("register", "=", self.register),
                ("read_at", "=", self.at),
                ("quality", "=", "estimated"),
                ("superseded_by_id", "=", False),
            ],
            limit=1,
        )
        if not usable:
            raise UserError(
                self.env._(
                    "Meter %s: this estimate does not fit the readings around it. "
                    "Choose another way or time, or put the wrong reading aside first.",
                    self.meter_id.number,
                )
            )

    def _check_not_read(self):
        """:raises UserError: the meter was read at that very time"""
        read = self.env["amr.reading"].search_count(
            [
                ("meter_id", "=", self.meter_id.id),
                ("register", "=", self.register),
                ("read_at", "=", self.at),
                ("quality", "=", "ok"),
                ("superseded_by_id", "=", False),
            ],
            limit=1,
        )
        if read:
            raise UserError(
                self.env._(
                    "Meter %s was read at that very time; there is nothing to "
                    "estimate.",
                    self.meter_id.number,
                )
            )
