from odoo import api, fields, models
from odoo.exceptions import UserError

MAX_ROOMS = 2000


class AmrRoomBatch(models.Model):
    """Rooms of a building made in one go, and taken back in one go.

    Floors × rooms per floor, numbered floor + unit (KTAMR manual 3.2.3 (1)).
    """

    _name = "amr.room.batch"
    _description = "Batch of rooms"
    _order = "id desc"
    _rec_name = "building_id"

    building_id = fields.Many2one(
        "amr.building", required=True, index=True, ondelete="cascade"
    )
    community_id = fields.Many2one(
        related="building_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="building_id.company_id", store=True, index=True
    )
    floor_from = fields.Integer("From floor", required=True, default=1)
    floor_to = fields.Integer("To floor", required=True, default=5)
    rooms_per_floor = fields.Integer(required=True, default=3)
    unit_from = fields.Integer("First room", required=True, default=1)
    area = fields.Float("Floor area (m²)", digits=(10, 2))
    preview = fields.Text(compute="_compute_preview")
    new_count = fields.Integer("New rooms", compute="_compute_preview")
    room_ids = fields.One2many("amr.room", "batch_id", readonly=True)
    state = fields.Selection(
        [("draft", "Preview"), ("done", "Made"), ("undone", "Taken back")],
        default="draft",
        required=True,
        readonly=True,
    )

    _sizes_sane = models.Constraint(
        "CHECK (floor_from BETWEEN 1 AND 99 AND floor_to BETWEEN floor_from AND 99 "
        "AND unit_from BETWEEN 1 AND 99 "
        "AND rooms_per_floor BETWEEN 1 AND 100 - unit_from)",
        "Floors and rooms are numbered 1 to 99, from the lower to the higher.",
    )

    def _get_names(self):
        """Return the room numbers, floor by floor: 0101, 0102 …"""
        self.ensure_one()
        units = range(self.unit_from, self.unit_from + self.rooms_per_floor)
        return [
            f"{floor:02d}{unit:02d}"
            for floor in range(self.floor_from, self.floor_to + 1)
            for unit in units
        ]

    @api.depends(
        "building_id.room_ids.name",
        "floor_from",
        "floor_to",
        "rooms_per_floor",
        "unit_from",
    )
    def _compute_preview(self):
        for batch in self:
            taken = set(batch._get_taken_names())
            names = batch._get_names()
            batch.new_count = len([name for name in names if name not in taken])
            width = max(batch.rooms_per_floor, 1)
            floors = [names[at : at + width] for at in range(0, len(names), width)]
            batch.preview = "\n".join(
                "  ".join(f"{name}{' ✓' if name in taken else ''}" for name in floor)
                for floor in reversed(floors)
            )

    def _get_taken_names(self):
        rooms = self.building_id.with_context(active_test=False).room_ids
        return rooms.filtered(lambda room: room.batch_id != self).mapped("name")

    def _prepare_room(self, name):
        """Return the values of one room (hook)."""
        return {
            "name": name,
            "building_id": self.building_id.id,
            "area": self.area,
            "batch_id": self.id,
        }

    def action_make(self):
        for batch in self.filtered(lambda batch: batch.state == "draft"):
            taken = set(batch._get_taken_names())
            names = [name for name in batch._get_names() if name not in taken]
            if not names:
                raise UserError(
                    self.env._(
                        "All these rooms of %(building)s exist already: choose other "
                        "floors or rooms.",
                        building=batch.building_id.display_name,
                    )
                )
            if len(names) > MAX_ROOMS:
                raise UserError(
                    self.env._("At most %s rooms are made in one go.", MAX_ROOMS)
                )
            rooms = self.env["amr.room"].create(
                [batch._prepare_room(name) for name in names]
            )
            batch._furnish(rooms)
            batch.state = "done"

    def _furnish(self, rooms):
        """Add to the new rooms what the batch asks for (hook)."""

    def action_undo(self):
        """Take the whole batch back, unless one of its rooms is in use."""
        for batch in self.filtered(lambda batch: batch.state == "done"):
            used = batch._get_used_rooms()
            if used:
                raise UserError(
                    self.env._(
                        "The batch cannot be taken back: %(rooms)s are in use.",
                        rooms=", ".join(used[:5].mapped("name")),
                    )
                )
            batch._strip()
            batch.room_ids.unlink()
            batch.state = "undone"

    def _get_used_rooms(self):
        """Return the rooms that must stay (hook)."""
        return self.room_ids.filtered("account_id")

    def _strip(self):
        """Remove what :meth:`_furnish` has added (hook)."""
