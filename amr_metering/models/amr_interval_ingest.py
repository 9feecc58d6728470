"""Hourly and finer readings end in the interval store, through the one door."""

from odoo import api, models
from odoo.tools import SQL

from ..tools import ensure_partitions
from .amr_interval import TABLE
from .amr_reading_ingest import CLOCK_TOLERANCE, RESOLVE_SQL, IngestResult

# What is known around the delivery is looked for no further away than this: it keeps
# PostgreSQL out of the partitions of other years.
NEIGHBOURHOOD = "40 days"

# As in amr_reading_ingest: one sort puts every new row between its neighbours.
CHECK_SQL = """
    DROP TABLE IF EXISTS amr_interval_checked;
    CREATE TEMPORARY TABLE amr_interval_checked ON COMMIT DROP AS
    WITH span AS (
        SELECT meter_id, register, min(read_at) AS lo, max(read_at) AS hi
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
         GROUP BY meter_id, register
    ), usable AS NOT MATERIALIZED (
        SELECT meter_id, register, read_at, index FROM amr_interval
         WHERE quality IN ('ok', 'estimated')
           AND read_at BETWEEN %(first)s::timestamp - %(near)s::interval
                           AND %(last)s::timestamp + %(near)s::interval
    ), known AS (
        SELECT k.* FROM span s CROSS JOIN LATERAL (
            (SELECT u.* FROM usable u
              WHERE u.meter_id = s.meter_id AND u.register = s.register
                AND u.read_at < s.lo
              ORDER BY u.read_at DESC LIMIT 1)
            UNION ALL
            (SELECT u.* FROM usable u
              WHERE u.meter_id = s.meter_id AND u.register = s.register
                AND u.read_at BETWEEN s.lo AND s.hi)
            UNION ALL
            (SELECT u.* FROM usable u
              WHERE u.meter_id = s.meter_id AND u.register = s.register
                AND u.read_at > s.hi
              ORDER BY u.read_at LIMIT 1)) k
    ), series AS (
        SELECT true AS fresh, line, meter_id, register, read_at, source, index
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
        UNION ALL
        SELECT false, NULL, meter_id, register, read_at, NULL, index FROM known
    ), placed AS (
        SELECT *, LAG(index) OVER w AS before_index, LAG(read_at) OVER w AS before_at,
               LEAD(index) OVER w AS after_index, LEAD(fresh) OVER w AS after_fresh
          FROM series
        WINDOW w AS (PARTITION BY meter_id, register ORDER BY read_at, fresh, index)
    )
    SELECT p.line, p.meter_id, p.register, p.read_at, p.source, p.index, p.before_index,
           CASE
             WHEN p.read_at > (now() AT TIME ZONE 'UTC') + %(tolerance)s::interval
               THEN 'future'
             WHEN p.before_at = p.read_at THEN 'conflict'
             WHEN amr_index_step(p.before_index, p.index, mm.digits) < 0 THEN 'negative'
             WHEN NOT p.after_fresh
              AND amr_index_step(p.index, p.after_index, mm.digits) < 0 THEN 'negative'
           END AS finding
      FROM placed p
      JOIN amr_meter m ON m.id = p.meter_id
      JOIN amr_meter_model mm ON mm.id = m.model_id
     WHERE p.fresh
       AND (p.before_at = p.read_at AND p.before_index = p.index) IS NOT TRUE
"""

INSERT_SQL = """
    INSERT INTO amr_interval (meter_id, register, read_at, index, source, quality,
                              received_at)
    SELECT meter_id, register, read_at, index, source,
           CASE WHEN finding IS NOT NULL THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           now() AT TIME ZONE 'UTC'
      FROM amr_interval_checked
    ON CONFLICT DO NOTHING
"""

LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at, comm_fault_since = NULL
      FROM (SELECT DISTINCT ON (meter_id) meter_id, index, read_at
              FROM amr_interval_checked
             WHERE register = 'total' AND finding IS NULL
             ORDER BY meter_id, read_at DESC, line DESC) r
     WHERE m.id = r.meter_id AND (m.latest_at IS NULL OR m.latest_at <= r.read_at)
"""

# One exception a meter and kind, however many hours are odd.
FINDINGS_SQL = """
    SELECT c.finding, c.meter_id, count(*), min(c.read_at)
      FROM amr_interval_checked c
      JOIN amr_interval i USING (meter_id, register, read_at, index)
     WHERE c.finding IS NOT NULL AND i.received_at = now() AT TIME ZONE 'UTC'
     GROUP BY c.finding, c.meter_id
