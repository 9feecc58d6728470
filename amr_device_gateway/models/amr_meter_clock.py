import asyncio
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..headend.protocols.base import ProtocolError
from ..tools import MAX_ADJUSTMENT, ClockReader, open_client, seconds
from ..tools.clock import ClockRequest

_logger = logging.getLogger(__name__)

FALLBACK_TZ = "Asia/Shanghai"
SLICE = 200  # meters whose clocks one job reads
COMMAND_LIFETIME = timedelta(hours=1)


class AmrMeterClock(models.Model):
    """The clock of a meter: how far it is off, and the plan that keeps it right."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited
    _evidence = frozenset({"clock_drift", "clock_off", "clock_read_at", "clock_set_at"})

    clock_drift = fields.Integer(
        "Clock drift (s)",
        readonly=True,
        copy=False,
        aggregator="max",
        help="Seconds that the meter's clock is ahead of the head-end's, negative when "
        "it is behind.",
    )
    clock_off = fields.Boolean(
        readonly=True,
        copy=False,
        help="The clock is off by more seconds than the parameter amr.clock_limit "
        "allows.",
    )
    clock_read_at = fields.Datetime("Clock read", readonly=True, copy=False)
    clock_set_at = fields.Datetime("Clock set", readonly=True, copy=False)

    # === Facts === #

    def _get_clock_tz(self):
        """Return the zone that the meter's clock shows."""
        return self.community_id.tz or FALLBACK_TZ

    def _note_clock(self, drift, at=None):
        """Keep what a clock was found to be.

        :param int drift: seconds ahead
        :param datetime at: when it was read, naive UTC; default now
        """
        limit = seconds(self.env, "amr.clock_limit")
        at = at or fields.Datetime.now()
        for meter in self:
            if meter.clock_read_at and at < meter.clock_read_at:
                continue
            meter.write(
                {
                    "clock_drift": drift,
                    "clock_off": abs(drift) > limit,
                    "clock_read_at": at,
                }
            )

    def _get_drift_text(self):
        """Return in words how far the clock is off."""
        drift = self.clock_drift
        if not drift:
            return self.env._("The clock is right.")
        far = str(timedelta(seconds=abs(drift)))
        if drift > 0:
            return self.env._("The clock is %s ahead.", far)
        return self.env._("The clock is %s behind.", far)

    def _is_clock_set_on(self, at):
        """Return whether the clock was set on the local day of ``at`` already."""
        if not self.clock_set_at or not self.community_id:
            return bool(self.clock_set_at)
        day_of = self.community_id._local_date
        return day_of(self.clock_set_at) == day_of(at)

    def _report_clock(self, why):
        """Open an exception about the clock, unless one is open.

        :param str why: sentence
        """
        exceptions = self.env["amr.exception"]
        known = exceptions.search_count(
            [
                ("meter_id", "=", self.id),
                ("origin", "=", "clock"),
                ("state", "=", "open"),
            ],
            limit=1,
        )
        if not known:
            exceptions._raise_exception(
                "device",
                self.env._(
                    "%(drift)s %(why)s Find out the reason, then set it by hand.",
                    drift=self._get_drift_text(),
                    why=why or "",
                ),
                meter=self,
                origin="clock",
            )

    # === Actions === #

    def action_read_clock(self):
        """Ask meters what time they have."""
        self.check_access("read")
        return self._request_clock("clock_read")

    def action_set_clock(self):
        """Set the clocks of these meters, those that are wrong."""
        self.check_access("read")
        if not self.env.user.has_group("amr_base.group_community_admin"):
            raise AccessError(self.env._("Only a community administrator sets clocks."))
        return self._request_clock("clock_set")

    def _request_clock(self, kind, payload=False):
        """Write down and enqueue a clock command for each meter.

        :raises UserError: a meter that cannot be asked
        """
        for meter in self:
            if not meter.is_remote:
                raise UserError(
                    self.env._(
                        "Meter %s has no device link or no remote protocol.",
                        meter.number,
                    )
                )
        commands = (
            self.env["amr.command"]
            .sudo()
            .create(
                [
                    {
                        "kind": kind,
                        "meter_id": meter.id,
                        "requested_by": self.env.uid,
                        "deadline": fields.Datetime.now() + COMMAND_LIFETIME,
                        "payload": payload,
                    }
                    for meter in self
                ]
            )
        )
        for command in commands:
            command._check_clock_offered()
        commands._enqueue()
        return commands.sudo(False)._get_action()

    # === Plan === #

    @api.model
    def _cron_check_clocks(self):
        """Scheduled: read the clocks of all remote meters, and set what is off."""
        meters = self.search(
            [("is_remote", "=", True), ("link_online", "=", True)],
            order="link_id, number",
        )
        for start in range(0, len(meters), SLICE):
            meters[start : start + SLICE]._enqueue_clock_check()

    def _enqueue_clock_check(self):
        self.with_delay(
            description=self.env._("Check clocks"), priority=20, max_retries=3
        )._check_clocks()

    def _check_clocks(self):
        """Read clocks for a bounded time; what is left goes to another job.

        A clock that is off is set by a command of its own. One that is further off than
        a broadcast may move is for a person: who sets it may hide a fault.
        """
        requests = self._prepare_clock_requests()
        results = asyncio.run(self._read_clocks(requests))
        limit = seconds(self.env, "amr.clock_limit")
        wrong = self.browse()
        for result in results:
            if result.drift is None:
                continue
            meter = self.browse(result.meter_id)
            meter.sudo()._note_clock(result.drift)
            if abs(result.drift) > limit:
                wrong |= meter
        wrong._set_clocks_by_plan()
        asked = {result.meter_id for result in results}
        left = self.browse(
            request.meter_id for request in requests if request.meter_id not in asked
        )
        if left and asked:
            left._enqueue_clock_check()
        return f"{len(results)} read, {len(wrong)} off"

    def _prepare_clock_requests(self):
        """Return a :class:`ClockRequest` for each meter that can tell the time."""
        requests = []
        for meter in self.exists().filtered("is_remote"):
            try:
                protocol = meter._get_protocol()
                frames = list(protocol.read_clock(meter._get_remote_address()))
            except (ProtocolError, UserError) as error:
                _logger.debug("Meter %s tells no time: %s", meter.number, error)
                continue
            requests.append(
                ClockRequest(
                    meter.id, meter.link_id.key, protocol, frames, meter._get_clock_tz()
                )
            )
        return requests

    async def _read_clocks(self, requests):
        async with open_client(self.link_id) as client:
            reader = ClockReader(
                client,
                budget=seconds(self.env, "amr.read_budget"),
                timeout=seconds(self.env, "amr.reply_timeout"),
            )
            return await reader.read(requests)

    def _set_clocks_by_plan(self):
        """Set clocks that are off by a little, and report those off by a lot.

        Once a day each, and not while another clock command is open.
        """
        now = fields.Datetime.now()
        busy = (
            self.env["amr.command"]
            .search(
                [
                    ("meter_id", "in", self.ids),
                    ("kind", "=", "clock_set"),
                    ("state", "in", ("queued", "sent")),
                ]
            )
            .meter_id
        )
        for meter in self - busy:
            if abs(meter.clock_drift) > MAX_ADJUSTMENT:
                meter._report_clock(self.env._("That is more than the plan may set."))
            elif not meter._is_clock_set_on(now):
                meter._request_clock("clock_set", payload={"plan": True})
