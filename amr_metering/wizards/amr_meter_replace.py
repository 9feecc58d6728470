from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec


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
        store=True,
        readonly=False,
    )
    new_meter_id = fields.Many2one(
        "amr.meter",
        "New meter",
        required=True,
        domain="[('utility_id', '=', utility_id), ('point_id', '=', False)]",
    )
    opening_index = fields.Float(digits="AMR Index", required=True)
    archive_old = fields.Boolean(
        "Archive the old meter", help="Its number may then be used again."
    )
    reason = fields.Char(required=True)

    @api.depends("point_id")
    def _compute_closing_index(self):
        for wizard in self:
            wizard.closing_index = wizard.point_id.meter_id.latest_index

    def action_replace(self):
        self.ensure_one()
        point = self.point_id
        point.check_access("write")
        old = point.installation_ids.filtered(lambda i: not i.date_to)
        if not old:
            raise UserError(
                self.env._("%s has no meter to replace.", point.display_name)
            )
        self._check_closing(old)
        self._read(old.meter_id, self.closing_index)
        old.write({"date_to": self.moment, "end_index": self.closing_index})
        self.env["amr.installation"].create(
            {
                "point_id": point.id,
                "meter_id": self.new_meter_id.id,
                "date_from": self.moment,
                "start_index": self.opening_index,
            }
        )
        self._read(self.new_meter_id, self.opening_index)
        self._log(old.meter_id)
        if self.archive_old:
            old.meter_id.action_archive()
        return {"type": "ir.actions.act_window_close"}

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

    def _read(self, meter, index):
        self.env["amr.reading"]._ingest_typed(
            [
                {
                    "meter_id": meter.id,
                    "read_at": self.moment,
                    "kind": "spot",
                    "source": "manual",
                    "index": dec(index),
                }
            ]
        )

    def _log(self, old_meter):
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
                    closing=dec(self.closing_index),
                    opening=dec(self.opening_index),
                    reason=self.reason,
                )
            )
