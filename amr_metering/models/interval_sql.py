"""The statements behind the interval store (``amr.interval._ingest``).

Hours are judged by the same rules as readings, by the same condition and the same walk
(decision 0033).
"""

from .reading_sql import AROUND_STORE, FINDING, LIMITED, MONTHS, VERDICT_COLUMNS
from .reading_walk_sql import IN_ORDER, NEXT, SERIES, WALK

# What is known around the delivery is looked for no further away than this: it keeps
# PostgreSQL out of the partitions of other years.
NEIGHBOURHOOD = "40 days"

AROUND = AROUND_STORE.format(
    usable="""
        SELECT meter_id, register, read_at, 'hourly'::varchar AS kind, index
          FROM amr_interval
         WHERE quality IN ('ok', 'estimated')
           AND read_at BETWEEN %(first)s::timestamp - %(near)s::interval
                           AND %(last)s::timestamp + %(near)s::interval""",
    # A meter whose total began anew, as overhauled, has no rate that goes on: what its
    # rates showed before is not compared with.
    opening="""AND i.date_from >= %(first)s::timestamp - %(near)s::interval
        UNION ALL
        SELECT i.meter_id, s.register, i.date_from, 'opening', NULL::numeric
          FROM span s JOIN amr_installation i ON i.meter_id = s.meter_id
         WHERE s.register <> 'total' AND i.date_from <= s.hi
           AND i.date_from >= %(first)s::timestamp - %(near)s::interval
           AND i.start_index < (
            SELECT u.index FROM usable u
             WHERE u.meter_id = i.meter_id AND u.register = 'total'
               AND u.read_at < i.date_from
             ORDER BY u.read_at DESC LIMIT 1)""",
)

# As in reading_sql: one sort puts every new row between its neighbours. Whatever is
# more than an hour may differ by is taken for a spike here: WALK_SQL looks closer.
CHECK_SQL = f"""
    DROP TABLE IF EXISTS amr_interval_checked;
    CREATE TEMPORARY TABLE amr_interval_checked ON COMMIT DROP AS
    WITH span AS NOT MATERIALIZED (TABLE amr_reading_span), {AROUND}, series AS (
        SELECT true AS fresh, line, meter_id, register, read_at, kind, source, index
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
        UNION ALL
        SELECT false, NULL, meter_id, register, read_at, kind, NULL, index FROM known
    ), placed AS (
        SELECT *, LAG(index) OVER w AS before_index, LAG(read_at) OVER w AS before_at,
               LAG(kind) OVER w AS before_kind, LEAD(index) OVER w AS after_index,
               LEAD(kind) OVER w AS after_kind, LEAD(fresh) OVER w AS after_fresh
          FROM series
        WINDOW w AS (PARTITION BY meter_id, register
                     ORDER BY read_at, kind <> 'opening', fresh, index)
    )
    SELECT p.line, p.meter_id, p.register, p.read_at, p.source, p.index,
           p.before_index, p.before_at, w.place, w.digits, l.normal_min, l.normal_max,
           NULL::varchar AS severity, NULL::numeric AS usage,
           NULL::numeric AS limit_value,
           {
    FINDING.format(
        p="p",
        before="p.before_",
        w="w",
        l="l",
        factor="f.factor",
        months=MONTHS.format("p.read_at", "p.before_at"),
        fallen="p.index < p.before_index",
        fall="'negative'",
        contradicted="NOT p.after_fresh AND p.after_kind = 'hourly' "
        "AND p.after_index < p.index",
        leap="(p.index - p.before_index) * f.factor > w.spike_least",
    )
} AS finding
      FROM placed p
      JOIN who w ON w.id = p.meter_id
      {LIMITED}
     WHERE p.fresh AND (p.before_at = p.read_at AND p.before_kind = 'hourly'
                        AND p.before_index = p.index) IS NOT TRUE
"""

