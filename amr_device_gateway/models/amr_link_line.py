from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..headend.outgoing import BAUD_RATES, host_port, line_settings
from ..tools import gateway_settings, seconds

#: Kinds that the head-end opens itself: a port of its machine, a server it dials.
OUTGOING = ("serial", "tcp")


class AmrLinkLine(models.Model):
    """The line behind a link: where it is, how fast, and which head-end serves it."""

    _inherit = "amr.link"  # pylint: disable=consider-merging-classes-inherited

    host = fields.Char(
        "Address",
        tracking=True,
        help="IP address or name of the serial server or gateway that is dialled.",
    )
    port = fields.Integer(
        default=4001, tracking=True, help="TCP port: 4001 of many serial servers."
    )
    device = fields.Char(
        "Serial port",
        tracking=True,
        help="Port of the head-end's machine, such as /dev/ttyUSB0 or COM2.",
    )
    terminal = fields.Char(
        compute="_compute_terminal",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
    )
    baud = fields.Selection(
        [(str(rate), str(rate)) for rate in BAUD_RATES],
        "Baud rate",
        default="9600",
        required=True,
        tracking=True,
        help="Speed of the line to the meters: 9600 of a local port (KTAMR manual "
        "5.3), mostly 2400 of electricity, water and heat meters. Of a DTU or serial "
        "server it is set in the device; here it says how much time its bytes need.",
    )
    data_bits = fields.Selection([("8", "8"), ("7", "7")], default="8", required=True)
    parity = fields.Selection(
        [("N", "None"), ("E", "Even"), ("O", "Odd")], default="N", required=True
    )
    stop_bits = fields.Selection([("1", "1"), ("2", "2")], default="1", required=True)
    pace_ms = fields.Integer(
        "Gap between frames (ms)",
        help="Pause between an answer and the next request. 0: 10 ms, on a local line "
        "at least the time of 3.5 characters.",
    )
    headend = fields.Char(
        "Head-end",
        tracking=True,
        help="Name of the one head-end that serves this link, as it calls itself. "
        "Empty: the one that the device logs in at.",
    )
    served_by = fields.Char(
        readonly=True,
        copy=False,
        help="The head-end that reported it online last.",
    )
    problem = fields.Char(
        "Why it is not open",
        readonly=True,
        copy=False,
        help="What the head-end says of a port or connection that it cannot open.",
    )
    is_outgoing = fields.Boolean(compute="_compute_is_outgoing")
    dial_address = fields.Char(
        "Enter in the device",
        compute="_compute_dial_address",
        help="Address and port that the device has to connect to; both must be the "
        "same in its own settings.",
    )

    _port_valid = models.Constraint(
        "CHECK (kind != 'tcp' OR port BETWEEN 1 AND 65535)",
        "A TCP port is a number from 1 to 65535.",
    )
    _pace_positive = models.Constraint(
        "CHECK (pace_ms BETWEEN 0 AND 60000)",
        "The gap between frames is 0 to 60000 ms.",
    )

    @api.depends("kind")
    def _compute_is_outgoing(self):
        for link in self:
            link.is_outgoing = link.kind in OUTGOING

    @api.depends("kind", "host", "port", "device")
    def _compute_terminal(self):
        for link in self:
            if link.kind == "tcp" and link.host:
                host = f"[{link.host}]" if ":" in link.host else link.host
                link.terminal = f"{host.strip()}:{link.port}"
            elif link.kind == "serial" and link.device:
                link.terminal = link.device.strip()
            else:
                link.terminal = link.terminal  # entered by hand

    def _compute_dial_address(self):
        settings = gateway_settings()
        for link in self:
            port = settings.device_ports.get(link.kind)
            host = settings.device_host
            link.dial_address = f"{host}:{port}" if host and port else False

    @api.constrains("kind", "terminal", "baud", "data_bits", "parity", "stop_bits")
    def _check_line(self):
        for link in self.filtered("is_outgoing"):
            try:
                line_settings(link._get_line())
                if link.kind == "tcp":
                    host_port(link.terminal)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "%(link)s cannot be opened: %(error)s",
                        link=link.display_name,
                        error=error,
                    )
                ) from error

    @api.constrains("headend", "kind")
    def _check_headend(self):
        """A port or connection that two head-ends open at once is read by neither."""
        names = gateway_settings().headends
        for link in self:
            if names and link.headend and link.headend not in names:
                raise ValidationError(
                    self.env._(
                        "There is no head-end “%(name)s”; known are: %(names)s.",
                        name=link.headend,
                        names=", ".join(names),
                    )
                )
            if len(names) > 1 and link.is_outgoing and not link.headend:
                raise ValidationError(
                    self.env._(
                        "Choose the head-end that opens %(link)s: %(names)s.",
                        link=link.display_name,
                        names=", ".join(names),
                    )
                )

    def _get_label(self, name):
        return dict(self._fields[name]._description_selection(self.env))[self[name]]

    def _get_line(self):
        """Return the line settings as the head-end reads them: ``2400 8E1``."""
        return f"{self.baud} {self.data_bits}{self.parity}{self.stop_bits}"

    def _prepare_head_end_config(self):
        config = super()._prepare_head_end_config()
        if self.is_outgoing:
            config["line"] = self._get_line()
            config["dial_wait"] = seconds(self.env, "amr.dial_wait")
        if self.pace_ms:
            config["pace"] = self.pace_ms / 1000
        if self.headend:
            config["headend"] = self.headend
        return config
