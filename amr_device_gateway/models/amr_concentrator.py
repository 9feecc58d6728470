from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..headend.protocols import gdw376_frame
from ..headend.protocols.base import AddressError

FRAMED = ("kt410_gprs", "kt410_com")
CAPACITY = 500  # meters of one concentrator (system description S4)
REACHED = timedelta(days=1)  # that a concentrator without log-in counts as there


class AmrConcentrator(models.Model):
    """Concentrator (集中器): keeps a list of meters, reads them and is read by frames.

    An integrated collector (集采器) is one too: it has no concentrator above it, so its
    lines are entered as its collectors, and its meters are read one by one through the
    transparent link (KTAMR manual 3.5.1, 3.5.2, 3.5.4).
    """

    _name = "amr.concentrator"
    _inherit = ["amr.evidence.mixin", "mail.thread"]
    _description = "Concentrator"
    _order = "full_code"
    _rec_names_search = ["full_code", "name", "terminal"]
    _evidence = frozenset({"answered_at", "collecting", "compared_at"})

    name = fields.Char(required=True, tracking=True)
    line_id = fields.Many2one(
        "amr.line",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
        help="Its number is the building's eight digits and two more (1037200101).",
    )
    full_code = fields.Char(
        related="line_id.full_code", store=True, string="Line number"
    )
    device_code = fields.Char(
        related="line_id.device_code",
        help="Last five digits of the line number: what the device is set to.",
    )
    building_id = fields.Many2one(related="line_id.building_id", store=True, index=True)
    community_id = fields.Many2one(
        related="line_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(related="line_id.company_id", store=True, index=True)
    connection = fields.Selection(
        [
            ("kt410_gprs", "KT410 GPRS"),
            ("kt410_com", "KT410 COM"),
            ("gprs", "GPRS (integrated collector behind a DTU)"),
            ("com", "COM (integrated collector on a serial line)"),
        ],
        required=True,
        default="kt410_gprs",
        tracking=True,
        help="KT410: a concentrator that logs in by itself (GPRS) or hangs on a serial "
        "line (COM). GPRS, COM: an integrated collector behind a DTU or on a serial "
        "line.",
    )
    is_framed = fields.Boolean(compute="_compute_is_framed")
    protocol = fields.Selection(
        [("gdw376", "Q/GDW 376.1"), ("gdw130", "Q/GDW 130-2005")],
        required=True,
        default="gdw376",
        tracking=True,
        help="Concentrators from before 2009 may speak Q/GDW 130-2005. Their list of "
        "meters is kept at the device; their meters are read one by one.",
    )
    terminal = fields.Char(
        "Terminal address",
        compute="_compute_terminal",
        store=True,
        readonly=False,
        copy=False,
        index="btree_not_null",
        tracking=True,
        help="Q/GDW 376.1: four digits of the region, four hexadecimal digits of the "
        "terminal. Proposed: number of the community, and the device number (00101 is "
        "0065).",
    )
    link_id = fields.Many2one(
        "amr.link",
        "Device link",
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        tracking=True,
        help="The DTU or serial line it hangs on; one that logs in by itself has its "
        "own.",
    )
    dial_number = fields.Char(
        related="link_id.terminal",
        string="Dial number",
        help="Number of the DTU of an integrated collector.",
    )
    online = fields.Boolean(related="link_id.online", string="Link online")
    presence = fields.Selection(
        [
            ("online", "Online"),
            ("unverified", "Not verified"),
            ("offline", "Offline"),
        ],
        compute="_compute_presence",
        help="One on a serial line does not log in: it is there when it has answered "
        "within a day; read its address to verify it.",
    )
    answered_at = fields.Datetime("Last answer", readonly=True, copy=False)
    collecting = fields.Char(readonly=True, copy=False)
    port = fields.Integer(
        default=31,
        help="Port of the concentrator that its meters hang on, 1 to 31; 31 is the "
        "carrier module.",
    )
    capacity = fields.Integer(
        default=CAPACITY, help="Meters that it can take; more are warned of."
    )
    meter_ids = fields.One2many("amr.meter", "concentrator_id")
    meter_count = fields.Integer("Number of meters", compute="_compute_meter_count")
    is_over_capacity = fields.Boolean(
        compute="_compute_meter_count", search="_search_is_over_capacity"
    )
    collector_ids = fields.One2many("amr.collector", "concentrator_id")
    command_ids = fields.One2many("amr.command", "concentrator_id")
    difference_ids = fields.One2many("amr.concentrator.difference", "concentrator_id")
    difference_count = fields.Integer(compute="_compute_difference_count")
    compared_at = fields.Datetime("List compared", readonly=True, copy=False)
    note = fields.Text()
    active = fields.Boolean(default=True)

    _line_unique = models.UniqueIndex(
        "(line_id) WHERE active", "There is a concentrator on this line already."
    )
    _terminal_unique = models.UniqueIndex(
        "(terminal) WHERE active AND terminal IS NOT NULL",
        "Another concentrator has this terminal address already.",
    )
    _port_sane = models.Constraint(
        "CHECK (port BETWEEN 1 AND 31)", "A concentrator has the ports 1 to 31."
    )
    _capacity_sane = models.Constraint(
        "CHECK (capacity BETWEEN 1 AND 2040)",
        "A concentrator takes 1 to 2040 meters.",
    )

    # === What follows === #

    @api.depends("connection")
    def _compute_is_framed(self):
        for one in self:
            one.is_framed = one.connection in FRAMED

    @api.depends("line_id", "connection")
    def _compute_terminal(self):
        for one in self:
            if not one.is_framed:
                one.terminal = False
            elif not one.terminal or one.line_id != one._origin.line_id:
                one.terminal = one._propose_terminal()

    def _propose_terminal(self):
        """Return the address that follows from the line, or False when none fits."""
        region, number = self.community_id.code, self.device_code
        if not region or not number or int(number) > 0xFFFF:
            return False
        return f"{region}{int(number):04X}"

    @api.depends("online", "answered_at", "connection")
    def _compute_presence(self):
        since = fields.Datetime.now() - REACHED
        for one in self:
            if not one.online:
                one.presence = "offline"
            elif one.connection == "kt410_com" and not (
                one.answered_at and one.answered_at >= since
            ):
                one.presence = "unverified"
            else:
                one.presence = "online"

    @api.depends("meter_ids", "capacity")
    def _compute_meter_count(self):
        counts = dict(
            self.env["amr.meter"]._read_group(
                [("concentrator_id", "in", self.ids)], ["concentrator_id"], ["__count"]
            )
        )
        for one in self:
            one.meter_count = counts.get(one._origin, 0)
            one.is_over_capacity = one.meter_count > one.capacity

    def _search_is_over_capacity(self, operator, value):
        if operator != "in":
            return NotImplemented
        counts = self.env["amr.meter"]._read_group(
            [("concentrator_id", "!=", False)], ["concentrator_id"], ["__count"]
        )
        over = [one.id for one, count in counts if count > one.capacity]
        return [("id", "in" if True in value else "not in", over)]

    def _compute_difference_count(self):
        counts = dict(
            self.env["amr.concentrator.difference"]._read_group(
                [("concentrator_id", "in", self.ids)], ["concentrator_id"], ["__count"]
            )
        )
        for one in self:
            one.difference_count = counts.get(one, 0)

    @api.depends("full_code", "name")
    def _compute_display_name(self):
        for one in self:
            one.display_name = f"{one.full_code or ''} {one.name or ''}".strip()

    # === Rules === #

    @api.constrains("terminal", "connection")
    def _check_terminal(self):
        for one in self.filtered("is_framed"):
            try:
                gdw376_frame.pack_address(one.terminal)
            except AddressError as error:
                raise ValidationError(str(error)) from error

    # === Life === #

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._clean(vals))

    @api.model
    def _clean(self, vals):
        """Return values with the terminal address as frames tell it."""
        if not vals.get("terminal"):
            return vals
        return {**vals, "terminal": vals["terminal"].strip().upper()}
