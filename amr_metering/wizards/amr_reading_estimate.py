from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from ..models.amr_meter_estimate import METHODS


class AmrReadingEstimate(models.TransientModel):
    """Estimate what is missing or held back, after a look at how."""

    _name = "amr.reading.estimate"
    _inherit = "amr.evidence.mixin"
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
    _inherit = "amr.evidence.mixin"
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
        estimates = self._get_estimates()
        for line in self:
            estimate = estimates.get(line)
            line.index = estimate.index if estimate else 0
            line.basis = (
                estimate.reason
                if estimate
                else self.env._("The readings do not allow it; choose another way.")
            )

    def _get_estimates(self):
        """Return ``{line: Estimate}``; what is estimated the same way is found once."""
        estimates = {}
        alike = self.grouped(lambda line: (line.at, line.register, line.method))
        for (at, register, method), lines in alike.items():
            meters = lines.meter_id._origin
            if not meters or not at:
                continue
            found = meters._estimate_index(at, register, method or None)
            estimates |= {
                line: found[line.meter_id._origin.id]
                for line in lines
                if line.meter_id._origin.id in found
            }
        return estimates

    def _take(self):
        """Take these estimates in and settle their exceptions."""
        self.meter_id.check_access("write")  # an administrator's decision
        self._check_exceptions()
        self._check_not_read()
        taken = self._take_alike()
        self._check_usable()
        for line, estimate in taken.items():
            line.exception_id._settle(
                self.env._(
                    "Estimated %(index)s by %(user)s. %(reason)s.",
                    index=dec(estimate.index),
                    user=self.env.user.name,
                    reason=estimate.reason,
                )
            )

    def _take_alike(self):
        """Take in what is estimated for one time and the same way at once.

        :return: ``{line: Estimate}``
        :raises UserError: the readings do not allow one of them
        """
        estimates = {}
        alike = self.grouped(
            lambda line: (line.at, line.kind, line.register, line.method)
        )
        for (at, kind, register, method), lines in alike.items():
            taken = lines.meter_id._take_estimates(at, kind, register, method or None)
            for line in lines:
                if line.meter_id.id not in taken:
                    raise UserError(
                        self.env._(
                            "Meter %(meter)s cannot be estimated this way: %(basis)s",
                            meter=line.meter_id.number,
                            basis=line.basis,
                        )
                    )
                estimates[line] = taken[line.meter_id.id]
        return estimates

    def _check_exceptions(self):
        """:raises UserError: an exception is about another meter"""
        self.exception_id.check_access("write")
        for line in self:
            if line.exception_id and line.exception_id.meter_id != line.meter_id:
                raise UserError(
                    self.env._(
                        "Meter %s: this exception is about another meter; estimate "
                        "each meter from its own exception.",
                        line.meter_id.number,
                    )
                )

    def _filter_readings(self, quality):
        """Return the lines whose meters have a usable reading at that very time."""
        readings = self.env["amr.reading"].search_fetch(
            [
                ("meter_id", "in", self.meter_id.ids),
                ("read_at", "in", list(set(self.mapped("at")))),
                ("quality", "=", quality),
                ("superseded_by_id", "=", False),
            ],
            ["meter_id", "register", "read_at"],
        )
        known = {(r.meter_id, r.register, r.read_at) for r in readings}
        return self.filtered(
            lambda line: (line.meter_id, line.register, line.at) in known
        )

    def _check_usable(self):
        """:raises UserError: the rules held an estimate back, so nothing is usable"""
        for line in self - self._filter_readings("estimated"):
            raise UserError(
                self.env._(
                    "Meter %s: this estimate does not fit the readings around it. "
                    "Choose another way or time, or put the wrong reading aside first.",
                    line.meter_id.number,
                )
            )

    def _check_not_read(self):
        """:raises UserError: a meter was read at that very time"""
        for line in self._filter_readings("ok"):
            raise UserError(
                self.env._(
                    "Meter %s was read at that very time; there is nothing to "
                    "estimate.",
                    line.meter_id.number,
                )
            )
