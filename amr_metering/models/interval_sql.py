"""The statements behind the interval store (``amr.interval._ingest``)."""

from .reading_sql import KNOWN, SPAN

# What is known around the delivery is looked for no further away than this: it keeps
# PostgreSQL out of the partitions of other years.
NEIGHBOURHOOD = "40 days"

# As in amr_reading_ingest: one sort puts every new row between its neighbours.
CHECK_SQL = f"""
    DROP TABLE IF EXISTS amr_interval_checked;
    CREATE TEMPORARY TABLE amr_interval_checked ON COMMIT DROP AS
    WITH span AS ({SPAN}), usable AS NOT MATERIALIZED (
        SELECT meter_id, register, read_at, index FROM amr_interval
         WHERE quality IN ('ok', 'estimated')
           AND read_at BETWEEN %(first)s::timestamp - %(near)s::interval
                           AND %(last)s::timestamp + %(near)s::interval
    ), known AS (
        {KNOWN}
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

# As in reading_sql: where a neighbour is held back itself, the highest that is used
# counts.
HOLD_SQL = """
    WITH fallen AS (
        SELECT meter_id, register FROM amr_interval_checked WHERE finding = 'negative'
        EXCEPT
        SELECT meter_id, register FROM amr_interval_checked
         WHERE finding IS NULL AND index < before_index
    ), known AS (
        SELECT line, read_at, index, meter_id, register, finding,
               CASE WHEN finding IS NULL THEN index END AS own,
               CASE WHEN (LAG(finding) OVER w IS NOT NULL
                          AND LAG(index) OVER w = before_index) IS NOT TRUE
                    THEN before_index END AS base
          FROM amr_interval_checked JOIN fallen USING (meter_id, register)
        WINDOW w AS (PARTITION BY meter_id, register ORDER BY read_at, index)
    ), used AS (
        SELECT line, finding,
               GREATEST(max(base) OVER w,
                        max(own) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING
                                                  AND 1 PRECEDING)) AS highest
          FROM known
        WINDOW w AS (PARTITION BY meter_id, register ORDER BY read_at, index)
    )
    UPDATE amr_interval_checked c SET finding = 'negative'
      FROM used u, amr_meter m, amr_meter_model mm
     WHERE c.line = u.line AND u.finding IS NULL
       AND m.id = c.meter_id AND mm.id = m.model_id
       AND amr_index_step(u.highest, c.index, mm.digits) < 0
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
