from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec


class AmrOccupancyChange(models.TransientModel):
    """Move in, move out, or transfer of a room, at a reading of each of its meters.

    Running agreements end and new ones begin at the same moment, so that no unit is
    billed to two accounts or to none.
    """

    _name = "amr.occupancy.change"
    _inherit = "amr.evidence.mixin"
    _description = "Move in, move out or transfer"

    room_id = fields.Many2one("amr.room", required=True, readonly=True)
    community_id = fields.Many2one(related="room_id.community_id")
    old_account_id = fields.Many2one(related="room_id.account_id", string="Leaves")
    account_id = fields.Many2one(
        "amr.account",
        "Moves in",
        domain="[('community_id', '=', community_id), ('state', '=', 'active')]",
        help="Leave it empty when the room becomes vacant.",
    )
    moment = fields.Datetime("At", required=True, default=fields.Datetime.now)
    line_ids = fields.One2many(
        "amr.occupancy.change.line",
        "change_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    rates = fields.Char(compute="_compute_rates")
    note = fields.Char()

    @api.depends("line_ids.rates")
    def _compute_rates(self):
        """Tell which columns of rates the list needs."""
        for change in self:
            change.rates = " ".join(filter(None, change.line_ids.mapped("rates")))

    @api.depends("room_id")
    def _compute_line_ids(self):
        for change in self:
            change.line_ids = [fields.Command.clear()] + [
                fields.Command.create(change._prepare_line(point))
                for point in change.room_id.point_ids
            ]

    def _prepare_line(self, point):
        latest = point.agreement_ids.sorted("date_from")[-1:]
        return {
            "point_id": point.id,
            "index": point.meter_id.latest_index,
            "tariff_id": latest.tariff_id.id,
            "payment_mode": latest.payment_mode or "postpaid",
        }

    def action_change(self):
        self.ensure_one()
        self._check()
        leaving = self.old_account_id
        for line in self.line_ids:
            line._change()
        self.room_id.account_id = self.account_id
        for account in leaving | self.account_id:
            account.message_post(body=self._get_log(leaving))
        return {"type": "ir.actions.act_window_close"}

    def _check(self):
        self.room_id.check_access("write")
        if self.moment > fields.Datetime.now():
            raise UserError(
                self.env._("A change is entered when it has happened, not before.")
            )
        if not (self.account_id or self.old_account_id):
            raise UserError(
                self.env._("Choose who moves in: the room is vacant already.")
            )
        if self.account_id and self.account_id == self.old_account_id:
            raise UserError(
                self.env._(
                    "%s lives here already: choose another account.",
                    self.account_id.display_name,
                )
            )
        if self.line_ids.point_id - self.room_id.point_ids:
            raise UserError(
                self.env._(
                    "The lines must name the metering points of %s: choose the room "
                    "again.",
                    self.room_id.display_name,
                )
            )
        unpriced = self.line_ids.filtered(lambda line: not line.tariff_id)
        if self.account_id and unpriced:
            raise UserError(
                self.env._(
                    "Choose a tariff for %s.",
                    ", ".join(unpriced.point_id.mapped("display_name")),
                )
            )

    def _get_log(self, leaving):
        indexes = "; ".join(
            f"{line.point_id.meter_id.number} "
            + line._format_indexes(dec(line.index), line._get_rates())
            for line in self.line_ids
            if line.point_id.meter_id
        )
        return self.env._(
            "%(room)s from %(old)s to %(new)s at %(moment)s UTC. %(indexes)s %(note)s",
            room=self.room_id.display_name,
            old=leaving.display_name or "–",
            new=self.account_id.display_name or "–",
            moment=self.moment,
            indexes=indexes,
            note=self.note or "",
        )


class AmrOccupancyChangeLine(models.TransientModel):
    _name = "amr.occupancy.change.line"
    _inherit = ["amr.evidence.mixin", "amr.rates.mixin"]
    _description = "Metering point of a move"

    change_id = fields.Many2one(
        "amr.occupancy.change", required=True, ondelete="cascade"
    )
    point_id = fields.Many2one("amr.metering.point", required=True, readonly=True)
    utility_id = fields.Many2one(related="point_id.utility_id")
    meter_id = fields.Many2one(related="point_id.meter_id")
    latest_index = fields.Float(related="meter_id.latest_index", string="Last index")
    latest_at = fields.Datetime(related="meter_id.latest_at")
    index = fields.Float("Index at the move", digits="AMR Index", required=True)
    uom_name = fields.Char(related="utility_id.uom_name")
    tariff_id = fields.Many2one(
        "amr.tariff", domain="[('utility_id', '=', utility_id)]"
    )
    payment_mode = fields.Selection(
        [("postpaid", "Postpaid"), ("prepaid", "Prepaid")],
        required=True,
        default="postpaid",
    )

    def _change(self):
        """Read the meter, end the running agreement, begin the new one."""
        self.ensure_one()
        moment, account = self.change_id.moment, self.change_id.account_id
        if self.meter_id:
            self._read(moment)
        running = self.point_id.agreement_ids.filtered(
            lambda a: a.date_from < moment and (not a.date_to or a.date_to > moment)
        )
        running.date_to = moment
        if account:
            self.env["amr.agreement"].create(
                {
                    "account_id": account.id,
                    "point_id": self.point_id.id,
                    "tariff_id": self.tariff_id.id,
                    "payment_mode": self.payment_mode,
                    "date_from": moment,
                }
            )

    def _read(self, moment):
        meter, index, latest = self.meter_id, dec(self.index), dec(self.latest_index)
        fallen = index < latest and not meter._is_rolled_over(latest, index)
        if fallen or (self.latest_at and self.latest_at > moment):
            raise UserError(
                self.env._(
                    "Meter %(meter)s was read %(index)s at %(moment)s: the index of "
                    "the move and its time must not be before that.",
                    meter=meter.number,
                    index=latest,
                    moment=self.latest_at,
                )
            )
        meter._read_all(moment, index, self._get_rates(), self.rates_apart)
