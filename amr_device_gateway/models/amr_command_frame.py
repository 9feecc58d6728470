from markupsafe import Markup

from odoo import api, fields, models

from ..headend.protocols import layout

SHOWN = 8  # values of a frame that a line of a list tells


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
    summary = fields.Text(
        "In words",
        compute="_compute_summary",
        help="What the frame says, or why there is none.",
    )
    pieces = fields.Json(
        readonly=True, help="The frame piece by piece: hexadecimal, name, meaning."
    )
    anatomy = fields.Html(
        "Byte by byte", compute="_compute_anatomy", sanitize=False, readonly=True
    )
    ms = fields.Integer("Time taken (ms)", aggregator=None)

    @api.depends("explanation")
    def _compute_summary(self):
        words = self._get_item_words()
        for frame in self:
            parts = (frame.explanation or "").split(" · ")
            told = [self._in_words(part, words) for part in parts[:SHOWN]]
            if len(parts) > SHOWN:
                told.append(self.env._("and %s more", len(parts) - SHOWN))
            frame.summary = " · ".join(told)

    @api.model
    def _in_words(self, text, words):
        """Return ``relay.state = open`` with people's words for its parts."""
        name, equals, value = text.partition(" = ")
        if not equals:
            return words.get(text, text)
        name = " ".join(words.get(part, part) for part in name.split("."))
        return f"{name} = {words.get(value, value)}"

    @api.depends("pieces")
    def _compute_anatomy(self):
        names, words = self._get_piece_names(), self._get_item_words()
        for frame in self:
            rows = Markup().join(
                Markup(
                    "<tr><td class='font-monospace text-break'>%s</td>"
                    "<td class='text-nowrap'>%s</td><td>%s</td></tr>"
                )
                % (
                    self._spaced(text),
                    names.get(name, name),
                    names.get(says)
                    or "; ".join(
                        self._in_words(one, words) for one in says.split("; ")
                    ),
                )
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

    @api.model
    def _get_item_words(self):
        """Return what people call the values of frames, by the decoders' names.

        What is not among them is shown as the decoder calls it.
        """
        return {
            "archive": self.env._("list entry"),
            "point": self.env._("measuring point"),
            "address": self.env._("address"),
            "protocol": self.env._("protocol"),
            "port": self.env._("port"),
            "baud": self.env._("baud rate"),
            "rates": self.env._("rates"),
            "digits": self.env._("digits"),
            "collector": self.env._("collector"),
            "kind": self.env._("class"),
            "number": self.env._("number"),
            "meters": self.env._("meters"),
            "read": self.env._("meters read"),
            "began_at": self.env._("began"),
            "ended_at": self.env._("ended"),
            "read_at": self.env._("read at"),
            "clock": self.env._("clock"),
            "date": self.env._("date"),
            "time": self.env._("time"),
            "total": self.env._("total"),
            "forward_active": self.env._("forward active energy"),
            "reverse_active": self.env._("reverse active energy"),
            "combined_active": self.env._("combined active energy"),
            "voltage": self.env._("voltage"),
            "current": self.env._("current"),
            "active_power": self.env._("active power"),
            "power_factor": self.env._("power factor"),
            "frequency": self.env._("frequency"),
            "remaining_energy": self.env._("remaining energy"),
            "remaining_money": self.env._("remaining money"),
            "purchase_no": self.env._("purchase number"),
            "customer_no": self.env._("customer number"),
            "key_state": self.env._("state of the keys"),
            "relay": self.env._("relay"),
            "relay_command": self.env._("relay command"),
            "valid_until": self.env._("valid until"),
            "supply": self.env._("powered by"),
            "flags": self.env._("flags"),
            "volume": self.env._("volume"),
            "valve": self.env._("valve"),
            "battery": self.env._("battery"),
            "status": self.env._("status"),
            "status_word_1": self.env._("status word 1"),
            "status_word_2": self.env._("status word 2"),
            "status_word_3": self.env._("status word 3"),
            "status_word_7": self.env._("status word 7"),
            "open": self.env._("open"),
            "closed": self.env._("closed"),
            "close": self.env._("close"),
            "mains": self.env._("mains"),
            "auxiliary": self.env._("auxiliary supply"),
            "postpaid": self.env._("postpaid"),
            "timeout": self.env._("no answer in time"),
        }
