from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import span_usage_sql

DAYS = 7
OLD = 3  # days after which an exception is late
LEVELS = {
    "normal": "ok",
    "comm_fault": "fault",
    "cut": "cut",
    "not_enabled": "new",
    "closed": "new",
}

READ_SQL = """
    WITH days AS MATERIALIZED (
        SELECT c.id AS community_id, l.day::date,
               l.day AT TIME ZONE c.tz AT TIME ZONE 'UTC' AS begin_at,
               (l.day + INTERVAL '1 day') AT TIME ZONE c.tz AT TIME ZONE 'UTC'
                   AS end_at
          FROM amr_community c
         CROSS JOIN generate_series(0, %(days)s - 1) d(ago)
         CROSS JOIN LATERAL (
            SELECT ((%(now)s::timestamp AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date
                    - d.ago)::timestamp AS day) l
    )
    SELECT s.day, COUNT(*), COUNT(h.hit)
      FROM amr_meter m
      JOIN days s ON s.community_id = m.community_id
      JOIN amr_installation i ON i.meter_id = m.id AND i.date_from < s.end_at
       AND (i.date_to IS NULL OR i.date_to >= s.end_at)
      LEFT JOIN LATERAL (
       (SELECT 1 AS hit FROM amr_reading r
         WHERE r.meter_id = m.id AND r.read_at >= s.begin_at AND r.read_at < s.end_at
           AND r.quality = 'ok' AND r.superseded_by_id IS NULL
         LIMIT 1)
         UNION ALL
       (SELECT 1 FROM amr_interval v
         WHERE v.meter_id = m.id AND v.read_at >= s.begin_at AND v.read_at < s.end_at
           AND v.quality = 'ok' AND v.source <> 'estimate'
         LIMIT 1)
         LIMIT 1) h ON true
     WHERE m.active AND m.id = ANY(ARRAY%(meters)s)
     GROUP BY s.day ORDER BY s.day
"""

MONTH = SQL("date_trunc('month', now)")
LAST_MONTH = SQL("date_trunc('month', now) - INTERVAL '1 month'")
SPANS = {
    "month": (MONTH, SQL("now"), "2 days", "31 days"),
    "same": (LAST_MONTH, SQL("now - INTERVAL '1 month'"), "2 days", "2 days"),
    "last": (LAST_MONTH, MONTH, "2 days", "2 days"),
}

# like is compared with like: meters that have both months
CONSUMPTION_SQL = """
    WITH wide AS (
        SELECT meter_id, utility_id,
               MAX(usage) FILTER (WHERE span = 'month') AS month,
               MAX(usage) FILTER (WHERE span = 'same') AS same,
               MAX(usage) FILTER (WHERE span = 'last') AS last
          FROM (%(usage)s) u GROUP BY meter_id, utility_id
    )
    SELECT u.id, COUNT(w.month), SUM(w.month), SUM(w.last),
           SUM(w.month) FILTER (WHERE w.same IS NOT NULL),
           SUM(w.same) FILTER (WHERE w.month IS NOT NULL)
      FROM wide w JOIN amr_utility u ON u.id = w.utility_id
     GROUP BY u.id, u.sequence ORDER BY u.sequence, u.id
"""


def share(part, whole):
    """Return a percentage with one decimal, cut off: 100 is all of them, not nearly."""
    return 1000 * part // whole / 10


