"""The statements behind the one door for readings (``amr.reading._ingest``)."""

# how many months lie between a reading and the one before it
MONTHS = "(EXTRACT(epoch FROM {0}.read_at - {0}.before_at) / (86400 * 30.4375))"

STAGE_SQL = """
    CREATE TEMPORARY TABLE IF NOT EXISTS amr_reading_stage (
        line integer, meter_id integer, address varchar, register varchar,
        read_at timestamp, kind varchar, source varchar, index numeric(16, 3),
        note varchar
    ) ON COMMIT DROP;
    TRUNCATE amr_reading_stage;
"""

# An address is unique in a company only: it is the company the delivery came in for.
RESOLVE_SQL = """
    UPDATE amr_reading_stage s SET meter_id = m.id
      FROM amr_meter m
     WHERE s.meter_id IS NULL AND m.address = s.address AND m.active
       AND m.company_id = %(company)s
"""

# What is known around the delivery is fetched once per meter and register, not per
# row; one sort then puts every new row between its neighbours in time. Only what was
# read counts as a neighbour: an estimate gives way to a reading, not the reverse.
CHECK_SQL = f"""
    CREATE TEMPORARY TABLE amr_reading_checked ON COMMIT DROP AS
    WITH span AS (
        SELECT meter_id, register, min(read_at) AS lo, max(read_at) AS hi
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
         GROUP BY meter_id, register
    ), usable AS NOT MATERIALIZED (
        SELECT meter_id, register, read_at, kind, index FROM amr_reading
         WHERE quality = 'ok' AND superseded_by_id IS NULL
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
        SELECT true AS fresh, line, meter_id, register, read_at, kind, source, index,
               note
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
        UNION ALL
        SELECT false, NULL, meter_id, register, read_at, kind, NULL, index, NULL
          FROM known
    ), placed AS (
        SELECT *, LAG(index) OVER w AS before_index, LAG(read_at) OVER w AS before_at,
               LAG(kind) OVER w AS before_kind, LEAD(index) OVER w AS after_index,
               LEAD(read_at) OVER w AS after_at, LEAD(fresh) OVER w AS after_fresh
          FROM series
        WINDOW w AS (PARTITION BY meter_id, register
                     ORDER BY read_at, kind, fresh, index)
    ), policy AS (
        SELECT place, community_id, utility_id, company_id,
               max(limit_value) FILTER (WHERE kind = 'rollover') AS roll_over_times,
               max(limit_value) FILTER (WHERE kind = 'future')
                   * interval '1 minute' AS future,
               GREATEST(max(limit_value) FILTER (WHERE kind = 'skew'), 1)
                   * interval '1 minute' AS skew,
               max(days) FILTER (WHERE kind = 'late') * interval '1 day' AS late
          FROM amr_vee_effective GROUP BY place, community_id, utility_id, company_id
    ), who AS (
        SELECT m.id, m.company_id, m.factor, mm.digits, c.tz, p.place,
               p.roll_over_times,
               (now() AT TIME ZONE 'UTC') + p.future AS future_from,
               time '00:00' + p.skew AS skew_from, time '00:00' - p.skew AS skew_to,
               m.latest_at - p.late AS late_before
          FROM amr_meter m
          JOIN amr_meter_model mm ON mm.id = m.model_id
          LEFT JOIN amr_community c ON c.id = m.community_id
          LEFT JOIN policy p
            ON COALESCE(p.community_id, 0) = COALESCE(m.community_id, 0)
           AND p.utility_id = m.utility_id AND p.company_id = m.company_id
         WHERE m.id IN (SELECT meter_id FROM span)
    ), limits AS (
        SELECT m.id AS meter_id, v.normal_min, v.normal_max,
               GREATEST(g.date_from, v.date_from::timestamp
                        AT TIME ZONE c.tz AT TIME ZONE 'UTC') AS from_at,
               LEAST(g.date_to, v.date_to::timestamp
                     AT TIME ZONE c.tz AT TIME ZONE 'UTC') AS to_at
          FROM amr_meter m
          JOIN amr_agreement g ON g.point_id = m.point_id
          JOIN amr_community c ON c.id = m.community_id
          JOIN amr_tariff_version v ON v.tariff_id = g.tariff_id
         WHERE (v.normal_max > 0 OR v.normal_min > 0)
           AND m.id IN (SELECT meter_id FROM span)
    )
    SELECT p.line, p.meter_id, p.register, p.read_at, p.kind, p.source, p.index, p.note,
           p.before_index, p.before_at, p.after_at, w.company_id, w.place, w.digits,
           l.normal_min, l.normal_max, NULL::varchar AS severity,
           NULL::numeric AS usage, NULL::numeric AS limit_value,
           CASE
             WHEN p.read_at > w.future_from THEN 'future'
             WHEN p.before_at = p.read_at AND p.before_kind = p.kind THEN 'conflict'
             WHEN p.index < p.before_index AND fall.kind IS NOT NULL THEN fall.kind
             WHEN NOT p.after_fresh AND p.after_index < p.index
                  AND NOT amr_rolled_over(p.index, p.after_index, w.digits)
               THEN 'negative'
             WHEN l.normal_max > 0 AND p.source <> 'estimate'
                  AND (p.index - p.before_index) * w.factor > l.normal_max
                  AND (p.index - p.before_index) * w.factor
                      > l.normal_max * {MONTHS.format("p")} THEN 'high'
             WHEN l.normal_min > 0 AND p.index >= p.before_index
                  AND p.read_at - p.before_at > interval '27 days'
                  AND p.source <> 'estimate'
                  AND (p.index - p.before_index) * w.factor
                      < l.normal_min * {MONTHS.format("p")} THEN 'low'
           END AS finding,
           p.kind IN ('daily', 'monthly') AND p.source <> 'estimate'
           AND (p.read_at AT TIME ZONE 'UTC' AT TIME ZONE w.tz)::time
               BETWEEN w.skew_from AND w.skew_to AS skew,
           p.read_at < w.late_before AND p.source NOT IN ('import', 'estimate') AS late
      FROM placed p
      JOIN who w ON w.id = p.meter_id
      LEFT JOIN limits l ON l.meter_id = p.meter_id
           AND l.from_at < p.read_at AND (l.to_at IS NULL OR l.to_at >= p.read_at)
     CROSS JOIN LATERAL (
        SELECT CASE WHEN p.index < p.before_index
                    THEN amr_fall(p.meter_id, p.register, p.before_at, p.before_index,
                                  p.read_at, p.index, w.digits, w.roll_over_times)
               END AS kind) fall
     WHERE p.fresh AND (p.before_at = p.read_at AND p.before_kind = p.kind
                        AND p.before_index = p.index) IS NOT TRUE
"""

