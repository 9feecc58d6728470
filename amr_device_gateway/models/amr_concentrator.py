from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..headend.protocols import gdw376_frame
from ..headend.protocols.base import AddressError

FRAMED = ("kt410_gprs", "kt410_com")
#: Kinds of link that a connection goes over.
LINK_KINDS = {
    "kt410_gprs": ("concentrator",),
    "kt410_com": ("serial", "tcp"),
    "gprs": ("dtu",),
    "com": ("serial", "tcp"),
}
#: Commands that change nothing: whoever sees a concentrator may ask it.
ASKING = ("archive_compare", "collect_state", "address_read")
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

    @api.constrains("link_id", "connection", "line_id")
    def _check_link(self):
        for one in self:
            link = one.link_id
            if link and link.kind not in LINK_KINDS[one.connection]:
                raise ValidationError(
                    self.env._(
                        "%(concentrator)s cannot be reached over %(link)s: choose a "
                        "link that fits its connection.",
                        concentrator=one.display_name,
                        link=link.display_name,
                    )
                )
            if link and link.community_id != one.community_id:
                raise ValidationError(
                    self.env._(
                        "%(link)s belongs to another community than %(concentrator)s.",
                        concentrator=one.display_name,
                        link=link.display_name,
                    )
                )

    # === Life === #

    @api.model_create_multi
    def create(self, vals_list):
        concentrators = super().create([self._clean(vals) for vals in vals_list])
        concentrators._own_link()
        return concentrators

    def write(self, vals):
        result = super().write(self._clean(vals))
        if {"connection", "terminal", "line_id", "active", "name"} & vals.keys():
            self._own_link()
        return result

    @api.model
    def _clean(self, vals):
        """Return values with the terminal address as frames tell it."""
        if not vals.get("terminal"):
            return vals
        return {**vals, "terminal": vals["terminal"].strip().upper()}

    def _own_link(self):
        """Keep the link of those that log in by themselves.

        A terminal that logged in before it was entered is taken into service.

        :raises UserError: the terminal address is in service elsewhere
        """
        for one in self.filtered(lambda one: one.connection == "kt410_gprs"):
            Link = self.env["amr.link"].sudo().with_context(active_test=False)
            known = Link.search(
                [("kind", "=", "concentrator"), ("terminal", "=", one.terminal)]
            )
            own = one.sudo().link_id.filtered(lambda link: link.kind == "concentrator")
            if known and known != own and (known.state == "active" or own):
                raise UserError(
                    self.env._(
                        "The terminal address %s is in service already or logged in as "
                        "unknown: archive that device link first.",
                        one.terminal,
                    )
                )
            vals = {
                "name": one.display_name,
                "kind": "concentrator",
                "terminal": one.terminal,
                "community_id": one.community_id.id,
                "building_id": one.building_id.id,
                "state": "active",
                "active": one.active,
            }
            link = own or known
            if link:
                link.write(vals)
            else:
                link = Link.create(vals)
            if one.link_id != link:
                one.sudo().link_id = link

    # === Actions === #

    def action_view_meters(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_action"
        )
        action["domain"] = [("concentrator_id", "=", self.id)]
        action["context"] = {"default_concentrator_id": self.id}
        return action

    def action_view_differences(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_concentrator_difference_action"
        )
        action["domain"] = [("concentrator_id", "=", self.id)]
        return action

    def action_view_commands(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_command_action"
        )
        action["domain"] = [("concentrator_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_read_meters(self):
        """Read all meters of this concentrator now."""
        self.ensure_one()
        task = self.env["amr.read.task"].create(
            {"scope": "concentrator", "concentrator_id": self.id}
        )
        return task.action_start()

    def action_archive_download(self):
        """Bring our list of meters into the concentrators, and compare."""
        return self._request("archive_download")

    def action_archive_compare(self):
        """Compare what the concentrators know with what we know."""
        return self._request("archive_compare")

    def action_collect_start(self):
        """Let the concentrators go on reading their meters."""
        return self._request("collect_start")

    def action_collect_again(self):
        """Let the concentrators read all their meters anew."""
        return self._request("collect_again")

    def action_collect_state(self):
        """Ask the concentrators how far they have read their meters."""
        return self._request("collect_state")

    def action_set_clock(self):
        """Set the concentrators' clocks."""
        return self._request("terminal_clock")

    def action_verify_address(self):
        """Read the concentrators' address: one on a serial line does not log in."""
        return self._request("address_read")

    def _request(self, kind):
        """Write down and enqueue a command for each concentrator.

        :raises UserError: one that is not spoken to by frames
        """
        self.check_access("read")
        if kind not in ASKING:
            self.check_access("write")
        return self._command(kind)._get_action()

    def _command(self, kind, **vals):
        """Return new, enqueued commands of a kind."""
        for one in self:
            if not one.is_framed or not one.link_id:
                raise UserError(
                    self.env._(
                        "%s keeps no list of meters: an integrated collector is read "
                        "meter by meter.",
                        one.display_name,
                    )
                )
        commands = (
            self.env["amr.command"]
            .sudo()
            .create(
                [
                    {
                        "kind": kind,
                        "concentrator_id": one.id,
                        "requested_by": self.env.uid,
                        **vals,
                    }
                    for one in self
                ]
            )
        )
        commands._enqueue()
        return commands.sudo(False)

    def _local_now(self):
        """Return what the concentrator's clock should show (naive local time)."""
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        return now.astimezone(ZoneInfo(self.community_id.tz)).replace(tzinfo=None)

    def _note_answer(self):
        """Remember that these concentrators answered just now."""
        now = fields.Datetime.now()
        recent = now - timedelta(minutes=1)
        late = self.sudo().filtered(
            lambda one: not one.answered_at or one.answered_at < recent
        )
        late.write({"answered_at": now})
