from odoo import models
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

# At one moment what people decided on (the reading) counts before the hourly value.
LATEST_SQL = """
    SELECT index, read_at FROM (
        (SELECT index, read_at, 1 AS rank FROM amr_reading
          WHERE meter_id = %(meter)s AND register = 'total' AND quality = 'ok'
            AND superseded_by_id IS NULL
          ORDER BY read_at DESC, id DESC LIMIT 1)
        UNION ALL
        (SELECT index, read_at, 2 FROM amr_interval
          WHERE meter_id = %(meter)s AND register = 'total' AND quality = 'ok'
          ORDER BY read_at DESC, index DESC LIMIT 1)) newest
     ORDER BY read_at DESC, rank LIMIT 1
"""


class AmrMeter(models.Model):
    """What a meter shows now, and what it measured from day to day."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    def _refresh_latest(self):
        """Take each meter's latest index from the newest usable one, hourly or not."""
        self.env["amr.reading"].flush_model()
        for meter in self:
            found = self.env.execute_query(SQL(LATEST_SQL, meter=meter.id))
            index, read_at = found[0] if found else (0, False)
            meter.write({"latest_index": index, "latest_at": read_at})
            if not found:
                meter.installation_ids._show_opening_index()

    def _daily_usage(self, date_from, date_to):
        """Return consumption by local day, from daily freezes and factors.

        :param date date_from: first day
        :param date date_to: day after the last
        :return: ``{meter_id: [(day, Decimal consumption), …]}``, days in order; a day
            without a freeze at both ends is left out
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH frozen AS (
                    SELECT r.meter_id, r.read_at, r.index, m.factor, mm.digits,
                           (r.read_at AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date AS day
                      FROM amr_reading r
                      JOIN amr_meter m ON m.id = r.meter_id
                      JOIN amr_meter_model mm ON mm.id = m.model_id
                      JOIN amr_community c ON c.id = m.community_id
                     WHERE r.meter_id = ANY(%(ids)s) AND r.kind = 'daily'
                       AND r.register = 'total' AND r.superseded_by_id IS NULL
                       AND r.quality <> 'suspect'
                       AND r.read_at >= %(first)s::date - INTERVAL '1 day'
                       AND r.read_at < %(last)s::date + INTERVAL '2 days'
                ), pair AS (
                    SELECT *, LEAD(index) OVER w AS next_index,
                           LEAD(day) OVER w AS next_day,
                           LEAD(read_at) OVER w AS next_at
                      FROM frozen WINDOW w AS (PARTITION BY meter_id ORDER BY day)
                )
                SELECT meter_id, day,
                       COALESCE(u.usage, amr_index_step(index, next_index, digits)
                                         * factor)::text
                  FROM pair CROSS JOIN LATERAL (
                    -- a day may see two factors, or a meter put in
                    SELECT sum(i.factor * amr_index_step(
                               CASE WHEN i.date_from > pair.read_at
                                    THEN i.start_index ELSE pair.index END,
                               CASE WHEN i.date_to < pair.next_at
                                    THEN i.end_index ELSE pair.next_index END,
                               pair.digits)) AS usage
                      FROM amr_installation i
                     WHERE i.meter_id = pair.meter_id AND i.date_from < pair.next_at
                       AND (i.date_to IS NULL OR i.date_to > pair.read_at)) u
                 WHERE next_day = day + 1 AND day >= %(first)s AND day < %(last)s
                 ORDER BY meter_id, day
                """,
                ids=list(self.ids),
                first=date_from,
                last=date_to,
            )
        )
        usage = {meter_id: [] for meter_id in self.ids}
        for meter_id, day, consumption in rows:
            usage[meter_id].append((day, dec(consumption)))
        return usage

    def _is_rolled_over(self, before, after):
        """Tell whether a lower index means that the register began again at zero."""
        self.ensure_one()
        [(rolled,)] = self.env.execute_query(
            SQL(
                "SELECT amr_rolled_over(%s, %s, %s)",
                before,
                after,
                self.model_id.digits,
            )
        )
        return rolled
