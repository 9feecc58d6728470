from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from ..models.amr_meter_rates import RATE_LABELS, RATES


class AmrMeterReplace(models.TransientModel):
    """Replace the meter of a metering point; both segments keep their readings.

    The old installation ends at the closing index, the new one begins at the opening
    index, at the same moment (KTAMR manual 4.1).
    """

    _name = "amr.meter.replace"
    _inherit = "amr.evidence.mixin"
    _description = "Replace a meter"

    point_id = fields.Many2one("amr.metering.point", required=True, readonly=True)
    old_meter_id = fields.Many2one(related="point_id.meter_id", string="Old meter")
    utility_id = fields.Many2one(related="point_id.utility_id")
    uom_name = fields.Char(related="utility_id.uom_name")
    moment = fields.Datetime("Replaced at", required=True, default=fields.Datetime.now)
    closing_index = fields.Float(
        digits="AMR Index",
        required=True,
        compute="_compute_closing_index",
        precompute=True,
        store=True,
        readonly=False,
    )
    new_meter_id = fields.Many2one(
        "amr.meter",
        "New meter",
        required=True,
        domain="[('utility_id', '=', utility_id), ('point_id', '=', False)]",
    )
    opening_index = fields.Float(
        digits="AMR Index",
        required=True,
        compute="_compute_opening_index",
        precompute=True,
        store=True,
        readonly=False,
    )
    closing_rates = fields.Char(compute="_compute_rates")
    opening_rates = fields.Char(compute="_compute_rates")
    for rate, label in RATE_LABELS:
        vars()[f"closing_{rate}"] = fields.Float(
            label,
            digits="AMR Index",
            compute="_compute_closing_rates",
            store=True,
            readonly=False,
        )
        vars()[f"opening_{rate}"] = fields.Float(
            f"{label} (new)",
            digits="AMR Index",
            compute="_compute_opening_rates",
            store=True,
            readonly=False,
        )
    del rate, label
    closing_apart = fields.Boolean("Total is not the sum")
    opening_apart = fields.Boolean("Total is not the sum (new)")
    archive_old = fields.Boolean(
        "Archive the old meter", help="Its number may then be used again."
    )
    reason = fields.Char(required=True)

    @api.depends("point_id")
    def _compute_closing_index(self):
        for wizard in self:
            wizard.closing_index = wizard.point_id.meter_id.latest_index

    @api.depends("new_meter_id")
    def _compute_opening_index(self):
        for wizard in self:
            wizard.opening_index = wizard.new_meter_id.latest_index

    @api.depends("point_id", "new_meter_id")
    def _compute_rates(self):
        """Tell which rates are asked for: a new meter has those of the old one."""
        for wizard in self:
            closing, opening = (
                wizard._get_asked("closing"),
                wizard._get_asked("opening"),
            )
            wizard.closing_rates = " ".join(closing)
            wizard.opening_rates = " ".join(opening)

    @api.depends("point_id")
    def _compute_closing_rates(self):
        for wizard in self:
            asked = wizard._get_asked("closing")
            for rate in RATES:
                wizard[f"closing_{rate}"] = asked.get(rate, 0)

    @api.depends("new_meter_id")
    def _compute_opening_rates(self):
        for wizard in self:
            asked = wizard._get_asked("opening")
            for rate in RATES:
                wizard[f"opening_{rate}"] = asked.get(rate, 0)

    def _get_asked(self, side):
        """Return the rates of one of the meters, with what was read last."""
        tariff = self.point_id.agreement_ids.sorted("date_from")[-1:].tariff_id
        asked = self.point_id.meter_id._get_asked_rates(tariff)
        if side == "opening":
            own = self.new_meter_id._get_asked_rates(tariff)
            asked = {rate: own.get(rate, 0) for rate in RATES if rate in asked | own}
        return asked

    def action_replace(self):
        """End one installation and begin the next, at the indexes that were typed.

        :raises UserError: they contradict what was read, or each other
        """
        self.ensure_one()
        point = self.point_id
        point.check_access("write")
        old = point.installation_ids.filtered(lambda i: not i.date_to)
        if not old:
            raise UserError(
                self.env._("%s has no meter to replace.", point.display_name)
            )
        self._check_closing(old)
        closing, opening = self._get_typed("closing"), self._get_typed("opening")
        old.meter_id._read_all(self.moment, *closing, self.closing_apart)
        old.write({"date_to": self.moment, "end_index": self.closing_index})
        self.env["amr.installation"].create(
            {
                "point_id": point.id,
                "meter_id": self.new_meter_id.id,
                "date_from": self.moment,
                "start_index": self.opening_index,
            }
        )
        self.new_meter_id._read_all(self.moment, *opening, self.opening_apart)
        self._log(old.meter_id, closing, opening)
        if self.archive_old:
            old.meter_id.action_archive()
        return {"type": "ir.actions.act_window_close"}

    def _get_typed(self, side):
        """Return the index of the total, and ``{register: Decimal index}``."""
        rates = {rate: dec(self[f"{side}_{rate}"]) for rate in self._get_asked(side)}
        return dec(self[f"{side}_index"]), rates

    def _check_closing(self, installation):
        meter = installation.meter_id
        if meter == self.new_meter_id:
            raise UserError(
                self.env._("Choose another meter: %s hangs there now.", meter.number)
            )
        if self.moment > fields.Datetime.now():
            raise UserError(self.env._("A meter cannot be replaced in the future."))
        latest = dec(meter.latest_index)
        later = meter.latest_at and meter.latest_at > self.moment
        closing = dec(self.closing_index)
        if later or closing < latest and not meter._is_rolled_over(latest, closing):
            raise UserError(
                self.env._(
                    "Meter %(meter)s was read %(index)s at %(moment)s: the closing "
                    "index and its time must not be before that.",
                    meter=meter.number,
                    index=latest,
                    moment=meter.latest_at,
                )
            )

    def _log(self, old_meter, closing, opening):
        shown = self.env["amr.rates.mixin"]._format_indexes
        for meter, text in (
            (old_meter, self.env._("Replaced by %s", self.new_meter_id.number)),
            (self.new_meter_id, self.env._("Replaces %s", old_meter.number)),
        ):
            meter.message_post(
                body=self.env._(
                    "%(text)s at %(point)s: closing index %(closing)s, opening index "
                    "%(opening)s. %(reason)s",
                    text=text,
                    point=self.point_id.display_name,
                    closing=shown(*closing),
                    opening=shown(*opening),
                    reason=self.reason,
                )
            )
