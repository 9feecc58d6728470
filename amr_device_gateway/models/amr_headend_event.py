import logging
import uuid
from datetime import datetime, timedelta, timezone

from psycopg2 import OperationalError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.constants import GC_UNLINK_LIMIT

from ..headend.protocols import registry
from ..headend.protocols.base import ProtocolError

_logger = logging.getLogger(__name__)

KEEP_DAYS = 30
TYPES = (
    "link_up",
    "link_down",
    "link_replaced",
    "unknown_terminal",
    "uplink",
    "bad_uplink",
    "downlink",
)
#: Kept no longer than what was fine: whoever can open a connection can cause the first
#: two, and what platforms say beside readings is not for ever.
PASSING = ("link_up", "unknown_terminal", "bad_uplink")
REQUIRED = {"id", "at", "type", "link"}
OPTIONAL = {
    *("terminal", "peer", "protocol", "frame", "old"),
    *("problem", "message", "application", "port", "item", "outcome"),
}
# Faults that are a sound frame's own words: it has no value, or refuses to tell it.
DEVICE_SAYS = ("no_data", "meter")


class EventError(ValueError):
    """What is wrong with an event, as a sentence."""


class AmrHeadendEvent(models.Model):
    """What a head-end reported. Each event is taken in once, however often it comes."""

    _name = "amr.headend.event"
    _description = "Event of a head-end"
    _order = "id desc"
    _rec_name = "event_id"

    event_id = fields.Char("Identifier", required=True, readonly=True)
    headend = fields.Char("Head-end", readonly=True)
    at = fields.Datetime("Time", readonly=True, index=True)
    type = fields.Selection(
        [
            ("link_up", "Link up"),
            ("link_down", "Link down"),
            ("link_replaced", "Log-in twice"),
            ("unknown_terminal", "Unknown terminal"),
            ("uplink", "Uplink"),
            ("bad_uplink", "Unusable message"),
            ("downlink", "Downlink told of"),
        ],
        readonly=True,
    )
    link_id = fields.Many2one("amr.link", readonly=True, ondelete="set null")
    link = fields.Char("Link as reported", readonly=True)
    frame = fields.Char(readonly=True)
    body = fields.Json(readonly=True, help="The event as it came.")
    state = fields.Selection(
        [("done", "Taken in"), ("rejected", "Not usable")],
        required=True,
        readonly=True,
        index=True,
    )
    error = fields.Char(readonly=True)

    _event_unique = models.Constraint(
        "UNIQUE (event_id)", "This event has been taken in already."
    )

    @api.model
    def _receive(self, headend, events):
        """Take in events of a head-end, in their order.

        An event that cannot be used is kept, with the reason, and counts as accepted:
        it would not get better by being sent again.

        :param str headend: its name
        :param list events: dicts as the interface describes them
        :return: ``{"accepted": [ids], "rejected": [{"id", "error"}]}``
        """
        accepted, rejected = [], []
        claimed = self._claim(events)
        for event in events:
            event_id = self._get_event_id(event)
            if event_id is None:
                rejected.append({"id": None, "error": "An event needs an id (a UUID)."})
                continue
            accepted.append(event_id)
            record = claimed.pop(event_id, None)
            error = record and record._receive_one(headend, event)
            if error:
                rejected.append({"id": event_id, "error": error})
        return {"accepted": accepted, "rejected": rejected}

    @api.model
    def _get_event_id(self, event):
        """Return an event's id, or None when it has none that is a UUID."""
        event_id = event.get("id") if isinstance(event, dict) else None
        try:
            uuid.UUID(event_id)
        except (TypeError, ValueError, AttributeError):
            return None
        return event_id

    @api.model
    def _claim(self, events):
        """Return new records, by their events' ids, for what was not taken in before.

        A delivery that the head-end believes lost may still be under way: this one is
        then repeated by Odoo, and finds those events known.
        """
        event_ids = list(filter(None, map(self._get_event_id, events)))
        moment, user = self.env.cr.now(), self.env.uid
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO amr_headend_event (event_id, state, create_uid, create_date,
                                               write_uid, write_date)
                SELECT event_id, 'done', %s, %s, %s, %s
                  FROM unnest(%s::varchar[]) WITH ORDINALITY AS e (event_id, place)
                 ORDER BY place
                    ON CONFLICT (event_id) DO NOTHING
                RETURNING event_id, id
                """,
                *(user, moment, user, moment),
                event_ids,
            ),
            log_exceptions=False,
        )
        return {name: self.browse(number) for name, number in self.env.cr.fetchall()}

    def _receive_one(self, headend, event):
        """Take in one event; the reason when it cannot be used, else None.

        Whatever goes wrong with it stays its own trouble: the head-end delivers in
        order, so an event that is refused for ever would hold up all behind it.
        """
        kind = event.get("type")
        self.write(
            {
                "headend": headend,
                "type": kind if kind in TYPES else False,
                "body": event,
            }
        )
        return self._take_in(event)

    def _take_in(self, event):
        """Do what an event says; the reason when it cannot be used, else None."""
        whose = (self.event_id, self.headend)
        try:
            with self.env.cr.savepoint():
                self._parse(event)
                self._process()
        except OperationalError:
            raise  # somebody else writes the same rows: the delivery is repeated
        except (EventError, UserError) as error:
            _logger.info("Event %s of %s is not usable: %s", *whose, error)
            return self._reject(error)
        except Exception as error:
            _logger.exception("Event %s of %s cannot be taken in", *whose)
            return self._reject(error)
        return None

    def _reject(self, error):
        """Keep an event with the reason why it cannot be used, and return that."""
        self.write({"state": "rejected", "error": str(error)})
        return str(error)

    def _parse(self, event):
        """Write the fields of an event onto its record.

        A newer head-end may tell more than is known here: that is kept in ``body``.

        :raises EventError: a field is missing or wrong
        """
        missing = REQUIRED - event.keys()
        if missing:
            raise EventError(f"Missing field: {', '.join(sorted(missing))}.")
        for name in event.keys() & (REQUIRED | OPTIONAL):
            if not isinstance(event[name], str | None):
                raise EventError(f"The field {name} must be text.")
        if event["type"] not in TYPES:
            raise EventError(f"Unknown event type: {event['type']}.")
        kind, _colon, terminal = event["link"].partition(":")
        link = (
            self.env["amr.link"]
            .with_context(active_test=False)
            .search([("kind", "=", kind), ("terminal", "=", terminal)])
        )
        self.write(
            {
                "at": self._parse_time(event["at"]),
                "link": event["link"],
                "link_id": link.id,
                "frame": event.get("frame"),
            }
        )

    @api.model
    def _parse_time(self, text):
        """Return an ISO time as naive UTC, microseconds kept: presence needs them.

        :raises EventError: it is no time
        """
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise EventError(f"The field at is no ISO time: {text}") from error
        if at.tzinfo:
            at = at.astimezone(timezone.utc).replace(tzinfo=None)
        return at

    def _process(self):
        """Do what the event means; ensure_one from the caller.

        :raises EventError: it cannot be used
        """
        getattr(self, f"_process_{self.type}")()

    def _get_at(self):
        """Return the event's own time, microseconds included."""
        return self._parse_time(self.body["at"])

    def _process_bad_uplink(self):
        """Keep a message of a platform that the head-end could make nothing of.

        :raises EventError: always, with what the head-end says
        """
        raise EventError(self.body.get("problem") or "The message cannot be used.")

    def _process_uplink(self):
        """Take the readings of a frame that a device sent by itself."""
        protocol, decoded = self._decode_frame()
        meter = self._find_meter(decoded.address, protocol)
        if meter:
            protocol, decoded = self._decode_as(meter.model_id, protocol)
        else:
            self._check_not_foreign(decoded.address)
        indexes = protocol.index_from(decoded)
        if not indexes or protocol.is_frozen(decoded):
            return  # a heartbeat or a status: kept as an event, no reading of now in it
        rows = [
            {
                "register": register,
                "read_at": self._get_at().replace(microsecond=0),
                "kind": "spot",
                "source": "push",
                "index": index,
                **({"meter_id": meter.id} if meter else {"address": decoded.address}),
            }
            for register, index in indexes.items()
        ]
        door = self.env["amr.reading"]
        if meter:
            door = door.with_company(meter.company_id)
        door._ingest(rows)

    def _decode_frame(self):
        """Return protocol and decoded form of the event's frame.

        :raises EventError: no frame, an unknown protocol, or a frame that is wrong
        """
        try:
            frame = bytes.fromhex(self.frame or "")
        except ValueError as error:
            raise EventError("The field frame is not hexadecimal.") from error
        name = self.body.get("protocol") or registry.detect(frame)
        if name not in registry.names():
            raise EventError(f"The protocol of the frame is not known: {name}.")
        protocol = registry.get(name)
        decoded = protocol.decode(frame)
        if decoded.error and decoded.error.code not in DEVICE_SAYS:
            raise EventError(f"The frame cannot be used: {decoded.error}")
        return protocol, decoded

    def _decode_as(self, model, protocol):
        """Return protocol and decoded frame as the meters of a model mean it: its make
        says in which unit and order.

        :param protocol: what the frame was found to be
        :raises EventError: the model speaks another protocol, or counts otherwise
        """
        try:
            if model.protocol == protocol.name:
                protocol = model._get_protocol()
            elif model.protocol in registry.names():
                raise EventError(
                    f"The frame is {protocol.name}, but the meter's model says "
                    f"{model.protocol}."
                )
            else:  # read by eye otherwise, but it reports
                unit = model._get_index_unit()
                protocol = protocol.of_utility(model.utility_id.code, unit)
        except ProtocolError as error:
            raise EventError(str(error)) from error
        decoded = protocol.decode(bytes.fromhex(self.frame))
        if decoded.error and decoded.error.code not in DEVICE_SAYS:
            raise EventError(f"The frame cannot be used: {decoded.error}")
        return protocol, decoded

    def _find_meter(self, address, protocol):
        """Return the meter behind the event's link with this address and protocol.

        Frames carry addresses with leading zeros, people enter them without; a water
        and an electricity meter of one line may have the same number.

        :param str address: digits of the frame
        """
        meters = self.link_id.meter_ids.filtered(
            lambda meter: meter._has_remote_address(address)
        )
        speaking = meters.filtered(lambda one: one.protocol == protocol.name)
        return speaking[:1] or meters[:1]

    def _check_not_foreign(self, address):
        """Check that the address belongs to no meter that this link does not reach.

        Whoever knows a terminal number can open a link; it speaks for its own meters
        only.

        :param str address: digits of the frame
        :raises EventError: it is the address of another link's meter
        """
        if self.env["amr.meter"].search_count(self._address_domain(address), limit=1):
            raise EventError(f"Meter {address} is not behind this link.")

    @api.model
    def _address_domain(self, address):
        """Domain of the address with any number of leading zeros."""
        digits = (address or "").lstrip("0")
        return [("address", "in", [digits.zfill(n) for n in range(1, 15)])]

    @api.autovacuum
    def _gc_events(self):
        """Forget what has been taken in long ago; what was not usable stays, unless
        nothing can come of it any more."""
        limit = fields.Datetime.now() - timedelta(days=KEEP_DAYS)
        events = self.search(
            [
                ("create_date", "<", limit),
                "|",
                ("state", "=", "done"),
                ("type", "in", PASSING),
            ],
            limit=GC_UNLINK_LIMIT,
        )
        events.unlink()
        return len(events), len(events) == GC_UNLINK_LIMIT
