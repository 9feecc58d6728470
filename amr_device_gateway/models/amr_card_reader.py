import asyncio
import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..headend.client import HeadEndError, HeadEndLost, HeadEndUnavailable
from ..tools import gateway_settings, open_head_end

_logger = logging.getLogger(__name__)

HEAD_END = "head-end"


class CardReaderError(UserError):
    """What went wrong at a card, in a sentence; ``code`` as the head-end names it.

    ``away``: nothing was done. ``unknown``: the card must be read before anything else.
    """

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


class AmrCardReader(models.Model):
    """A card reader at a counter (manual of the IC-card system, 1.1: port choice).

    The head-end of the meters has it, or one on the counter's own computer (the card
    bridge). Head-ends are named in the configuration file: they are told the token.
    """

    _name = "amr.card.reader"
    _inherit = ["amr.evidence.mixin", "mail.thread"]
    _description = "Card reader"
    _order = "name"
    _evidence = frozenset({"tested_at", "test_result", "works"})

    name = fields.Char(required=True, tracking=True)
    bridge = fields.Selection(
        selection="_selection_bridge",
        required=True,
        default=HEAD_END,
        tracking=True,
        help="The head-end that the reader is plugged into, by its name in the "
        "configuration (headends).",
    )
    port = fields.Char(
        "Reader and port",
        required=True,
        tracking=True,
        help="As finding readers shows it: pcsc:NAME for a PC/SC reader, PROFILE:PORT "
        "for a serial one.",
    )
    community_id = fields.Many2one(
        "amr.community", required=True, index=True, ondelete="restrict", tracking=True
    )
    company_id = fields.Many2one(
        related="community_id.company_id", store=True, index=True
    )
    works = fields.Boolean(readonly=True, copy=False)
    tested_at = fields.Datetime("Last test", readonly=True, copy=False)
    test_result = fields.Char("Result of the test", readonly=True, copy=False)
    note = fields.Text()
    active = fields.Boolean(default=True)

    _port_unique = models.UniqueIndex(
        "(bridge, port) WHERE active", "This reader has been entered already."
    )

    @api.model
    def _selection_bridge(self):
        """Return the head-ends that may have readers."""
        names = sorted(gateway_settings().headends)
        return [
            (HEAD_END, self.env._("The meters' head-end")),
            *((one, one) for one in names),
        ]

    # === Actions === #

    def action_test(self):
        """Read the card that is in the reader, and say what it is."""
        self.ensure_one()
        self.check_access("read")
        try:
            card = self._read_card()
            result, works = self._describe(card), True
        except CardReaderError as error:
            result, works = str(error), False
        self.sudo().write(
            {
                "tested_at": fields.Datetime.now(),
                "test_result": result,
                "works": works,
            }
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.name,
                "message": result,
                "type": "success" if works else "warning",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    @api.model
    def _describe(self, card):
        """Return in words what card it is.

        :param dict card: as :meth:`_read_card` returns it
        """
        text = self.env._(
            "Card %(kind)s, %(size)s bytes read, error counter %(tries)s of 3. "
            "It begins with %(head)s.",
            kind=card["kind"].upper(),
            size=len(card["data"]),
            tries=card["tries"],
            head=card["data"][:8].hex(" ").upper(),
        )
        if card["tries"] < 3:
            text += " " + self.env._("It can be read, but never written any more.")
        return text

    # === Interface for who gives meaning to the bytes === #

    def _read_card(self):
        """Return the card in the reader: ``kind``, ``tries`` and ``data`` (bytes).

        :raises CardReaderError: there is none, or the reader fails
        """
        card = self._ask("read")
        return {**card, "data": bytes.fromhex(card["data"])}

    def _write_card(self, secret, start, data, expected):
        """Write to the card and return its bytes before and after, read again.

        The secret is tried only when the card's error counter is full. Doing it twice
        is harmless: what is there already is not written.

        :param bytes secret: of the card; never kept
        :param bytes expected: the card as it was read when it was decided what to write
        :raises CardReaderError: it was not done; code ``mismatch`` or ``unknown``: the
            card may have changed, read it before anything else
        """
        answer = self._ask(
            "write", secret=secret, start=start, data=data, expected=expected
        )
        return tuple(
            bytes.fromhex(answer[name]["data"]) for name in ("before", "after")
        )

    def _ask(self, action, **fields_):
        """Let the head-end use this reader.

        :raises CardReaderError: it cannot, in a sentence
        """
        self.ensure_one()
        return self._ask_bridge(self.bridge, action, reader=self.port, **fields_)

    @api.model
    def _ask_bridge(self, bridge, action, **fields_):
        """Return what a head-end answers to a card message.

        :param str bridge: one of :meth:`_selection_bridge`
        :raises CardReaderError: it cannot, in a sentence
        """

        async def ask():
            async with open_head_end(bridge) as client:
                return await client.card(action, **fields_)

        if bridge not in dict(self._selection_bridge()):
            raise CardReaderError(
                self.env._("The head-end %s is not in the configuration.", bridge),
                "away",
            )
        try:
            answer = asyncio.run(ask())
        except HeadEndUnavailable as error:
            _logger.info("Card bridge %s: %s", bridge, error)
            raise CardReaderError(self._get_away_text(bridge), "away") from error
        except HeadEndLost as error:
            raise CardReaderError(
                self.env._(
                    "The connection to the card reader broke. Read the card before "
                    "anything else is done with it."
                ),
                "unknown",
            ) from error
        except HeadEndError as error:
            _logger.info("Card bridge %s: %s", bridge, error)
            if action == "write":  # it was asked, and failed somewhere on the way
                answer = {"error": "unknown"}
                raise CardReaderError(
                    self._get_error_text(answer), "unknown"
                ) from error
            raise CardReaderError(self._get_away_text(bridge), "away") from error
        if answer.get("error"):
            raise CardReaderError(self._get_error_text(answer), answer["error"])
        return answer

    @api.model
    def _get_away_text(self, bridge):
        return self.env._(
            "The head-end of the card reader does not answer. Is it running on %s?",
            dict(self._selection_bridge()).get(bridge, bridge),
        )

    @api.model
    def _get_error_text(self, answer):
        """Return the sentence for what went wrong at the card.

        :param dict answer: ``error`` (code) and ``message`` of the head-end
        """
        texts = {
            "no_card": self.env._("There is no card in the reader."),
            "card_type": self.env._("This card is not known, or it is upside down."),
            "no_answer": self.env._("The card reader does not answer as it should."),
            "counter": self.env._(
                "A wrong secret was tried on this card before, so it is not tried "
                "again: replace the card."
            ),
            "secret": self.env._(
                "The card refused the secret: it is not a card of this system."
            ),
            "changed": self.env._("This is another card, or it changed meanwhile."),
            "protected": self.env._("The card refuses to be written."),
            "not_written": self.env._("The card took nothing of what was written."),
            "mismatch": self.env._(
                "The card does not hold what was written to it. Do not hand it out; "
                "read it again and look at the bytes."
            ),
            "unknown": self.env._(
                "What is on the card now is not known: read it again before "
                "anything else is done with it."
            ),
        }
        return texts.get(answer["error"]) or answer.get("message") or answer["error"]
