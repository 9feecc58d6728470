from odoo import fields, models


class AmrCommandFrame(models.Model):
    """One frame of a command as it went over the line, without its password."""

    _name = "amr.command.frame"
    _description = "Frame of a command"
    _order = "command_id, id"

    command_id = fields.Many2one(
        "amr.command", required=True, index=True, ondelete="cascade"
    )
    at = fields.Datetime("Time", required=True, default=fields.Datetime.now)
    direction = fields.Selection([("out", "Sent"), ("in", "Received")], required=True)
    data = fields.Text(
        "Frame", help="Hexadecimal; the bytes of a password and the checksum are **."
    )
    explanation = fields.Text(help="What the frame says, or why there is none.")
    ms = fields.Integer("Time taken (ms)", aggregator=None)