class AmrDashboard(models.AbstractModel):
    """Dashboard (系统运行概要), the landing page (KTAMR manual 2.2).

    It shows what the user may see, in one call and without a query per meter. Addons
    add cards by overriding :meth:`_get_cards`.
    """

    _name = "amr.dashboard"
    _description = "Dashboard"

    @api.model
    @api.readonly
    def get_data(self, community_id=False):
        """Return all figures of the dashboard.

        :param int community_id: only of this community; all in scope without it
        """
        communities = self.env["amr.community"].search([("active", "=", True)])
        chosen = communities.filtered(lambda one: one.id == community_id)
        scope = [("community_id", "=", chosen.id)] if chosen else []
        self.env.flush_all()
        return {
            "communities": [[one.id, one.name] for one in communities],
            "community_id": chosen.id,
            "guide": self._get_guide(),
            "todo": self._get_todo(scope),
            "cards": self._get_cards(scope),
            "read_success": self._get_read_success(scope),
            "consumption": self._get_consumption(scope),
        }

    # === Helpers of addons that add cards === #

    @api.model
    def _prepare_action(self, name, model, domain, context=None):
        """Return the action that lists what a figure counts."""
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "views": [[False, "list"], [False, "form"]],
            "domain": domain,
            "context": context or {},
            "target": "current",
        }

    @api.model
    def _meters_subselect(self, domain):
        return self.env["amr.meter"]._search(domain).subselect()

    # === Cards === #

    @api.model
    def _get_cards(self, scope):
        """Return cards: ``key``, ``title``, ``icon``, ``total``, ``action``, ``rows``.

        A row has ``label``, ``count``, ``level`` (colour of the status board),
        ``note`` and ``action``.

        :param list scope: domain over ``community_id``
        """
        return [
            self._get_meter_card(scope),
            self._get_alarm_card(scope),
            self._get_exception_card(scope),
        ]

    @api.model
    def _get_meter_card(self, scope):
        """Shares of the meters' states (KTAMR manual 2.2)."""
        Meter, title = self.env["amr.meter"], self.env._("Meters")
        domain = [*scope, ("point_id", "!=", False)]
        labels = dict(Meter._fields["state"]._description_selection(self.env))
        counts = dict(Meter._read_group(domain, ["state"], ["__count"]))
        total = sum(counts.values())
        rows = [
            {
                "label": label,
                "count": counts[state],
                "share": share(counts[state], total),
                "level": LEVELS[state],
                "action": self._prepare_action(
                    label, "amr.meter", [*domain, ("state", "=", state)]
                ),
            }
            for state, label in labels.items()
            if counts.get(state)
        ]
        return {
            "key": "meters",
            "title": title,
            "icon": "fa-tachometer",
            "total": total,
            "action": self._prepare_action(title, "amr.meter", domain),
            "rows": rows,
        }

    @api.model
    def _get_alarm_card(self, scope):
        Alarm, title = self.env["amr.alarm"], self.env._("Alarms")
        domain = [*scope, ("state", "!=", "closed")]
        labels = dict(Alarm._fields["kind"]._description_selection(self.env))
        rows = [
            {
                "label": labels[kind],
                "count": count,
                "level": "alarm",
                "action": self._prepare_action(
                    labels[kind], "amr.alarm", [*domain, ("kind", "=", kind)]
                ),
            }
            for kind, count in Alarm._read_group(
                domain, ["kind"], ["__count"], order="__count desc"
            )
        ]
        return {
            "key": "alarms",
            "title": title,
            "icon": "fa-bell",
            "total": sum(row["count"] for row in rows),
            "action": self._prepare_action(title, "amr.alarm", domain),
            "rows": rows,
        }

    @api.model
    def _get_exception_card(self, scope):
        """Open exceptions by kind, with how many of them are late."""
        Exception_, title = self.env["amr.exception"], self.env._("Open exceptions")
        domain = [*scope, ("state", "!=", "resolved")]
        late = dict(
            Exception_._read_group(
                [*domain, ("create_date", "<", self._late())], ["kind"], ["__count"]
            )
        )
        labels = dict(Exception_._fields["kind"]._description_selection(self.env))
        rows = [
            {
                "label": labels[kind],
                "count": count,
                "level": "fault",
                "note": self.env._(
                    "%(count)s older than %(days)s days",
                    count=late[kind],
                    days=OLD,
                )
                if kind in late
                else "",
                "action": self._prepare_action(
                    labels[kind], "amr.exception", [*domain, ("kind", "=", kind)]
                ),
            }
            for kind, count in Exception_._read_group(
                domain, ["kind"], ["__count"], order="__count desc"
            )
        ]
        return {
            "key": "exceptions",
            "title": title,
            "icon": "fa-exclamation-triangle",
            "total": sum(row["count"] for row in rows),
            "action": self._prepare_action(title, "amr.exception", domain),
            "rows": rows,
        }

    @api.model
    def _late(self):
        return fields.Datetime.subtract(fields.Datetime.now(), days=OLD)

    # === Figures over days === #

    @api.model
    def _get_read_success(self, scope):
        """Return, for the last days, how many installed meters were read.

        A reading counts when it was measured: estimates and suspect ones do not.
        """
        rows = self.env.execute_query(
            SQL(
                READ_SQL,
                days=DAYS,
                now=fields.Datetime.now(),
                meters=self._meters_subselect([*scope, ("point_id", "!=", False)]),
            )
        )
        return [
            {
                "day": fields.Date.to_string(day),
                "total": total,
                "read": read,
                "share": share(read, total),
            }
            for day, total, read in rows
        ]

    @api.model
    def _get_consumption(self, scope):
        """Return this month's use so far beside last month's, by utility.

        Master meters are left out: their use is that of the meters behind them.
        """
        domain = [*scope, ("point_id.kind", "in", ("normal", "public"))]
        meters = self._meters_subselect(domain)
        rows = self.env.execute_query(
            SQL(CONSUMPTION_SQL, usage=span_usage_sql(meters, SPANS))
        )
        totals = dict(
            self.env["amr.meter"]._read_group(domain, ["utility_id"], ["__count"])
        )
        result = []
        for utility_id, measured, month, last, comparable, same in rows:
            utility = self.env["amr.utility"].browse(utility_id)
            result.append(
                {
                    "id": utility_id,
                    "name": utility.name,
                    "icon": utility.icon,
                    "unit": utility.uom_name,
                    "month": float(month or 0),
                    "last": float(last or 0),
                    "same": float(same or 0),
                    "change": float(round(100 * (comparable - same) / same, 1))
                    if same
                    else False,
                    "measured": measured,
                    "total": totals.get(utility, 0),
                }
            )
        return result
