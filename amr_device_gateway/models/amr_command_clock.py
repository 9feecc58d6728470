from datetime import timedelta
from math import ceil

from odoo import fields, models
from odoo.exceptions import UserError

from ..headend.protocols.base import Unsupported
from ..tools import (
    MAX_ADJUSTMENT,
    RIGHT_WITHIN,
    drift_of,
    gateway_settings,
    local_time,
    until_settable,
)
from ..tools.clock import stamp

CLOCK_KINDS = ("clock_read", "clock_set")


class AmrCommandClock(models.Model):
    """Clock of a meter: read it, set it.

    The drift is read first, so that a clock that is right is left alone. Within five
    minutes it is moved by broadcast, which needs no password and which a meter obeys
    once a day (DL/T 645-2007, 7.2); otherwise, and when that did not help, it is
    written.
    """

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[("clock_read", "Read clock"), ("clock_set", "Set clock")],
        ondelete={kind: "cascade" for kind in CLOCK_KINDS},
    )

    def _conflicts(self):
        if self.kind not in CLOCK_KINDS:
            return super()._conflicts()
        return CLOCK_KINDS

    def _changes_something(self):
        return self.kind != "clock_read" and super()._changes_something()

    def _verify_first(self):
        return self.kind == "clock_set" or super()._verify_first()

    def _request_frames(self):
        if self.kind not in CLOCK_KINDS:
            return super()._request_frames()
        if self.kind == "clock_read":
            return []
        now = fields.Datetime.now()
        meter = self.meter_id
        moment = local_time(stamp(now), meter._get_clock_tz())
        self._check_not_around_midnight(moment, meter.clock_drift)
        if self._is_planned() and abs(meter.clock_drift) > MAX_ADJUSTMENT:
            raise UserError(
                self.env._(
                    "%s That is more than the plan may set: find out why, then set it "
                    "by hand.",
                    meter._get_drift_text(),
                )
            )
        frame = self._protocol().broadcast_clock(moment)
        if frame and self._may_broadcast(now):
            return [frame]
        settings = gateway_settings()
        return self._protocol().set_clock(
            self._address(),
            moment,
            password=settings.clock_password,
            operator=settings.relay_operator,
        )

    def _is_planned(self):
        return bool((self.payload or {}).get("plan"))

    def _may_broadcast(self, now):
        """Return whether the meter will obey a broadcast: near enough, the first today.

        :param datetime now: naive UTC
        """
        meter = self.meter_id
        if self.tries or abs(meter.clock_drift) > MAX_ADJUSTMENT:
            return False
        return not meter._is_clock_set_on(now)

    def _check_not_around_midnight(self, moment, drift):
        """Refuse to move a clock around midnight, by our time or its own, or over it.

        :param datetime moment: local time that the clock will show
        :param drift: seconds that it is ahead
        :raises UserError: it is too near
        """
        wait = until_settable(moment, drift)
        if wait:
            raise UserError(
                self.env._(
                    "Clocks are not set around midnight, when indexes are frozen, nor "
                    "over it. Try again in %s minutes.",
                    ceil(wait / timedelta(minutes=1)),
                )
            )

    def _verify_frames(self):
        if self.kind not in CLOCK_KINDS:
            return super()._verify_frames()
        return list(self._protocol().read_clock(self._address()))

    def _judge(self, verification):
        if self.kind not in CLOCK_KINDS:
            return super()._judge(verification)
        meter = self.meter_id
        drift = drift_of(self._protocol(), verification, meter._get_clock_tz())
        if drift is None:
            return "unknown"
        meter.sudo()._note_clock(drift)
        if self.kind == "clock_read" or abs(drift) <= RIGHT_WITHIN:
            return "done"
        return "not_done"

    def _done_text(self):
        if self.kind not in CLOCK_KINDS:
            return super()._done_text()
        return self.meter_id._get_drift_text()

    def _on_done(self):
        result = super()._on_done()
        if self.kind == "clock_set" and self.tries:
            self.meter_id.sudo().clock_set_at = fields.Datetime.now()
        return result

    def _on_failed(self):
        result = super()._on_failed()
        if self.kind == "clock_set" and self._is_planned() and self.tries:
            self.meter_id._report_clock(self.result)
        return result

    def _check_clock_offered(self):
        """Check that the meter's protocol has what the command needs.

        :raises UserError: it has not
        """
        try:
            protocol = self._protocol()
            protocol.read_clock(self._address())
        except Unsupported as error:
            raise UserError(
                self.env._("Meter %s tells no time.", self.meter_id.number)
            ) from error
