"""How the one door (``amr.reading._ingest``) looks at a delivery and takes it in."""

# how many months lie between a reading and the one before it
MONTHS = "(EXTRACT(epoch FROM {} - {}) / (86400 * 30.4375))"

VERDICT_COLUMNS = """
    rule_id, kind, severity, meter_id, reading_id, register, at, before_index, index,
    usage, limit_value, community_id, building_id, point_id, utility_id, company_id,
    found_at
"""

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

# What a delivery spans: once per meter and register, not per row.
SPAN_SQL = """
    DROP TABLE IF EXISTS amr_reading_span;
    CREATE TEMPORARY TABLE amr_reading_span ON COMMIT DROP AS
    SELECT meter_id, register, min(read_at) AS lo, max(read_at) AS hi,
           bool_or(source IN ('remote', 'push')) AS answered
      FROM amr_reading_stage WHERE meter_id IS NOT NULL
     GROUP BY meter_id, register
"""

# What is known before, within and after each ``span``. The statement itself says what
# is ``usable``.
KNOWN = """
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
"""

# What a store around a delivery is compared with (``{usable}``), and by what rules. The
# limits are those of the tariff in force.
AROUND_STORE = f"""
    usable AS NOT MATERIALIZED ({{usable}}
    ), known AS (
        {KNOWN}
        UNION ALL
        SELECT i.meter_id, s.register, i.date_from, 'opening', i.start_index
          FROM span s JOIN amr_installation i ON i.meter_id = s.meter_id
         WHERE s.register = 'total' AND i.date_from <= s.hi {{opening}}
    ), policy AS (
        SELECT place, community_id, utility_id, company_id,
               max(limit_value) FILTER (WHERE kind = 'rollover') AS roll_over_times,
               max(limit_value) FILTER (WHERE kind = 'future')
                   * interval '1 minute' AS future,
               GREATEST(max(limit_value) FILTER (WHERE kind = 'skew'), 1)
                   * interval '1 minute' AS skew,
               max(days) FILTER (WHERE kind = 'late') * interval '1 day' AS late,
               max(limit_value) FILTER (WHERE kind = 'hour_spike') AS spike_times,
               max(days) FILTER (WHERE kind = 'hour_spike')
                   * interval '1 day' AS spike_past,
               max(least) FILTER (WHERE kind = 'hour_spike') AS spike_least
          FROM amr_vee_effective GROUP BY place, community_id, utility_id, company_id
    ), who AS MATERIALIZED (
        SELECT m.id, m.company_id, m.factor, mm.digits, c.tz, p.place,
               -- its factor changed once, or it was somewhere else
               EXISTS (SELECT 1 FROM amr_installation i
                        WHERE i.meter_id = m.id AND i.date_to IS NOT NULL) AS seam,
               p.roll_over_times, p.spike_times, p.spike_past, p.spike_least,
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
    ), limits AS MATERIALIZED (
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
"""
# Only what was read counts as a neighbour: an estimate gives way to a reading, not the
# reverse.
# A meter whose total began anew, as overhauled, has no rate that goes on. At what its
# rates began is not known: nothing is compared across that moment.
BEGUN_ANEW = """
        UNION ALL
        SELECT i.meter_id, s.register, i.date_from, 'opening', NULL::numeric
          FROM span s JOIN amr_installation i ON i.meter_id = s.meter_id
         WHERE s.register <> 'total' AND i.date_from <= s.hi AND i.start_index < (
            SELECT u.index FROM usable u
             WHERE u.meter_id = i.meter_id AND u.register = 'total'
               AND u.read_at < i.date_from
             ORDER BY u.read_at DESC LIMIT 1)"""