# The figures of a finding; one whose rule is switched off is none. A fall that is no
# negative use goes through zero.
JUDGE_SQL = f"""
    UPDATE amr_reading_checked c
       SET severity = e.severity,
           usage = (c.index - c.before_index
                    + CASE WHEN c.finding = 'rollover' THEN 10 ^ c.digits ELSE 0 END)
                   * m.factor,
           limit_value = CASE c.finding
                WHEN 'high' THEN c.normal_max * GREATEST(1, {MONTHS.format("c")})
                WHEN 'low' THEN c.normal_min * {MONTHS.format("c")} END
      FROM amr_vee_effective e, amr_meter m
     WHERE c.finding IS NOT NULL AND e.place = c.place AND e.kind = c.finding
       AND m.id = c.meter_id
"""

INSERT_SQL = """
    INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index, quality,
                             company_id, received_at, note)
    SELECT meter_id, register, read_at, kind, source, index,
           CASE WHEN severity = 'suspect' THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           company_id, now() AT TIME ZONE 'UTC', note
      FROM amr_reading_checked
    ON CONFLICT DO NOTHING
"""

# What came in again is judged anew, yet stays what was made of it: held back, or
# superseded. Only a row that is usable itself moves anything else. The first reading
# enables a meter; said here, that costs no update of its own.
LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at,
           state = CASE m.state WHEN 'not_enabled' THEN 'normal' ELSE m.state END
      FROM (SELECT DISTINCT ON (c.meter_id) c.meter_id, c.index, c.read_at
              FROM amr_reading_checked c
              JOIN amr_reading k USING (meter_id, register, kind, read_at, index)
             WHERE register = 'total' AND c.severity IS DISTINCT FROM 'suspect'
               AND k.quality <> 'suspect' AND k.superseded_by_id IS NULL
               AND c.source <> 'estimate'
             ORDER BY c.meter_id, c.read_at DESC, c.line DESC) r
      JOIN amr_meter o ON o.id = r.meter_id
     WHERE m.id = r.meter_id
       AND (m.latest_at IS NULL OR m.latest_at <= r.read_at)
    RETURNING CASE WHEN o.state = 'not_enabled' THEN m.id END
