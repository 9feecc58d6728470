from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResConfigSettings(models.TransientModel):
    """Times of the worker (KTAMR manual 5.3), in seconds as everywhere."""

    _inherit = "res.config.settings"

    amr_start_wait = fields.Integer(
        "Wait for log-ins (s)",
        default=300,
        config_parameter="amr.start_wait",
        help="After a read task has begun, devices that are not there have so long to "
        "log in before it counts as a try.",
    )
    amr_poll_interval = fields.Integer(
        "Collection interval (s)",
        default=1800,
        config_parameter="amr.poll_interval",
        help="Interval that a new link is given; 1800 s are 30 minutes.",
    )
    amr_max_tries = fields.Integer(
        "Tries",
        default=3,
        config_parameter="amr.max_tries",
        help="So often a meter is asked before it counts as missing, and a command is "
        "sent at most.",
    )
    amr_retry_delay = fields.Integer(
        "Between two tries (s)",
        default=300,
        config_parameter="amr.retry_delay",
        help="Until a meter that did not answer is asked again; 300 s are 5 minutes.",
    )
    amr_dial_wait = fields.Integer(
        "Wait when dialling (s)",
        default=35,
        config_parameter="amr.dial_wait",
        help="So long a serial server has to answer when it is dialled.",
    )
    amr_reply_timeout = fields.Integer(
        "Wait for an answer (s)",
        default=10,
        config_parameter="amr.reply_timeout",
        help="So long a meter has to answer one frame. A slow radio link needs more.",
    )

    @api.constrains(
        "amr_max_tries",
        "amr_reply_timeout",
        "amr_dial_wait",
        "amr_start_wait",
        "amr_retry_delay",
    )
    def _check_amr_worker(self):
        for settings in self:
            needed = (
                settings.amr_max_tries,
                settings.amr_reply_timeout,
                settings.amr_dial_wait,
            )
            if min(needed) < 1:
                raise ValidationError(
                    self.env._(
                        "Tries and waiting times must be at least 1, or no meter would "
                        "ever be read."
                    )
                )
            if min(settings.amr_start_wait, settings.amr_retry_delay) < 0:
                raise ValidationError(self.env._("Times cannot be negative."))
