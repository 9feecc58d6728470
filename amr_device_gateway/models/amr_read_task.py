import asyncio
from contextlib import aclosing
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..headend.protocols.base import ProtocolError, Unsupported
from ..tools import (
    HEAD_END_AWAY,
    NO_TURN,
    OFFLINE,
    MeterRequest,
    MeterResult,
    SliceReader,
    gateway_settings,
    hasten,
    max_tries,
    open_client,
    seconds,
)

AWAY_DELAY = 5  # seconds until a head-end that is away is tried again


class AmrReadTask(models.Model):
    _inherit = "amr.read.task"

    # === Route === #

    def _get_unrouted_lines(self):
        return (
            super()
            ._get_unrouted_lines()
            .filtered(lambda line: not line.meter_id.is_remote)
        )

    def _dispatch(self):
        result = super()._dispatch()
        if self._get_remote_lines():
            self._enqueue_remote()
        return result

    def _get_remote_lines(self):
        """Return the pending lines of meters that can be read from here."""
        return self.env["amr.read.task.line"].search(
            [
                ("task_id", "=", self.id),
                ("state", "=", "pending"),
                ("meter_id.is_remote", "=", True),
            ]
        )

    def _enqueue_remote(self, delay=0):
        """Enqueue the job that reads a slice of this task; never two of them.

        :param delay: seconds to wait
        """
        self.ensure_one()
        self.with_delay(
            eta=timedelta(seconds=delay) if delay else None,
            identity_key=self._identity_key(),
            description=self.env._("Read task %s", self.name),
            max_retries=0,
        )._read_remote()

    def _identity_key(self):
        """Return the key that keeps a task from having two jobs."""
        return f"amr.read.task:{self.id}"

    @api.model
    def _resume(self, links):
        """Ask the meters of links that have just come back at once."""
        lines = self.env["amr.read.task.line"].search(
            [("state", "=", "pending"), ("meter_id.link_id", "in", links.ids)]
        )
        lines._on_link_up()
        tasks = lines.task_id.filtered(
            lambda task: task.state == "running" and not task.collect_at
        )
        hasten(self.env, [task._identity_key() for task in tasks])
        for task in tasks:
            task._enqueue_remote()

    @api.model
    def _cron_resume(self):
        """Scheduled: take up running tasks whose job was lost."""
        running = [("state", "=", "running"), ("collect_at", "=", False)]
        for task in self.search(running):
            task._leave_unrouted()
            if task._get_remote_lines():
                task._enqueue_remote(delay=task._seconds_to_next_try())

    def _get_max_tries(self):
        return max_tries(self.env)

    def _leave_unrouted(self):
        """Leave to people what lost its link meanwhile: no job would ask it again."""
        unrouted = self._get_unrouted_lines()
        if unrouted:
            unrouted._leave_to_people()
            self._close_if_finished()

    # === Job === #

    def _read_remote(self):
        """Read a slice of the pending meters (job, commits as results come in).

        Many links at once, each meter of a link after the other, for a bounded time.
        Killed in the middle, nothing is lost: the lines not yet ticked off are still
        pending and read by the next job.
        """
        self.ensure_one()
        task = self.sudo()
        if task.state != "running":
            return task.state
        requests = task._prepare_requests()
        task._commit()  # nothing of the database is held while the line is awaited
        if requests:
            asyncio.run(task._read_slice(requests))
        if task.state == "running" and task._get_remote_lines():
            task._enqueue_remote(delay=task._seconds_to_next_try())
        return task.state

    def _prepare_requests(self):
        """Return a :class:`MeterRequest` for each line that is due now.

        Meters that cannot be asked at all are recorded as failures.
        """
        now = fields.Datetime.now()
        due = self._get_remote_lines().filtered(
            lambda line: not line.next_try_at or line.next_try_at <= now
        )
        requests, failed = [], []
        for meter in due.meter_id:
            try:
                requests.append(self._prepare_request(meter))
            except (ProtocolError, UserError) as error:
                failed.append(MeterResult(meter.id, "spot", now, error=str(error)))
        if failed:
            self._keep_failures(failed)
        return requests

    def _prepare_request(self, meter):
        """Return the :class:`MeterRequest` that reads one meter.

        A protocol without daily freezes is read as it stands. The end of a month is
        the freeze of that midnight: it carries its time, a settlement record does not.

        :raises ProtocolError: no frame can be made for this meter
        """
        protocol = meter._get_protocol()
        address = meter._get_remote_address()
        kind, read_at, frames, frozen_on = "spot", None, None, None
        if self.kind != "spot" and self.freeze_date:
            days_back = self._get_days_back(meter)
            try:
                frames = protocol.read_daily(address, days_back)
                kind, frozen_on = self.kind, self.freeze_date
                read_at = meter.community_id._local_midnight(self.freeze_date)
            except Unsupported:
                frames = None
        return MeterRequest(
            meter_id=meter.id,
            link=meter.link_id.key,
            protocol=protocol,
            frames=frames or protocol.read_index(address),
            kind=kind,
            read_at=read_at,
            frozen_on=frozen_on,
        )

    def _get_days_back(self, meter):
        """Return how many midnights ago the freeze of this task was taken.

        1 is the last midnight, the one that today began with.
        """
        today = meter.community_id._local_date(fields.Datetime.now())
        return (today - self.freeze_date).days + 1

    async def _read_slice(self, requests):
        """Read meters and write results down every few seconds.

        :param list requests: :class:`MeterRequest` of one or many links
        """
        links = self.env["amr.link"]
        if gateway_settings().headends:
            keys = list({request.link for request in requests})
            links = links.search([("key", "in", keys)])
        async with open_client(links) as client:
            reader = SliceReader(
                client,
                requests,
                budget=seconds(self.env, "amr.read_budget"),
                timeout=seconds(self.env, "amr.reply_timeout"),
            )
            # closed before the connection is: nobody asks on when writing down fails
            period = seconds(self.env, "amr.read_flush")
            async with aclosing(reader.batches(period)) as batches:
                async for results in batches:
                    self._keep_results(results)

    def _keep_results(self, results):
        """Write a batch of results down for good.

        :param list results: :class:`MeterResult`
        """
        rows = [
            {
                "meter_id": result.meter_id,
                "register": register,
                "index": index,
                "read_at": result.read_at,
                "kind": result.kind,
                "source": "remote",
            }
            for result in results
            for register, index in result.indexes.items()
        ]
        if rows:
            if self._record_readings(rows).refused:
                # what answered nonsense is pending still
                self._postpone_lines(
                    {row["meter_id"] for row in rows},
                    seconds(self.env, "amr.retry_delay"),
                )
            self._commit()
        failed = [result for result in results if result.error]
        if failed:
            self._keep_failures(failed)

    def _keep_failures(self, results):
        """Write down what failed, and when it is asked again.

        A meter that does not answer, or whose link is offline, has used up one of its
        tries; when the head-end itself is away, or others were before it on its line,
        no meter is to blame.

        :param list results: :class:`MeterResult` with an error
        """
        away, offline, silent = {}, {}, {}
        for result in results:
            kind = silent
            if result.error in HEAD_END_AWAY | NO_TURN:
                kind = away
            elif result.error in OFFLINE:
                kind = offline
            kind[result.meter_id] = self.env["amr.link"]._get_error_text(result.error)
        for line in self._get_pending_lines(away):
            line.error = away[line.meter_id.id]
        self._postpone_lines(away, AWAY_DELAY)
        if offline and self._is_starting():
            # devices log in again one after the other after a power cut
            self._postpone_lines(offline, seconds(self.env, "amr.offline_delay"))
            offline = {}
        for line in self._get_pending_lines(offline):
            line.offline_tries += 1
        retry_delay = seconds(self.env, "amr.retry_delay")
        offline_delay = max(seconds(self.env, "amr.offline_delay"), retry_delay)
        for errors, delay in ((offline, offline_delay), (silent, retry_delay)):
            if errors:
                self._record_failures(errors)
                self._postpone_lines(errors, delay)
        self._commit()

    def _is_starting(self):
        """Return whether devices that are not there may still be about to log in.

        Times like these an operator sets (KTAMR manual 5.3: 300 s).
        """
        waited = fields.Datetime.now() - (self.started_at or self.create_date)
        return waited.total_seconds() < seconds(self.env, "amr.start_wait")

    def _postpone_lines(self, meter_ids, delay):
        """Say when pending meters are asked again.

        :param meter_ids: ids of meters
        :param float delay: seconds from now
        """
        self._get_pending_lines(meter_ids).next_try_at = (
            fields.Datetime.now() + timedelta(seconds=delay)
        )

    def _get_pending_lines(self, meter_ids):
        return self.env["amr.read.task.line"].search(
            [
                ("task_id", "=", self.id),
                ("state", "=", "pending"),
                ("meter_id", "in", list(meter_ids)),
            ]
        )

    def _commit(self):
        """Make results visible and durable; the job may be killed at any time.

        Allowed by the job function's ``allow_commit``.
        """
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _seconds_to_next_try(self):
        """Return how long the next job has to wait for the first line that is due."""
        now = fields.Datetime.now()
        times = [line.next_try_at or now for line in self._get_remote_lines()]
        return max((min(times, default=now) - now).total_seconds(), 0)