"""

MIDNIGHT_SQL = """
    SELECT s.line, s.meter_id
      FROM amr_reading_stage s
      JOIN amr_meter m ON m.id = s.meter_id
      JOIN amr_community c ON c.id = m.community_id
     WHERE (s.read_at AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::time = '00:00'
"""


class AmrInterval(models.Model):
    _inherit = "amr.interval"

    def _settle_exceptions(self):
        """Settle what ingestion raised of meters that have no suspect value left."""
        suspects = self.search(
            [("meter_id", "in", self.meter_id.ids), ("quality", "=", "suspect")]
        )
        exceptions = self.env["amr.exception"].search(
            [
                ("meter_id", "in", (self.meter_id - suspects.meter_id).ids),
                ("kind", "in", ("future", "conflict", "negative")),
                ("state", "=", "open"),
            ]
        )
        exceptions.filtered(lambda e: not e._get_suspects())._settle(
            self.env._("Accepted by %s.", self.env.user.name)
        )

    @api.model
    def _ingest_with_others(self, rows):
        """Take a delivery with hourly rows in; called by ``amr.reading._ingest``.

        An hourly index at local midnight is the daily freeze as well, so that days,
        months and bills stand on one number.

        :rtype: IngestResult
        """
        Reading = self.env["amr.reading"]
        stored, freezes = self._ingest([row for row in rows if row["kind"] == "hourly"])
        Reading._ingest(freezes)
        others = Reading._ingest([row for row in rows if row["kind"] != "hourly"])
        return IngestResult(*map(sum, zip(stored, others, strict=True)))

    @api.model
    def _ingest(self, rows):
        """Take interval readings in.

        :param list rows: as of ``amr.reading._ingest``
        :return: the IngestResult, and the rows at local midnight as daily freezes
        """
        self = self.sudo()
        Reading = self.env["amr.reading"]
        self.env.flush_all()
        cr = self.env.cr
        first = min(row["read_at"] for row in rows)
        last = max(row["read_at"] for row in rows)
        ensure_partitions(cr, TABLE, first.date(), last.date())
        Reading._stage_rows(rows)
        cr.execute(RESOLVE_SQL, {"company": self.env.company.id})
        cr.execute(
            CHECK_SQL,
            {
                "tolerance": CLOCK_TOLERANCE,
                "near": NEIGHBOURHOOD,
                "first": first,
                "last": last,
            },
        )
        cr.execute(INSERT_SQL)
        inserted = cr.rowcount
        cr.execute(LATEST_SQL)
        self.env["amr.alarm"]._schedule_check()
        self.env.invalidate_all(flush=False)
        findings = self._raise_findings()
        freezes = self._take_freezes(rows)
        unknown = self.env["amr.unknown.reading"]._keep(rows)
        result = IngestResult(
            inserted=inserted,
            duplicates=len(rows) - inserted - unknown,
            conflicts=findings.get("conflict", 0),
            suspects=sum(findings.values()),
            unknown=unknown,
        )
        return result, freezes

    @api.model
    def _take_freezes(self, rows):
        freezes = [
            {**rows[line], "meter_id": meter_id, "kind": "daily"}
            for line, meter_id in self.env.execute_query(SQL(MIDNIGHT_SQL))
        ]
        self.env.cr.execute("SELECT DISTINCT meter_id FROM amr_interval_checked")
        meters = self.env["amr.meter"].browse(row[0] for row in self.env.cr.fetchall())
        meters._refresh_state()
        return freezes

    @api.model
    def _raise_findings(self):
        """Open an exception for every meter with suspect intervals.

        :return: ``{kind: number of rows}``
        """
        counts = {}
        for kind, meter_id, count, since in self.env.execute_query(SQL(FINDINGS_SQL)):
            counts[kind] = counts.get(kind, 0) + count
            meter = self.env["amr.meter"].browse(meter_id)
            self.env["amr.exception"]._raise_exception(
                kind,
                self.env._(
                    "Meter %(meter)s: %(count)s interval readings since %(since)s "
                    "(UTC) do not fit their neighbours; look at the suspect ones "
                    "under Interval readings and accept the right values.",
                    meter=meter.number,
                    count=count,
                    since=since,
                ),
                meter=meter,
            )
        return counts
