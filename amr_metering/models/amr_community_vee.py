import logging
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .vee_night_sql import METERS_SQL, NIGHT_RULES, USAGE_SQL, verdicts

_logger = logging.getLogger(__name__)

# Days are judged after the readings of the night have come in, local time.
READY_HOUR = 6
# How many days are caught up on after the server stood still.
CATCH_UP = 7


class AmrCommunity(models.Model):
    """The nightly part of validation: rules over days, set-wise, by community."""

    _inherit = "amr.community"  # pylint: disable=consider-merging-classes-inherited

    _evidence = frozenset({"vee_day"})

    vee_day = fields.Date(
        "Validated up to", readonly=True, help="The last day the nightly rules saw."
    )

    def _validate_day(self, day):
        """Apply the rules that look at whole days to all meters of a community.

        Doing it twice finds nothing new. The closing freeze of ``day`` is the reading
        at the midnight after it.

        :param date day: local day
        :return: the new verdicts
        """
        self.ensure_one()
        self.env.flush_all()
        cr = self.env.cr
        self.env["amr.vee.rule"]._load_effective(SQL("m.community_id = %s", self.id))
        values = self._get_night_values(day)
        cr.execute(METERS_SQL, values)
        cr.execute(USAGE_SQL, values)
        found = []
        for kind, select in NIGHT_RULES.items():
            cr.execute(verdicts(kind, select), values)
            found += [row[0] for row in cr.fetchall()]
        self.env["amr.reading.verdict"].invalidate_model()
        new = self.env["amr.reading.verdict"].sudo().browse(found)
        new._raise()
        self.sudo().vee_day = max(day, self.vee_day or day)
        return new

    def _get_night_values(self, day):
        self.env.cr.execute(
            "SELECT COALESCE(max(days), 0) FROM amr_vee_effective "
            "WHERE kind IN ('spike', 'sum')"
        )
        [days] = self.env.cr.fetchone()
        month = day.replace(day=1)
        first = min(month, day - timedelta(days=days))
        noons = self._get_local_noons(
            first - timedelta(days=1), day + timedelta(days=1)
        )
        return {
            "community": self.id,
            "day": day,
            "start": self._local_midnight(day),
            "end": self._local_midnight(day + relativedelta(days=1)),
            "month": self._local_midnight(month),
            "month_day": month,
            "noons": noons,
            "first": noons[0],
            "last": noons[-1],
        }

    def _get_local_noons(self, first, last):
        """Return the UTC times of noon here, from a local day to another."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [
            datetime.combine(day, time(12), ZoneInfo(self.tz))
            .astimezone(timezone.utc)
            .replace(tzinfo=None)
            for day in days
        ]

    def action_validate(self):
        """Judge yesterday now, without waiting for the night."""
        today = fields.Datetime.now()
        for community in self:
            community._validate_day(community._local_date(today) - timedelta(days=1))
        return self.action_open_exceptions()

    @api.model
    def _cron_validate(self):
        """Hourly: judge the days that are over and were not judged yet."""
        meters = self.env["amr.meter"]._read_group(
            [("point_id", "!=", False)], ["community_id"]
        )
        due = self.union(*(community for (community,) in meters))
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for community in due:
            try:
                with self.env.cr.savepoint():
                    community._validate_due_days()
            except Exception:
                # the others must not suffer; this one is tried again in an hour
                _logger.exception("Community %s was not validated", community.id)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _validate_due_days(self):
        """Judge the days that are over, and tell who is responsible."""
        since = fields.Datetime.now().replace(microsecond=0)
        days = self._get_days_to_validate()
        for day in days:
            self._validate_day(day)
        if days:
            self.env["amr.unknown.reading"].search(
                [
                    ("state", "=", "waiting"),
                    ("company_id", "=", self.company_id.id),
                ]
            )._bring_in()
            self.env["amr.exception"]._tell_manager(self, since)

    def _get_days_to_validate(self):
        """Return the local days that are over and not judged, the oldest first."""
        now = fields.Datetime.now() - timedelta(hours=READY_HOUR)
        last = self._local_date(now) - timedelta(days=1)
        first = last - timedelta(days=CATCH_UP - 1)
        if self.vee_day:
            first = max(first, self.vee_day + timedelta(days=1))
        else:
            first = last
        return [
            first + timedelta(days=number) for number in range((last - first).days + 1)
        ]
