from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..headend.protocols.base import ProtocolError

SWITCHING_GROUP = "amr_base.group_switch"


class AmrMeter(models.Model):
    _inherit = "amr.meter"

    link_id = fields.Many2one(
        "amr.link",
        "Device link",
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="The DTU or concentrator that the meter is reached through.",
    )
    link_online = fields.Boolean(related="link_id.online", string="Link online")
    protocol = fields.Selection(related="model_id.protocol")
    has_local_address = fields.Boolean(related="model_id.has_local_address")
    utility_code = fields.Selection(related="utility_id.code")
    bus_address = fields.Char(
        "Address on the line",
        tracking=True,
        help="Unit number of a Modbus meter or primary address of an M-Bus meter: it "
        "tells the meters of one line apart, and other lines use it again. Empty: the "
        "communication address.",
    )
    is_remote = fields.Boolean(
        compute="_compute_is_remote",
        search="_search_is_remote",
        help="The meter has a protocol and a link, so it can be read from here.",
    )
    is_commanded = fields.Boolean(
        compute="_compute_is_commanded",
        help="Its relay or valve is switched from here.",
    )
    command_ids = fields.One2many("amr.command", "meter_id")
    command_count = fields.Integer(compute="_compute_command_count")

    _bus_address_unique = models.UniqueIndex(
        "(link_id, bus_address) WHERE active AND bus_address IS NOT NULL",
        "Another meter on this line has this address already.",
    )

    @api.depends("link_id", "model_id.protocol")
    def _compute_is_remote(self):
        for meter in self:
            meter.is_remote = bool(meter.link_id) and meter.protocol != "manual"

    @api.depends("is_remote")
    def _compute_is_commanded(self):
        for meter in self:
            meter.is_commanded = meter.is_remote

    def _search_is_remote(self, operator, value):
        if operator != "in":
            return NotImplemented
        domain = [("link_id", "!=", False), ("model_id.protocol", "!=", "manual")]
        return domain if True in value else ["!", "&", *domain]

    def _compute_command_count(self):
        counts = dict(
            self.env["amr.command"]._read_group(
                [("meter_id", "in", self.ids)], ["meter_id"], ["__count"]
            )
        )
        for meter in self:
            meter.command_count = counts.get(meter, 0)

    @api.constrains("address", "bus_address", "model_id", "link_id")
    def _check_remote_address(self):
        for meter in self.filtered("is_remote"):
            try:
                meter.model_id._get_protocol().read_index(meter._get_remote_address())
            except ProtocolError as error:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s cannot be reached by %(protocol)s: %(error)s",
                        meter=meter.number,
                        protocol=meter.model_id._get_protocol_title(),
                        error=error,
                    )
                ) from error

    @api.model_create_multi
    def create(self, vals_list):
        """A meter of a box is reached through the box's link."""
        boxes = self.env["amr.box"].browse(
            vals["box_id"] for vals in vals_list if vals.get("box_id")
        )
        links = {box.id: box.link_id.id for box in boxes}
        return super().create(
            [
                {**vals, "link_id": vals.get("link_id") or links.get(vals["box_id"])}
                if vals.get("box_id")
                else vals
                for vals in vals_list
            ]
        )

    def write(self, vals):
        """A meter without a link that is put into a box is reached through the box."""
        result = super().write(vals)
        if vals.get("box_id") and "link_id" not in vals:
            for meter in self.filtered(lambda meter: not meter.link_id):
                if meter.box_id.link_id:
                    meter.link_id = meter.box_id.link_id
        return result

    def _get_remote_address(self):
        """Return the address that frames carry."""
        local = self.bus_address if self.has_local_address else False
        return local or self.address or self.number

    # === Commands === #

    def action_open_relay(self):
        """Cut the supply of these meters."""
        return self._request_relay("relay_open")

    def action_close_relay(self):
        """Restore the supply of these meters."""
        return self._request_relay("relay_close")

    def action_identify(self):
        """Ask these meters who they are and how they are set, before money is taken.

        :raises UserError: a meter that cannot be asked from here
        """
        return self._ask("identify")

    def action_measure(self):
        """Ask these meters for voltage, current, power and energy both ways.

        :raises UserError: a meter that cannot be asked from here
        """
        return self._ask("measure")

    def _ask(self, kind):
        """Write down and enqueue a question for each meter."""
        self.check_access("read")
        for meter in self.filtered(lambda meter: not meter.is_remote):
            raise UserError(
                self.env._(
                    "Meter %s has no device link or no remote protocol.", meter.number
                )
            )
        commands = (
            self.env["amr.command"]
            .sudo()
            .create(
                [
                    {
                        "kind": kind,
                        "meter_id": meter.id,
                        "requested_by": self.env.uid,
                    }
                    for meter in self
                ]
            )
        )
        commands._enqueue()
        return commands.sudo(False)._get_action()

    def action_relay_state(self):
        """Ask these meters for the state of their relay."""
        return self._request_relay("relay_state")

    def _request_relay(self, kind):
        """Write down and enqueue a relay command for each meter.

        :param str kind: ``relay_open``, ``relay_close`` or ``relay_state``
        :raises AccessError: meters out of scope, or no right to switch
        :raises UserError: a meter that cannot be switched from here
        """
        self.check_access("read")
        if kind != "relay_state" and not self.env.user.has_group(SWITCHING_GROUP):
            raise AccessError(
                self.env._("Only a community administrator switches a supply.")
            )
        for meter in self:
            if not meter.has_relay:
                raise UserError(
                    self.env._("Meter %s has no relay or valve.", meter.number)
                )
            if not meter.is_commanded:
                raise UserError(
                    self.env._(
                        "Meter %s has no device link or no remote protocol.",
                        meter.number,
                    )
                )
            meter._check_can_switch()
        commands = (
            self.env["amr.command"]
            .sudo()
            .create(
                [
                    {"kind": kind, "meter_id": meter.id, "requested_by": self.env.uid}
                    for meter in self
                ]
            )
        )
        commands._enqueue()
        return commands.sudo(False)._get_action()

    def _check_can_switch(self):
        """Check that the meter's protocol has a command for its relay or valve.

        :raises UserError: it has none
        """
        try:
            self.model_id._get_protocol().relay_state(self._get_remote_address())
        except ProtocolError as error:
            raise UserError(
                self.env._(
                    "The relay of meter %(meter)s cannot be switched from here: "
                    "%(error)s",
                    meter=self.number,
                    error=error,
                )
            ) from error

    def action_view_commands(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_command_action"
        )
        action["domain"] = [("meter_id", "=", self.id)]
        action["context"] = {}
        return action
