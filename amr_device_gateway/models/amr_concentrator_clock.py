from datetime import timedelta

from odoo import api, fields, models

from ..tools import MAX_ADJUSTMENT

COMMAND_LIFETIME = timedelta(hours=1)


class AmrConcentratorClock(models.Model):
    """A concentrator's clock: its freezes and the times of its values hang on it."""

    _inherit = "amr.concentrator"  # pylint: disable=consider-merging-classes-inherited
    _evidence = frozenset({"clock_drift", "clock_read_at"})

    clock_drift = fields.Integer(
        "Clock drift (s)",
        readonly=True,
        copy=False,
        aggregator="max",
        help="Seconds that the concentrator's clock is ahead, negative when it is "
        "behind, when last read.",
    )
    clock_read_at = fields.Datetime("Clock read", readonly=True, copy=False)

    def _note_clock(self, drift):
        """Keep how many seconds the clock was found to be ahead."""
        self.sudo().write(
            {"clock_drift": drift, "clock_read_at": fields.Datetime.now()}
        )

    @api.model
    def _cron_check_clocks(self):
        """Scheduled: read the clocks of all concentrators, and set what is off.

        One that is off by more than the plan may move is for a person.
        """
        busy = self.env["amr.command"].search(
            [("kind", "=", "terminal_clock"), ("state", "in", ("queued", "sent"))]
        )
        there = self.search([("link_id.online", "=", True)]) - busy.concentrator_id
        there.filtered("is_framed")._command(
            "terminal_clock",
            payload={"plan": True},
            deadline=fields.Datetime.now() + COMMAND_LIFETIME,
        )

    def _check_planned(self, drift):
        """Return why the plan does not set this clock, or nothing.

        :param drift: seconds that it is ahead
        """
        if abs(drift) <= MAX_ADJUSTMENT:
            return ""
        return self.env._(
            "The clock of %(concentrator)s is off by %(drift)s: more than the plan may "
            "set. Its freezes and times cannot be trusted; find out why, then set it "
            "by hand.",
            concentrator=self.display_name,
            drift=str(timedelta(seconds=abs(drift))),
        )

    def _report_clock(self, reason):
        """Open an exception about the clock, unless one is open."""
        origin = f"clock {self.terminal}"
        exceptions = self.env["amr.exception"].sudo()
        known = [("origin", "=", origin), ("state", "=", "open")]
        if not exceptions.search_count(known, limit=1):
            exceptions._raise_exception(
                "device", reason, community=self.community_id, origin=origin
            )