AROUND = AROUND_STORE.format(
    usable="""
        SELECT meter_id, register, read_at, kind, index FROM amr_reading
         WHERE quality = 'ok' AND superseded_by_id IS NULL""",
    opening=BEGUN_ANEW,
)
LIMITED = """
      LEFT JOIN limits l ON l.meter_id = p.meter_id
           AND l.from_at < p.read_at AND (l.to_at IS NULL OR l.to_at >= p.read_at)
     CROSS JOIN LATERAL (
        SELECT CASE WHEN w.seam THEN amr_factor_at(p.meter_id, p.read_at)
                    ELSE w.factor END AS factor) f
"""

# What is odd about a row of meter ``w`` after the one before it; its use is within
# limits ``l``. What a fall means, whether what is known next contradicts, and whether
# an hour is unlike those before it (``leap``), is said by the statement.
FINDING = """
           CASE
             WHEN {p}.read_at > {w}.future_from THEN 'future'
             WHEN {before}at = {p}.read_at AND {before}kind = {p}.kind
               THEN 'conflict'
             WHEN {fallen} THEN {fall}
             WHEN {contradicted} THEN 'negative'
             WHEN {leap} THEN 'hour_spike'
             WHEN {l}.normal_max > 0 AND {p}.source <> 'estimate'
                  AND ({p}.index - {before}index) * {factor} > {l}.normal_max
                  AND ({p}.index - {before}index) * {factor}
                      > {l}.normal_max * {months}
               THEN 'high'
             WHEN {l}.normal_min > 0 AND {p}.index >= {before}index
                  AND {p}.read_at - {before}at > interval '27 days'
                  AND {p}.source <> 'estimate'
                  AND ({p}.index - {before}index) * {factor}
                      < {l}.normal_min * {months}
               THEN 'low'
           END
"""

# One sort puts every new row between its neighbours in time. Whatever falls is taken
# for negative here, and every neighbour for used: WALK_SQL looks closer where that
# matters.
CHECK_SQL = f"""
    DROP TABLE IF EXISTS amr_reading_checked;
    CREATE TEMPORARY TABLE amr_reading_checked ON COMMIT DROP AS
    WITH span AS NOT MATERIALIZED (TABLE amr_reading_span), {AROUND}, series AS (
        SELECT true AS fresh, line, meter_id, register, read_at, kind, source, index,
               note
          FROM amr_reading_stage WHERE meter_id IS NOT NULL
        UNION ALL
        SELECT false, NULL, meter_id, register, read_at, kind, NULL, index, NULL
          FROM known
    ), placed AS (
        SELECT *, LAG(index) OVER w AS before_index, LAG(read_at) OVER w AS before_at,
               LAG(kind) OVER w AS before_kind, LEAD(index) OVER w AS after_index,
               LEAD(read_at) OVER w AS after_at, LEAD(source) OVER w AS after_source,
               LEAD(fresh) OVER w AS after_fresh
          FROM series
        WINDOW w AS (PARTITION BY meter_id, register
                     ORDER BY read_at, kind <> 'opening', kind, fresh, index)
    )
    SELECT p.line, p.meter_id, p.register, p.read_at, p.kind, p.source, p.index, p.note,
           p.before_index, p.before_at,
           CASE WHEN p.after_source IS DISTINCT FROM 'estimate' THEN p.after_at END
               AS after_at, w.company_id, w.place, w.digits,
           l.normal_min, l.normal_max, NULL::varchar AS severity,
           NULL::numeric AS usage, NULL::numeric AS limit_value,
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
        contradicted="NOT p.after_fresh AND p.after_index < p.index",
        leap="false",
    )
} AS finding,
           p.kind IN ('daily', 'monthly') AND p.source <> 'estimate'
           AND (p.read_at AT TIME ZONE 'UTC' AT TIME ZONE w.tz)::time
               BETWEEN w.skew_from AND w.skew_to AS skew,
           p.read_at < w.late_before AND p.source NOT IN ('import', 'estimate') AS late
      FROM placed p
      JOIN who w ON w.id = p.meter_id
      {LIMITED}
     WHERE p.fresh AND (p.before_at = p.read_at AND p.before_kind = p.kind
                        AND p.before_index = p.index) IS NOT TRUE
"""