"""

ANSWERED_SQL = """
    UPDATE amr_meter SET comm_fault_since = NULL
     WHERE comm_fault_since IS NOT NULL AND id IN (
        SELECT meter_id FROM amr_reading_stage WHERE source IN ('remote', 'push'))
"""

VERDICT_COLUMNS = """
    rule_id, kind, severity, meter_id, reading_id, register, at, before_index, index,
    usage, limit_value, community_id, building_id, point_id, utility_id, company_id,
    found_at
"""

VERDICT_SQL = f"""
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS})
    SELECT e.rule_id, e.kind, e.severity, c.meter_id, r.id, c.register, c.read_at,
           c.before_index, c.index, c.usage, c.limit_value, m.community_id,
           m.building_id, m.point_id, m.utility_id, m.company_id,
           now() AT TIME ZONE 'UTC'
      FROM amr_reading_checked c
     CROSS JOIN LATERAL (VALUES (c.finding), (CASE WHEN c.skew THEN 'skew' END),
                                (CASE WHEN c.late THEN 'late' END)) f(kind)
      JOIN amr_vee_effective e ON e.place = c.place AND e.kind = f.kind
      JOIN amr_meter m ON m.id = c.meter_id
      JOIN amr_reading r ON r.meter_id = c.meter_id AND r.register = c.register
           AND r.kind = c.kind AND r.read_at = c.read_at AND r.index = c.index
     WHERE c.finding IS NOT NULL OR c.skew OR c.late
     ORDER BY c.line
    ON CONFLICT DO NOTHING
    RETURNING id, kind, severity
"""

# What came in a second time: in the delivery more than once, or known before it.
DUPLICATE_SQL = f"""
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS})
    SELECT e.rule_id, e.kind, e.severity, m.id, r.id, r.register, r.read_at, NULL,
           r.index, NULL, NULL, m.community_id, m.building_id, m.point_id, m.utility_id,
           m.company_id, now() AT TIME ZONE 'UTC'
      FROM (SELECT meter_id, register, read_at, kind, index, count(*) AS times
              FROM amr_reading_stage WHERE meter_id IS NOT NULL
             GROUP BY meter_id, register, read_at, kind, index) s
      JOIN amr_reading r USING (meter_id, register, kind, read_at, index)
      JOIN amr_meter m ON m.id = s.meter_id
      JOIN amr_vee_effective e ON e.kind = 'duplicate'
           AND e.company_id = m.company_id AND e.utility_id = m.utility_id
           AND e.community_id IS NOT DISTINCT FROM m.community_id
     WHERE s.times > 1 OR r.received_at < now() AT TIME ZONE 'UTC'
    ON CONFLICT DO NOTHING
    RETURNING id, kind, severity
