"""The one door for readings (design, flow 1): import, handheld, manual entry, remote
reads, pushes and estimates all come in through :meth:`AmrReading._ingest`."""

import csv
import io
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

CLOCK_TOLERANCE = "10 minutes"
MONTH_DAYS = 30.4375

STAGE_SQL = """
    CREATE TEMPORARY TABLE IF NOT EXISTS amr_reading_stage (
        line integer, meter_id integer, address varchar, register varchar,
        read_at timestamp, kind varchar, source varchar, index numeric(16, 3)
    ) ON COMMIT DROP;
    TRUNCATE amr_reading_stage;
"""

RESOLVE_SQL = """
    UPDATE amr_reading_stage s SET meter_id = m.id
      FROM amr_meter m
     WHERE s.meter_id IS NULL AND m.address = s.address AND m.active
       AND m.company_id = ANY(%(companies)s)
"""

# What is known around the delivery is fetched once per meter and register, not per
# row; one sort then puts every new row between its neighbours in time.
CHECK_SQL = """
    CREATE TEMPORARY TABLE amr_reading_checked ON COMMIT DROP AS
    WITH span AS (
        SELECT meter_id, register, min(read_at) AS lo, max(read_at) AS hi
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
         GROUP BY meter_id, register
    ), usable AS NOT MATERIALIZED (
        SELECT meter_id, register, read_at, kind, index FROM amr_reading
         WHERE quality <> 'suspect' AND superseded_by_id IS NULL
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
        UNION ALL
        SELECT i.meter_id, s.register, i.date_from, 'opening', i.start_index
          FROM span s JOIN amr_installation i ON i.meter_id = s.meter_id
         WHERE s.register = 'total' AND i.date_from < s.hi
    ), series AS (
        SELECT true AS fresh, line, meter_id, register, read_at, kind, source, index
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
        UNION ALL
        SELECT false, NULL, meter_id, register, read_at, kind, NULL, index FROM known
    ), placed AS (
        SELECT *, LAG(index) OVER w AS before_index, LAG(read_at) OVER w AS before_at,
               LAG(kind) OVER w AS before_kind, LEAD(index) OVER w AS after_index,
               LEAD(fresh) OVER w AS after_fresh
          FROM series
        WINDOW w AS (PARTITION BY meter_id, register
                     ORDER BY read_at, kind, fresh, index)
    ), limits AS (
        SELECT m.id AS meter_id, v.normal_max, v.date_from, v.date_to,
               g.date_from AS agreed_from, g.date_to AS agreed_to
          FROM amr_tariff_version v
          JOIN amr_agreement g ON g.tariff_id = v.tariff_id
          JOIN amr_meter m ON m.point_id = g.point_id
         WHERE v.normal_max > 0
    )
    SELECT p.line, p.meter_id, p.register, p.read_at, p.kind, p.source, p.index,
           p.before_index, m.company_id,
           CASE
             WHEN p.read_at > (now() AT TIME ZONE 'UTC') + %(tolerance)s::interval
               THEN 'future'
             WHEN p.before_at = p.read_at AND p.before_kind = p.kind THEN 'conflict'
             WHEN p.index < p.before_index
                  AND NOT amr_rolled_over(p.before_index, p.index, mm.digits)
               THEN 'negative'
             WHEN NOT p.after_fresh AND p.after_index < p.index
                  AND NOT amr_rolled_over(p.index, p.after_index, mm.digits)
               THEN 'negative'
             WHEN (p.index - p.before_index) * m.factor > l.normal_max
                  * GREATEST(1, EXTRACT(epoch FROM p.read_at - p.before_at)
                                / (86400 * %(month_days)s))
               THEN 'high'
           END AS finding
      FROM placed p
      JOIN amr_meter m ON m.id = p.meter_id
      JOIN amr_meter_model mm ON mm.id = m.model_id
      LEFT JOIN limits l ON l.meter_id = p.meter_id
           AND l.agreed_from <= p.read_at
           AND (l.agreed_to IS NULL OR l.agreed_to > p.read_at)
           AND l.date_from <= p.read_at
           AND (l.date_to IS NULL OR l.date_to > p.read_at)
     WHERE p.fresh AND (p.before_at = p.read_at AND p.before_kind = p.kind
                        AND p.before_index = p.index) IS NOT TRUE
"""

INSERT_SQL = """
    INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index, quality,
                             company_id, received_at)
    SELECT meter_id, register, read_at, kind, source, index,
           CASE WHEN finding IS NOT NULL THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           company_id, now() AT TIME ZONE 'UTC'
      FROM amr_reading_checked
    ON CONFLICT DO NOTHING
"""

LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at
      FROM (SELECT DISTINCT ON (meter_id) meter_id, index, read_at
              FROM amr_reading_checked
             WHERE register = 'total' AND finding IS NULL
             ORDER BY meter_id, read_at DESC, line DESC) r
     WHERE m.id = r.meter_id
       AND (m.latest_at IS NULL OR m.latest_at <= r.read_at)
"""

ANSWERED_SQL = """
    UPDATE amr_meter SET comm_fault_since = NULL
     WHERE comm_fault_since IS NOT NULL AND id IN (
        SELECT meter_id FROM amr_reading_stage WHERE source IN ('remote', 'push'))
