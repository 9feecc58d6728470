from odoo import api, fields, models
from odoo.exceptions import UserError


class AmrRoomMerge(models.Model):
    """Merge rooms under one account, or split them off again, at a reading.

    The account then pays for all its rooms as for one; their meters and readings stay
    apart (DH6200 manual 2.1, 2.2). The record stays as the log: who, when, which
    rooms, at which indexes, and whom they belonged to.
    """

    _name = "amr.room.merge"
    _inherit = "amr.evidence.mixin"
    _description = "Merging or splitting of rooms"
    _order = "id desc"
    _rec_name = "account_id"
    _evidence = frozenset(
        {"state", "done_by_id", "done_at", "community_id", "company_id"}
    )

    kind = fields.Selection(
        [("merge", "Merge"), ("split", "Split off")], required=True, default="merge"
    )
    account_id = fields.Many2one(
        "amr.account",
        "Main account",
        required=True,
        index=True,
        ondelete="restrict",
        domain=[("state", "=", "active")],
    )
    community_id = fields.Many2one(
        related="account_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="account_id.company_id", store=True, index=True
    )
    available_room_ids = fields.Many2many("amr.room", compute="_compute_available")
    room_ids = fields.Many2many(
        "amr.room",
        string="Rooms",
        domain="[('id', 'in', available_room_ids)]",
        help="Merging: rooms that come to the account. Splitting: rooms that leave it.",
    )
    moment = fields.Datetime("At", required=True, default=fields.Datetime.now)
    line_ids = fields.One2many(
        "amr.room.merge.line",
        "merge_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    rates = fields.Char(compute="_compute_rates")
    note = fields.Char()
    state = fields.Selection(
        [("draft", "Draft"), ("done", "Done")], default="draft", readonly=True
    )
    done_by_id = fields.Many2one("res.users", "Done by", readonly=True)
    done_at = fields.Datetime(readonly=True)

    @api.depends("account_id", "kind")
    def _compute_available(self):
        for merge in self:
            operator = "=" if merge.kind == "split" else "!="
            merge.available_room_ids = self.env["amr.room"].search(
                [
                    ("community_id", "=", merge.account_id.community_id.id),
                    ("account_id", operator, merge.account_id.id),
                ]
            )

    @api.depends("line_ids.rates")
    def _compute_rates(self):
        """Tell which columns of rates the list needs."""
        for merge in self:
            merge.rates = " ".join(filter(None, merge.line_ids.mapped("rates")))

    @api.depends("room_ids", "kind", "account_id")
    def _compute_line_ids(self):
        for merge in self:
            merge.line_ids = [fields.Command.clear()] + [
                fields.Command.create(merge._prepare_line(room._origin, point))
                for room in merge.room_ids
                for point in room._origin.point_ids or [None]
            ]

    def _prepare_line(self, room, point):
        values = {
            "room_id": room.id,
            "former_account_id": room.account_id.id,
            "account_id": self.account_id.id
            if self.kind == "merge"
            else self._get_former_account(room).id,
        }
        if point:
            agreement = point.agreement_ids.sorted("date_from")[-1:]
            values |= {
                "point_id": point.id,
                "index": point.meter_id.latest_index,
                "tariff_id": agreement.tariff_id.id,
                "payment_mode": agreement.payment_mode or "postpaid",
            }
        return values

    def _get_former_account(self, room):
        """Return whom the room belonged to before it was merged."""
        line = self.env["amr.room.merge.line"].search(
            [
                ("room_id", "=", room.id),
                ("merge_id.kind", "=", "merge"),
                ("merge_id.state", "=", "done"),
                ("merge_id.account_id", "=", self.account_id.id),
            ],
            order="id desc",
            limit=1,
        )
        return line.former_account_id.filtered(
            lambda account: account.state == "active"
        )

    def action_confirm(self):
        """Change the account of every room at its reading, all or none."""
        self.ensure_one()
        self._check()
        for room, lines in self.line_ids.grouped("room_id").items():
            lines._change(room)
        self.sudo().write(
            {
                "state": "done",
                "done_by_id": self.env.uid,
                "done_at": fields.Datetime.now(),
            }
        )

    def _check(self):
        self.check_access("write")
        if self.state == "done":
            raise UserError(self.env._("This was done already."))
        if not self.room_ids:
            raise UserError(self.env._("Choose the rooms."))
        wrong = self.room_ids - self.available_room_ids
        if wrong:
            raise UserError(
                self.env._(
                    "%(rooms)s cannot be taken: merging takes rooms of the same "
                    "community that %(account)s does not have yet, splitting those it "
                    "has.",
                    rooms=", ".join(wrong.mapped("display_name")),
                    account=self.account_id.display_name,
                )
            )
        if self.line_ids.room_id != self.room_ids or any(
            line.point_id not in line.room_id.point_ids
            for line in self.line_ids.filtered("point_id")
        ):
            raise UserError(
                self.env._(
                    "The lines must name the chosen rooms, all of them, and their own "
                    "metering points: choose the rooms again."
                )
            )
        targets = self.line_ids.account_id
        if targets.filtered(lambda one: one.community_id != self.community_id) or (
            self.kind == "split" and self.account_id in targets
        ):
            raise UserError(
                self.env._(
                    "Rooms go to another account of the same community, or to nobody."
                )
            )

    def write(self, vals):
        if not self.env.su:
            self._refuse_done()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_done(self):
        self._refuse_done()

    def _refuse_done(self):
        if "done" in self.mapped("state"):
            raise UserError(
                self.env._("What was done stays on record: split the rooms off again.")
            )