# What the register moved in an hour on the average of the days before, of what was in
# use; NULL without a whole day. Most of a long delivery has its past in the delivery:
# to look into the store costs PostgreSQL a plan over all its partitions.
AVERAGE = """
    average := NULL;
    IF before.kind = 'hourly'
       AND (this.index < before.index
            OR (this.index - before.index) * this.factor > this.spike_least) THEN
        bucket := width_bucket(GREATEST(opened, before.at - this.past)
                               - interval '1 microsecond', used_at);
        SELECT used_at[COALESCE(bucket, 0) + 1] AS at,
               used_index[COALESCE(bucket, 0) + 1] AS index INTO old;
        IF COALESCE(bucket, 0) = 0 THEN
            SELECT k.at, k.index INTO old FROM (
                (SELECT i.read_at AS at, i.index FROM amr_interval i
                  WHERE i.meter_id = this.meter_id AND i.register = this.register
                    AND i.quality IN ('ok', 'estimated')
                    AND i.read_at BETWEEN GREATEST(opened, before.at - this.past)
                                      AND before.at - interval '1 day'
                  ORDER BY i.read_at LIMIT 1)
                UNION ALL SELECT old.at, old.index) k
             ORDER BY k.at LIMIT 1;
        END IF;
        IF old.at <= before.at - interval '1 day' THEN
            average := (before.index - old.index
                        + CASE WHEN old.index > before.index
                               THEN 10 ^ this.digits ELSE 0 END)
                       / EXTRACT(epoch FROM before.at - old.at) * 3600;
        END IF;
    END IF;
"""

# As with readings; the past of hours is the days before.
HOURS = "GREATEST(1, EXTRACT(epoch FROM this.read_at - before.at) / 3600)"
FALL = f"""
    CASE
        WHEN (this.index < before.index) IS NOT TRUE THEN NULL
        WHEN NOT amr_rolled_over(before.index, this.index, this.digits) THEN 'negative'
        WHEN this.roll_over_times IS NULL THEN NULL
        WHEN 10 ^ this.digits - before.index + this.index > 0.001 * 10 ^ this.digits
             + this.roll_over_times * {HOURS} * COALESCE(average, 0)
          THEN 'rollover'
    END
"""

# What the meter would have used by its own average. Without a past the least use that
# the rule looks at stands for it, as the register shows it.
USUAL = f"""
    COALESCE(average * this.factor, this.spike_least * GREATEST(this.factor, 1))
        * {HOURS}
"""

# As in reading_sql.
WALK_SQL = WALK.format(
    table="amr_interval_checked",
    average=AVERAGE,
    fall=FALL,
    more=f""", before_index = before.index, before_at = before.at,
                       limit_value = CASE odd WHEN 'hour_spike' THEN {USUAL} END""",
    if_more="""
                     OR odd IS NOT NULL
                     OR (before.index, before.at) IS DISTINCT FROM
                        (this.before_index, this.before_at)""",
    rows=f"""
        WITH span AS MATERIALIZED (
            SELECT * FROM amr_reading_span WHERE (meter_id, register) IN (
                SELECT meter_id, register FROM amr_interval_checked
                 WHERE finding IS NOT NULL)
        ), {AROUND}, series AS (
            SELECT c.ctid AS spot, true AS fresh, c.meter_id, c.register, c.read_at,
                   'hourly'::varchar AS kind, c.source, c.index, c.finding,
                   c.before_index, c.before_at
              FROM amr_interval_checked c JOIN span USING (meter_id, register)
            UNION ALL
            SELECT NULL, false, meter_id, register, read_at, kind, NULL, index, NULL,
                   NULL, NULL
              FROM known
        ), placed AS ({SERIES})
        SELECT p.*, CASE n.kind WHEN 'hourly' THEN n.index END AS next_index,
               w.place, w.digits, f.factor, w.future_from, w.roll_over_times,
               w.spike_times, w.spike_least,
               COALESCE(w.spike_past, interval '7 days') AS past,
               l.normal_min, l.normal_max
          FROM placed p
          JOIN who w ON w.id = p.meter_id
          {NEXT}
          {LIMITED}
          {IN_ORDER}
    """,
    finding=FINDING.format(
        p="this",
        before="before.",
        w="this",
        l="this",
        factor="this.factor",
        months=MONTHS.format("this.read_at", "before.at"),
        fallen="fall IS NOT NULL",
        fall="fall",
        contradicted="this.next_index < this.index "
        "AND NOT amr_rolled_over(this.index, this.next_index, this.digits)",
        leap=f"""before.kind = 'hourly'
                   AND (this.index - before.index) * this.factor
                       > this.spike_times * {USUAL}
                   AND (this.index - before.index) * this.factor - {USUAL}
                       >= this.spike_least * {HOURS}""",
    ),
    held="""EXISTS (SELECT 1 FROM amr_vee_effective e
                     WHERE e.place = this.place AND e.kind = odd
                       AND e.severity = 'suspect')""",
)

# The verdicts ``v`` on the hours ``i``, which they name by what was measured.
ITS_VERDICTS = """
    v.meter_id = i.meter_id AND v.register = i.register AND v.at = i.read_at
    AND v.index = i.index AND v.hourly
"""