"""


class IngestResult(NamedTuple):
    """What became of one delivery: numbers of rows."""

    inserted: int
    duplicates: int
    conflicts: int
    suspects: int
    unknown: int


class AmrReading(models.Model):
    _inherit = "amr.reading"

    def init(self):
        result = super().init()
        # a register rolls over from its last twentieth into its first
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION amr_rolled_over(
                before_index numeric, after_index numeric, digits integer
            ) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
                SELECT before_index >= 0.95 * 10 ^ digits
                   AND after_index <= 0.05 * 10 ^ digits
            $$
            """
        )
        return result

    @api.model
    def _ingest(self, rows):
        """Take readings in: de-duplicate, validate, insert, raise what is odd.

        Nothing is lost: the same row twice is one reading; a different value for the
        same time is kept as suspect; a row of an unknown meter becomes an exception.

        :param list rows: dicts with ``meter_id`` or ``address``, ``register``
            ("total" when left out), ``read_at`` (naive UTC datetime), ``kind``,
            ``source`` and ``index`` (Decimal, in the utility's unit, before factor)
        :rtype: IngestResult
        """
        self = self.sudo()
        if not rows:
            return IngestResult(0, 0, 0, 0, 0)
        if any(row["kind"] == "hourly" for row in rows):
            return self.env["amr.interval"]._ingest_with_others(rows)
        self.env.flush_all()
        self._stage_rows(rows)
        cr = self.env.cr
        if not all(row.get("meter_id") for row in rows):
            cr.execute(RESOLVE_SQL, {"companies": self.env.companies.ids})
        cr.execute("DROP TABLE IF EXISTS amr_reading_checked")
        cr.execute(CHECK_SQL, {"tolerance": CLOCK_TOLERANCE, "month_days": MONTH_DAYS})
        cr.execute(INSERT_SQL)
        inserted = cr.rowcount
        cr.execute(LATEST_SQL)
        cr.execute(ANSWERED_SQL)
        cr.execute(
            "SELECT DISTINCT meter_id FROM amr_reading_stage WHERE meter_id IS NOT NULL"
        )
        meters = self.env["amr.meter"].browse(row[0] for row in cr.fetchall())
        self.env.invalidate_all(flush=False)
        meters._refresh_state()
        findings = self._raise_findings()
        unknown = self._raise_unknown(rows)
        self.env["amr.alarm"]._schedule_check()
        return IngestResult(
            inserted=inserted,
            duplicates=len(rows) - inserted - unknown,
            conflicts=findings.count("conflict"),
            suspects=len(findings),
            unknown=unknown,
        )

    @api.model
    def _stage_rows(self, rows):
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        for line, row in enumerate(rows):
            writer.writerow(
                (
                    line,
                    row.get("meter_id") or "",
                    row.get("address") or "",
                    row.get("register", "total"),
                    row["read_at"],
                    row["kind"],
                    row["source"],
                    row["index"],
                )
            )
        buffer.seek(0)
        self.env.cr.execute(STAGE_SQL)
        self.env.cr.copy_expert(
            "COPY amr_reading_stage FROM STDIN WITH (FORMAT csv)", buffer
        )

    @api.model
    def _raise_findings(self):
        """Open an exception for every suspect row of the delivery just checked.

        :return: list of the kinds found
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.finding, c.meter_id, c.before_index::text, c.index::text,
                       r.id
                  FROM amr_reading_checked c
                  JOIN amr_reading r USING (meter_id, register, kind, read_at, index)
                 WHERE c.finding IS NOT NULL
                   AND r.received_at = now() AT TIME ZONE 'UTC'
                 ORDER BY c.line
                """
            )
        )
        Meter, Exception_ = self.env["amr.meter"], self.env["amr.exception"]
        for finding, meter_id, before, index, reading_id in rows:
            meter = Meter.browse(meter_id)
            Exception_._raise_exception(
                finding,
                self._describe_finding(finding, meter, before, index),
                meter=meter,
                reading=self.browse(reading_id),
            )
        return [row[0] for row in rows]

    @api.model
    def _describe_finding(self, finding, meter, before, index):
        values = {"meter": meter.number, "before": before or "-", "index": index}
        if finding == "future":
            return self.env._(
                "Meter %(meter)s: index %(index)s is stamped in the future; check the "
                "clock of the meter.",
                **values,
            )
        if finding == "conflict":
            return self.env._(
                "Meter %(meter)s: index %(index)s differs from what was read for the "
                "same time; accept the right one.",
                **values,
            )
        if finding == "high":
            return self.env._(
                "Meter %(meter)s: from %(before)s to %(index)s is more than the "
                "tariff's normal use; look for a leak or a wrong reading.",
                **values,
            )
        return self.env._(
            "Meter %(meter)s: index %(index)s does not fit its neighbour "
            "(%(before)s before); it went backwards or was misread.",
            **values,
        )

    @api.model
    def _raise_unknown(self, rows):
        unknown = self.env.execute_query(
            SQL("SELECT line FROM amr_reading_stage WHERE meter_id IS NULL")
        )
        for (line,) in unknown:
            row = rows[line]
            self.env["amr.exception"]._raise_exception(
                "unknown",
                self.env._(
                    "No meter has the address %(address)s; it reported %(index)s at "
                    "%(read_at)s (UTC). Add the meter, then import the reading.",
                    address=row.get("address") or "?",
                    index=row["index"],
                    read_at=row["read_at"],
                ),
            )
        return len(unknown)

    def _accept(self):
        """Take suspect readings as good; others of the same time are superseded.

        The latest word counts: a reading that lost to a rival before is used again,
        or all values of that time would be superseded, each by another.
        """
        for reading in self.sudo():
            rivals = self.sudo().search(
                [
                    ("meter_id", "=", reading.meter_id.id),
                    ("register", "=", reading.register),
                    ("kind", "=", reading.kind),
                    ("read_at", "=", reading.read_at),
                    ("superseded_by_id", "=", False),
                    ("id", "!=", reading.id),
                ]
            )
            rivals.superseded_by_id = reading
            reading.write({"quality": "ok", "superseded_by_id": False})
            reading.meter_id._refresh_latest()