# What is stored already under the very same key. It moves nothing, unless it was held
# back and nothing speaks against it any more: not what somebody put aside or resolved
# as it is, and not what was stamped later than it came in: the clock was wrong, and
# time passing makes it no better. Or unless it was estimated only, and is read now. (
# OFFSET 0: looked up one by one by the key, whatever
# the planner believes a table that has just grown to hold.)
AGAIN_SQL = """
    WITH seen AS MATERIALIZED (
        SELECT meter_id, register FROM amr_reading_span s
         WHERE EXISTS (SELECT 1 FROM amr_reading r
                        WHERE r.meter_id = s.meter_id
                          AND r.read_at BETWEEN s.lo AND s.hi)
    )
    SELECT c.line,
           k.superseded_by_id IS NULL AND (
                k.quality = 'estimated' AND c.source <> 'estimate'
                OR k.quality = 'suspect' AND k.put_aside IS NOT TRUE AND EXISTS (
                    SELECT 1 FROM amr_reading_verdict v
                      JOIN amr_exception e ON e.id = v.exception_id
                           AND e.state = 'open'
                     WHERE v.reading_id = k.id AND v.severity = 'suspect'
                       AND v.kind <> 'future'))
      FROM amr_reading_checked c JOIN seen USING (meter_id, register)
     CROSS JOIN LATERAL (
        SELECT r.* FROM amr_reading r
         WHERE r.meter_id = c.meter_id AND r.register = c.register
           AND r.kind = c.kind AND r.read_at = c.read_at AND r.index = c.index
        OFFSET 0) k
"""
# The figures of a finding; one whose rule is switched off is none. A fall that is no
# negative use goes through zero.
JUDGED_MONTHS = MONTHS.format("c.read_at", "c.before_at")
JUDGE_SQL = f"""
    UPDATE {{checked}} c
       SET severity = e.severity,
           usage = (c.index - c.before_index
                    + CASE WHEN c.finding = 'rollover' THEN 10 ^ c.digits ELSE 0 END)
                   * amr_factor_at(c.meter_id, c.read_at),
           limit_value = CASE c.finding
                WHEN 'high' THEN c.normal_max * GREATEST(1, {JUDGED_MONTHS})
                WHEN 'low' THEN c.normal_min * {JUDGED_MONTHS}
                ELSE c.limit_value END
      FROM amr_vee_effective e
     WHERE c.finding IS NOT NULL AND e.place = c.place AND e.kind = c.finding
"""

# ``again``: lines of what is stored already.
INSERT_SQL = """
    INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index, quality,
                             company_id, received_at, note)
    SELECT meter_id, register, read_at, kind, source, index,
           CASE WHEN severity = 'suspect' THEN 'suspect'
                WHEN source = 'estimate' THEN 'estimated' ELSE 'ok' END,
           company_id, now() AT TIME ZONE 'UTC', note
      FROM amr_reading_checked
     WHERE line <> ALL (%(again)s::int[])
"""

# What was held back, came in again and fits is used; so is what was an estimate and is
# read now.
CLEARED_SQL = """
    UPDATE amr_reading k
       SET quality = 'ok',
           received_at = CASE k.quality WHEN 'estimated' THEN now() AT TIME ZONE 'UTC'
                         ELSE k.received_at END
      FROM amr_reading_checked c
     WHERE c.line = ANY (%(again)s) AND c.severity IS DISTINCT FROM 'suspect'
       AND k.meter_id = c.meter_id AND k.register = c.register AND k.kind = c.kind
       AND k.read_at = c.read_at AND k.index = c.index
       AND (k.quality = 'estimated' OR EXISTS (
            SELECT 1 FROM amr_reading_verdict v
              JOIN amr_exception e ON e.id = v.exception_id AND e.state = 'open'
             WHERE v.reading_id = k.id AND v.severity = 'suspect'))
    RETURNING c.line, k.id
"""
