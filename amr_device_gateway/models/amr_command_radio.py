import uuid
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..headend.client import HeadEndError
from ..headend.protocols.base import ProtocolError
from ..tools import AFTER, NOT_SENT, error_code, open_head_end, word_for
from .amr_command_relay import RELAY_KINDS, VALVE_SECONDS, WANTED

#: A battery meter reports once a day, and hears only then.
LIFETIME = timedelta(days=3)
#: Reports that may pass before a downlink that nobody saw leave is handed over again.
PATIENCE = 2


class AmrCommandRadio(models.Model):
    """Switching a meter that sleeps and is reached by LoRaWAN only.

    The frame goes into the network server's queue, once: "sent" is durable before, and
    a number makes handing it over twice the same downlink. What the meter says of its
    valve in a later report of its own is the read-back; only that ends the command, and
    only a report from after the frame was on the air can say that it did not help.

    A frame that nobody saw leave may leave long after its command was given up: what
    turns the valve the other way waits for it.
    """

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            meter = self.env["amr.meter"].browse(vals.get("meter_id"))
            if meter.takes_downlinks:
                vals.setdefault("deadline", fields.Datetime.now() + LIFETIME)
        return super().create(vals_list)

    @api.model
    def _cron_requeue(self):
        """Scheduled: no log-in of a link wakes what goes by radio."""
        result = super()._cron_requeue()
        self.search(
            [
                ("state", "=", "queued"),
                ("link_id", "=", False),
                ("meter_id.radio_route", "!=", False),
            ]
        )._enqueue()
        return result

    # === The network server's queue === #

    def _blockers(self):
        """Return what has to be settled first; says so when it is a frame in the queue.

        A question changes nothing: it goes ahead of what waits, and that it has left
        tells that all before it have.
        """
        blockers = super()._blockers()
        if self.kind not in RELAY_KINDS or not self._goes_by_radio():
            return blockers
        if not self._changes_something():
            return blockers.filtered(lambda one: one.state == "sent")
        if self.state != "queued":
            return blockers
        opposite = self._search_in_queue().filtered(
            lambda one: one._changes_something() and one.kind != self.kind
        )
        if opposite:
            self.result = self.env._(
                "An earlier command may still be in the network server's queue: this "
                "one waits until that has left. Reading the relay finds out."
            )
        return blockers | opposite

    def _goes_by_radio(self):
        return not self.link_id and self.meter_id.takes_downlinks

    def _search_in_queue(self):
        """Return earlier commands whose frame the network server may yet send.

        Nobody saw it leave, nor another one that was handed over after it: the queue of
        a device is first in, first out.
        """
        handed = self.search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("kind", "in", RELAY_KINDS),
                ("link_id", "=", False),
                ("sent_at", "!=", False),
            ]
        )
        seen = handed.filtered(lambda one: (one.payload or {}).get("transmitted_at"))
        last = max(seen.mapped("sent_at"), default=datetime.min)
        return (handed - seen).filtered(
            lambda one: (
                one.id < self.id
                and one.state != "queued"
                and not one._is_settled()
                and (one.payload or {}).get("item")
                and not one.payload.get("dropped")
                and one.sent_at >= last
            )
        )

    # === Handing over === #

    async def _work_round(self):
        if not self._goes_by_radio():
            return await super()._work_round()
        if self.kind not in RELAY_KINDS:
            return self._finish(
                "failed",
                "not_done",
                self.env._("Only a relay or valve is switched by radio."),
            )
        if self.state == "queued" or (self.payload or {}).get("again"):
            return await self._hand_over()
        if self._is_hopeless():
            self._finish("failed", self._unknown_outcome(), self.result)
        return None

    async def _hand_over(self):
        """Put the frame into the network server's queue; what comes of it is heard."""
        try:
            frame = self._get_downlink()
        except (UserError, ProtocolError) as error:
            self._finish("failed", "not_done", str(error))
            return
        before, number = self.state, (self.payload or {}).get("item")
        payload = self.payload or {}
        if not number or payload.get("transmitted_at") or payload.get("dropped"):
            number = str(uuid.uuid4())  # the one before has left the queue
        self.payload = {"item": number}
        self._mark_sent([frame])
        self._renew()
        error = await self._send_downlink(frame, number)
        if error and AFTER.get(error_code(error)) == NOT_SENT:
            self._mark_unsent(before, error)
            return
        self.result = self.env._(
            "In the network server's queue: the meter hears it after its next report."
        )
        self._notify()

    def _get_downlink(self):
        """Return the one frame that does or asks it.

        :raises UserError: it takes several
        """
        frames = self._request_frames() or self._verify_frames()
        if len(frames) != 1:
            raise UserError(
                self.env._("This takes several frames, and cannot go by radio.")
            )
        return frames[0]

    async def _send_downlink(self, frame, number):
        """Hand a frame over; returns the error when it did not work out, or None."""
        route = self.meter_id.radio_route
        try:
            async with open_head_end(route.get("headend")) as client:
                await client.downlink(
                    self.meter_id.radio_id,
                    route["application"],
                    route["port"],
                    frame,
                    number,
                    self.deadline,
                )
        except HeadEndError as error:
            return word_for(error)
        return None

    # === What is heard === #

    @api.model
    def _hear(self, meter, protocol, decoded, at, frame):
        """Take what a meter says of its relay in a report of its own as the read-back.

        :param datetime at: naive UTC, of the network server
        :param bytes frame: the report
        """
        state = protocol.relay_from(decoded)
        if not state or not meter.has_relay or (meter.uplink_at or at) > at:
            return
        meter.relay_state = state
        for command in self._search_by_radio(meter):
            command._judge_report(state, at, frame)

    @api.model
    def _search_by_radio(self, meter):
        """Return the commands of a meter that wait for what it says."""
        return self.search(
            [
                ("meter_id", "=", meter.id),
                ("kind", "in", RELAY_KINDS),
                ("link_id", "=", False),
                "|",
                ("state", "=", "sent"),
                "&",
                ("state", "=", "failed"),
                ("outcome", "=", "unknown"),
            ],
            order="id",
        )

    def _judge_report(self, state, at, frame):
        """Go on from what a report from after the hand-over shows.

        :param str state: ``open`` or ``closed``
        """
        if at <= self.sent_at:
            return
        self._store_frames([("in", frame, 0, None)])
        if WANTED.get(self.kind, state) == state:
            if self._is_proven_by(at):
                self._finish("done", "done", self._done_text())
            return
        payload = dict(self.payload or {})
        payload["heard"] = payload.get("heard", 0) + 1
        self.payload = payload
        if not self._has_had_time(at):
            return
        if self._may_send():
            self.payload = {**payload, "again": True}
            self._enqueue()
        elif self.payload.get("transmitted_at"):
            self._give_up()
        else:  # it may leave yet
            self._finish("failed", self._unknown_outcome(), self.result)

    def _is_proven_by(self, at):
        """Return whether a report of this time that says what was wanted proves it.

        While an earlier frame waits in the queue, what the valve is like now is not
        what it will be like; once this one has left, those before it have.
        """
        if not self._changes_something():
            return True
        on_air = (self.payload or {}).get("transmitted_at")
        if on_air:
            return at > datetime.fromisoformat(on_air)
        return not self._search_in_queue()

    def _has_had_time(self, at):
        """Return whether a report of this time can tell that the frame did not help."""
        on_air = self.payload.get("transmitted_at")
        if not on_air:
            return self.payload["heard"] >= PATIENCE
        turned = datetime.fromisoformat(on_air) + timedelta(seconds=VALVE_SECONDS)
        return at > turned

    @api.model
    def _search_queued(self, meter):
        """Return what waited for a frame of a meter to leave."""
        return self.search(
            [
                ("meter_id", "=", meter.id),
                ("kind", "in", RELAY_KINDS),
                ("state", "=", "queued"),
            ]
        )

    @api.model
    def _note_receipt(self, device, item, outcome, at):
        """Keep what the network server tells of a downlink.

        :param str device: devEUI
        :param str item: number of the downlink
        :param str outcome: ``sent``, ``acknowledged``, ``lost`` or ``dropped``
        :param datetime at: naive UTC
        """
        meter = self.env["amr.meter"].search([("radio_id", "=", device)])
        commands = self.search(
            [
                ("meter_id", "=", meter[:1].id),
                ("kind", "in", RELAY_KINDS),
                ("link_id", "=", False),
                ("sent_at", "!=", False),
            ]
        )
        for command in commands:
            payload = command.payload or {}
            if payload.get("item") != item:
                continue
            if outcome == "dropped":
                command._note_dropped()
                continue
            if not payload.get("transmitted_at"):
                command.payload = {**payload, "transmitted_at": at.isoformat()}
                self._search_queued(command.meter_id)._enqueue()
            if command._is_settled():
                continue
            command.result = {
                "sent": self.env._(
                    "On the air; its next report tells what came of it."
                ),
                "acknowledged": self.env._(
                    "The meter has it; its next report tells what came of it."
                ),
                "lost": self.env._(
                    "The meter did not confirm it; its next report tells what came of "
                    "it."
                ),
            }.get(outcome, command.result)
            command._notify()

    def _note_dropped(self):
        """Go on from a frame that the network server took out of its queue.

        It never left, so the meter has not heard it; unless it was told to be on the
        air before: then the meter's report tells.
        """
        payload = self.payload or {}
        if payload.get("transmitted_at") or payload.get("dropped"):
            return
        self.payload = {**payload, "dropped": True}
        self._search_queued(self.meter_id)._enqueue()
        if self._is_settled():
            return
        if self._may_send():
            self.payload = {**self.payload, "again": True}
            self._enqueue()
            return
        self._finish(
            "failed",
            "not_done",
            self.env._(
                "The network server took it out of its queue before the meter listened."
            ),
        )