# As in reading_sql.
AGAIN_SQL = f"""
    WITH seen AS MATERIALIZED (
        SELECT meter_id, register FROM amr_reading_span s
         WHERE EXISTS (SELECT 1 FROM amr_interval i
                        WHERE i.meter_id = s.meter_id AND i.register = s.register
                          AND i.read_at BETWEEN s.lo AND s.hi
                          AND i.read_at BETWEEN %(first)s AND %(last)s)
    )
    SELECT c.line,
           i.quality = 'suspect' AND EXISTS (
                SELECT 1 FROM amr_reading_verdict v
                  JOIN amr_exception e ON e.id = v.exception_id AND e.state = 'open'
                 WHERE {ITS_VERDICTS} AND v.severity = 'suspect' AND v.kind <> 'future')
      FROM amr_interval_checked c JOIN seen USING (meter_id, register)
     CROSS JOIN LATERAL (
        SELECT * FROM amr_interval i
         WHERE i.meter_id = c.meter_id AND i.register = c.register
           AND i.read_at = c.read_at AND i.index = c.index
        OFFSET 0) i
"""

INSERT_SQL = """
    INSERT INTO amr_interval (meter_id, register, read_at, index, source, quality,
                              received_at)
    SELECT meter_id, register, read_at, index, source,
           CASE WHEN severity = 'suspect' THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           now() AT TIME ZONE 'UTC'
      FROM amr_interval_checked
     WHERE line <> ALL (%(again)s::int[])
"""

CLEARED_SQL = """
    UPDATE amr_interval i SET quality = 'ok'
      FROM amr_interval_checked c
     WHERE c.line = ANY (%(again)s) AND c.severity IS DISTINCT FROM 'suspect'
       AND i.meter_id = c.meter_id AND i.register = c.register
       AND i.read_at = c.read_at AND i.index = c.index
    RETURNING c.line, i.id
"""

LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at, comm_fault_since = NULL
      FROM (SELECT DISTINCT ON (meter_id) meter_id, index, read_at
              FROM amr_interval_checked
             WHERE register = 'total' AND severity IS DISTINCT FROM 'suspect'
               AND source <> 'estimate'
             ORDER BY meter_id, read_at DESC, line DESC) r
     WHERE m.id = r.meter_id AND (m.latest_at IS NULL OR m.latest_at <= r.read_at)
"""

VERDICT_SQL = f"""
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS}, hourly)
    SELECT e.rule_id, e.kind, e.severity, c.meter_id, NULL, c.register, c.read_at,
           c.before_index, c.index, c.usage, c.limit_value, m.community_id,
           m.building_id, m.point_id, m.utility_id, m.company_id,
           now() AT TIME ZONE 'UTC', true
      FROM amr_interval_checked c
      JOIN amr_vee_effective e ON e.place = c.place AND e.kind = c.finding
      JOIN amr_meter m ON m.id = c.meter_id
     ORDER BY c.line
    ON CONFLICT DO NOTHING
    RETURNING id, kind, severity
"""

# As with readings: each hour that an exception holds back must be followed, in its
# register, by one in use that came in after it and that nothing was found about.
ANSWERS_SQL = f"""
    WITH fitting AS MATERIALIZED (
        SELECT * FROM amr_interval_checked
         WHERE finding IS NULL AND source <> 'estimate' AND meter_id IN (
            SELECT meter_id FROM amr_exception WHERE state = 'open' AND hourly)
    ), open AS MATERIALIZED (
        SELECT id, kind, meter_id, create_date FROM amr_exception
         WHERE state = 'open' AND hourly AND meter_id IN (SELECT meter_id FROM fitting)
           AND kind IN ('future', 'negative', 'rollover', 'high', 'hour_spike')
    ), answer AS MATERIALIZED (
        SELECT e.id AS exception_id, n.register, n.read_at, n.index,
               n.received_at >= i.received_at AND NOT EXISTS (
                    SELECT 1 FROM amr_reading_verdict f
                     WHERE f.meter_id = n.meter_id AND f.register = n.register
                       AND f.at = n.read_at AND f.index = n.index AND f.hourly) AS fits
          FROM open e
          JOIN amr_reading_verdict v ON v.exception_id = e.id
          JOIN amr_interval i ON {ITS_VERDICTS} AND i.quality = 'suspect'
          LEFT JOIN LATERAL (
            SELECT k.* FROM amr_interval k
             WHERE k.meter_id = i.meter_id AND k.register = i.register
               AND k.quality = 'ok'
               AND k.read_at BETWEEN i.read_at AND i.read_at + %(near)s::interval
               AND (k.read_at, k.index) > (i.read_at, i.index)
             ORDER BY k.read_at, k.index LIMIT 1) n ON true
         WHERE e.kind <> 'future'
    )
    SELECT DISTINCT ON (e.id) e.id, c.index::text, c.read_at
      FROM open e JOIN fitting c ON c.meter_id = e.meter_id
     WHERE e.kind = 'future' AND c.read_at >= e.create_date
        OR EXISTS (
            SELECT 1 FROM answer a
             WHERE a.exception_id = e.id AND a.register = c.register
               AND a.read_at = c.read_at AND a.index = c.index)
           AND NOT EXISTS (
            SELECT 1 FROM answer a
             WHERE a.exception_id = e.id AND a.fits IS NOT TRUE)
     ORDER BY e.id, c.read_at DESC
