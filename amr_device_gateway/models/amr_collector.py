import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

ADDRESSES = {
    "kt310": re.compile(r"[0-9A-F]{2}"),
    "kt300": re.compile(r"[0-9]{2}"),
    "kt340": re.compile(r"[0-9]{2}"),
    "line": re.compile(r"[1-6]"),
}


class AmrCollector(models.Model):
    """Collector (采集器) of a concentrator, or a line of an integrated collector.

    KTAMR manual 3.5.2: a KT310 has two hexadecimal digits, KT300 and KT340 two decimal
    ones; of an integrated collector any line from 1 to 6 does.
    """

    _name = "amr.collector"
    _inherit = "amr.evidence.mixin"
    _description = "Collector"
    _order = "concentrator_id, address"
    _rec_names_search = ["address", "name"]

    name = fields.Char(help="Where it hangs, such as floor 3.")
    concentrator_id = fields.Many2one(
        "amr.concentrator", required=True, index=True, ondelete="restrict"
    )
    connection = fields.Selection(related="concentrator_id.connection")
    community_id = fields.Many2one(
        related="concentrator_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="concentrator_id.company_id", store=True, index=True
    )
    building_id = fields.Many2one(related="concentrator_id.building_id", store=True)
    model = fields.Selection(
        [
            ("kt310", "KT310"),
            ("kt300", "KT300"),
            ("kt340", "KT340"),
            ("line", "Line of an integrated collector"),
        ],
        compute="_compute_model",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
    )
    address = fields.Char(
        "Device number",
        required=True,
        help="As on its label: KT310 two hexadecimal digits, KT300 and KT340 two "
        "digits; a line of an integrated collector 1 to 6.",
    )
    meter_ids = fields.One2many("amr.meter", "collector_id")
    meter_count = fields.Integer("Number of meters", compute="_compute_meters")
    silent_count = fields.Integer("Not answering", compute="_compute_meters")
    last_read_at = fields.Datetime("Last reading", compute="_compute_meters")
    presence = fields.Selection(
        [("online", "Online"), ("offline", "Offline"), ("unknown", "No meter read")],
        compute="_compute_presence",
        help="A collector does not log in: it is there when its concentrator is and at "
        "least one of its meters answers.",
    )
    note = fields.Text()
    active = fields.Boolean(default=True)

    _address_unique = models.UniqueIndex(
        "(concentrator_id, address) WHERE active",
        "The concentrator has a collector of this number already.",
    )

    @api.depends("concentrator_id")
    def _compute_model(self):
        for one in self:
            framed = one.concentrator_id.is_framed
            if not one.model or (one.model == "line") == framed:
                one.model = "kt310" if framed else "line"

    def _compute_meters(self):
        groups = self.env["amr.meter"]._read_group(
            [("collector_id", "in", self.ids)],
            ["collector_id"],
            ["__count", "comm_fault_since:count", "latest_at:max"],
        )
        found = {one: values for one, *values in groups}
        for one in self:
            values = found.get(one, (0, 0, False))
            one.meter_count, one.silent_count, one.last_read_at = values

    def _compute_presence(self):
        for one in self:
            if not one.last_read_at:
                one.presence = "unknown"
            elif (
                one.concentrator_id.presence == "online"
                and one.silent_count < one.meter_count
            ):
                one.presence = "online"
            else:
                one.presence = "offline"

    @api.depends("address", "name", "concentrator_id")
    def _compute_display_name(self):
        for one in self:
            parts = (one.concentrator_id.full_code, one.address, one.name)
            one.display_name = " ".join(filter(None, parts))

    @api.onchange("address")
    def _onchange_address(self):
        self.address = (self.address or "").strip().upper()

    @api.constrains("address", "model", "concentrator_id")
    def _check_address(self):
        for one in self:
            if one.concentrator_id.is_framed == (one.model == "line"):
                raise ValidationError(
                    self.env._(
                        "A line belongs to an integrated collector and a KT collector "
                        "to a concentrator: choose the other model."
                    )
                )
            if not ADDRESSES[one.model].fullmatch(one.address):
                raise ValidationError(
                    self.env._(
                        "“%s” is no collector number: a KT310 has two hexadecimal "
                        "digits (0 to 9, A to F), a KT300 or KT340 two digits, a line "
                        "of an integrated collector one of 1 to 6.",
                        one.address,
                    )
                )

    def _get_archive_number(self):
        """Return the number the concentrator's list knows it by: decimal digits."""
        if not self:
            return "0"
        base = 16 if self.model == "kt310" else 10
        return str(int(self.address, base))

    def action_view_meters(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_action"
        )
        action["domain"] = [("collector_id", "=", self.id)]
        action["context"] = {"default_collector_id": self.id}
        return action

    def action_read_meters(self):
        """Read all meters of this collector now."""
        self.ensure_one()
        task = self.env["amr.read.task"].create(
            {"scope": "collector", "collector_id": self.id}
        )
        return task.action_start()
