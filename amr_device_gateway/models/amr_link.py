import asyncio
import logging
import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..headend.client import HeadEndError
from ..headend.dtu import heartbeat_bytes
from ..tools import gateway_settings, open_head_end

_logger = logging.getLogger(__name__)

PRESENCE = "amr_live"


class AmrLink(models.Model):
    """One way to reach devices: a DTU's or concentrator's session, a serial port.

    The head-end owns the connection; this record is what people know about it and what
    the head-end last told. Presence is "newest wins" by the head-end's own time, so
    that events may arrive late, twice or out of order.
    """

    _name = "amr.link"
    _inherit = ["amr.evidence.mixin", "mail.thread"]
    _description = "Device link"
    _order = "online desc, kind, terminal"

    name = fields.Char(required=True, tracking=True)
    kind = fields.Selection(
        [
            ("dtu", "DTU"),
            ("concentrator", "Concentrator"),
            ("serial", "Local serial line"),
            ("tcp", "Serial server, dialled"),
        ],
        required=True,
        default="dtu",
    )
    terminal = fields.Char(
        "Terminal number",
        required=True,
        index=True,
        help="What the device says when it logs in; for a serial port or an outgoing "
        "connection its path or address.",
    )
    key = fields.Char(
        compute="_compute_key",
        store=True,
        help="Name of the link in the head-end, kind and terminal number.",
    )
    state = fields.Selection(
        [
            ("unknown", "Unknown"),
            ("active", "In service"),
        ],
        required=True,
        default="active",
        readonly=True,
        copy=False,
        tracking=True,
        help="Unknown: a terminal that logged in without being in the archive. The "
        "head-end keeps it in quarantine until it is taken into service.",
    )
    community_id = fields.Many2one(
        "amr.community", index=True, ondelete="restrict", tracking=True
    )
    building_id = fields.Many2one(
        "amr.building",
        domain="[('community_id', '=', community_id)]",
        index="btree_not_null",
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        related="community_id.company_id", store=True, index=True
    )
    address = fields.Char("Place", help="Where the device is mounted.")
    phone = fields.Char("SIM card number")
    interval = fields.Integer(
        "Collection interval (min)", default=30, help="Minutes between its own rounds."
    )
    registration_regex = fields.Char(
        "Registration packet",
        help="Regular expression whose group is the terminal number. Empty: the packet "
        "is the terminal number itself.",
    )
    heartbeat = fields.Char(
        "Heartbeat packet",
        help="Text of the heartbeat, or hexadecimal after “hex:”. It is swallowed.",
    )
    online = fields.Boolean(readonly=True, copy=False, index=True)
    presence = fields.Selection(
        [("online", "Online"), ("offline", "Offline"), ("quarantined", "Quarantined")],
        compute="_compute_presence",
    )
    presence_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="Time of the newest presence event, by the head-end's clock.",
    )
    online_since = fields.Datetime(readonly=True, copy=False)
    last_seen = fields.Datetime(readonly=True, copy=False)
    peer = fields.Char(
        "Network address", readonly=True, copy=False, help="Where it connects from."
    )
    meter_ids = fields.One2many("amr.meter", "link_id")
    meter_count = fields.Integer(compute="_compute_meter_count")
    command_ids = fields.One2many("amr.command", "link_id")
    active = fields.Boolean(default=True)

    _terminal_unique = models.Constraint(
        "UNIQUE (kind, terminal)", "This terminal number exists already."
    )
    _interval_positive = models.Constraint(
        "CHECK (interval >= 0)", "The interval cannot be negative."
    )
    _active_has_community = models.Constraint(
        "CHECK (state != 'active' OR community_id IS NOT NULL)",
        "A link in service belongs to a community.",
    )

    @api.depends("kind", "terminal")
    def _compute_key(self):
        for link in self:
            link.key = f"{link.kind}:{link.terminal}"

    @api.depends("online", "state")
    def _compute_presence(self):
        for link in self:
            if not link.online:
                link.presence = "offline"
            else:
                link.presence = "online" if link.state == "active" else "quarantined"

    @api.depends("meter_ids")
    def _compute_meter_count(self):
        counts = dict(
            self.env["amr.meter"]._read_group(
                [("link_id", "in", self.ids)], ["link_id"], ["__count"]
            )
        )
        for link in self:
            link.meter_count = counts.get(link, 0)

    @api.constrains("kind", "terminal")
    def _check_terminal(self):
        for link in self:
            terminal = link.terminal or ""
            if " " in terminal or not terminal.isprintable():
                raise ValidationError(
                    self.env._(
                        "Terminal number %s holds blanks or control characters.",
                        terminal,
                    )
                )

    @api.constrains("registration_regex", "heartbeat")
    def _check_packets(self):
        for link in self:
            try:
                re.compile(link.registration_regex or "")
                heartbeat_bytes(link.heartbeat)
            except (re.error, ValueError) as error:
                raise ValidationError(
                    self.env._(
                        "The packets of %(link)s are not valid: %(error)s",
                        link=link.display_name,
                        error=error,
                    )
                ) from error

    # === Actions === #

    def action_adopt(self):
        """Take unknown terminals into service; the head-end hears of it by itself."""
        self.check_access("write")
        for link in self:
            if not link.community_id:
                raise UserError(
                    self.env._("Choose the community of %s first.", link.display_name)
                )
        self.write({"state": "active"})

    def action_view_meters(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_action"
        )
        action["domain"] = [("link_id", "=", self.id)]
        action["context"] = {"default_link_id": self.id}
        return action

    def action_read_meters(self):
        """Read all meters behind these links now."""
        meters = self.meter_ids.filtered("point_id")
        if not meters:
            raise UserError(self.env._("There is no installed meter on this link."))
        if len(self) > 1:
            return meters.action_read_now()
        task = self.env["amr.read.task"].create({"scope": "link", "link_id": self.id})
        return task.action_start()

    def action_refresh_presence(self):
        """Ask the head-end which links are there right now."""
        self.check_access("read")
        if not self.sudo()._cron_sync_presence():
            raise UserError(
                self.env._(
                    "The head-end does not answer. Presence is what it last reported."
                )
            )

    # === Presence === #

    def _set_presence(self, online, at, peer=None, headend=None):
        """Record that links came up or went down, unless something newer is known.

        :param bool online: True after a log-in, False after the session's end
        :param datetime at: naive UTC, by the head-end's clock
        :param str peer: network address
        :param str headend: name of the head-end that tells; one that a device has left
            for another one cannot report it down any more
        :return: the links whose state changed
        """
        changed = self.browse()
        for link in self:
            if link.presence_at and at <= link.presence_at:
                continue
            if headend and not online and link.served_by not in (False, headend):
                continue
            vals = {"online": online, "presence_at": at, "last_seen": at}
            if online:
                vals["online_since"] = at
                vals["peer"] = peer or link.peer
                vals["served_by"] = headend or link.served_by
                vals["problem"] = False
            link.write(vals)
            changed |= link
        changed._notify_presence()
        return changed

    def _notify_presence(self):
        """Tell open screens that links changed; they read again what they may see."""
        if self:
            self.env.ref("amr_base.group_reader")._bus_send(
                PRESENCE, {"model": self._name, "ids": self.ids}
            )

    def _on_link_up(self):
        """Go on with what waited for these links, hook for more kinds of work."""
        self.env["amr.command"]._resume(self)
        self.env["amr.read.task"]._resume(self)

    @api.model
    def _head_end_links(self, name=None):
        """Return what a head-end lists on its control port, or None when silent.

        :param str name: the head-end's name, None: the only one
        """

        async def ask():
            async with open_head_end(name) as client:
                return await client.links()

        try:
            return asyncio.run(ask())
        except HeadEndError as error:
            _logger.info("Presence is not known: %s", error)
            return None

    def _sync_presence(self):
        """Compare presence with the head-end's list: events can be on their way.

        :return: False when no head-end answered
        """
        answered = [
            self._sync_presence_with(name)
            for name in gateway_settings().headends or (None,)
        ]
        return any(answered)

    def _sync_presence_with(self, name):
        """Compare presence with one head-end's list; False when it did not answer."""
        asked_at = fields.Datetime.now()
        listed = self._head_end_links(name)
        if listed is None:
            return False
        listed = {entry["link"]: entry for entry in listed}
        for link in self:
            entry = listed.get(link.key, {})
            is_online = entry.get("state") == "online"
            served = link.headend or link.served_by or name
            if name and served != name and not is_online:
                continue  # another head-end's to tell
            if (entry.get("problem") or False) != link.problem:
                link.problem = entry.get("problem")
            if is_online == link.online:
                continue
            link._set_presence(is_online, asked_at, entry.get("peer"), name)
            if is_online:
                link._on_link_up()
        return True

    @api.model
    def _cron_sync_presence(self):
        """Scheduled: presence of all links in service."""
        return self.search([("state", "=", "active")])._sync_presence()

    @api.model
    def _get_error_text(self, error):
        """Return the sentence for what went wrong in an exchange.

        :param str error: code of the head-end, or the device's own sentence
        """
        return {
            "offline": self.env._("The device link is offline."),
            "unknown_link": self.env._("The head-end does not know the device link."),
            "timeout": self.env._("The meter did not answer."),
            "deadline": self.env._("The meter's turn did not come in time."),
            "busy": self.env._("The device link is busy."),
            "unreachable": self.env._("The head-end does not answer."),
            "disconnected": self.env._("The connection to the head-end was lost."),
            "internal": self.env._("The head-end failed; see its log."),
            "no_index": self.env._("The answer holds no index."),
            "no_freeze": self.env._("The meter has no freeze of that day."),
            "crash": self.env._("The meter cannot be read; see the server's log."),
        }.get(error) or self._get_fault_text(error)

    @api.model
    def _get_fault_text(self, fault):
        """Return the sentence for a fault of a frame or of the device.

        :param fault: a :class:`Fault` of the protocols, or a sentence
        """
        code = getattr(fault, "code", None)
        flags = self._get_refusals()
        reasons = [flags[flag] for flag in getattr(fault, "flags", ()) if flag in flags]
        if code == "meter" and reasons:
            return self.env._("The meter refused: %s.", ", ".join(reasons))
        return {
            "frame": self.env._("What came is no frame."),
            "truncated": self.env._("The frame is truncated."),
            "checksum": self.env._("The checksum of the frame is wrong."),
            "length": self.env._("The frame has a wrong length."),
            "bcd": self.env._("The frame holds a value that is no number."),
            "no_data": self.env._("The meter has no such record."),
        }.get(code) or str(fault)

    @api.model
    def _get_refusals(self):
        """Return why meters refuse, by the protocols' words for it."""
        return {
            "other": self.env._("other error"),
            "no_data": self.env._("no such data"),
            "password": self.env._("wrong password or not authorised"),
            "repeat_recharge": self.env._("this purchase number is booked already"),
            "esam": self.env._("the security module refuses"),
            "authentication": self.env._("the authentication failed"),
            "customer_no": self.env._("wrong customer number"),
            "purchase_no": self.env._("wrong purchase number"),
            "hoard": self.env._("more than the meter may hold"),
            "address": self.env._("wrong address"),
            "suspended": self.env._("suspended"),
            "close_failed": self.env._("the relay did not close"),
        }

    # === Head-end's configuration === #

    @api.model
    def _head_end_config(self, headend=None):
        """Return what a head-end has to know: the links in service.

        :param str headend: its name; links that another one serves are left out
        """
        links = self.search([("state", "=", "active")], order="kind, terminal")
        links = links.filtered(
            lambda link: not link.headend or not headend or link.headend == headend
        )
        return {"links": [link._prepare_head_end_config() for link in links]}

    def _prepare_head_end_config(self):
        """Return the head-end's entry of one link, ensure_one from the caller."""
        config = {"link": self.key, "kind": self.kind, "terminal": self.terminal}
        if self.registration_regex:
            config["registration_regex"] = self.registration_regex
        if self.heartbeat:
            config["heartbeat"] = self.heartbeat
        return config
