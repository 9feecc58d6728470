from markupsafe import Markup

from odoo import api, fields, models

from ..headend.protocols import layout


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
    pieces = fields.Json(
        readonly=True, help="The frame piece by piece: hexadecimal, name, meaning."
    )
    anatomy = fields.Html(
        "Byte by byte", compute="_compute_anatomy", sanitize=False, readonly=True
    )
    ms = fields.Integer("Time taken (ms)", aggregator=None)

    @api.depends("pieces")
    def _compute_anatomy(self):
        names = self._get_piece_names()
        for frame in self:
            rows = Markup().join(
                Markup(
                    "<tr><td class='font-monospace text-break'>%s</td>"
                    "<td class='text-nowrap'>%s</td><td>%s</td></tr>"
                )
                % (self._spaced(text), names.get(name, name), names.get(says, says))
                for text, name, says in frame.pieces or ()
            )
            frame.anatomy = (
                Markup("<table class='table table-sm'>%s</table>") % rows
                if rows
                else False
            )

    @api.model
    def _get_pieces(self, protocol, frame):
        """Return the pieces of a frame as they are kept, secrets starred out."""
        return [list(piece) for piece in layout.pieces(protocol, frame)]

    @api.model
    def _spaced(self, text):
        """Return hexadecimal text byte by byte."""
        return " ".join(text[at : at + 2] for at in range(0, len(text), 2))

    @api.model
    def _get_piece_names(self):
        """Return what people call the pieces, by the protocols' words for them."""
        return {
            "wake_up": self.env._("wake-up bytes"),
            "start": self.env._("start"),
            "address": self.env._("address"),
            "meter_type": self.env._("kind of meter"),
            "control": self.env._("control code"),
            "function": self.env._("function"),
            "length": self.env._("length"),
            "item": self.env._("data item"),
            "serial": self.env._("serial number"),
            "sequence": self.env._("sequence"),
            "transaction": self.env._("transaction"),
            "protocol": self.env._("protocol number"),
            "information": self.env._("kind of data"),
            "acknowledgement": self.env._("acknowledgement"),
            "data": self.env._("data"),
            "checksum": self.env._("checksum"),
            "end": self.env._("end"),
            "rest": self.env._("what follows the frame"),
            "frame": self.env._("no whole frame"),
            "request": self.env._("request"),
            "answer": self.env._("answer"),
            "refusal": self.env._("the meter refuses"),
        }