"""

# An estimate gives way to what was read at its time, and to what was read next to it
# and contradicts it.
SUPERSEDE_SQL = """
    UPDATE amr_reading e SET superseded_by_id = r.id
      FROM amr_reading_checked c
      JOIN amr_reading r ON r.meter_id = c.meter_id AND r.register = c.register
           AND r.kind = c.kind AND r.read_at = c.read_at AND r.index = c.index
     WHERE e.quality = 'estimated' AND e.superseded_by_id IS NULL
       AND e.meter_id = c.meter_id AND e.register = c.register AND e.id <> r.id
       AND c.severity IS DISTINCT FROM 'suspect'
       AND r.quality <> 'suspect' AND r.superseded_by_id IS NULL
       AND (e.read_at = c.read_at AND (e.kind = c.kind OR c.source <> 'estimate')
            OR c.source <> 'estimate' AND e.read_at < c.read_at AND c.index < e.index
               AND (c.before_at IS NULL OR e.read_at > c.before_at)
               AND NOT amr_rolled_over(e.index, c.index, c.digits)
            OR c.source <> 'estimate' AND e.read_at > c.read_at AND e.index < c.index
               AND (c.after_at IS NULL OR e.read_at < c.after_at)
               AND NOT amr_rolled_over(c.index, e.index, c.digits))
"""

# Exceptions that a good reading has answered: the meter was read, has moved again, or
# what was read later fits what was read before the suspect ones.
ANSWERS_SQL = """
    SELECT DISTINCT ON (e.id) e.id, c.index::text, c.read_at
      FROM amr_reading_checked c
      JOIN amr_reading k ON k.meter_id = c.meter_id AND k.register = c.register
           AND k.kind = c.kind AND k.read_at = c.read_at AND k.index = c.index
           AND k.quality <> 'suspect' AND k.superseded_by_id IS NULL
      JOIN amr_exception e ON e.meter_id = c.meter_id AND e.state = 'open'
      LEFT JOIN LATERAL (
        SELECT min(r.read_at) AS first_at, max(r.read_at) AS last_at
          FROM amr_reading_verdict v JOIN amr_reading r ON r.id = v.reading_id
         WHERE v.exception_id = e.id AND r.quality = 'suspect') s ON true
     WHERE c.finding IS NULL AND c.source <> 'estimate'
       AND (e.kind = 'missing' AND c.read_at >= e.found_at
            OR e.kind = 'static' AND c.index > c.before_index
               AND c.read_at > e.found_at
            OR e.kind = 'future' AND c.read_at >= e.create_date
            OR e.kind IN ('negative', 'rollover', 'high')
               AND c.read_at > s.last_at AND c.before_at < s.first_at)
     ORDER BY e.id, c.read_at DESC
"""

FUNCTIONS_SQL = """
    CREATE OR REPLACE FUNCTION amr_rolled_over(
        before_index numeric, after_index numeric, digits integer
    ) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
        SELECT before_index >= 0.95 * 10 ^ digits
           AND after_index <= 0.05 * 10 ^ digits
    $$;
    CREATE OR REPLACE FUNCTION amr_fall(
        meter integer, reg varchar, before_at timestamp, before_index numeric,
        at timestamp, index numeric, digits integer, times numeric
    ) RETURNS varchar STABLE LANGUAGE sql AS $$
        SELECT CASE
            WHEN NOT amr_rolled_over(before_index, index, digits) THEN 'negative'
            WHEN times IS NULL THEN NULL
            WHEN 10 ^ digits - before_index + index > 0.001 * 10 ^ digits
                 + times * EXTRACT(epoch FROM at - before_at)
                   * (SELECT (before_index - r.index)
                             / EXTRACT(epoch FROM before_at - r.read_at)
                        FROM amr_reading r
                       WHERE r.meter_id = meter AND r.register = reg
                         AND r.quality = 'ok' AND r.superseded_by_id IS NULL
                         AND r.read_at BETWEEN before_at - interval '90 days'
                                           AND before_at - interval '1 day'
                         AND r.index <= before_index
                       ORDER BY r.read_at LIMIT 1)
              THEN 'rollover'
        END
    $$;
"""
