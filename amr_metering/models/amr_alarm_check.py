from collections import defaultdict
from datetime import datetime

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import span_usage_sql

SHOWN = 30  # alarms listed in one message; the rest is counted
SLOT = 300  # seconds; readings that come in together are looked at together
CRON = "amr_metering.ir_cron_check_alarms"


YESTERDAY, TODAY = SQL("today - INTERVAL '1 day'"), SQL("today")
MORNING = SQL("today + INTERVAL '6 hours'")
FINAL_SPANS = {
    # a day or a night that is over: its two ends were read in time
    "day": (YESTERDAY, TODAY, "3 hours", "3 hours"),
    "night": (TODAY, MORNING, "1 hour", "1 hour"),
    "month": (SQL("date_trunc('month', now)"), SQL("now"), "2 days", "31 days"),
}
PARTIAL_SPANS = {
    "day": (TODAY, SQL("now"), "3 hours", "1 day"),
    "night": (TODAY, SQL("LEAST(now, %s)", MORNING), "1 hour", "6 hours"),
}


class AmrAlarm(models.Model):
    """When and by what values limits are looked at, and who is told of it."""

    _inherit = "amr.alarm"

    @api.model
    def _schedule_check(self):
        """Look at the limits soon: at the end of this slot of five minutes, once."""
        cron = self.env.ref(CRON, raise_if_not_found=False)
        if not cron:
            return
        now = fields.Datetime.now().timestamp()
        slot = datetime.fromtimestamp((now // SLOT + 1) * SLOT)
        Trigger = self.env["ir.cron.trigger"].sudo()
        domain = [("cron_id", "=", cron.id), ("call_at", "=", slot)]
        if not Trigger.search_count(domain, limit=1):
            cron._trigger(slot)

    @api.model
    def _cron_check(self):
        """Nightly, and soon after readings came in: compare every meter's values.

        A day that is not over can begin an alarm, or keep one running, but it never
        ends one by itself: it has hardly begun just after midnight.
        """
        values, partial = self._get_values(), self._get_usage(PARTIAL_SPANS)
        known = {row[:2] for row in values}
        self._check_limits(values + [row for row in partial if row[:2] in known])
        self._check_limits(
            [row for row in partial if row[:2] not in known], may_end=False
        )
        self._end_unwatched()

    @api.model
    def _get_values(self):
        """Return the values to compare; addons add kinds.

        :return: list of ``(meter_id, kind, Decimal)``
        """
        measured = self.env["amr.snapshot"]._get_alarm_values()
        return [*self._get_usage(FINAL_SPANS), *self._get_unusual_use(), *measured]

    @api.model
    def _get_usage(self, spans):
        Meter = self.env["amr.meter"].sudo()
        self.env.flush_all()
        query = Meter._search([("alarm_mode", "!=", "off"), ("point_id", "!=", False)])
        usage = span_usage_sql(query.subselect(), spans)
        return self.env.execute_query(
            SQL("SELECT meter_id, span, usage FROM (%s) u", usage)
        )

    @api.model
    def _get_unusual_use(self):
        """Return how many findings about its use each meter has (manual 2.2, note 3).

        A finding that somebody has dealt with ends the alarm, so meters whose alarm
        runs count with zero.
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT m.meter_id, 'usage', COUNT(e.id)::numeric
                  FROM (SELECT meter_id FROM amr_alarm
                         WHERE kind = 'usage' AND state <> 'closed'
                         UNION
                        SELECT meter_id FROM amr_exception
                         WHERE state <> 'resolved' AND kind = ANY(%(kinds)s)
                           AND meter_id IS NOT NULL) m
                  LEFT JOIN amr_exception e ON e.meter_id = m.meter_id
                       AND e.state <> 'resolved' AND e.kind = ANY(%(kinds)s)
                 GROUP BY m.meter_id
                """,
                kinds=list(self.env["amr.exception"]._get_kinds_about_use()),
            )
        )

    @api.model
    def _end_unwatched(self):
        """End alarms of limits that were switched off, and of dismounted meters."""
        running = self.sudo().search([("state", "!=", "closed")])
        limits = running.meter_id._effective_limits()
        running.filtered(
            lambda alarm: (
                alarm.kind not in limits[alarm.meter_id.id]
                or not alarm.meter_id.point_id
            )
        )._end()

    # === Telling people === #

    def _tell(self):
        """Tell the people named for these alarms: one message a person, not an alarm.

        Users get a message in their inbox or by mail, as they prefer, and a note on
        their screen. Phones are handed to :meth:`_send_texts`.
        """
        by_user, by_phone = defaultdict(self.browse), defaultdict(self.browse)
        for alarm in self:
            users, phones = alarm._get_recipients()
            for user in users:
                by_user[user] |= alarm
            for phone in phones:
                by_phone[phone] |= alarm
            alarm.told = ", ".join([*users.mapped("name"), *phones])
        for user, alarms in by_user.items():
            alarms.with_context(lang=user.lang)._send_message(user)
        self._send_texts(by_phone)

    def _get_recipients(self):
        """Return users and phone numbers: the meter's own, else those of its limits."""
        meter, limit = self.meter_id, self.limit_id
        users = meter.alarm_user_ids or limit.user_ids or self.community_id.user_id
        phones = meter.alarm_phones or limit.phones or ""
        numbers = [part.strip() for part in phones.split(",")]
        return users.filtered("active"), list(filter(None, numbers))

    def _send_message(self, user):
        """Send a user one message about these alarms."""
        subject = self.env._("Meter alarms: %s", len(self))
        lines = Markup().join(
            Markup("<li>%s</li>") % alarm._describe() for alarm in self[:SHOWN]
        )
        body = Markup("<ul>%s</ul>") % lines
        if len(self) > SHOWN:
            body += Markup("<p>%s</p>") % self.env._(
                "and %s more; see the list of alarms.", len(self) - SHOWN
            )
        self.env["mail.thread"].with_context(
            mail_notify_force_send=False
        ).message_notify(
            partner_ids=user.partner_id.ids,
            author_id=self.env.ref("base.partner_root").id,
            subject=subject,
            body=body,
        )
        user._bus_send(
            "simple_notification",
            {"type": "warning", "title": subject, "message": self[:1]._describe()},
        )

    def _describe(self):
        """Return one line: where, which meter, what was measured, what is allowed."""
        self.ensure_one()
        values = {
            "place": self.meter_id.point_id.name or self.community_id.name or "",
            "meter": self.meter_id.number,
            "kind": dict(self._fields["kind"]._description_selection(self.env))[
                self.kind
            ],
            "value": f"{self.value:g}",
            "limit": f"{self.limit_value:g}",
        }
        if self.kind == "usage":
            return self.env._("%(place)s, meter %(meter)s: %(kind)s", **values)
        return self.env._(
            "%(place)s, meter %(meter)s: %(kind)s %(value)s, limit %(limit)s", **values
        )

    def _send_texts(self, by_phone):
        """Hook for addons that send text messages.

        :param dict by_phone: ``{phone number: alarms that began}``
        """
