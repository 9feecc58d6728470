"""The statements behind the interval store (``amr.interval._ingest``)."""

from .reading_sql import KNOWN
from .reading_walk_sql import IN_ORDER, NEXT, SERIES, WALK

# What is known around the delivery is looked for no further away than this: it keeps
# PostgreSQL out of the partitions of other years.
NEIGHBOURHOOD = "40 days"

AROUND = f"""
    usable AS NOT MATERIALIZED (
        SELECT meter_id, register, read_at, index FROM amr_interval
         WHERE quality IN ('ok', 'estimated')
           AND read_at BETWEEN %(first)s::timestamp - %(near)s::interval
                           AND %(last)s::timestamp + %(near)s::interval
    ), known AS (
        {KNOWN}
    )
"""

FINDING = """
           CASE
             WHEN {p}.read_at > (now() AT TIME ZONE 'UTC') + %(tolerance)s::interval
               THEN 'future'
             WHEN {before}at = {p}.read_at THEN 'conflict'
             WHEN {fall} OR {contradicted} THEN 'negative'
           END
"""

# As in reading_sql: one sort puts every new row between its neighbours.
CHECK_SQL = f"""
    DROP TABLE IF EXISTS amr_interval_checked;
    CREATE TEMPORARY TABLE amr_interval_checked ON COMMIT DROP AS
    WITH span AS NOT MATERIALIZED (TABLE amr_reading_span), {AROUND}, series AS (
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
    SELECT p.line, p.meter_id, p.register, p.read_at, p.source, p.index,
           {
    FINDING.format(
        p="p",
        before="p.before_",
        fall="p.index < p.before_index",
        contradicted="NOT p.after_fresh AND p.after_index < p.index",
    )
}::varchar AS finding
      FROM placed p
     WHERE p.fresh
       AND (p.before_at = p.read_at AND p.before_index = p.index) IS NOT TRUE
"""

# As in reading_sql.
WALK_SQL = WALK.format(
    table="amr_interval_checked",
    fall="NULL",
    more="",
    if_more="",
    rows=f"""
        WITH span AS MATERIALIZED (
            SELECT * FROM amr_reading_span WHERE (meter_id, register) IN (
                SELECT meter_id, register FROM amr_interval_checked
                 WHERE finding IS NOT NULL)
        ), {AROUND}, series AS (
            SELECT c.ctid AS spot, true AS fresh, c.meter_id, c.register, c.read_at,
                   'hourly'::varchar AS kind, c.index, c.finding
              FROM amr_interval_checked c JOIN span USING (meter_id, register)
            UNION ALL
            SELECT NULL, false, meter_id, register, read_at, 'hourly', index, NULL
              FROM known
        ), placed AS ({SERIES})
        SELECT p.*, NULL::varchar AS source, n.index AS next_index, mm.digits
          FROM placed p
          JOIN amr_meter m ON m.id = p.meter_id
          JOIN amr_meter_model mm ON mm.id = m.model_id
          {NEXT}
          {IN_ORDER}
    """,
    finding=FINDING.format(
        p="this",
        before="before.",
        fall="this.index < before.index "
        "AND NOT amr_rolled_over(before.index, this.index, this.digits)",
        contradicted="this.next_index < this.index "
        "AND NOT amr_rolled_over(this.index, this.next_index, this.digits)",
    ),
    held="odd IS NOT NULL",
)

# As in reading_sql; a value whose freeze somebody put aside stays aside, too.
AGAIN_SQL = """
    WITH seen AS MATERIALIZED (
        SELECT meter_id, register FROM amr_reading_span s
         WHERE EXISTS (SELECT 1 FROM amr_interval i
                        WHERE i.meter_id = s.meter_id AND i.register = s.register
                          AND i.read_at BETWEEN s.lo AND s.hi
                          AND i.read_at BETWEEN %(first)s AND %(last)s)
    )
    SELECT c.line,
           k.quality = 'suspect' AND k.received_at >= k.read_at AND EXISTS (
                SELECT 1 FROM amr_exception e
                 WHERE e.meter_id = c.meter_id AND e.state = 'open'
                   AND e.kind IN ('conflict', 'negative'))
           AND NOT EXISTS (
                SELECT 1 FROM amr_reading r
                 WHERE r.meter_id = c.meter_id AND r.register = c.register
                   AND r.kind = 'daily' AND r.read_at = c.read_at AND r.index = c.index
                   AND r.quality = 'suspect' AND (r.put_aside OR NOT EXISTS (
                        SELECT 1 FROM amr_reading_verdict v
                          JOIN amr_exception e ON e.id = v.exception_id
                         WHERE v.reading_id = r.id AND e.state = 'open')))
      FROM amr_interval_checked c JOIN seen USING (meter_id, register)
     CROSS JOIN LATERAL (
        SELECT i.quality, i.read_at, i.received_at FROM amr_interval i
         WHERE i.meter_id = c.meter_id AND i.register = c.register
           AND i.read_at = c.read_at AND i.index = c.index
        OFFSET 0) k
"""

INSERT_SQL = """
    INSERT INTO amr_interval (meter_id, register, read_at, index, source, quality,
                              received_at)
    SELECT meter_id, register, read_at, index, source,
           CASE WHEN finding IS NOT NULL THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           now() AT TIME ZONE 'UTC'
      FROM amr_interval_checked
     WHERE line <> ALL (%(again)s::int[])
"""

CLEARED_SQL = """
    UPDATE amr_interval i SET quality = 'ok'
      FROM amr_interval_checked c
     WHERE c.line = ANY (%(again)s) AND c.finding IS NULL
       AND i.meter_id = c.meter_id AND i.register = c.register
       AND i.read_at = c.read_at AND i.index = c.index
    RETURNING c.line, i.id
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