"""

# What is used at midnight is the daily freeze.
MIDNIGHT_SQL = """
    SELECT s.line, s.meter_id, EXISTS (
                SELECT 1 FROM amr_reading r
                 WHERE r.meter_id = s.meter_id AND r.register = s.register
                   AND r.kind = 'daily' AND r.read_at = s.read_at AND r.index = s.index)
      FROM amr_reading_stage s
      JOIN amr_meter m ON m.id = s.meter_id
      JOIN amr_community c ON c.id = m.community_id
     CROSS JOIN LATERAL (
        SELECT i.quality FROM amr_interval i
         WHERE i.meter_id = s.meter_id AND i.register = s.register
           AND i.read_at = s.read_at AND i.index = s.index
        OFFSET 0) i
     WHERE (s.read_at AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::time = '00:00'
       AND i.quality IN ('ok', 'estimated')
     ORDER BY s.line
"""

# What exceptions hold back. (OFFSET 0: as with AGAIN_SQL.)
HELD = f"""
    FROM amr_reading_verdict v
   CROSS JOIN LATERAL (
        SELECT * FROM amr_interval i
         WHERE {ITS_VERDICTS} AND i.quality = 'suspect'
        OFFSET 0) i
   WHERE v.severity = 'suspect'
"""
HELD_SQL = f"SELECT DISTINCT i.id, i.read_at {HELD} AND v.exception_id = ANY(%s)"
COUNT_HELD_SQL = f"""
    SELECT v.exception_id, count(*) {HELD} AND v.exception_id = ANY(%s)
     GROUP BY v.exception_id
"""
HOLDING_SQL = f"""(
    SELECT v.exception_id {HELD} AND v.exception_id IN (
        SELECT id FROM amr_exception WHERE state = 'open' AND hourly)
)"""

HELD_OF_METERS_SQL = f"""
    SELECT DISTINCT i.meter_id, i.register, i.read_at, 'hourly' AS kind, i.source,
           i.index
      {HELD}
       AND v.exception_id IN (
            SELECT id FROM amr_exception
             WHERE state = 'open' AND hourly AND meter_id = ANY(%s))
     ORDER BY i.read_at
"""

CONTRADICTIONS_SQL = """
    SELECT CASE WHEN b.index > %(index)s
                 AND NOT amr_rolled_over(b.index, %(index)s, mm.digits)
                THEN b.index::text END,
           CASE WHEN a.index < %(index)s
                 AND NOT amr_rolled_over(%(index)s, a.index, mm.digits)
                THEN a.index::text END
      FROM amr_meter m
      JOIN amr_meter_model mm ON mm.id = m.model_id
     CROSS JOIN LATERAL (
        SELECT max(date_from) FILTER (WHERE date_from <= %(at)s) AS opened,
               min(date_from) FILTER (WHERE date_from > %(at)s) AS opens_again
          FROM amr_installation WHERE meter_id = m.id) o
      LEFT JOIN LATERAL (
        SELECT index FROM amr_interval k
         WHERE k.meter_id = m.id AND k.register = %(register)s
           AND k.quality IN ('ok', 'estimated')
           AND k.read_at < %(at)s AND k.read_at >= COALESCE(o.opened, '-infinity')
           AND k.read_at >= %(at)s::timestamp - interval '40 days'
         ORDER BY k.read_at DESC LIMIT 1) b ON true
      LEFT JOIN LATERAL (
        SELECT index FROM amr_interval k
         WHERE k.meter_id = m.id AND k.register = %(register)s
           AND k.quality IN ('ok', 'estimated')
           AND k.read_at > %(at)s AND k.read_at < COALESCE(o.opens_again, 'infinity')
           AND k.read_at <= %(at)s::timestamp + interval '40 days'
         ORDER BY k.read_at LIMIT 1) a ON true
     WHERE m.id = %(meter)s
"""
