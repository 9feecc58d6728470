from odoo import api, fields, models

from odoo.addons.amr_base.tools import dec

FINDINGS = [
    ("differs", "Differs"),
    ("equal", "Equal"),
    ("ambiguous", "Ambiguous"),
    ("unread", "Not read yet"),
]
STEPS_MOST = 5


class AmrCommissioning(models.TransientModel):
    """Go-live guide of one community: seven steps, and which rooms are not proved yet.

    KTAMR manual 6.1 and 6.2. Nothing is ticked by hand: looking again counts again.
    """

    _name = "amr.commissioning"
    _inherit = "amr.evidence.mixin"
    _description = "Go-live guide"

    community_id = fields.Many2one(
        "amr.community",
        required=True,
        ondelete="cascade",
        default=lambda self: self._default_community(),
    )
    allowed_use = fields.Float(
        "Use to expect",
        digits="AMR Consumption",
        default=20,
        required=True,
        help="How far an index may have moved between the opening and the first "
        "reading, in the register's unit.",
    )
    step_ids = fields.One2many("amr.commissioning.step", "guide_id", readonly=True)
    doubt_ids = fields.One2many("amr.commissioning.doubt", "guide_id", readonly=True)
    done_count = fields.Integer("Steps done", compute="_compute_counts")
    proved_count = fields.Integer("Rooms proved", readonly=True)
    doubt_count = fields.Integer("Rooms to check", compute="_compute_counts")

    _allowed_positive = models.Constraint(
        "CHECK (allowed_use >= 0)", "The use to expect may not be negative."
    )

    @api.model
    def _default_community(self):
        """Return the only community in scope, if it is the only one."""
        found = self.env["amr.community"].search([], limit=2)
        return found if len(found) == 1 else found.browse()

    @api.depends("step_ids.done", "doubt_ids")
    def _compute_counts(self):
        for guide in self:
            guide.done_count = len(guide.step_ids.filtered("done"))
            guide.doubt_count = len(guide.doubt_ids)

    @api.depends("community_id")
    def _compute_display_name(self):
        for guide in self:
            community = guide.community_id
            guide.display_name = (
                self.env._("Going live: %s", community.display_name)
                if community
                else self.env._("Go-live guide")
            )

    def action_refresh(self):
        """Look at the facts again."""
        self.ensure_one()
        self.community_id.check_access("read")
        steps = self.community_id._get_commissioning_steps()
        found = self.community_id._check_openings(dec(self.allowed_use))
        order = [finding for finding, _label in FINDINGS]
        doubts = [line for line in found if line[3].finding in order]
        doubts.sort(key=lambda line: order.index(line[3].finding))
        self.write(
            {
                "proved_count": len(found) - len(doubts),
                "step_ids": [fields.Command.clear()]
                + [
                    fields.Command.create({"sequence": number, **step._asdict()})
                    for number, step in enumerate(steps, 1)
                ],
                "doubt_ids": [fields.Command.clear()]
                + [
                    fields.Command.create(self._prepare_doubt(*line)) for line in doubts
                ],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
        }

    def _prepare_doubt(self, meter, opening, first, verdict):
        others = meter.browse(verdict.others[:STEPS_MOST])
        return {
            "meter_id": meter.id,
            "point_id": meter.point_id.id,
            "opening_index": float(opening),
            "first_index": float(first or 0),
            "was_read": first is not None,
            "finding": verdict.finding,
            "others": ", ".join(
                other.point_id.room_id.name or other.number for other in others
            ),
        }
