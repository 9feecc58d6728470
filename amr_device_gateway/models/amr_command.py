import asyncio
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from odoo.addons.queue_job.exception import RetryableJobError

from ..headend.protocols.base import ProtocolError
from ..tools import (
    OFFLINE,
    exchange,
    hasten,
    max_tries,
    nothing_sent,
    open_client,
    seconds,
)

_logger = logging.getLogger(__name__)

FINAL = ("done", "failed", "expired")
LOCKED_SECONDS = 5  # how soon to look again when another job works on the command


class AmrCommand(models.Model):
    """One thing that a device is asked to do, written down before a byte leaves.

    The job :meth:`_execute` works one round of it. Before anything is sent, state
    "sent", time and try are committed; whoever finds a command in that state, because
    the process died or the answer was lost, reads back first and sends again only when
    the device itself shows that it did not happen. What is sent, read back and how it
    is judged are hooks per kind; see :class:`amr_command_relay` for an example.
    """

    _name = "amr.command"
    _description = "Device command"
    _order = "id desc"

    name = fields.Char(compute="_compute_name")
    kind = fields.Selection([], required=True, readonly=True, index=True)
    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    link_id = fields.Many2one(
        "amr.link", readonly=True, index=True, ondelete="restrict"
    )
    link_online = fields.Boolean(related="link_id.online", string="Link online")
    room_id = fields.Many2one(related="meter_id.room_id")
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    state = fields.Selection(
        [
            ("queued", "Queued"),
            ("sent", "Sent"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("expired", "Expired"),
        ],
        required=True,
        default="queued",
        readonly=True,
        index=True,
        copy=False,
    )
    outcome = fields.Selection(
        [
            ("pending", "Not known yet"),
            ("done", "Read back: done"),
            ("not_done", "Not done"),
            ("unknown", "Unknown"),
        ],
        required=True,
        default="pending",
        readonly=True,
        copy=False,
        help="What is proven. Unknown: it was sent and nothing tells what came of it; "
        "it is read back again when the device logs in, or by the button.",
    )
    tries = fields.Integer("Times sent", readonly=True, copy=False)
    max_tries = fields.Integer(
        "Sent at most", default=lambda self: max_tries(self.env), readonly=True
    )
    deadline = fields.Datetime(
        required=True,
        readonly=True,
        default=lambda self: self._default_deadline(),
        help="Not sent after this time.",
    )
    requested_by = fields.Many2one(
        "res.users", required=True, readonly=True, default=lambda self: self.env.user
    )
    payload = fields.Json(
        readonly=True, help="What the kind needs to know; no secrets."
    )
    result = fields.Char(readonly=True, copy=False)
    frame_ids = fields.One2many("amr.command.frame", "command_id", readonly=True)
    sent_at = fields.Datetime("Last sent", readonly=True, copy=False)
    done_at = fields.Datetime("Finished", readonly=True, copy=False)

    _tries_sane = models.Constraint(
        "CHECK (tries >= 0 AND max_tries > 0)", "The number of tries must be positive."
    )
    _sent_has_time = models.Constraint(
        "CHECK (state != 'sent' OR sent_at IS NOT NULL)",
        "A command that was sent has the time of it.",
    )
    _open_index = models.Index("(link_id, state) WHERE state IN ('queued', 'sent')")

    def _default_deadline(self):
        lifetime = timedelta(seconds=seconds(self.env, "amr.command_deadline"))
        return fields.Datetime.now() + lifetime

    @api.depends("kind", "meter_id")
    def _compute_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for command in self:
            kind = kinds.get(command.kind, command.kind or "")
            command.name = f"{kind} {command.meter_id.number or ''}".strip()

    @api.depends("name")
    def _compute_display_name(self):
        for command in self:
            command.display_name = command.name

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            meter = self.env["amr.meter"].browse(vals.get("meter_id"))
            vals.setdefault("link_id", meter.link_id.id)
            vals.setdefault("community_id", meter.community_id.id)
            vals.setdefault("company_id", meter.company_id.id)
        return super().create(vals_list)

    # === Actions === #

    def action_cancel(self):
        """Take back commands that have not been sent."""
        if not self.env.user.has_group("amr_base.group_community_admin"):
            raise AccessError(self.env._("Only an administrator takes commands back."))
        self.check_access("read")
        for command in self.sudo():
            locked = command.try_lock_for_update()
            command.invalidate_recordset()
            if not locked or command.state != "queued":
                raise UserError(
                    self.env._(
                        "%s is being sent or finished: it cannot be taken back.",
                        command.display_name,
                    )
                )
            command._finish(
                "failed",
                "not_done",
                self.env._("Taken back by %s.", self.env.user.name),
            )

    def action_verify(self):
        """Read back again what came of commands whose outcome is unknown."""
        self.check_access("read")
        self.sudo().filtered(lambda command: not command._is_settled())._enqueue()

    def _get_action(self):
        """Return the action that shows these commands."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_command_action"
        )
        action["domain"] = [("id", "in", self.ids)]
        if len(self) == 1:
            action |= {"res_id": self.id, "views": [(False, "form")]}
        return action

    # === Queue === #

    def _enqueue(self, delay=0):
        """Enqueue one round of each command, in the transaction of the caller.

        :param delay: seconds to wait
        """
        for command in self:
            command.with_delay(
                eta=timedelta(seconds=delay) if delay else None,
                identity_key=command._identity_key(),
                description=self.env._("Command: %s", command.display_name),
                priority=5,
                max_retries=0,
            )._execute()
        self._notify()

    def _identity_key(self):
        """Return the key that keeps a command from having two jobs."""
        return f"amr.command:{self.id}"

    @api.model
    def _resume(self, links):
        """Go on with the commands that waited for these links."""
        commands = self.search(
            [
                *self._get_link_domain([("id", "in", links.ids)]),
                "|",
                ("state", "in", ("queued", "sent")),
                "&",
                ("state", "=", "failed"),
                ("outcome", "=", "unknown"),
            ]
        )
        hasten(self.env, [command._identity_key() for command in commands])
        commands._enqueue()

    @api.model
    def _cron_requeue(self):
        """Scheduled: expire what is overdue and take up what no job works on."""
        overdue = self.search(
            [("state", "=", "queued"), ("deadline", "<", fields.Datetime.now())]
        )
        for command in overdue.try_lock_for_update():
            command._expire()
        self.search(
            [
                "|",
                ("state", "=", "sent"),
                "&",
                ("state", "=", "queued"),
                *self._get_link_domain([("online", "=", True)]),
            ]
        )._enqueue()

    @api.model
    def _get_link_domain(self, links):
        """Return the domain of commands of devices behind links, hook.

        :param list links: domain of links
        """
        return Domain("link_id", "any", links) | Domain(
            "meter_id.link_id", "any", links
        )

    def _is_settled(self):
        """Return whether nothing is left to find out; ensure_one from the caller."""
        return self.state in FINAL and self.outcome != "unknown"

    # === Job === #

    def _execute(self):
        """Work one round of the command (job, commits by itself).

        :raises RetryableJobError: another job has the command just now
        """
        self.ensure_one()
        command = self.sudo()
        command._take()
        if command._is_settled():
            return command.state
        command._follow_device()
        if command._blockers():
            return "waits for an earlier command"
        if command.state == "queued" and command._is_overdue():
            command._expire()
            return command.state
        asyncio.run(command._work_round())
        return command.state

    def _follow_device(self):
        """Go over the link that the device is reached by now: it may have moved."""
        link = self._get_device().link_id
        if link and link != self.link_id:
            self.link_id = link

    def _get_device(self):
        """Return the record whose link the command goes over, hook."""
        return self.meter_id

    def _take(self):
        """Lock the row and read it anew.

        The lock lasts until the next commit and goes with the process, so a dead job
        never keeps a command.
        """
        if not self.try_lock_for_update(allow_referencing=True):
            raise self._busy()
        self.invalidate_recordset()

    def _busy(self):
        return RetryableJobError(
            f"Command {self.id} is being worked on by another job",
            seconds=LOCKED_SECONDS,
            ignore_retry=True,
        )

    def _renew(self):
        """Make durable what was written, and go on in a new transaction.

        Before a byte leaves this is the promise to find the trace of it; after an
        answer it keeps the frames and gives a fresh view of rows that others changed
        meanwhile. Allowed by the job function's ``allow_commit``.

        :raises RetryableJobError: another job took the command up in between
        """
        expected = (self.state, self.tries)
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self._take()
        if (self.state, self.tries) != expected:
            raise self._busy()

    def _is_overdue(self):
        return self.deadline < fields.Datetime.now()

    def _blockers(self):
        """Return earlier commands that have to be settled first."""
        return self.search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("kind", "in", self._conflicts()),
                ("state", "in", ("queued", "sent")),
                ("id", "<", self.id),
            ]
        )

    async def _work_round(self):
        """Connect to the head-end, then read back, send and read back as needed."""
        if not self.link_id:
            self._finish("failed", "not_done", self.env._("The meter has no link."))
            return
        async with open_client(self.link_id) as client:
            await self._settle_or_send(client)

    async def _settle_or_send(self, client):
        """Read back what was sent before; send when that proves it did not happen."""
        if (self.tries or self._verify_first()) and self._changes_something():
            verdict = await self._verify(client)
            if verdict != "not_done" or not self._may_send():
                self._conclude(verdict)
                return
        try:
            frames = self._request_frames()
        except (UserError, ProtocolError) as error:
            self._finish("failed", "not_done", str(error))
            return
        await self._send(client, frames)

    def _may_send(self):
        """Return whether one more send is allowed."""
        return (
            self.state not in FINAL
            and self.tries < self.max_tries
            and not self._is_overdue()
        )

    async def _send(self, client, frames):
        """Send once, with "sent" durable before, and read back after.

        A kind that only asks has no frames: its question is the read-back.
        """
        before = self.state
        self._mark_sent(frames)
        self._renew()
        refused = False
        if frames:
            replies = await self._exchange(client, frames, asked_before=True)
            if nothing_sent(replies):
                self._mark_unsent(before, replies[0].error)
                return
            refused = self._judge_reply(replies) == "refused"
        verdict = await self._verify(client)
        if verdict in OFFLINE and not frames:
            self._mark_unsent(before, verdict)
        elif verdict == "not_done" and refused:
            self._on_refused(replies)
            self._finish("failed", "not_done", self._problem(replies))
        else:
            self._conclude(verdict)

    def _mark_sent(self, frames):
        self.write(
            {
                "state": "sent",
                "sent_at": fields.Datetime.now(),
                "tries": self.tries + 1,
                "result": False,
            }
        )
        self._store_frames([("out", frame, 0, None) for frame in frames])
        self._notify()

    def _mark_unsent(self, state, error):
        """Nothing has left: the command is what it was before, and waits.

        :param str state: state before the try
        :param str error: why (``offline``, ``busy``, ``unreachable``, …)
        """
        self.write({"state": state, "tries": self.tries - 1})
        if self._is_overdue():
            self._expire() if state == "queued" else self._give_up()
        elif error in OFFLINE:
            self._wait_for_link()
        else:
            self._postpone(self._error_text(error))

    async def _verify(self, client):
        """Read back and return what it proves.

        :return: what :meth:`_judge` says, or ``offline`` or ``unknown_link`` when the
            device cannot be asked, or ``conflict`` when a person has to look
        """
        try:
            frames = self._verify_frames()
        except (UserError, ProtocolError) as error:
            return self._conflict(error)
        verification = await self._exchange(client, frames)
        if nothing_sent(verification) and verification[0].error in OFFLINE:
            return verification[0].error
        conflict = self._judge_conflict(verification)
        if conflict:
            return self._conflict(conflict)
        try:
            verdict = self._judge(verification)
        except (UserError, ProtocolError) as error:
            return self._conflict(error)
        if verdict == "unknown":
            self.result = self._problem(verification)
        return verdict

    def _conflict(self, reason):
        """Keep why a person has to look: raised here, it would end in no state."""
        self.result = str(reason)
        return "conflict"

    async def _exchange(self, client, frames, asked_before=False):
        """Exchange frames with the command's link and keep them.

        :param bool asked_before: the requests are in ``frame_ids`` already
        :rtype: list[Exchange]
        """
        if not frames:
            return []
        exchanges = await exchange(
            client,
            self.link_id.key,
            self._protocol(),
            frames,
            timeout=seconds(self.env, "amr.reply_timeout"),
            priority=1,
        )
        if nothing_sent(exchanges) and not asked_before:
            return exchanges
        entries = []
        for item in exchanges:
            if not asked_before:
                entries.append(("out", item.request, 0, None))
            entries.append(("in", item.reply, item.ms, item.error))
        self._store_frames(entries)
        self._renew()
        return exchanges

    # === Ends === #

    def _conclude(self, verdict):
        """Go on from what the read-back proved.

        :param str verdict: as :meth:`_verify` returns it
        """
        if verdict == "done":
            self._finish("done", "done", self._done_text())
        elif verdict == "not_done":
            self._postpone(None) if self._may_send() else self._give_up()
        elif verdict == "conflict" or self._is_hopeless():
            self._finish("failed", self._unknown_outcome(), self.result)
        elif verdict in OFFLINE:
            self._wait_for_link()
        else:
            self._postpone(self.result)

    def _is_hopeless(self):
        """Return whether reading back by itself comes to an end here.

        A command that changes something is read back until its deadline, a mere
        question is asked as often as ``max_tries``.
        """
        if self._changes_something():
            return self.state in FINAL or self._is_overdue()
        return self.tries >= self.max_tries or self._is_overdue()

    def _unknown_outcome(self):
        return "unknown" if self._changes_something() else "not_done"

    def _give_up(self):
        """End a command that the device has proven not to have followed."""
        self._finish(
            "failed",
            "not_done",
            self.env._(
                "Sent %s times, and the read-back says that it was not done.",
                self.tries,
            ),
        )

    def _expire(self):
        self._finish(
            "expired",
            "not_done",
            self.env._("The device was not reached before the deadline."),
        )

    def _finish(self, state, outcome, result):
        """Write the end of the command, call its hook, and let the next one go.

        :param str state: a final state
        :param str outcome: what is proven
        :param str result: sentence for people
        """
        if self.state in FINAL and self.outcome == outcome:
            self.result = result  # read back once more, and nothing new
            return
        self.write(
            {
                "state": state,
                "outcome": outcome,
                "result": result,
                "done_at": fields.Datetime.now(),
            }
        )
        if outcome == "done":
            self._on_done()
        else:
            self._on_failed()
        if outcome == "unknown":
            self._raise_unknown()
        self._waiting_behind()._enqueue()
        self._notify()

    def _raise_unknown(self):
        """Open an exception: a person must find out what the device did (promise)."""
        self.env["amr.exception"]._raise_exception(
            "device",
            self.env._(
                "%(command)s was sent, but what came of it is unknown: %(reason)s",
                command=self.display_name,
                reason=self.result or "",
            ),
            meter=self.meter_id,
        )

    def _waiting_behind(self):
        """Return the queued commands that may have waited for this one."""
        return self.search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("state", "=", "queued"),
                ("id", ">", self.id),
            ]
        )

    def _wait_for_link(self):
        """Do nothing until the link logs in; its event or the schedule goes on."""
        self.result = self.env._("The link is offline; waits for its log-in.")
        self._notify()

    def _postpone(self, reason):
        """Try again later; the state stays what it is."""
        self.result = reason
        self._enqueue(delay=seconds(self.env, "amr.command_retry_delay"))

    def _notify(self):
        """Tell open screens that commands changed; they read what they may see."""
        if self:
            self.env.ref("amr_base.group_reader")._bus_send(
                "amr_live", {"model": self._name, "ids": self.ids}
            )

    # === Frames === #

    def _store_frames(self, entries):
        """Keep frames with their explanation, passwords starred out.

        :param list entries: (direction, bytes or None, ms, transport error or None)
        """
        protocol = self._protocol()
        frames = self.env["amr.command.frame"]
        frames.create(
            [
                {
                    "command_id": self.id,
                    "direction": direction,
                    "data": self._readable(protocol.redact(frame)) if frame else False,
                    "explanation": error or self._explain(protocol, frame),
                    "pieces": frames._get_pieces(protocol, frame) if frame else False,
                    "ms": ms,
                }
                for direction, frame, ms, error in entries
            ]
        )

    @api.model
    def _readable(self, text):
        """Return hexadecimal text byte by byte."""
        pairs = (text[at : at + 2] for at in range(0, len(text), 2))
        return " ".join(pairs).upper()

    @api.model
    def _explain(self, protocol, frame):
        """Return one line that says what a frame means.

        :param protocol: protocol object
        :param bytes frame: frame, or None
        """
        if not frame:
            return self.env._("no reply")
        decoded = protocol.decode(frame)
        parts = [decoded.address, decoded.control, decoded.data_id]
        parts += [
            f"{item.name} = {item.value} {item.unit}".strip()
            for item in decoded.values
            if "password" not in item.name.lower()
        ]
        parts.append(decoded.error and str(decoded.error))
        return " · ".join(str(part) for part in parts if part)

    def _problem(self, exchanges):
        """Return the first thing that went wrong in exchanges, as a sentence."""
        for item in exchanges:
            if item.problem:
                return self._error_text(item.problem)
        return self.env._("The answer is not clear.")

    def _error_text(self, error):
        """Return the sentence for an error of the head-end or the device's own."""
        return self.env["amr.link"]._get_error_text(error)

    # === Helpers for hooks === #

    def _protocol(self):
        """Return the protocol object of the meter's model."""
        return self.meter_id.model_id._get_protocol()

    def _address(self):
        """Return the meter's communication address."""
        return self.meter_id._get_remote_address()

    # === Hooks per kind === #

    def _conflicts(self):
        """Return the kinds that one meter works one at a time with this command."""
        return (self.kind,)

    def _changes_something(self):
        """Return whether the command changes the device (else it only asks)."""
        return True

    def _verify_first(self):
        """Return whether the device is read back even before the first send."""
        return False

    def _request_frames(self):
        """Return the frames that do what is asked; made anew for each send.

        Money commands return the same bytes each time. A kind that only asks returns
        an empty list: its question is :meth:`_verify_frames`.

        :rtype: list[bytes]
        :raises UserError: it cannot be made; the command fails, nothing was sent
        """
        raise NotImplementedError(self.kind)

    def _verify_frames(self):
        """Return the frames that read back; they change nothing.

        :rtype: list[bytes]
        """
        raise NotImplementedError(self.kind)

    def _judge_reply(self, replies):
        """Return what the direct reply says: accepted, refused or unknown.

        The read-back decides in all three cases; a refusal that the read-back confirms
        ends the command without another send.

        :param list[Exchange] replies: one per request frame
        """
        if any(item.decoded and item.decoded.error for item in replies):
            return "refused"
        return "accepted" if all(item.reply for item in replies) else "unknown"

    def _on_refused(self, replies):
        """A refusal that the read-back of the same round has confirmed, hook.

        :param list[Exchange] replies: one per request frame
        """

    def _judge_conflict(self, verification):
        """Return a sentence when neither waiting nor sending can help, else nothing.

        :param list[Exchange] verification: one per verify frame
        """
        return ""

    def _judge(self, verification):
        """Return what the read-back proves: ``done``, ``not_done`` or ``unknown``.

        :param list[Exchange] verification: one per verify frame
        """
        raise NotImplementedError(self.kind)

    def _done_text(self):
        """Return the sentence shown when the command is done."""
        return self.env._("Done and read back.")

    def _on_done(self):
        """React to the proven end, in the transaction that writes it; database only.

        May come after :meth:`_on_failed` of a command whose outcome was unknown.
        """

    def _on_failed(self):
        """React to a failed or expired command; ``outcome`` says what is proven."""
