"""The one door for readings (design, flow 1): import, handheld, manual entry, remote
reads, pushes and estimates all come in through :meth:`AmrReading._ingest`."""

import csv
import io
from typing import NamedTuple

from odoo import api, fields, models
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

# Every new row is compared with the usable reading before and after it on the same
# register, be it in the table or in the same delivery.
CHECK_SQL = """
    CREATE TEMPORARY TABLE amr_reading_checked ON COMMIT DROP AS
    WITH fresh AS (
        SELECT DISTINCT ON (s.meter_id, s.register, s.kind, s.read_at, s.index) s.*
          FROM amr_reading_stage s
         WHERE s.meter_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM amr_reading r
             WHERE r.meter_id = s.meter_id AND r.register = s.register
               AND r.kind = s.kind AND r.read_at = s.read_at AND r.index = s.index)
         ORDER BY s.meter_id, s.register, s.kind, s.read_at, s.index, s.line
    ), neighbours AS (
        SELECT f.*,
               LAG(f.index) OVER w AS batch_before,
               LAG(f.read_at) OVER w AS batch_before_at
          FROM fresh f
        WINDOW w AS (PARTITION BY f.meter_id, f.register
                     ORDER BY f.read_at, f.index, f.line)
    )
    SELECT n.line, n.meter_id, n.register, n.read_at, n.kind, n.source, n.index,
           b.index AS before_index, b.read_at AS before_at,
           m.company_id, m.community_id, m.factor,
           CASE
             WHEN n.read_at > (now() AT TIME ZONE 'UTC') + %(tolerance)s::interval
               THEN 'future'
             WHEN n.batch_before_at = n.read_at OR EXISTS (
                SELECT 1 FROM amr_reading r
                 WHERE r.meter_id = n.meter_id AND r.register = n.register
                   AND r.kind = n.kind AND r.read_at = n.read_at
                   AND r.superseded_by_id IS NULL)
               THEN 'conflict'
             WHEN a.index < n.index AND NOT amr_rolled_over(n.index, a.index, mm.digits)
               THEN 'negative'
             WHEN n.index < b.index AND NOT amr_rolled_over(b.index, n.index, mm.digits)
               THEN 'negative'
             WHEN v.normal_max > 0 AND (n.index - b.index) * m.factor > v.normal_max
                  * GREATEST(1, EXTRACT(epoch FROM n.read_at - b.read_at)
                                / (86400 * %(month_days)s))
               THEN 'high'
           END AS finding
      FROM neighbours n
      JOIN amr_meter m ON m.id = n.meter_id
      JOIN amr_meter_model mm ON mm.id = m.model_id
      LEFT JOIN LATERAL (
            SELECT r.index, r.read_at FROM (
                SELECT r.index, r.read_at FROM (
                    SELECT r.index, r.read_at FROM amr_reading r
                     WHERE r.meter_id = n.meter_id AND r.register = n.register
                       AND r.read_at < n.read_at AND r.quality <> 'suspect'
                       AND r.superseded_by_id IS NULL
                     ORDER BY r.read_at DESC LIMIT 1) r
                UNION ALL
                SELECT n.batch_before, n.batch_before_at
                 WHERE n.batch_before_at < n.read_at
                UNION ALL
                SELECT i.start_index, i.date_from FROM amr_installation i
                 WHERE i.meter_id = n.meter_id AND n.register = 'total'
                   AND i.date_from < n.read_at
                   AND (i.date_to IS NULL OR i.date_to > n.read_at)
            ) r ORDER BY r.read_at DESC LIMIT 1) b ON TRUE
      LEFT JOIN LATERAL (
            SELECT r.index FROM amr_reading r
             WHERE r.meter_id = n.meter_id AND r.register = n.register
               AND r.read_at > n.read_at AND r.quality <> 'suspect'
               AND r.superseded_by_id IS NULL
             ORDER BY r.read_at LIMIT 1) a ON TRUE
      LEFT JOIN amr_metering_point p ON p.id = m.point_id
      LEFT JOIN amr_agreement g ON g.point_id = p.id AND g.date_from <= n.read_at
                               AND (g.date_to IS NULL OR g.date_to > n.read_at)
      LEFT JOIN amr_tariff_version v ON v.tariff_id = g.tariff_id
                               AND v.date_from <= n.read_at
                               AND (v.date_to IS NULL OR v.date_to > n.read_at)
"""

INSERT_SQL = """
    INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index, quality,
                             company_id, create_uid, create_date, write_uid, write_date)
    SELECT meter_id, register, read_at, kind, source, index,
           CASE WHEN finding IS NOT NULL THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           company_id, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s,
           now() AT TIME ZONE 'UTC'
      FROM amr_reading_checked ORDER BY line
    ON CONFLICT DO NOTHING
"""

LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at,
           comm_fault_since = CASE WHEN r.answered THEN NULL
                                   ELSE m.comm_fault_since END
      FROM (SELECT DISTINCT ON (s.meter_id) s.meter_id, l.index, l.read_at,
                   bool_or(s.source IN ('remote', 'push')) OVER (
                       PARTITION BY s.meter_id) AS answered
              FROM amr_reading_stage s
              LEFT JOIN LATERAL (
                    SELECT r.index, r.read_at FROM amr_reading r
                     WHERE r.meter_id = s.meter_id AND r.register = 'total'
                       AND r.quality <> 'suspect' AND r.superseded_by_id IS NULL
                     ORDER BY r.read_at DESC, r.id DESC LIMIT 1) l ON TRUE
             WHERE s.meter_id IS NOT NULL) r
     WHERE m.id = r.meter_id
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
        super().init()
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
        self.env.flush_all()
        self._stage_rows(rows)
        cr = self.env.cr
        cr.execute(RESOLVE_SQL, {"companies": self.env.companies.ids})
        cr.execute("DROP TABLE IF EXISTS amr_reading_checked")
        cr.execute(CHECK_SQL, {"tolerance": CLOCK_TOLERANCE, "month_days": MONTH_DAYS})
        cr.execute(INSERT_SQL, {"uid": self.env.uid})
        inserted = cr.rowcount
        cr.execute(LATEST_SQL)
        cr.execute(
            "SELECT DISTINCT meter_id FROM amr_reading_stage WHERE meter_id IS NOT NULL"
        )
        meters = self.env["amr.meter"].browse(row[0] for row in cr.fetchall())
        self.env.invalidate_all(flush=False)
        meters._refresh_state()
        findings = self._raise_findings()
        unknown = self._raise_unknown(rows)
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
                    fields.Datetime.to_string(row["read_at"]),
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
                 WHERE c.finding IS NOT NULL ORDER BY c.line
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
        """Take suspect readings as good; others of the same time are superseded."""
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
            reading.quality = "ok"
            reading.meter_id._refresh_latest()
