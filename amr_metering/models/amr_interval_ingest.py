"""Hourly and finer readings end in the interval store, through the one door."""

from odoo import api, models
from odoo.tools import SQL

from ..tools import ensure_partitions
from .amr_interval import TABLE
from .amr_reading_ingest import CLOCK_TOLERANCE, IngestResult
from .reading_sql import LAST_ID_SQL, RESOLVE_SQL

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

# As in reading_sql: what was known before stays what was made of it …
AGAIN_SQL = """
    DROP TABLE IF EXISTS amr_interval_again;
    CREATE TEMPORARY TABLE amr_interval_again ON COMMIT DROP AS
    SELECT c.line, c.meter_id, c.finding, k.*
      FROM amr_interval_checked c
     CROSS JOIN LATERAL (
        SELECT i.id, i.read_at, i.received_at, i.quality FROM amr_interval i
         WHERE i.meter_id = c.meter_id AND i.register = c.register
           AND i.read_at = c.read_at AND i.index = c.index AND i.id <= %(last)s
        OFFSET 0) k;
    DELETE FROM amr_interval_checked
     WHERE line IN (SELECT line FROM amr_interval_again)
"""

# … unless nothing speaks against it any more and nobody has decided on it.
CLEARED_SQL = """
    UPDATE amr_interval i SET quality = 'ok'
      FROM amr_interval_again a
     WHERE i.meter_id = a.meter_id AND i.read_at = a.read_at AND i.id = a.id
       AND a.quality = 'suspect' AND a.finding IS NULL AND a.received_at >= a.read_at
       AND EXISTS (SELECT 1 FROM amr_exception e
                    WHERE e.meter_id = a.meter_id AND e.state = 'open'
                      AND e.kind IN ('conflict', 'negative'))
       AND NOT EXISTS (  -- somebody put its freeze aside
            SELECT 1 FROM amr_reading r
             WHERE r.meter_id = i.meter_id AND r.register = i.register
               AND r.kind = 'daily' AND r.read_at = i.read_at AND r.index = i.index
               AND r.quality = 'suspect' AND NOT EXISTS (
                    SELECT 1 FROM amr_reading_verdict v
                      JOIN amr_exception e ON e.id = v.exception_id
                     WHERE v.reading_id = r.id AND e.state = 'open'))
    RETURNING i.id
"""

LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at, comm_fault_since = NULL
      FROM (SELECT DISTINCT ON (meter_id) meter_id, index, read_at
              FROM amr_interval_checked
             WHERE register = 'total' AND finding IS NULL AND source <> 'estimate'
             ORDER BY meter_id, read_at DESC, line DESC) r
     WHERE m.id = r.meter_id AND (m.latest_at IS NULL OR m.latest_at <= r.read_at)
"""

# One exception a meter and kind, however many hours are odd.
FINDINGS_SQL = """
    SELECT finding, meter_id, count(*), min(read_at)
      FROM amr_interval_checked WHERE finding IS NOT NULL
     GROUP BY finding, meter_id
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

    def _settle_exceptions(self, resolution):
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
        exceptions.filtered(lambda e: not e._get_suspects())._settle(resolution)

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
        ensure_partitions(cr, TABLE, {row["read_at"].date() for row in rows})
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
        inserted, cleared = self._insert(cr.rowcount)
        self.env["amr.alarm"]._schedule_check()
        self.env.invalidate_all(flush=False)
        self._use_cleared(cleared)
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
    def _insert(self, checked):
        """Insert the rows that were looked at.

        :param int checked: how many they are
        :return: how many are new, and the ids of those that were held back before and
            are used now
        """
        cr, cleared = self.env.cr, []
        cr.execute(LAST_ID_SQL, (f"{TABLE}_id_seq",))
        [last] = cr.fetchone()
        cr.execute(INSERT_SQL)
        inserted = cr.rowcount
        if inserted < checked:
            cr.execute(AGAIN_SQL, {"last": last})
            cr.execute(CLEARED_SQL)
            cleared = [row[0] for row in cr.fetchall()]
        cr.execute(LATEST_SQL)
        return inserted, cleared

    @api.model
    def _use_cleared(self, interval_ids):
        """Use what came in again and fits now (its freeze of midnight comes again)."""
        if interval_ids:
            cleared = self.browse(interval_ids)
            cleared.meter_id._refresh_latest()
            cleared._settle_exceptions(
                self.env._("It came in again, and nothing speaks against it now.")
            )

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
