from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.amr_meter_rates import RATES


class AmrRoomMergeLine(models.Model):
    """One metering point (or bare room) that changes its account."""

    _name = "amr.room.merge.line"
    _inherit = "amr.rates.mixin"
    _description = "Room of a merging"
    _order = "merge_id, room_id, id"

    merge_id = fields.Many2one(
        "amr.room.merge", required=True, index=True, ondelete="cascade"
    )
    community_id = fields.Many2one(related="merge_id.community_id", store=True)
    company_id = fields.Many2one(related="merge_id.company_id", store=True)
    room_id = fields.Many2one("amr.room", required=True, ondelete="restrict")
    former_account_id = fields.Many2one("amr.account", "From account", readonly=True)
    account_id = fields.Many2one(
        "amr.account",
        "To account",
        domain="[('community_id', '=', community_id), ('state', '=', 'active')]",
        help="Empty: the room becomes vacant.",
    )
    point_id = fields.Many2one("amr.metering.point", "Metering point")
    meter_id = fields.Many2one(related="point_id.meter_id")
    utility_id = fields.Many2one(related="point_id.utility_id")
    uom_name = fields.Char(related="utility_id.uom_name")
    latest_index = fields.Float(related="meter_id.latest_index", string="Last index")
    index = fields.Float("Index at the change", digits="AMR Index")
    tariff_id = fields.Many2one(
        "amr.tariff", domain="[('utility_id', '=', utility_id)]"
    )
    payment_mode = fields.Selection(
        [("postpaid", "Postpaid"), ("prepaid", "Prepaid")],
        required=True,
        default="postpaid",
    )

    def _get_asked_rates(self):
        """What was done before rates were asked for has none: today's are not those."""
        return {} if self.merge_id.state == "done" else super()._get_asked_rates()

    def _change(self, room):
        """Carry one room over, by the same door as a move."""
        target = self.account_id
        if len(target) > 1 or len(set(self.mapped("account_id.id"))) > 1:
            raise UserError(
                self.env._("%s goes to one account as a whole.", room.display_name)
            )
        merge = self.merge_id
        self.sudo().former_account_id = room.account_id
        change = self.env["amr.occupancy.change"].create(
            {
                "room_id": room.id,
                "account_id": target.id,
                "moment": merge.moment,
                "note": merge.note,
            }
        )
        for line in change.line_ids:
            ours = self.filtered(lambda one, line=line: one.point_id == line.point_id)
            line.write(
                {
                    "index": ours.index,
                    "tariff_id": ours.tariff_id.id,
                    "payment_mode": ours.payment_mode,
                }
            )
            # after the tariff, which says what is asked for
            line.write({rate: ours[rate] for rate in (*RATES, "rates_apart")})
        if change.account_id or change.old_account_id:
            change.action_change()

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        if not self.env.su:
            lines.merge_id._refuse_done()
        return lines

    def write(self, vals):
        if not self.env.su:
            self.merge_id._refuse_done()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_done(self):
        self.merge_id._refuse_done()
